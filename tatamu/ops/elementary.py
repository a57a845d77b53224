"""More functions of one number.

y = sin x      dx = g cos x              y = cos x      dx = -g sin x
y = erf x      dx = g 2/√π e^(-x²)       y = 1 / x      dx = -g y²
y = 1 / √x     dx = -g y³ / 2            y = e^x - 1    dx = g (y + 1)
y = log2 x     dx = g / (x log 2)        y = log10 x    dx = g / (x log 10)
y = log(1 + x) dx = g / (1 + x)          y = 2^x        dx = g y log 2
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import mul, neg
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import as_floats, like_first_floating, moved_bytes, one_each, samples
from tatamu.ops.elementwise import elementwise
from tatamu.ops.op import Kernel, Op, Saves
from tatamu.ops.pointwise import erf_reference, exp

__all__ = [
    "cos", "erf", "exp2", "expm1", "log1p", "log2", "log10", "of_one", "reciprocal", "rsqrt",
    "sin",
]  # fmt: skip

INPUT, OUTPUT = Saves(((0, 0),), ()), Saves((), (0,))


def of_one(
    name: str,
    title: str,
    reference: Callable[[Numpy], Any],
    slope: Callable[[Any], Any],
    *,
    saves: Saves = INPUT,
    low: float = -2.0,
    high: float = 2.0,
    compiled: bool = True,
) -> Op:
    """The record of a function whose ``slope`` is of what it saves, in operations."""

    def vjp(node: Node, g: Array) -> tuple[Array]:
        (saved,) = node.recall()
        return (mul(g, slope(saved)),)

    kernels: tuple[Kernel, ...] = (elementwise(name),) if compiled else ()
    return Op(
        name=name,
        title=title,
        shape=like_first_floating,
        reference=lambda _, x: reference(as_floats(x)),
        vjp=vjp,
        saves=saves,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=samples((2, 3), low=low, high=high),
        kernels=kernels,
    )


sin: Op = of_one("sin", "Sin", np.sin, lambda x: cos(x))
cos: Op = of_one("cos", "Cos", np.cos, lambda x: neg(sin(x)))
erf = of_one(
    "erf", "Erf", erf_reference, lambda x: times(exp(neg(mul(x, x))), 2 / math.sqrt(math.pi))
)
reciprocal = of_one(
    "reciprocal", "Reciprocal", lambda x: 1 / x, lambda y: neg(mul(y, y)), saves=OUTPUT, low=0.5
)
rsqrt = of_one(
    "rsqrt",
    "Rsqrt",
    lambda x: 1 / np.sqrt(x),
    lambda y: times(mul(y, mul(y, y)), -0.5),
    saves=OUTPUT,
    low=0.5,
)
expm1 = of_one("expm1", "Expm1", np.expm1, lambda y: plus(y, 1.0), saves=OUTPUT)
log1p = of_one("log1p", "Log1P", np.log1p, lambda x: reciprocal(plus(x, 1.0)), low=-0.5)
log2 = of_one(
    "log2",
    "Log2",
    np.log2,
    lambda x: reciprocal(times(x, math.log(2))),
    low=0.5,
    compiled=False,
)
log10 = of_one(
    "log10",
    "Log10",
    np.log10,
    lambda x: reciprocal(times(x, math.log(10))),
    low=0.5,
    compiled=False,
)
exp2 = of_one(
    "exp2", "Exp2", np.exp2, lambda y: times(y, math.log(2)), saves=OUTPUT, compiled=False
)
