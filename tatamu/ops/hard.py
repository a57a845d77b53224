"""Activations made of straight pieces with an upper end.

hardtanh      y = min(max(x, a), b)            dx = g where a < x < b
hardsigmoid   y = min(max(x + 3, 0), 6) / 6    dx = g / 6 where -3 < x < 3
hardswish     y = x hardsigmoid(x)             dx = g (x / 3 + 1/2) where -3 <= x <= 3, g above

ReLU6 is hardtanh from 0 to 6. (Howard et al., 2019, for the last two.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.ops.activation import activation
from tatamu.ops.array import Array, Numpy
from tatamu.ops.common import constant
from tatamu.ops.comparison import le, where
from tatamu.ops.pointwise import abs_

__all__ = ["hardsigmoid", "hardswish", "hardtanh"]


def _hardsigmoid(x: Numpy) -> Any:
    return np.clip(x + 3, 0, 6) / 6


def _hardswish_gradient(g: Numpy, x: Numpy) -> Any:
    return np.where(x < -3, 0, np.where(x <= 3, g * (x / 3 + 0.5), g))


def _hardswish_bend(x: Array, _: tuple[float, ...]) -> Any:
    inside = le(abs_(x), constant(3.0, x.dtype))
    return where(inside, constant(1 / 3, x.dtype), constant(0.0, x.dtype))


hardtanh = activation(
    "hardtanh",
    "Hardtanh",
    function=lambda x, low, high: np.clip(x, low, high),
    gradient=lambda g, x, low, high: np.where((x <= low) | (x >= high), 0, g),
    attrs=(-1.0, 1.5),
    ranges=((-3.0, -1.1), (-0.9, 1.4), (1.6, 3.0)),
    integers="kept",
).op

hardsigmoid = activation(
    "hardsigmoid",
    "Hardsigmoid",
    function=_hardsigmoid,
    gradient=lambda g, x: np.where(np.abs(x) < 3, g / 6, 0),
    ranges=((-5.0, -3.1), (-2.9, 2.9), (3.1, 5.0)),
).op

hardswish = activation(
    "hardswish",
    "Hardswish",
    function=lambda x: x * _hardsigmoid(x),
    gradient=_hardswish_gradient,
    bend=_hardswish_bend,
    ranges=((-5.0, -3.1), (-2.9, 2.9), (3.1, 5.0)),
).op
