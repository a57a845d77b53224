"""Debug builds: every access outside is reported with its line, and no right one is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from covering import varied
from direct_runner import Direct, check, problem
from stage_runner import RUNNABLE, kernel

from tatamu.geometry import ConvSpec
from tatamu.kernels import direct
from tatamu.stage import (
    F32,
    F64,
    I64,
    TARGETS,
    Arguments,
    Function,
    Pointer,
    PointerTo,
    StagingError,
    Value,
)

FIELDS = {"x": PointerTo(F32), "out": PointerTo(F32), "i": PointerTo(I64), "n": I64}
Write = Callable[[Function, Arguments, Pointer, Value], object]

# What is written, the elements of x, and for some n the access that must be reported (or none).
CASES: list[tuple[Write, int, Mapping[int, tuple[int, int] | None]]] = [
    (lambda f, a, x, n: x.load(n), 5, {0: None, 4: None, 5: (5, 5), -1: (-1, -1)}),
    (lambda f, a, x, n: x.load(), 0, {0: (0, 0)}),
    (lambda f, a, x, n: x.store(n, 1.0), 5, {0: None, 4: None, 5: (5, 5), -3: (-3, -3)}),
    (lambda f, a, x, n: x.vec(n, 4), 9, {0: None, 5: None, 6: (6, 9), -1: (-1, 2), 9: (9, 12)}),
    (lambda f, a, x, n: x.vec(0, 8), 7, {0: (0, 7)}),
    (lambda f, a, x, n: x.store(n, x.vec(0, 4)), 9, {5: None, 6: (6, 9)}),
    (lambda f, a, x, n: x.splat(n, 4), 3, {2: None, 3: (3, 3)}),
    (lambda f, a, x, n: x.vec(0, 8, f.first_lanes(n, 8)), 5, {0: None, 5: None, 6: (0, 7)}),
    (lambda f, a, x, n: x.store(n, x.vec(0, 4), f.first_lanes(2, 4)), 9, {7: None, 8: (8, 11)}),
    (lambda f, a, x, n: x.store(n, x.vec(0, 4), f.first_lanes(0, 4)), 9, {9: None, 500: None}),
    (lambda f, a, x, n: x.at(-2).vec(n, 4, f.first_lanes(4, 4)), 9, {2: None, 1: (-1, 2)}),
    (lambda f, a, x, n: x.at(3).load(n), 5, {-3: None, 1: None, 2: (5, 5), -4: (-1, -1)}),
    (lambda f, a, x, n: x.at(n).at(n).load(1), 8, {3: None, 4: (9, 9)}),
    (lambda f, a, x, n: x.at(n).vec(1, 2), 7, {4: None, 5: (6, 7)}),
    (lambda f, a, x, n: x.at(n), 5, {0: None, 77: None}),
    (lambda f, a, x, n: x.prefetch(n), 5, {0: None, 99: None}),
    (lambda f, a, x, n: a.pointer("i").atomic_load(n), 1, {1: None, 2: (2, 2)}),
    (lambda f, a, x, n: a.pointer("i").atomic_store(1, n), 1, {1: None, 2: (2, 2)}),
    (lambda f, a, x, n: a.pointer("i").at(1).atomic_add(1, n), 1, {0: None, 1: (2, 2)}),
    (lambda f, a, x, n: a.pointer("i").compare_exchange(1, 2, n), 1, {1: None, 2: (2, 2)}),
    (lambda f, a, x, n: f.stack(F64, 3).store(n, 1.0), 1, {2: None, 3: (3, 3)}),
    (lambda f, a, x, n: f.select_pointer(n > 3, x, a.pointer("out")).load(n), 6,
     {1: None, 2: (2, 2), 4: None, 6: (6, 6)}),
    (lambda f, a, x, n: f.select_pointer(n > 3, x.at(2), x).load(n), 6, {3: None, 4: (6, 6)}),
]  # fmt: skip


@pytest.mark.parametrize("isa", RUNNABLE)
@pytest.mark.parametrize(("write", "size", "reports"), CASES)
def test_reports(
    isa: str, write: Write, size: int, reports: Mapping[int, tuple[int, int] | None]
) -> None:
    run = kernel(isa, FIELDS, lambda f, a: write(f, a, a.pointer("x"), a.n), debug=True)
    line = inspect.getsourcelines(write)[1]
    for n, outside in reports.items():
        arrays = {
            "x": np.zeros(size, np.float32),
            "out": np.zeros(2, np.float32),
            "i": np.zeros(2, np.int64),
        }
        if outside is None:
            run(**arrays, n=n)
            continue
        with pytest.raises(StagingError) as caught:
            run(**arrays, n=n)
        first, last = outside
        said = f"{__file__}:{line}: elements {first} to {last} are outside of 0 to "
        assert str(caught.value).startswith(said)


@pytest.mark.parametrize("isa", RUNNABLE)
def test_what_lies_outside_is_left_alone(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x = a.pointer("x")
        x.store(4, 1.0)
        x.store(2, f.constant(2.0, F32.vector(4)), f.first_lanes(4, 4))
        x.at(6).store(0, 3.0)

    x = np.zeros(8, np.float32)
    with pytest.raises(StagingError, match="elements 4 to 4 are outside of 0 to 3"):
        kernel(isa, {"x": PointerTo(F32)}, write, debug=True)(x=x, counts={"x": 4})
    # Single accesses were led to element 0; of the vector the lanes inside were stored.
    assert x.tolist() == [3, 0, 2, 2, 0, 0, 0, 0]


@pytest.mark.parametrize("isa", RUNNABLE)
def test_inner_functions_know_the_bounds_of_what_they_get(isa: str) -> None:
    sites: list[int] = []

    def write(f: Function, a: Arguments) -> None:
        g = f.module.function("read", {"p": PointerTo(F32), "at": I64}, F32)
        h = f.module.function("twice", {"p": PointerTo(F32), "at": I64}, F32)
        sites.append(inspect.currentframe().f_lineno + 1)  # type: ignore[union-attr]
        g.ret(g.args.pointer("p").load(g.args.at))
        h.ret(h.call(g, h.args.pointer("p").at(1), h.args.at))
        own = f.stack(F32, 4)
        own.store(0, f.constant(5.0, F32.vector(4)))
        a.pointer("out").store(0, f.call(h, a.pointer("x").at(2), a.n))
        a.pointer("out").store(1, f.call(g, own, 3))
        a.pointer("out").store(2, f.call(g, f.pointer(a.pointer("x").address, F32), 1))

    fields = {"x": PointerTo(F32), "out": PointerTo(F32), "n": I64}
    run = kernel(isa, fields, write, debug=True)
    x, out = np.arange(6, dtype=np.float32), np.zeros(3, np.float32)
    run(x=x, out=out, n=2)
    assert out.tolist() == [5, 5, 1]
    with pytest.raises(StagingError) as caught:
        run(x=x, out=out, n=3)
    assert str(caught.value) == f"{__file__}:{sites[0]}: elements 6 to 6 are outside of 0 to 5"


@pytest.mark.parametrize("isa", RUNNABLE)
def test_choosing_between_a_checked_pointer_and_a_bare_address(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x = a.pointer("x")
        bare = f.pointer(x.at(5).address, F32)
        a.pointer("out").store(0, f.select_pointer(a.n > 0, x.at(3), bare).load())

    run = kernel(isa, {"x": PointerTo(F32), "out": PointerTo(F32), "n": I64}, write, debug=True)
    for n, wanted in ((0, 5), (1, 3)):
        out = np.zeros(1, np.float32)
        run(x=np.arange(6, dtype=np.float32), out=out, n=n)
        assert out.tolist() == [wanted]


@pytest.mark.parametrize("isa", RUNNABLE)
def test_the_first_of_several_is_reported(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        for i in f.loop(a.n):
            a.pointer("x").store(i * 2, 1.0)

    with pytest.raises(StagingError, match="elements 6 to 6 are outside of 0 to 4"):
        kernel(isa, {"x": PointerTo(F32), "n": I64}, write, debug=True)(
            x=np.zeros(5, np.float32), n=9
        )


# Spec, input shape, output channels, whether planar.
CONVOLUTIONS = [
    (ConvSpec.make(3, padding=1), (1, 5, 7, 9), 7, False),
    (ConvSpec.make((3, 2), stride=(2, 3), padding=(2, 1), groups=2), (2, 4, 9, 11), 10, False),
    (ConvSpec.make(3, dilation=(2, 3), padding=(1, 4)), (1, 3, 8, 10), 16, False),
    (ConvSpec.make(3, padding=1), (1, 3, 6, 40), 33, True),
    (ConvSpec.make(1), (2, 6, 3, 5), 20, False),
    (ConvSpec.make(7, padding=3), (1, 200, 2, 3), 70, False),
    (ConvSpec.make((2, 5), padding="same"), (1, 1, 4, 3), 1, True),
    (ConvSpec.make(2, padding=2), (1, 2, 1, 1), 3, False),
]


@pytest.mark.slow
@varied("isa,dtype", product(RUNNABLE, ["float32", "float64"]))
def test_direct_convolution_touches_nothing_outside(isa: str, dtype: str) -> None:
    # A symbol of its own: the release build of the same tile may be loaded, too.
    target = replace(TARGETS[isa], features="+neon,+crc" if isa == "NEON" else "+sse2")
    kernels: dict[object, Direct] = {}
    for spec, shape, outputs, planar in CONVOLUTIONS:
        p = problem(spec, dtype, shape, outputs, planar)
        tile = direct.choose_tile(p, target)
        if tile not in kernels:
            kernels[tile] = Direct(tile, target, debug=True)
        check(kernels[tile], p)


def test_direct_convolution_is_watched() -> None:
    # The same check would fail if the picture were one element smaller than the plan says.
    target = replace(TARGETS["NEON"], features="+neon,+crc")
    p = problem(ConvSpec.make(3), "float32", (1, 4, 5, 6), 4)
    run = Direct(direct.choose_tile(p, target), target, debug=True)
    weight = np.zeros((4, 4, 3, 3), np.float32)
    with pytest.raises(StagingError, match=r"direct_emit\.py:\d+: elements \d+ to \d+ are outside"):
        run(p, np.zeros((1, 4, 5, 6), np.float32), weight, None, short="x")
