"""Exponential linear units: ELU (Clevert et al., 2015), and SELU and CELU, which scale it.

y = s x where x >= 0, else s a (e^(i x) - 1)      dx = g s where x > 0, else g s a i e^(i x)

ELU has s = i = 1; SELU (Klambauer et al., 2017) fixed a and s; CELU (Barron, 2017) i = 1 / a.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.ops.activation import Activation, activation, times
from tatamu.ops.array import Array, Numpy
from tatamu.ops.common import constant
from tatamu.ops.comparison import le, where
from tatamu.ops.pointwise import exp

__all__ = ["SELU", "celu", "elu"]

SELU = (1.6732632423543772, 1.0507009873554805, 1.0)


def _function(x: Numpy, alpha: float, scale: float, inner: float) -> Any:
    return np.where(x < 0, scale * alpha * np.expm1(inner * x), scale * x)


def _gradient(g: Numpy, x: Numpy, alpha: float, scale: float, inner: float) -> Any:
    return np.where(x <= 0, g * (scale * alpha * inner) * np.exp(inner * x), g * scale)


def _bend(x: Array, attrs: tuple[float, ...]) -> Any:
    alpha, scale, inner = attrs
    curve = times(exp(times(x, inner)), scale * alpha * inner * inner)
    zero = constant(0.0, x.dtype)
    return where(le(x, zero), curve, zero)


def _unit(name: str, title: str, attrs: tuple[float, ...]) -> Activation:
    return activation(
        name,
        title,
        function=_function,
        gradient=_gradient,
        bend=_bend,
        attrs=attrs,
        ranges=((-2.0, -0.1), (0.1, 2.0)),
        kind="elu",
    )


elu = _unit("elu", "Elu", (1.3, 1.1, 0.8)).op
celu = _unit("celu", "Celu", (1.6, 1.0, 1 / 1.6)).op
