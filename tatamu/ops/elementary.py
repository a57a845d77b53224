"""More functions of one number.

y = sin x      dx = g cos x              y = cos x      dx = -g sin x
y = erf x      dx = g 2/√π e^(-x²)       y = 1 / x      dx = -g y²
y = 1 / √x     dx = -g y³ / 2            y = e^x - 1    dx = g (y + 1)
y = log2 x     dx = g / (x log 2)        y = log10 x    dx = g / (x log 10)
y = log(1 + x) dx = g / (1 + x)          y = ⌊x⌋, ⌈x⌉, x rounded (halves to even)   dx = 0
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import mul, neg
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import like_first_floating, moved_bytes, one_each, same_as_first, samples
from tatamu.ops.elementwise import elementwise
from tatamu.ops.op import NOTHING, Kernel, Op, Saves
from tatamu.ops.pointwise import erf_reference, exp

__all__ = [
    "ceil", "cos", "erf", "expm1", "floor", "log1p", "log2", "log10", "reciprocal", "round_",
    "rsqrt", "sin",
]  # fmt: skip

_INPUT, _OUTPUT = Saves(((0, 0),), ()), Saves((), (0,))


def _function(
    name: str,
    title: str,
    reference: Callable[[Numpy], Any],
    slope: Callable[[Any], Any],
    *,
    saves: Saves = _INPUT,
    low: float = -2.0,
    high: float = 2.0,
    compiled: bool = True,
) -> Op:
    """``slope`` of what is saved, in operations."""

    def vjp(node: Node, g: Array) -> tuple[Array]:
        (saved,) = node.recall()
        return (mul(g, slope(saved)),)

    kernels: tuple[Kernel, ...] = (elementwise(name),) if compiled else ()
    return Op(
        name=name,
        title=title,
        shape=like_first_floating,
        reference=lambda _, x: reference(x if x.dtype.kind == "f" else x.astype(np.float32)),
        vjp=vjp,
        saves=saves,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=samples((2, 3), low=low, high=high),
        kernels=kernels,
    )


def _rounding(name: str, reference: Callable[[Numpy], Any]) -> Op:
    """Integers are whole already."""
    return Op(
        name=name,
        title=name.capitalize(),
        shape=same_as_first,
        reference=lambda _, x: reference(x) if x.dtype.kind == "f" else np.array(x),
        vjp=lambda node, g: (times(g, 0.0),),
        saves=NOTHING,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=samples((2, 3), low=0.1, high=0.4),
        kernels=(elementwise(name),),
    )


sin: Op = _function("sin", "Sin", np.sin, lambda x: cos(x))
cos: Op = _function("cos", "Cos", np.cos, lambda x: neg(sin(x)))
erf = _function(
    "erf", "Erf", erf_reference, lambda x: times(exp(neg(mul(x, x))), 2 / math.sqrt(math.pi))
)
reciprocal = _function(
    "reciprocal", "Reciprocal", lambda x: 1 / x, lambda y: neg(mul(y, y)), saves=_OUTPUT, low=0.5
)
rsqrt = _function(
    "rsqrt",
    "Rsqrt",
    lambda x: 1 / np.sqrt(x),
    lambda y: times(mul(y, mul(y, y)), -0.5),
    saves=_OUTPUT,
    low=0.5,
)
expm1 = _function("expm1", "Expm1", np.expm1, lambda y: plus(y, 1.0), saves=_OUTPUT)
log1p = _function("log1p", "Log1P", np.log1p, lambda x: reciprocal(plus(x, 1.0)), low=-0.5)
log2 = _function(
    "log2",
    "Log2",
    np.log2,
    lambda x: reciprocal(times(x, math.log(2))),
    low=0.5,
    compiled=False,
)
log10 = _function(
    "log10",
    "Log10",
    np.log10,
    lambda x: reciprocal(times(x, math.log(10))),
    low=0.5,
    compiled=False,
)
floor = _rounding("floor", np.floor)
ceil = _rounding("ceil", np.ceil)
round_ = _rounding("round", np.round)
