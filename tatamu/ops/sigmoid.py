"""Sigmoid, tanh, and the smooth activations made of them.

sigmoid      y = 1 / (1 + e^-x)                    dx = g y (1 - y)
tanh         y = (e^x - e^-x) / (e^x + e^-x)       dx = g (1 - y²)
logsigmoid   y = -log(1 + e^-x)                    dx = g sigmoid(-x)
silu         y = x sigmoid(x)                      dx = g s (1 + x (1 - s)), s = sigmoid(x)
softplus     y = log(1 + e^(b x)) / b              dx = g sigmoid(b x);  y = x where b x > t
mish         y = x t, t = tanh(softplus(x))        dx = g (t + x (1 - t²) sigmoid(x))

The first two save their outputs, the others their inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.ops.activation import activation, plus, times
from tatamu.ops.arithmetic import mul, neg
from tatamu.ops.array import Array, Numpy
from tatamu.ops.common import as_floats, constant
from tatamu.ops.comparison import gt, where

__all__ = ["logsigmoid", "mish", "sigmoid", "silu", "softplus", "tanh"]

Attrs = tuple[float, ...]


def _sigmoid(x: Numpy) -> Any:
    x = as_floats(x)
    power = np.exp(-np.abs(x))
    return np.where(x < 0, power, 1) / (1 + power)


def _log1p_exp(x: Numpy) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _less_square(y: Any) -> Any:
    """1 - y²."""
    return plus(neg(mul(y, y)), 1.0)


sigmoid = activation(
    "sigmoid",
    "Sigmoid",
    function=_sigmoid,
    gradient=lambda g, y: g * (1 - y) * y,
    bend=lambda y, _: plus(times(y, -2.0), 1.0),
    by_output=True,
    integers="turned",
).op

tanh = activation(
    "tanh",
    "Tanh",
    function=lambda x: np.tanh(as_floats(x)),
    gradient=lambda g, y: g * (1 - y * y),
    bend=lambda y, _: times(y, -2.0),
    by_output=True,
    integers="turned",
).op


def _sigmoid_slope(s: Any) -> Any:
    """The slope of the sigmoid where its value is ``s``."""
    return mul(s, plus(neg(s), 1.0))


def _silu_gradient(g: Numpy, x: Numpy) -> Any:
    s = _sigmoid(x)
    return g * s * (1 + x * (1 - s))


def _silu_bend(x: Array, _: Attrs) -> Any:
    s: Any = sigmoid(x)
    return mul(_sigmoid_slope(s), plus(mul(x, plus(times(s, -2.0), 1.0)), 2.0))


silu = activation(
    "silu",
    "Silu",
    function=lambda x: x * _sigmoid(x),
    gradient=_silu_gradient,
    bend=_silu_bend,
).op

logsigmoid = activation(
    "logsigmoid",
    "LogSigmoid",
    function=lambda x: -_log1p_exp(-x),
    gradient=lambda g, x: g * _sigmoid(-x),
    bend=lambda x, _: neg(_sigmoid_slope(sigmoid(x))),
).op


def _softplus(x: Numpy, beta: float, threshold: float) -> Any:
    return np.where(beta * x > threshold, x, _log1p_exp(beta * x) / beta)


def _softplus_gradient(g: Numpy, x: Numpy, beta: float, threshold: float) -> Any:
    return np.where(beta * x > threshold, g, g * _sigmoid(beta * x))


def _softplus_bend(x: Array, attrs: Attrs) -> Any:
    beta, threshold = attrs
    scaled: Any = times(x, beta)
    curve = times(_sigmoid_slope(sigmoid(scaled)), beta)
    return where(gt(scaled, constant(threshold, x.dtype)), constant(0.0, x.dtype), curve)


softplus = activation(
    "softplus",
    "Softplus",
    function=_softplus,
    gradient=_softplus_gradient,
    bend=_softplus_bend,
    attrs=(2.0, 3.0),
    ranges=((-2.0, 1.4), (1.6, 3.0)),
).op


def _mish_gradient(g: Numpy, x: Numpy) -> Any:
    t = np.tanh(_log1p_exp(x))
    return g * (t + x * (1 - t * t) * _sigmoid(x))


def _mish_bend(x: Array, _: Attrs) -> Any:
    """2 t' + x t'' with t' = (1 - t²) s and t'' = t' (1 - s - 2 t s)."""
    s: Any = sigmoid(x)
    t: Any = tanh(softplus(x, attrs=_PLAIN))
    slope = mul(_less_square(t), s)
    turn = plus(neg(mul(s, plus(times(t, 2.0), 1.0))), 1.0)
    return mul(slope, plus(mul(x, turn), 2.0))


_PLAIN = (1.0, 1e300)

mish = activation(
    "mish",
    "Mish",
    function=lambda x: x * np.tanh(_log1p_exp(x)),
    gradient=_mish_gradient,
    bend=_mish_bend,
).op
