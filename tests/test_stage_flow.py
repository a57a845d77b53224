"""Loops, branches and variables of the staging layer, run on every instruction set at hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stage_runner import RUNNABLE, kernel

from tatamu.stage import F32, I64, Arguments, Function, PointerTo

FIELDS = {"out": PointerTo(I64), "n": I64, "m": I64}
UNTOUCHED = -99

pytestmark = pytest.mark.parametrize("isa", RUNNABLE)


def staged(
    isa: str, write: Callable[[Function, Arguments], object]
) -> Callable[[int, int], list[int]]:
    """The kernel as a function of n and m that gives the eight numbers it has left."""
    run = kernel(isa, FIELDS, write)

    def call(n: int = 0, m: int = 0) -> list[int]:
        out = np.full(8, UNTOUCHED, np.int64)
        run(out=out, n=n, m=m)
        return out.tolist()

    return call


@pytest.mark.parametrize(
    ("start", "step"), [(0, 1), (0, 3), (2, 1), (5, 4), (-7, 2)], ids=lambda v: str(v)
)
def test_a_loop_visits_what_range_does(isa: str, start: int, step: int) -> None:
    def write(f: Function, a: Arguments) -> None:
        total, count = f.var(f.constant(0, I64)), f.var(f.constant(0, I64))
        for i in f.loop(a.n, start=start, step=step):
            total.set(total.get() * 10 + i)
            count.add(1)
        a.pointer("out").store(0, total.get())
        a.pointer("out").store(1, count.get())

    run = staged(isa, write)
    for n in (-9, -1, 0, 1, 2, 5, 6, 9, 14):
        total = 0
        for i in range(start, n, step):
            total = total * 10 + i
        assert run(n)[:2] == [total, len(range(start, n, step))]


def test_a_loop_between_run_time_ends(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        total = f.var(f.constant(0, I64))
        for i in f.loop(a.n, start=a.m):
            total.add(i)
        a.pointer("out").store(0, total.get())

    run = staged(isa, write)
    for n, m in ((5, 0), (5, 5), (5, 6), (-2, -5), (0, 9)):
        assert run(n, m)[0] == sum(range(m, n))


def test_a_loop_of_known_length_and_one_inside_another(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        total, inner = f.var(f.constant(0, I64)), f.var(f.constant(0, I64))
        for i in f.loop(3):
            for j in f.loop(a.n, start=i):
                for k in f.loop(a.m, step=2):
                    total.add(i * 100 + j * 10 + k)
                inner.add(1)
        a.pointer("out").store(0, total.get())
        a.pointer("out").store(1, inner.get())

    run = staged(isa, write)
    for n, m in ((0, 0), (1, 1), (4, 5), (2, 0), (7, 3)):
        visits = [(i, j) for i in range(3) for j in range(i, n)]
        total = sum(i * 100 + j * 10 + k for i, j in visits for k in range(0, m, 2))
        assert run(n, m)[:2] == [total, len(visits)]


def test_swapped_variables_keep_their_values_apart(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x, y = f.var(f.constant(0, I64)), f.var(f.constant(1, I64))
        for _ in f.loop(a.n):
            before = x.get()
            x.set(y)
            y.add(before)
        a.pointer("out").store(0, x.get())
        p, q = f.var(a.n), f.var(a.m)
        for _ in f.loop(a.m):
            was = p.get(), q.get()
            p.set(was[1])
            q.set(was[0])
        a.pointer("out").store(1, p.get())
        a.pointer("out").store(2, q.get())

    run = staged(isa, write)
    fibonacci = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
    for n, m in ((0, 0), (1, 1), (9, 4), (6, 7)):
        swapped = [m, n] if m % 2 else [n, m]
        assert run(n, m)[:3] == [fibonacci[n], *swapped]


def test_vector_variables_are_carried(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        sums = [f.var(f.constant(float(i), F32.vector(4))) for i in range(3)]
        for _ in f.loop(a.n):
            for i, s in enumerate(sums):
                s.set(s.get() + f.constant(i + 0.5, F32.vector(4)))
        for i, s in enumerate(sums):
            a.pointer("out").store(4 * i, s.get())

    fields = {"out": PointerTo(F32), "n": I64}
    run = kernel(isa, fields, write)
    out = np.zeros(12, np.float32)
    run(out=out, n=6)
    assert out.tolist() == np.repeat([3.0, 10.0, 17.0], 4).tolist()


def test_when_and_otherwise(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x, y = f.var(f.constant(1, I64)), f.var(f.constant(2, I64))
        with f.when(a.n > 0) as positive:
            x.set(10)
            with f.when(a.n > 5) as large:
                x.add(a.n)
            with large.otherwise():
                with f.when(a.m == 1):
                    y.set(x)
                x.add(1)
        with positive.otherwise():
            with f.when(a.m == 1):
                y.set(7)
            y.add(1)
        a.pointer("out").store(0, x.get())
        a.pointer("out").store(1, y.get())

    def expected(n: int, m: int) -> list[int]:
        if n <= 0:
            return [1, 8 if m == 1 else 3]
        return [10 + n, 2] if n > 5 else [11, 10 if m == 1 else 2]

    run = staged(isa, write)
    for n in (-1, 0, 1, 5, 6):
        for m in (0, 1):
            assert run(n, m)[:2] == expected(n, m)


def test_when_without_otherwise_in_a_loop(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        evens, odds = f.var(f.constant(0, I64)), f.var(f.constant(0, I64))
        for i in f.loop(a.n):
            with f.when((i & 1) == 0) as even:
                evens.add(i)
            with even.otherwise():
                for j in f.loop(i):
                    odds.add(j)
            with f.when(i == a.m):
                evens.set(0)
        a.pointer("out").store(0, evens.get())
        a.pointer("out").store(1, odds.get())

    def expected(n: int, m: int) -> list[int]:
        evens = odds = 0
        for i in range(n):
            evens += i if i % 2 == 0 else 0
            odds += sum(range(i)) if i % 2 else 0
            evens = 0 if i == m else evens
        return [evens, odds]

    run = staged(isa, write)
    for n, m in ((0, 0), (1, 5), (6, 3), (9, 8)):
        assert run(n, m)[:2] == expected(n, m)


def test_forever_with_several_exits(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        i, why = f.var(f.constant(0, I64)), f.var(f.constant(0, I64))
        with f.forever() as search:
            why.set(1)
            search.exit_when(i.get() >= a.n)
            why.set(2)
            with f.when((i.get() & 3) == 3):
                why.set(3)
                search.exit_when(i.get() > a.m)
            for j in f.loop(i.get()):
                why.set(4)
                search.exit_when(i.get() * 10 + j == 52)
            i.add(1)
        a.pointer("out").store(0, i.get())
        a.pointer("out").store(1, why.get())

    def expected(n: int, m: int) -> list[int]:
        i = 0
        while True:
            if i >= n:
                return [i, 1]
            if i % 4 == 3 and i > m:
                return [i, 3]
            if any(i * 10 + j == 52 for j in range(i)):
                return [i, 4]
            i += 1

    run = staged(isa, write)
    for n, m in ((0, 0), (2, 0), (100, 0), (100, 3), (4, 9), (100, 50)):
        assert run(n, m)[:2] == expected(n, m)


def test_switch_runs_one_case_or_none(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x = f.var(f.constant(1, I64))
        out = a.pointer("out")

        def loops() -> None:
            for i in f.loop(a.m):
                x.add(i)

        f.switch(a.n, {0: lambda: x.set(100), 5: loops, -3: lambda: out.store(1, 7)})
        f.switch(a.n, {})
        out.store(0, x.get())

    run = staged(isa, write)
    assert [run(n, 4)[:2] for n in (0, 5, -3, 1)] == [
        [100, UNTOUCHED],
        [7, UNTOUCHED],
        [1, 7],
        [1, UNTOUCHED],
    ]


def test_a_python_loop_unrolls_and_a_python_if_decides_while_writing(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        for i in range(8):
            if i % 2:
                a.pointer("out").store(i, a.n * i)

    assert staged(isa, write)(3) == [UNTOUCHED, 3, UNTOUCHED, 9, UNTOUCHED, 15, UNTOUCHED, 21]


def test_the_items_of_a_task_and_its_worker(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        for i in f.loop(f.args.end, start=f.args.begin):
            a.pointer("out").store(i, f.args.worker + i)

    run = kernel(isa, FIELDS, write)
    out = np.full(8, UNTOUCHED, np.int64)
    run(out=out, n=0, m=0, begin=2, end=5, worker=40)
    assert out.tolist() == [UNTOUCHED] * 2 + [42, 43, 44] + [UNTOUCHED] * 3
