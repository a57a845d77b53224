"""Arithmetic, vectors and conversions of the staging layer, run on every target at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from stage_runner import RUNNABLE, kernel

from tatamu.stage import BOOL, F32, F64, I8, I32, I64, TARGETS, Function, PointerTo, Type, Value

NUMPY = {F32: np.float32, F64: np.float64, I64: np.int64, I32: np.int32, I8: np.int8}
FLOATS = [F32, F64]
SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-3, -2.5, 3e38]

pytestmark = pytest.mark.parametrize("isa", RUNNABLE)
each_float = pytest.mark.parametrize("t", FLOATS, ids=["float32", "float64"])

Vectors = Callable[[Function, Value, Value], Value | Sequence[Value]]


def computed(
    isa: str, write: Vectors, x: NDArray[np.generic], y: NDArray[np.generic], out: Type
) -> list[NDArray[np.generic]]:
    """Each value that ``write`` makes of one vector of x and one of y, as an array."""
    types = {np.dtype(n): t for t, n in NUMPY.items()}
    t, lanes, made = types[x.dtype], x.size, 0

    def body(f: Function, a: object) -> None:
        nonlocal made
        p = a.pointer  # type: ignore[attr-defined]
        values = write(f, p("x").vec(0, lanes), p("y").vec(0, lanes))
        for i, v in enumerate([values] if isinstance(values, Value) else values):
            if v.type.scalar == BOOL:
                v = f.convert("zext", v, out.vector(lanes))
            p("out").store(i * lanes, v)
            made = i + 1

    run = kernel(isa, {"x": PointerTo(t), "y": PointerTo(t), "out": PointerTo(out)}, body)
    result = np.zeros(made * lanes, NUMPY[out])
    run(x=x, y=y, out=result)
    return list(result.reshape(made, lanes))


def pairs(t: Type) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Every pair of special numbers, filled up to 128 lanes."""
    grid = np.array([(a, b) for a in SPECIAL for b in SPECIAL], NUMPY[t])
    grid = np.concatenate([grid, grid[:28]])
    return np.ascontiguousarray(grid[:, 0]), np.ascontiguousarray(grid[:, 1])


@each_float
def test_float_arithmetic_is_numpys(isa: str, t: Type) -> None:
    x, y = pairs(t)
    found = computed(
        isa, lambda f, a, b: (a + b, a - b, a * b, a / b, -a, 2.0 - a, 1 / b, 3 + a, 2 * a),
        x, y, t,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        wanted = (x + y, x - y, x * y, x / y, -x, 2 - x, 1 / y, 3 + x, 2 * x)
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got, want)
        numbers = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(want[numbers]))


@each_float
def test_comparisons_with_nan_are_pythons(isa: str, t: Type) -> None:
    x, y = pairs(t)
    found = computed(
        isa, lambda f, a, b: (a < b, a <= b, a > b, a >= b, a == b, a != b), x, y, I8
    )  # fmt: skip
    wanted = (x < y, x <= y, x > y, x >= y, x == y, x != y)
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got.astype(bool), want)


@each_float
def test_select_minimum_and_maximum_give_the_second_where_one_is_nan(isa: str, t: Type) -> None:
    x, y = pairs(t)
    less, least, most = computed(
        isa, lambda f, a, b: (f.select(a < b, a, 9.0), f.min(a, b), f.max(a, b)), x, y, t
    )
    np.testing.assert_array_equal(less, np.where(x < y, x, 9))
    np.testing.assert_array_equal(least, np.where(x < y, x, y))
    np.testing.assert_array_equal(most, np.where(x > y, x, y))


@each_float
def test_signs_and_bits(isa: str, t: Type) -> None:
    x, y = pairs(t)
    size, flipped, same = computed(
        isa, lambda f, a, b: (f.abs(a), f.flip_sign(a, b), f.from_bits(f.bits(a))), x, y, t
    )
    np.testing.assert_array_equal(size, np.abs(x))
    assert not np.signbit(size).any()
    np.testing.assert_array_equal(np.signbit(flipped), np.signbit(x) ^ np.signbit(y))
    np.testing.assert_array_equal(np.abs(flipped), np.abs(x))
    assert same.tobytes() == x.tobytes()


