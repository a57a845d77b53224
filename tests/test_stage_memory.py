"""Pointers, masks, atomics, calls and the denormal mode, run on every instruction set at hand."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from stage_runner import NATIVE, RUNNABLE, kernel

from tatamu.stage import (
    BOOL,
    F32,
    F64,
    I32,
    I64,
    PTR,
    TARGETS,
    Arguments,
    Function,
    PointerTo,
    Type,
)

NUMPY = {F32: np.float32, F64: np.float64}

everywhere = pytest.mark.parametrize("isa", RUNNABLE)
natively = pytest.mark.parametrize("isa", NATIVE)
each_float = pytest.mark.parametrize("t", [F32, F64], ids=["float32", "float64"])


@everywhere
def test_pointers_move_and_index_in_elements(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x, out = a.pointer("x"), a.pointer("out")
        third = x.at(2).at(a.n).at(0).at(-1)
        out.store(0, third.load())
        out.store(1, third.load(-1))
        out.store(2, third.load(a.n - 1))
        out.store(3, x.at(a.n).splat(1, 3))
        out.at(6).store(0, x.vec(a.n, 2))
        chosen = f.select_pointer(a.n > 2, x, third)
        out.store(8, chosen.load(1))

    x, out = np.arange(10, 20, dtype=np.float64), np.zeros(9)
    kernel(isa, {"x": PointerTo(F64), "out": PointerTo(F64), "n": I64}, write)(x=x, out=out, n=2)
    assert out.tolist() == [13, 12, 14, 13, 13, 13, 12, 13, 14]


@everywhere
def test_an_argument_that_holds_an_address(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        out = a.pointer("out")
        again = f.pointer(f.convert("ptrtoint", out.at(1).address, I64), I64)
        again.store(0, 5)
        f.pointer(out.at(2).address, I64).store(0, 6)

    out = np.zeros(3, np.int64)
    kernel(isa, {"out": PointerTo(I64)}, write)(out=out)
    assert out.tolist() == [0, 5, 6]


@everywhere
@each_float
@pytest.mark.parametrize("wider", [1, 2])
def test_masks_of_every_count(isa: str, t: Type, wider: int) -> None:
    lanes = TARGETS[isa].lanes(t) * wider

    def write(f: Function, a: Arguments) -> None:
        mask = f.first_lanes(a.n, lanes)
        a.pointer("loaded").store(0, a.pointer("x").vec(0, lanes, mask))
        a.pointer("stored").store(0, a.pointer("loaded").vec(0, lanes) + 1.0, mask)

    run = kernel(isa, {**{n: PointerTo(t) for n in ("x", "loaded", "stored")}, "n": I64}, write)
    for count in (*range(lanes + 1), lanes + 1, 2**32, -1, -(2**32) + 3):
        x = np.arange(1, lanes + 1).astype(NUMPY[t])
        loaded, stored = np.full(lanes, 7, x.dtype), np.full(lanes, 7, x.dtype)
        run(x=x, loaded=loaded, stored=stored, n=count)
        inside = np.arange(lanes) < count
        assert loaded.tolist() == np.where(inside, x, 0).tolist()
        assert stored.tolist() == np.where(inside, x + 1, 7).tolist()


@everywhere
def test_a_mask_with_gaps(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        x = a.pointer("x").vec(0, 8)
        a.pointer("out").store(0, -x, (x > 0.0) & (x != 3.0))

    x = np.array([1, -1, 3, 5, -2, np.nan, 0, 9], np.float32)
    out = np.full(8, 4, np.float32)
    kernel(isa, {"x": PointerTo(F32), "out": PointerTo(F32)}, write)(x=x, out=out)
    assert out.tolist() == [-1, 4, 4, -5, 4, 4, 4, -9]


def guarded(isa: str, t: Type) -> None:
    """Masked access at the very end of a page that an inaccessible one follows, and after it."""
    page = mmap.PAGESIZE
    block = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + page), page, 0) == 0
    lanes = TARGETS[isa].lanes(t)

    def write(f: Function, a: Arguments) -> None:
        mask = f.first_lanes(a.n, lanes)
        p = f.pointer(a.p, t)
        p.store(0, p.vec(0, lanes, mask) + 1.0, mask)

    run = kernel(isa, {"p": I64, "n": I64}, write)
    whole: NDArray[np.generic] = np.frombuffer(block, NUMPY[t], page // t.size)
    for count in range(lanes + 1):
        whole[...] = 5
        run(p=start + page - count * t.size, n=count)
        assert (whole[len(whole) - count :] == 6).all() and (whole[: len(whole) - count] == 5).all()


@natively
def test_masks_never_touch_memory_outside(isa: str) -> None:
    # In a process of its own: the failure that it looks for ends the process.
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_stage_memory import F32, F64, guarded
        guarded({isa!r}, F32)
        guarded({isa!r}, F64)
        print("clean")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "clean\n", done.stderr


def test_masks_never_touch_memory_outside_on_neon() -> None:
    def write(f: Function, a: Arguments) -> None:
        mask = f.first_lanes(a.n, 4)
        a.pointer("x").store(0, a.pointer("x").vec(0, 4, mask) + 1.0, mask)

    run = kernel("NEON", {"x": PointerTo(F32), "n": I64}, write)
    for count in range(5):
        x = np.full(count, 5, np.float32)  # nothing is mapped behind it
        run(x=x, n=count)
        assert (x == 6).all()


@everywhere
def test_the_stack(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        space, other = f.stack(F64, 9), f.stack(I64, 1)
        for i in f.loop(9):
            space.store(i, f.convert("sitofp", i * a.n, F64))
        other.store(0, a.n)
        a.pointer("out").store(0, space.vec(0, 8))
        a.pointer("out").store(8, space.load(8) + f.convert("sitofp", other.load(), F64))

    out = np.zeros(9)
    kernel(isa, {"out": PointerTo(F64), "n": I64}, write)(out=out, n=3)
    assert out.tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 27]


@everywhere
def test_inner_functions(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        m = f.module
        double = m.function("double", {"v": I64}, I64)
        double.ret(double.args.v * 2)
        fill = m.function("fill", {"to": PointerTo(F32, shared=True), "v": F32, "n": I64})
        for i in fill.loop(fill.args.n):
            fill.args.pointer("to").store(i, fill.args.v)
        norm = m.function("norm", {"v": F32.vector(4)}, F32)
        square = norm.args.v * norm.args.v
        norm.ret(norm.lane(square, 0) + norm.lane(square, 3))
        out = a.pointer("out")
        f.call(fill, out.at(1), 2.5, f.call(double, a.n))
        f.call(fill, out.at(7), f.call(norm, out.vec(0, 4)), 1)

    out = np.arange(8, dtype=np.float32)
    kernel(isa, {"out": PointerTo(F32), "n": I64}, write)(out=out, n=2)
    assert out.tolist() == [0, 2.5, 2.5, 2.5, 2.5, 5, 6, 6.25]


@natively
def test_calling_an_address(isa: str) -> None:
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_double)
    nothing = ctypes.CFUNCTYPE(None, ctypes.c_int64)
    heard: list[int] = []
    twice, listen = kind(lambda n, x: int(n * x)), nothing(heard.append)

    def write(f: Function, a: Arguments) -> None:
        got = f.call_address(a.twice, I64, a.n, f.constant(2.5, F64))
        assert got is not None
        a.pointer("out").store(0, got)
        assert f.call_address(f.convert("inttoptr", a.listen, PTR), None, got) is None

    out = np.zeros(1, np.int64)
    fields = {"out": PointerTo(I64), "twice": I64, "listen": I64, "n": I64}
    addresses = [ctypes.cast(c, ctypes.c_void_p).value for c in (twice, listen)]
    kernel(isa, fields, write)(out=out, twice=addresses[0], listen=addresses[1], n=8)
    assert out.tolist() == [20]
    assert heard == [20]


@natively
def test_calling_a_variadic_address(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        to, form = a.pointer("out").address, a.pointer("form").address
        eight = f.constant(8, I64)
        f.call_address(a.snprintf, I32, to, eight, form, a.n, variadic="(ptr, i64, ptr, ...) ")

    out = np.zeros(8, np.int8)
    form = np.frombuffer(b"<%ld>\0", np.int8).copy()
    fields = {"out": PointerTo(I64), "form": PointerTo(I64), "snprintf": I64, "n": I64}
    address = ctypes.cast(ctypes.CDLL(None).snprintf, ctypes.c_void_p).value
    kernel(isa, fields, write)(out=out, form=form, snprintf=address, n=-42)
    assert out.tobytes() == b"<-42>\0\0\0"


@everywhere
def test_atomics_and_the_waiting_hint(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        out = a.pointer("out")
        f.pause()
        out.atomic_store(7, 1)
        out.atomic_store(a.n)
        out.store(2, out.atomic_add(5) + out.atomic_load(1))
        yes, no = out.compare_exchange(a.n + 5, 1), out.compare_exchange(a.n, 2)
        out.store(3, f.convert("zext", yes, I64))
        out.store(4, f.convert("zext", no, I64))

    out = np.full(5, 9, np.int64)
    kernel(isa, {"out": PointerTo(I64), "n": I64}, write)(out=out, n=30)
    assert out.tolist() == [1, 7, 37, 1, 0]


@everywhere
def test_prefetching_changes_nothing_even_where_there_is_no_memory(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        for locality in range(4):
            a.pointer("out").prefetch(a.n, locality=locality)
            a.pointer("out").prefetch(locality, write=True)

    out = np.arange(4.0)
    kernel(isa, {"out": PointerTo(F64), "n": I64}, write)(out=out, n=2**40)
    assert out.tolist() == [0, 1, 2, 3]


@everywhere
@each_float
def test_denormals_are_flushed_inside_alone(isa: str, t: Type) -> None:
    def write(f: Function, a: Arguments) -> None:
        x, out = a.pointer("x"), a.pointer("out")
        for part in range(3):
            if part == 1:
                with f.denormals_flushed():
                    out.store(2, x.load(0) * 3.0)  # a denormal operand
                    out.store(3, x.load(1) * 0.5)  # a denormal result
            else:
                out.store(2 * part, x.load(0) * 3.0)
                out.store(2 * part + 1, x.load(1) * 0.5)

    tiny = np.finfo(NUMPY[t]).tiny
    x, out = np.array([tiny / 4, tiny], NUMPY[t]), np.full(6, 3, NUMPY[t])
    kernel(isa, {"x": PointerTo(t), "out": PointerTo(t)}, write)(x=x, out=out)
    assert out.tolist() == [tiny * 0.75, tiny / 2, 0, 0, tiny * 0.75, tiny / 2]
    assert np.float64(5e-324) * 1.0 > 0  # this thread's own mode is as it was


@everywhere
def test_truth_values_in_variables(isa: str) -> None:
    def write(f: Function, a: Arguments) -> None:
        seen = f.var(f.constant(0, BOOL))
        for i in f.loop(a.n):
            seen.set(seen.get() | (i == 3))
        with f.when(seen.get()):
            a.pointer("out").store(0, 1)

    run = kernel(isa, {"out": PointerTo(I64), "n": I64}, write)
    for n, wanted in ((3, 0), (4, 1)):
        out = np.zeros(1, np.int64)
        run(out=out, n=n)
        assert out.tolist() == [wanted]
