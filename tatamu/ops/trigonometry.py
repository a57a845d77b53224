"""Tangent, inverses, hyperbolic functions, degrees.

y = tan x    dx = g (1 + y²)       y = tanh⁻¹ x   dx = g / (1 - x²)
y = sin⁻¹ x  dx = g / √(1 - x²)    y = sinh x     dx = g cosh x
y = cos⁻¹ x  dx = -g / √(1 - x²)   y = cosh x     dx = g sinh x
y = tan⁻¹ x  dx = g / (1 + x²)     y = sinh⁻¹ x   dx = g / √(x² + 1)
y = a x      dx = a g              y = cosh⁻¹ x   dx = g / √(x² - 1)
y = sin πx / πx, 1 at 0            dx = g (cos πx - y) / x, 0 at 0
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import div, mul, neg, sub
from tatamu.ops.array import Array, Node
from tatamu.ops.common import (
    as_floats,
    constant,
    like_first_floating,
    moved_bytes,
    one_each,
    samples,
)
from tatamu.ops.comparison import eq, where
from tatamu.ops.elementary import OUTPUT, cos, of_one, reciprocal, rsqrt, sin
from tatamu.ops.op import NOTHING, Op

__all__ = [
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cosh", "deg2rad", "rad2deg", "sinc", "sinh",
    "tan",
]  # fmt: skip


def _square(x: Any) -> Any:
    return mul(x, x)


def _one_less_square(x: Any) -> Any:
    return plus(neg(_square(x)), 1.0)


tan = of_one(
    "tan", "Tan", np.tan, lambda y: plus(_square(y), 1.0), saves=OUTPUT, high=1.2, compiled=False
)
asin = of_one(
    "asin",
    "Asin",
    np.arcsin,
    lambda x: rsqrt(_one_less_square(x)),
    low=-0.9,
    high=0.9,
    compiled=False,
)
acos = of_one(
    "acos",
    "Acos",
    np.arccos,
    lambda x: neg(rsqrt(_one_less_square(x))),
    low=-0.9,
    high=0.9,
    compiled=False,
)
atan = of_one(
    "atan", "Atan", np.arctan, lambda x: reciprocal(plus(_square(x), 1.0)), compiled=False
)
sinh: Op = of_one("sinh", "Sinh", np.sinh, lambda x: cosh(x), compiled=False)
cosh: Op = of_one("cosh", "Cosh", np.cosh, lambda x: sinh(x), compiled=False)
asinh = of_one("asinh", "Asinh", np.arcsinh, lambda x: rsqrt(plus(_square(x), 1.0)), compiled=False)
acosh = of_one(
    "acosh",
    "Acosh",
    np.arccosh,
    lambda x: rsqrt(plus(_square(x), -1.0)),
    low=1.2,
    high=3.0,
    compiled=False,
)
atanh = of_one(
    "atanh",
    "Atanh",
    np.arctanh,
    lambda x: reciprocal(_one_less_square(x)),
    low=-0.9,
    high=0.9,
    compiled=False,
)


def _sinc_slope(x: Any) -> Any:
    """The quotient is masked before and after: at 0 neither it nor its slope has a value."""
    zero = eq(x, constant(0.0, x.dtype))
    safe = where(zero, constant(1.0, x.dtype), x)
    turned = times(safe, math.pi)
    quotient = div(sub(cos(turned), div(sin(turned), turned)), safe)
    return where(zero, constant(0.0, x.dtype), quotient)


sinc = of_one("sinc", "Sinc", np.sinc, _sinc_slope, low=0.1, compiled=False)


def _scaling(name: str, title: str, factor: float) -> Op:
    def vjp(node: Node, g: Array) -> tuple[Array]:
        return (times(g, factor),)

    return Op(
        name=name,
        title=title,
        shape=like_first_floating,
        reference=lambda _, x: as_floats(x) * as_floats(x).dtype.type(factor),
        vjp=vjp,
        saves=NOTHING,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=samples((2, 3)),
        kernels=(),
    )


deg2rad = _scaling("deg2rad", "Deg2Rad", math.pi / 180)
rad2deg = _scaling("rad2deg", "Rad2Deg", 180 / math.pi)