@each_float
def test_fma_rounds_once_where_the_target_can(isa: str, t: Type) -> None:
    numbers = np.random.default_rng(0).normal(size=(2, 64)).astype(NUMPY[t])
    x, y = numbers
    (got,) = computed(isa, lambda f, a, b: f.fma(a, b, -(a * b)), x, y, t)
    if TARGETS[isa].fma:
        exact = [
            float(Fraction(a) * Fraction(b) - Fraction(float(p)))
            for a, b, p in zip(x.tolist(), y.tolist(), x * y, strict=True)
        ]
        np.testing.assert_array_equal(got, exact)
        assert np.count_nonzero(got) > 50
    else:
        assert not got.any()
    (plain,) = computed(isa, lambda f, a, b: f.fma(a, 2.0, 0.5), x, y, t)
    np.testing.assert_array_equal(plain, x * 2 + NUMPY[t](0.5))


def test_integer_vectors_are_numpys(isa: str) -> None:
    numbers = np.random.default_rng(1).integers(-1000, 1000, (2, 32))
    for t in (I64, I32):
        x, y = numbers.astype(NUMPY[t])
        found = computed(
            isa,
            lambda f, a, b: (
                a + b, a - b, a * b, -a, 7 - a, a & b, a | b, a ^ b, a << 3, a >> 2, a + 0, a * 1,
            ),
            x, y, t,
        )  # fmt: skip
        wanted = (x + y, x - y, x * y, -x, 7 - x, x & y, x | y, x ^ y, x << 3, x >> 2, x, x)
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(got, want)
        truths = computed(
            isa, lambda f, a, b: (a < b, a <= b, a > 0, a >= b, a == b, a != 3), x, y, I8
        )
        for got, want in zip(truths, (x < y, x <= y, x > 0, x >= y, x == y, x != 3), strict=True):
            np.testing.assert_array_equal(got, want)


def test_scalar_integers_and_unsigned_division(isa: str) -> None:
    def write(f: Function, a: object) -> None:
        out, n, m = a.pointer("out"), a.n, a.m  # type: ignore[attr-defined]
        # Not the elided neutral elements alone: each operator once with a run-time number.
        values = (n + m, n - m, n * m, n // m, n % m, n // 3, n % 3, n // 1, n - 0, 5 - n, n >> 1,
                  n << 2, -n, f.min(n, m), f.max(n, m), f.select(n < m, n, -1))  # fmt: skip
        for i, v in enumerate(values):
            out.store(i, v)

    run = kernel(isa, {"out": PointerTo(I64), "n": I64, "m": I64}, write)
    for n, m in ((17, 5), (0, 1), (3, 40), (-7, 2)):
        out = np.zeros(16, np.int64)
        run(out=out, n=n, m=m)

        def unsigned(v: int) -> int:
            return v if v < 2**63 else v - 2**64

        u = n % 2**64
        assert out.tolist() == [
            n + m, n - m, n * m, unsigned(u // m), unsigned(u % m), unsigned(u // 3), u % 3, n, n,
            5 - n, n >> 1, n << 2, -n, min(n, m), max(n, m), n if n < m else -1,
        ]  # fmt: skip


def test_shuffles_lanes_and_splats(isa: str) -> None:
    x, y = np.arange(8, dtype=np.float32), np.arange(10, 18, dtype=np.float32)

    def write(f: Function, a: Value, b: Value) -> list[Value]:
        mixed = f.shuffle(a, b, [0, 8, 15, 7, 7, 3, 9, 1])
        halves = f.shuffle(f.shuffle(a, b, [1, 2]), f.shuffle(a, b, [12, 13]), [0, 1, 2, 3] * 2)
        return [mixed, halves, f.splat(f.lane(b, 5), 8), f.splat(f.lane(a, 0) + f.lane(a, 7), 8)]

    mixed, halves, lane, total = computed(isa, write, x, y, F32)
    assert mixed.tolist() == [0, 10, 17, 7, 7, 3, 11, 1]
    assert halves.tolist() == [1, 2, 14, 15] * 2
    assert lane.tolist() == [15] * 8
    assert total.tolist() == [7] * 8


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 8, 16, 33])
def test_any_number_of_lanes(isa: str, lanes: int) -> None:
    x, y = np.arange(lanes, dtype=np.float64), np.full(lanes, 3.0)
    total, product = computed(isa, lambda f, a, b: (a + b, f.fma(a, b, a)), x, y, F64)
    assert total.tolist() == (x + 3).tolist()
    assert product.tolist() == (x * 4).tolist()


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 1.0, 0.1, -1e-30, math.inf, -math.inf, math.nan, 16777217.0, 3.4e38]
)
@each_float
def test_constants(isa: str, t: Type, number: float) -> None:
    def write(f: Function, a: object) -> None:
        out = a.pointer("out")  # type: ignore[attr-defined]
        out.store(0, number)
        out.store(1, f.constant(number, t))
        out.store(2, f.constant(number, t.vector(4)))
        out.store(6, f.constant(0, t))

    run = kernel(isa, {"out": PointerTo(t)}, write)
    out = np.full(7, 5, NUMPY[t])
    run(out=out)
    wanted = np.array([number] * 6 + [0], NUMPY[t])
    np.testing.assert_array_equal(out, wanted)
    np.testing.assert_array_equal(np.signbit(out), np.signbit(wanted))


