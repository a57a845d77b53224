"""Statistics of feature maps: what a table row, a sparkline and a colour scale need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tatamu.lens.maps import scale_end
from tatamu.lens.records import Array, Channel

BINS = 48


def describe(output: Array, names: Sequence[str]) -> tuple[Channel, ...]:
    """The statistics of every channel of an output (1, channels, ...).

    What is not a stack of pictures (the output of Flatten) counts as one channel.
    """
    stack = output[0] if output.ndim == 4 else output.reshape(1, 1, -1)
    return tuple(
        _describe(values, index, names[index] if index < len(names) else "")
        for index, values in enumerate(stack)
    )


def _describe(values: Array, index: int, name: str) -> Channel:
    end = scale_end(values)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        finite = np.zeros(1, dtype=values.dtype)
    counts, _ = np.histogram(np.clip(finite, -end, end), bins=BINS, range=(-end, end))
    return Channel(
        index=index,
        name=name,
        low=float(finite.min()),
        high=float(finite.max()),
        mean=float(finite.mean(dtype=np.float64)),
        negative=float(np.mean(values < 0)),
        edges=edge_strength(values),
        end=end,
        clipped=float(np.mean(np.abs(finite) > end)),
        histogram=tuple(int(count) for count in counts),
    )


def edge_strength(values: Array) -> float:
    """The mean size of the steps between neighbours, down and across.

    >>> edge_strength(np.array([[0, 1], [0, 1]], dtype=np.float32))
    0.5
    """
    steps = [
        float(np.abs(np.diff(values, axis=axis)).mean())
        for axis in range(values.ndim)
        if values.shape[axis] > 1
    ]
    mean = sum(steps) / len(steps) if steps else 0.0
    return mean if np.isfinite(mean) else 0.0


def by_edges(channels: Sequence[Channel]) -> tuple[int, ...]:
    """The channels' places, those with the strongest edges first."""
    return tuple(sorted(range(len(channels)), key=lambda i: -channels[i].edges))
