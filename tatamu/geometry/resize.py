"""Resizing: which input positions each output position is made of, and with which weights.

Positions are seen as unit squares side by side: output o has its centre at (o + 1/2) times the
scale in the input. With ``align_corners`` the centres of the first and the last positions coincide
instead. Everything is separable: a picture is resized along one axis after another.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tatamu.geometry.window import adaptive_bins

__all__ = ["MODES", "Resampling", "resized"]

MODES = ("nearest", "nearest-exact", "linear", "cubic", "area")

Taps = tuple[tuple[int, float], ...]


def resized(size: int, scale_factor: float) -> int:
    """The size that a factor gives: what is not whole is dropped.

    >>> resized(5, 1.5)
    7
    """
    return math.floor(float(size) * scale_factor)


@dataclass(frozen=True, slots=True)
class Resampling:
    """One axis. ``factor`` is the scale factor the user gave, if it is to be used as it is.

    >>> Resampling("linear", 2, 4).taps()
    (((0, 1.0), (1, 0.0)), ((0, 0.75), (1, 0.25)), ((0, 0.25), (1, 0.75)), ((1, 0.75), (1, 0.25)))
    """

    mode: str
    size: int
    out: int
    factor: float | None = None
    align_corners: bool = False
    antialias: bool = False

    @property
    def scale(self) -> float:
        """Input positions to one output position."""
        if self.align_corners:
            return (self.size - 1) / (self.out - 1) if self.out > 1 else 0.0
        return 1 / self.factor if self.factor else self.size / self.out

    def taps(self) -> tuple[Taps, ...]:
        """For each output position its inputs as (position, weight)."""
        return _taps(self)

    def transposed(self) -> tuple[Taps, ...]:
        """For each input position the outputs it goes into, with the same weights."""
        return _transposed(self)

    def centre(self, o: int) -> float:
        """Where output ``o`` lies among the input positions' centres."""
        return self.scale * o if self.align_corners else self.scale * (o + 0.5) - 0.5


@lru_cache(maxsize=256)
def _taps(axis: Resampling) -> tuple[Taps, ...]:
    if axis.mode == "area":
        bins = adaptive_bins(axis.size, axis.out)
        return tuple(
            tuple((i, 1 / (stop - start)) for i in range(start, stop)) for start, stop in bins
        )
    if axis.antialias:
        return tuple(_filtered(axis, o) for o in range(axis.out))
    rule: Callable[[Resampling, int], Taps] = {
        "nearest": _nearest,
        "nearest-exact": _nearest,
        "linear": _linear,
        "cubic": _cubic,
    }[axis.mode]
    return tuple(rule(axis, o) for o in range(axis.out))


@lru_cache(maxsize=256)
def _transposed(axis: Resampling) -> tuple[Taps, ...]:
    found: list[list[tuple[int, float]]] = [[] for _ in range(axis.size)]
    for o, taps in enumerate(axis.taps()):
        for i, weight in taps:
            found[i].append((o, weight))
    return tuple(tuple(taps) for taps in found)


def _single(x: float) -> float:
    """``x`` in single precision, in which torch works out the nearest position."""
    return float(struct.unpack("<f", struct.pack("<f", x))[0])


def _nearest(axis: Resampling, o: int) -> Taps:
    scale = _single(axis.scale)
    if axis.mode == "nearest-exact":
        at = math.floor(_single((o + 0.5) * scale))
    elif axis.out == axis.size:
        at = o
    elif axis.out == 2 * axis.size:
        at = o // 2
    else:
        at = math.floor(_single(o * scale))
    return ((min(at, axis.size - 1), 1.0),)


def _linear(axis: Resampling, o: int) -> Taps:
    at = max(axis.centre(o), 0.0)
    first = min(int(at), axis.size - 1)
    share = min(max(at - first, 0.0), 1.0)
    return ((first, 1 - share), (min(first + 1, axis.size - 1), share))


def cubic(x: float, a: float) -> float:
    """Keys' cubic convolution (1981) at a distance of ``x``."""
    x = abs(x)
    if x <= 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


def _cubic(axis: Resampling, o: int) -> Taps:
    at = axis.centre(o)
    first = math.floor(at)
    return tuple(
        (min(max(first + k, 0), axis.size - 1), cubic(at - (first + k), -0.75))
        for k in range(-1, 3)
    )


def _filtered(axis: Resampling, o: int) -> Taps:
    """As Pillow has it: the filter is as wide as an output position, if that is the wider one."""
    wide = max(axis.scale, 1.0)
    half = (1.0 if axis.mode == "linear" else 2.0) * wide
    centre = axis.scale * (o + 0.5)
    first = max(int(centre - half + 0.5), 0)
    last = min(int(centre + half + 0.5), axis.size)
    distances = [(i - centre + 0.5) / wide for i in range(first, last)]
    if axis.mode == "linear":
        weights = [max(1 - abs(d), 0.0) for d in distances]
    else:
        weights = [cubic(d, -0.5) for d in distances]
    total = sum(weights)
    return tuple((first + k, w / total) for k, w in enumerate(weights) if total)
