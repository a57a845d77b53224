"""What kernels that sum and compare share: wider numbers, sums over lanes, NaN-keeping extremes."""

from __future__ import annotations

from collections.abc import Callable

from tatamu.stage import F64, I64, Function, Type, Value

Combine = Callable[[Function, Value, Value], Value]


def widened(f: Function, x: Value) -> Value:
    """The same numbers in float64."""
    return x if x.type.bits == 64 else f.convert("fpext", x, _like(F64, x))


def narrowed(f: Function, x: Value, t: Type) -> Value:
    """Numbers in float64, rounded to the scalar type ``t``."""
    return x if t.bits == 64 else f.convert("fptrunc", x, _like(t, x))


def number(f: Function, count: Value) -> Value:
    """An integer as a float64."""
    return f.convert("sitofp", count, F64)


def double(f: Function, bits: Value) -> Value:
    """The float64 that an argument carries as an integer."""
    return f.from_bits(bits)


def plus(f: Function, a: Value, b: Value) -> Value:
    """a + b."""
    return a + b


def larger(f: Function, a: Value, b: Value) -> Value:
    """The larger of two; NaN if one is."""
    return f.select((a > b) | (a != a), a, b)


def smaller(f: Function, a: Value, b: Value) -> Value:
    """The smaller of two; NaN if one is."""
    return f.select((a < b) | (a != a), a, b)


def across(f: Function, x: Value, combine: Combine) -> Value:
    """All lanes of a vector combined, halves first: always in the same order."""
    lanes = x.type.lanes
    while lanes > 1:
        lanes //= 2
        low = f.shuffle(x, x, range(lanes))
        x = combine(f, low, f.shuffle(x, x, range(lanes, 2 * lanes)))
    return f.lane(x, 0)


def root(f: Function, x: Value) -> Value:
    """The square root, correctly rounded: one instruction everywhere."""
    t = x.type
    name = f"llvm.sqrt.{f'v{t.lanes}' if t.lanes else ''}f{t.bits}"
    return f.intrinsic(name, t, [(t, f.name_of(x))])


def piece(f: Function, total: Value, size: Value, index: Value) -> tuple[Value, Value]:
    """Where piece ``index`` of ``size`` out of ``total`` begins and ends."""
    first = index * size
    return first, f.min(first + size, total)


def rounded_up(count: Value, step: Value) -> Value:
    """How many pieces of ``step`` cover ``count``."""
    return (count + step - 1) // step


def _like(scalar: Type, x: Value) -> Type:
    return scalar.vector(x.type.lanes) if x.type.lanes else scalar


def index(f: Function, x: int) -> Value:
    """A constant index."""
    return f.constant(x, I64)
