"""Penalties on weights, and bounds that weights are held to after each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.interop.keras.choosing import chosen
from tatamu.tensor import Tensor

__all__ = [
    "L1", "L1L2", "L2", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "get", "get_constraint",
    "l1", "l1_l2", "l2",
]  # fmt: skip


class L1L2:
    """l1 times the sum of magnitudes plus l2 times the sum of squares."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1, l2

    def __call__(self, x: Tensor) -> Any:
        total: Any = 0.0
        if self.l1:
            total = total + self.l1 * x.abs().sum()
        if self.l2:
            total = total + self.l2 * (x * x).sum()
        return total


class L1(L1L2):
    """l1 times the sum of magnitudes."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """l2 times the sum of squares."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


l1, l2 = L1, L2


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Both penalties."""
    return L1L2(l1, l2)


class _ByNorm:
    """What holds norms along some axes."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def norms(self, w: Any) -> Any:
        """The norms, their axes kept."""
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        return np.sqrt((w * w).sum(axis=axis, keepdims=True))


class MaxNorm(_ByNorm):
    """No norm above a bound."""

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        super().__init__(axis)
        self.max_value = max_value

    def __call__(self, w: Any) -> Any:
        norms = self.norms(w)
        return w * (np.clip(norms, 0, self.max_value) / (1e-7 + norms))


class MinMaxNorm(_ByNorm):
    """Norms between two bounds, or moved towards them by ``rate``."""

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        super().__init__(axis)
        self.min_value, self.max_value, self.rate = min_value, max_value, rate

    def __call__(self, w: Any) -> Any:
        norms = self.norms(w)
        held = np.clip(norms, self.min_value, self.max_value)
        return w * ((self.rate * held + (1 - self.rate) * norms) / (1e-7 + norms))


class UnitNorm(_ByNorm):
    """Norms of 1."""

    def __call__(self, w: Any) -> Any:
        return w / (1e-7 + self.norms(w))


class NonNeg:
    """No negative weight."""

    def __call__(self, w: Any) -> Any:
        return w * (w >= 0)


_REGULARIZERS = {"l1": L1, "l2": L2, "l1_l2": L1L2, "l1l2": L1L2}
_CONSTRAINTS = {
    "max_norm": MaxNorm, "min_max_norm": MinMaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """The regularizer of a name or an object; None for none."""
    return None if identifier is None else chosen(identifier, _REGULARIZERS, "regularizer")


def get_constraint(identifier: Any) -> Any:
    """The constraint of a name or an object; None for none."""
    return None if identifier is None else chosen(identifier, _CONSTRAINTS, "constraint")
