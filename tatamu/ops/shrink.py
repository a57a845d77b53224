"""Activations that leave large numbers and drop small ones.

hardshrink   y = x where |x| > b, else 0             dx = g where |x| > b
softshrink   y = x - b sign(x) where |x| > b, else 0   the same
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.ops.activation import activation
from tatamu.ops.array import Numpy

__all__ = ["hardshrink", "softshrink"]

_RANGES = ((-2.0, -0.6), (-0.4, 0.4), (0.6, 2.0))


def _gradient(g: Numpy, x: Numpy, bound: float) -> Any:
    return np.where(np.abs(x) <= bound, 0, g)


def _softshrink(x: Numpy, bound: float) -> Any:
    return np.where(x > bound, x - bound, np.where(-x > bound, x + bound, x * 0))


hardshrink = activation(
    "hardshrink",
    "Hardshrink",
    function=lambda x, bound: np.where(np.abs(x) <= bound, 0, x),
    gradient=_gradient,
    attrs=(0.5,),
    ranges=_RANGES,
    grad_kind="shrink_grad",
).op

softshrink = activation(
    "softshrink",
    "Softshrink",
    function=_softshrink,
    gradient=_gradient,
    attrs=(0.5,),
    ranges=_RANGES,
    grad_kind="shrink_grad",
).op
