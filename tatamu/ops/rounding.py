"""Whole numbers near by, what is left of a number without them, and numbers in place of NaN.

y = ⌊x⌋, ⌈x⌉, x rounded (halves to even), x towards 0, sign of x     dx = 0
y = x - x towards 0                                                  dx = g
y = x, numbers for NaN, ∞ and -∞                                     dx = g where x is finite
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.ops.activation import times
from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.cast import cast
from tatamu.ops.common import moved_bytes, one_each, same_as_first, samples, several
from tatamu.ops.elementary import INPUT
from tatamu.ops.elementwise import elementwise
from tatamu.ops.logic import isfinite, refusing_result
from tatamu.ops.op import NOTHING, Call, Kernel, Op, Out

__all__ = ["ceil", "floor", "frac", "nan_to_num", "round_", "round_decimals", "sgn", "trunc"]

_either = several(samples((2, 3), low=0.1, high=0.4), samples((2, 3), low=-0.4, high=-0.1))


INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "bool")


def _rounding(
    name: str,
    title: str,
    reference: Callable[[Numpy], Any],
    shape: Callable[[Call], tuple[Out, ...]],
    *kernels: Kernel,
) -> Op:
    """Integers are whole already."""

    def vjp(node: Node, g: Array) -> tuple[Array]:
        return (times(g, 0.0),)

    return Op(
        name=name,
        title=title,
        shape=shape,
        reference=lambda _, x: reference(x) if x.dtype.kind == "f" else np.array(x),
        vjp=vjp,
        saves=NOTHING,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=_either,
        kernels=kernels,
    )


floor = _rounding(
    "floor",
    "Floor",
    np.floor,
    refusing_result(same_as_first, "floor_vml_cpu", "bool"),
    elementwise("floor"),
)
ceil = _rounding(
    "ceil",
    "Ceil",
    np.ceil,
    refusing_result(same_as_first, "ceil_vml_cpu", "bool"),
    elementwise("ceil"),
)
round_ = _rounding(
    "round",
    "Round",
    np.round,
    refusing_result(same_as_first, "round_vml_cpu", "bool"),
    elementwise("round"),
)
trunc = _rounding(
    "trunc", "Trunc", np.trunc, refusing_result(same_as_first, "trunc_vml_cpu", "bool")
)


def _flat_vjp(node: Node, g: Array) -> tuple[Array]:
    return (times(g, 0.0),)


sgn = Op(
    name="sgn",
    title="Sgn",
    shape=same_as_first,
    reference=lambda _, x: (np.greater(x, 0) * 1 - np.less(x, 0) * 1).astype(x.dtype),
    vjp=_flat_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_either,
    kernels=(),
)


def _decimals_reference(attrs: tuple[int], x: Numpy) -> Any:
    """Scaled, rounded and scaled back, as torch does, not NumPy's correction of it."""
    scale = x.dtype.type(10.0 ** abs(attrs[0]))
    return np.round(x / scale) * scale if attrs[0] < 0 else np.round(x * scale) / scale


round_decimals = Op(
    name="round_decimals",
    title="RoundBackward1",
    shape=refusing_result(same_as_first, "round_cpu", *INTEGERS),
    reference=_decimals_reference,
    vjp=_flat_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(
        samples((2, 3), attrs=(1,), low=0.11, high=0.14), samples((3,), attrs=(-1,), high=2)
    ),
    kernels=(),
)

frac = Op(
    name="frac",
    title="Frac",
    shape=refusing_result(same_as_first, "frac_cpu", *INTEGERS),
    reference=lambda _, x: x - np.trunc(x),
    vjp=lambda node, g: (g,),
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_either,
    kernels=(),
)


def _nan_to_num_reference(attrs: tuple[float | None, ...], x: Numpy) -> Any:
    if x.dtype.kind != "f":
        return np.array(x)
    nan, high, low = attrs
    return np.nan_to_num(x, nan=0.0 if nan is None else nan, posinf=high, neginf=low)


def _nan_to_num_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    return (mul(g, cast(isfinite(x), g.dtype)),)


nan_to_num = Op(
    name="nan_to_num",
    title="NanToNum",
    shape=same_as_first,
    reference=_nan_to_num_reference,
    vjp=_nan_to_num_vjp,
    saves=INPUT,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=samples((2, 3), attrs=(None, None, None)),
    kernels=(),
)