def test_integer_constants_at_the_ends_of_their_type(isa: str) -> None:
    ends = {I8: (-128, 127, 255), I32: (-(2**31), 2**31 - 1), I64: (-(2**63), 2**63 - 1)}
    for t, numbers in ends.items():
        out = np.zeros(len(numbers) + 2, NUMPY[t])

        def write(f: Function, a: object, t: Type = t, numbers: Sequence[int] = numbers) -> None:
            p = a.pointer("out")  # type: ignore[attr-defined]
            for i, number in enumerate(numbers):
                p.store(i, number)
            p.store(len(numbers), f.constant(-3, t.vector(2)))

        kernel(isa, {"out": PointerTo(t)}, write)(out=out)
        wanted = np.array([*numbers, -3, -3]).astype(NUMPY[t])
        assert out.tolist() == wanted.tolist()


def test_conversions(isa: str) -> None:
    x = np.array([1.5, -2.75, 1e6, -0.0], np.float64)
    single, whole = [
        computed(isa, lambda f, a, b: f.convert("fptrunc", a, F32.vector(4)), x, x, F32),
        computed(isa, lambda f, a, b: f.convert("fptosi", a, I64.vector(4)), x, x, I64),
    ]
    assert single[0].tolist() == x.astype(np.float32).tolist()
    assert whole[0].tolist() == [1, -2, 1000000, 0]
    n = np.array([-5, 7, 2**40 + 3, 0], np.int64)
    (back,) = computed(isa, lambda f, a, b: f.convert("sitofp", a, F64.vector(4)), n, n, F64)
    (short,) = computed(isa, lambda f, a, b: f.convert("trunc", a, I32.vector(4)), n, n, I32)
    assert back.tolist() == n.astype(np.float64).tolist()
    assert short.tolist() == n.astype(np.int32).tolist()
    i = np.array([-5, 7, 0, -1], np.int32)
    wide = I64.vector(4)
    signed, unsigned = computed(
        isa, lambda f, a, b: (f.convert("sext", a, wide), f.convert("zext", a, wide)), i, i, I64
    )
    assert signed.tolist() == [-5, 7, 0, -1]
    assert unsigned.tolist() == [2**32 - 5, 7, 0, 2**32 - 1]
