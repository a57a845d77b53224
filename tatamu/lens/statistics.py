"""Statistics of feature maps: what a table row, a sparkline and a colour scale need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tatamu.lens.maps import row_blocks, scale_end
from tatamu.lens.records import Array, Channel

BINS = 48


def describe(output: Array, names: Sequence[str], end: float | None = None) -> tuple[Channel, ...]:
    """The statistics of every channel of an output (1, channels, ...).

    Each has a scale of its own, unless all of them are to `end` at one value. What is not a stack
    of pictures (the output of Flatten) counts as one channel.
    """
    stack = output[0] if output.ndim == 4 else output.reshape(1, 1, -1)
    return tuple(
        _describe(values, index, names[index] if index < len(names) else "", end)
        for index, values in enumerate(stack)
    )


def _describe(values: Array, index: int, name: str, end: float | None) -> Channel:
    end = end or scale_end(values)
    low, high = values.min(), values.max()
    finite = values
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = values[np.isfinite(values)]
        finite = (finite if finite.size else np.zeros(1, dtype=values.dtype))[:, None]
        low, high = finite.min(), finite.max()
    return Channel(
        index=index,
        name=name,
        low=float(low),
        high=float(high),
        mean=float(finite.mean(dtype=np.float64)),
        negative=_count(values, lambda block: block < 0) / values.size,
        above=_count(values, lambda block: block > 1) / values.size,
        edges=edge_strength(values),
        end=end,
        clipped=_count(finite, lambda block: np.abs(block) > end) / finite.size,
        histogram=_histogram(finite, end),
    )


def _count(values: Array, holds: Callable[[Array], npt.NDArray[np.bool_]]) -> int:
    return sum(int(np.count_nonzero(holds(block))) for block in row_blocks(values))


def _histogram(values: Array, end: float) -> tuple[int, ...]:
    """How many values lie in each of `BINS` equal bins from −end to +end, those beyond at the ends.

    Zero parts the two middle bins, and rounding moves no value across it.
    """
    half = BINS // 2
    counts = np.zeros(BINS, dtype=np.int64)
    for block in row_blocks(values):
        places = np.floor(np.clip(block, -end, end) / end * half).astype(np.intp)
        counts += np.bincount(np.minimum(places, half - 1).reshape(-1) + half, minlength=BINS)
    return tuple(counts.tolist())


def edge_strength(values: Array) -> float:
    """The mean size of the steps between neighbours, down and across.

    >>> edge_strength(np.array([[0, 1], [0, 1]], dtype=np.float32))
    0.5
    """
    with np.errstate(invalid="ignore", over="ignore"):
        down = _mean_size(values[1:], values[:-1])
        across = _mean_size(values[:, 1:], values[:, :-1])
    found = [mean for mean in (down, across) if mean is not None]
    mean = sum(found) / max(1, len(found))
    return mean if np.isfinite(mean) else 0.0


def _mean_size(one: Array, other: Array) -> float | None:
    """The mean size of the differences; None where there are none."""
    if not one.size:
        return None
    blocks = zip(row_blocks(one), row_blocks(other), strict=True)
    return sum(float(np.abs(a - b).sum()) for a, b in blocks) / one.size


def by_edges(channels: Sequence[Channel]) -> tuple[int, ...]:
    """The channels' places, those with the strongest edges first."""
    return tuple(sorted(range(len(channels)), key=lambda i: -channels[i].edges))
