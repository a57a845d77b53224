"""GELU (Hendrycks & Gimpel, 2016), and its approximation by tanh.

gelu        y = x P(x)                        dx = g (P(x) + x p(x)),  P the normal distribution
gelu_tanh   y = x (1 + t) / 2                 dx = g ((1 + t) / 2 + x (1 - t²) u' / 2)
            t = tanh u,  u = sqrt(2 / pi) (x + 0.044715 x³)

GELU of inf is inf, of -inf NaN, as x P(x) has it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu.ops.activation import activation, plus, times
from tatamu.ops.arithmetic import add, mul, neg
from tatamu.ops.array import Array, Numpy
from tatamu.ops.pointwise import erf_reference, exp
from tatamu.ops.sigmoid import tanh

__all__ = ["gelu", "gelu_tanh"]

BEND = 0.044715
STEEP = math.sqrt(2 / math.pi)
DENSITY = 1 / math.sqrt(2 * math.pi)


def _below(x: Numpy) -> Any:
    """The normal distribution."""
    return (1 + erf_reference(x * math.sqrt(0.5))) / 2


def _gradient(g: Numpy, x: Numpy) -> Any:
    return g * (_below(x) + x * DENSITY * np.exp(-x * x / 2))


def _bend(x: Array, _: tuple[float, ...]) -> Any:
    """p(x) (2 - x²)."""
    square: Any = mul(x, x)
    return mul(times(exp(times(square, -0.5)), DENSITY), plus(neg(square), 2.0))


gelu = activation(
    "gelu",
    "Gelu",
    function=lambda x: x * _below(x),
    gradient=_gradient,
    bend=_bend,
).op


def _inner(x: Numpy) -> Any:
    return STEEP * (x + BEND * x**3)


def _tanh_gradient(g: Numpy, x: Numpy) -> Any:
    t = np.tanh(_inner(x))
    slope = STEEP * (1 + 3 * BEND * x * x)
    return g * ((1 + t) / 2 + x * (1 - t * t) * slope / 2)


def _tanh_bend(x: Array, _: tuple[float, ...]) -> Any:
    """(1 - t²) (u' + x (u'' / 2 - t u'²)), with u'' / 2 = 3 · 0.044715 sqrt(2 / pi) x."""
    square: Any = mul(x, x)
    t: Any = tanh(times(mul(x, plus(times(square, BEND), 1.0)), STEEP))
    slope = times(plus(times(square, 3 * BEND), 1.0), STEEP)
    turn = add(times(x, 3 * BEND * STEEP), neg(mul(t, mul(slope, slope))))
    return mul(plus(neg(mul(t, t)), 1.0), add(slope, mul(x, turn)))


gelu_tanh = activation(
    "gelu_tanh",
    "Gelu",
    function=lambda x: x * (1 + np.tanh(_inner(x))) / 2,
    gradient=_tanh_gradient,
    bend=_tanh_bend,
).op
