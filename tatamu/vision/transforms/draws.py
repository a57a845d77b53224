"""Random numbers from torch's generator, drawn as torchvision draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import tatamu

__all__ = [
    "aspect",
    "below",
    "chance",
    "dirichlet",
    "log_range",
    "mixing",
    "pick",
    "rectangle",
    "uniform",
]

# torch's source has these as constants of single precision.
_THIRD = float(np.float32(1) / np.float32(3))
_SQUEEZE = float(np.float32(0.0331))


def chance(p: float) -> bool:
    """True with probability ``p``."""
    return bool(tatamu.rand(1) < p)


def uniform(low: float, high: float) -> float:
    """A number from ``low`` to ``high``, of single precision."""
    return float(tatamu.empty(1).uniform_(float(low), float(high)).item())


def below(low: int, high: int) -> int:
    """A whole number from ``low`` to ``high`` - 1."""
    return int(tatamu.randint(low, high, size=(1,)).item())


def log_range(ratio: Sequence[float]) -> tuple[float, float]:
    """The logarithms of two ratios, of single precision."""
    low, high = np.log(np.array(ratio, np.float32)).tolist()
    return low, high


def aspect(logs: tuple[float, float]) -> float:
    """A ratio whose logarithm is uniform between two."""
    return float(np.exp(np.float32(uniform(*logs))))


def rectangle(area: int, scale: Sequence[float], logs: tuple[float, float]) -> tuple[int, int]:
    """The longer first: sqrt(area · ratio), sqrt(area / ratio), of a random part and ratio."""
    part = area * uniform(scale[0], scale[1])
    ratio = aspect(logs)
    return round(math.sqrt(part * ratio)), round(math.sqrt(part / ratio))


def pick(values: Any) -> int:
    """A place in a sequence."""
    return below(0, len(values))


def dirichlet(alphas: Sequence[float], rows: int = 1) -> np.ndarray[Any, Any]:
    """Shares that add up to 1, one row after another (rows, count), of single precision."""
    found: np.ndarray[Any, Any] = np.array(
        [[_gamma(alpha) for alpha in alphas] for _ in range(rows)]
    )
    tiny = np.finfo(np.float32).tiny
    most = np.nextafter(np.float32(1), np.float32(0))
    shares = (found / found.sum(-1, keepdims=True)).astype(np.float32)
    return np.asarray(np.clip(shares, tiny, most))


def _gamma(alpha: float) -> float:
    """A number of the gamma distribution, by the method of Marsaglia and Tsang (2000)."""
    alpha = float(np.float32(alpha))
    scale = 1.0
    if alpha < 1.0:
        scale = math.pow(1 - _double(), 1.0 / alpha)
        alpha += 1.0
    d = alpha - _THIRD
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        y = -1.0
        while y <= 0:
            x = float(tatamu.empty(1, dtype=tatamu.float64).normal_().item())
            y = 1.0 + c * x
        v = y * y * y
        u = 1 - _double()
        xx = x * x
        if u < 1.0 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return max(float(np.finfo(np.float64).tiny), scale * d * v)


def _double() -> float:
    return float(tatamu.empty(1, dtype=tatamu.float64).uniform_().item())


def mixing(count: int, alpha: float, width: int) -> tuple[Any, Any]:
    """AugMix's shares (count, 2) of the picture and of the mixture, and of each chain in it."""
    shares = dirichlet([alpha, alpha], count)
    return shares, dirichlet([alpha] * width, count) * shares[:, 1:]
