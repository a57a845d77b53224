"""What has no derivative: questions about numbers, logic, bits, whole divisors.

isnan(x)   logical_and(a, b)   bitwise_xor(a, b)   gcd(a, b)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Numpy
from tatamu.ops.common import (
    broadcast,
    broadcast_bool,
    moved_bytes,
    one_each,
    same_as_first,
)
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample

__all__ = [
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "gcd", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "lcm",
    "logical_and", "logical_not", "logical_or", "logical_xor", "nextafter", "refusing_result",
    "signbit",
]  # fmt: skip

Reference = Callable[..., Any]
Shape = Callable[[Call], tuple[Out, ...]]


def _draw(count: int, kind: type[Any]) -> Callable[[np.random.Generator], Iterable[Sample]]:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        shapes = [(2, 1, 3), (4, 1)][:count]
        yield Sample(None, tuple(random.integers(0, 5, shape).astype(kind) for shape in shapes))

    return generate


def _flat(name: str, shape: Shape, reference: Reference, count: int, kind: type[Any] = int) -> Op:
    def refer(_: None, *arrays: Numpy) -> Any:
        return reference(*arrays)

    return Op(
        name=name,
        title="".join(word.capitalize() for word in name.split("_")),
        shape=shape,
        reference=refer,
        vjp=None,
        saves=NOTHING,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=_draw(count, kind),
        kernels=(),
    )


def _bool_like_first(call: Call) -> tuple[Out, ...]:
    return (same_as_first(call)[0]._replace(dtype=dtypes.bool_),)


def _question(name: str, reference: Reference) -> Op:
    return _flat(name, _bool_like_first, reference, 1, float)


isnan = _question("isnan", np.isnan)
isinf = _question("isinf", np.isinf)
isfinite = _question("isfinite", np.isfinite)
isposinf = _question("isposinf", lambda x: x == np.inf)
isneginf = _question("isneginf", lambda x: x == -np.inf)
isreal = _question("isreal", lambda x: np.ones(x.shape, bool))
signbit = _question("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0)
logical_not = _question("logical_not", np.logical_not)

logical_and = _flat("logical_and", broadcast_bool, np.logical_and, 2)
logical_or = _flat("logical_or", broadcast_bool, np.logical_or, 2)
logical_xor = _flat("logical_xor", broadcast_bool, np.logical_xor, 2)


FLOATS = ("float64", "float32", "float16", "bfloat16")


def refusing_result(shape: Shape, sentence: str, *names: str) -> Shape:
    """``shape``, after torch's sentence for results of one of these dtypes."""

    def rule(call: Call) -> tuple[Out, ...]:
        out = shape(call)
        dtype = out[0].dtype
        if dtype.name in names:
            wanted = "x.float()" if "int64" in names else "x.long()"
            raise NotImplementedError(
                f"\"{sentence}\" not implemented for '{dtype.legacy_name}'\n"
                f"  {wanted} makes numbers that it is defined for"
            )
        return out

    return rule


def _bits(name: str, ufunc: np.ufunc) -> Op:
    return _flat(name, refusing_result(broadcast, f"{name}_cpu", *FLOATS), ufunc, 2)


bitwise_and = _bits("bitwise_and", np.bitwise_and)
bitwise_or = _bits("bitwise_or", np.bitwise_or)
bitwise_xor = _bits("bitwise_xor", np.bitwise_xor)
bitwise_not = _flat(
    "bitwise_not", refusing_result(same_as_first, "bitwise_not_cpu", *FLOATS), np.invert, 1
)


def _shifts(name: str, sentence: str, reference: Reference) -> Op:
    return _flat(name, refusing_result(broadcast, sentence, *FLOATS, "bool"), reference, 2)


def _width(a: Numpy) -> int:
    return 8 * int(a.dtype.itemsize)


def _left(a: Numpy, b: Numpy) -> Any:
    """C leaves a shift by less than 0 or by all bits open; torch gives 0."""
    valid = (b >= 0) & (b < _width(a))
    return np.where(valid, np.left_shift(a, np.where(valid, b, 0)), 0)


def _right(a: Numpy, b: Numpy) -> Any:
    """Beyond the last bit only the sign is left."""
    most = _width(a) - (1 if a.dtype.kind == "i" else 0)
    valid = (b >= 0) & (b < _width(a))
    if a.dtype.kind == "u":
        return np.where(valid, np.right_shift(a, np.where(valid, b, 0)), 0)
    return np.right_shift(a, np.where(valid, b, most))


bitwise_left_shift = _shifts("bitwise_left_shift", "lshift_cpu", _left)
bitwise_right_shift = _shifts("bitwise_right_shift", "rshift_cpu", _right)
gcd = _flat("gcd", refusing_result(broadcast, "gcd_cpu", *FLOATS, "bool"), np.gcd, 2)
lcm = _flat("lcm", refusing_result(broadcast, "lcm_cpu", *FLOATS, "bool"), np.lcm, 2)
nextafter = _flat(
    "nextafter",
    refusing_result(broadcast, "nextafter_cpu", "int8", "int16", "int32", "int64", "uint8", "bool"),
    np.nextafter,
    2,
    float,
)
