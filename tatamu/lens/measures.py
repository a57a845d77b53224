"""Statistics and bounded copies of what a layer gave, worked out for all channels at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tatamu.dtypes import widen
from tatamu.lens.maps import scale_end, shrink
from tatamu.lens.network_records import ChannelStatistics, Kept, Statistics
from tatamu.lens.records import Array
from tatamu.lens.statistics import BINS

__all__ = [
    "channel_statistics",
    "first_maps",
    "keep",
    "numbers",
    "planes_first",
    "shares",
    "statistics",
]

AT_ONCE = 1 << 18
"""Values worked on at a time."""

COPIED_AT_ONCE = 1 << 20


def numbers(x: Any) -> npt.NDArray[Any]:
    """The values of a tensor as NumPy has numbers for them; a view where it can be one."""
    values: npt.NDArray[Any] = widen(x.array, x.dtype)
    return values


def planes_first(values: npt.NDArray[Any]) -> Array:
    """The values as float32, each channel in one piece; shared where they are so already.

    Kernels write all channels of a pixel side by side. Rows are copied in runs that a cache holds.
    """
    if (values.flags.c_contiguous and values.dtype == np.float32) or values.ndim != 4:
        return np.ascontiguousarray(values, np.float32)
    planes = np.empty(values.shape, dtype=np.float32)
    step = max(1, COPIED_AT_ONCE // max(1, values[:, :, :1].size))
    for top in range(0, values.shape[2], step):
        planes[:, :, top : top + step] = values[:, :, top : top + step]
    return planes


def first_maps(values: npt.NDArray[Any]) -> Array:
    """The first sample's maps, (channels, rows, columns); (1, 1, n) of what is no stack of maps."""
    if values.ndim == 4:
        maps: Array = planes_first(values[:1])[0]
        return maps
    row = values[0] if values.ndim > 1 and len(values) else values
    return planes_first(row.reshape(1, 1, -1))


def statistics(values: npt.NDArray[Any]) -> Statistics:
    """Of all values of an array."""
    rows = np.asarray(values, np.float32).reshape(1, -1) if values.ndim < 4 else None
    flat = rows if rows is not None else planes_first(values).reshape(-1, values[0, 0].size)
    end = scale_end(flat)
    lows, highs, sums, squares, finite, zeros, negatives = [], [], 0.0, 0.0, 0, 0, 0
    histogram = np.zeros(BINS, np.int64)
    for block in _blocks(flat):
        known = np.isfinite(block)
        shown = block if known.all() else block[known][None]
        finite += shown.size
        if not shown.size:
            continue
        lows.append(float(shown.min()))
        highs.append(float(shown.max()))
        sums += float(shown.sum(dtype=np.float64))
        squares += float(np.square(shown, dtype=np.float64).sum())
        zeros += int(np.count_nonzero(shown == 0))
        negatives += int(np.count_nonzero(shown < 0))
        histogram += _histogram(shown.reshape(1, -1), end)[0]
    count = max(finite, 1)
    mean = sums / count
    return Statistics(
        count=flat.size,
        low=min(lows, default=0.0),
        high=max(highs, default=0.0),
        mean=mean,
        deviation=max(0.0, squares / count - mean * mean) ** 0.5,
        zero=zeros / max(flat.size, 1),
        negative=negatives / max(flat.size, 1),
        strange=(flat.size - finite) / max(flat.size, 1),
        end=end,
        histogram=tuple(histogram.tolist()),
    )


def channel_statistics(maps: Array, end: float) -> ChannelStatistics:
    """Of every map of a stack; NaN and infinities enter none of them."""
    count = len(maps)
    found = {name: np.zeros(count, np.float32) for name in _NAMES}
    histogram = np.zeros((count, BINS), np.int32)
    step = max(1, AT_ONCE // max(1, maps[:1].size))
    for first in range(0, count, step):
        block = maps[first : first + step]
        here = slice(first, first + len(block))
        flat = block.reshape(len(block), -1)
        known = np.isfinite(flat)
        if known.all():
            sizes: Any = flat.shape[1]
            low, high = flat.min(axis=1), flat.max(axis=1)
        else:
            sizes = np.maximum(known.sum(axis=1), 1)
            low = np.where(known, flat, np.inf).min(axis=1)
            high = np.where(known, flat, -np.inf).max(axis=1)
            low, high = (np.where(np.isfinite(side), side, 0) for side in (low, high))
            flat = np.where(known, flat, np.nan)
            block = np.where(np.isfinite(block), block, 0)
        found["low"][here], found["high"][here] = low, high
        found["mean"][here] = np.nansum(flat, axis=1, dtype=np.float64) / sizes
        found["zero"][here] = (flat == 0).sum(axis=1) / flat.shape[1]
        found["negative"][here] = (flat < 0).sum(axis=1) / flat.shape[1]
        found["edges"][here] = _edges(block)
        histogram[here] = _histogram(flat, end)
    strongest = np.argsort(-found["edges"], kind="stable")
    if maps.shape[1] * maps.shape[2] == 1:
        strongest = np.argsort(-np.abs(found["mean"]), kind="stable")
    for array in (*found.values(), histogram):
        array.flags.writeable = False
    return ChannelStatistics(**found, histogram=histogram, order=tuple(strongest.tolist()))


_NAMES = ("low", "high", "mean", "zero", "negative", "edges")


def _edges(maps: Array) -> npt.NDArray[Any]:
    """The mean size of the steps between neighbours, down and across, of each map."""
    means = []
    with np.errstate(over="ignore", invalid="ignore"):
        for axis in (1, 2):
            if maps.shape[axis] > 1:
                means.append(np.abs(np.diff(maps, axis=axis)).mean(axis=(1, 2), dtype=np.float64))
        total = sum(means, np.zeros(len(maps))) / max(1, len(means))
    return np.where(np.isfinite(total), total, 0)


def _histogram(rows: npt.NDArray[Any], end: float) -> npt.NDArray[np.int64]:
    """How many values of each row lie in each bin from −end to +end, those beyond at the ends."""
    half = BINS // 2
    shown = np.nan_to_num(np.clip(rows, -end, end) / np.float32(end) * half, nan=BINS)
    places = np.floor(shown).astype(np.intp)
    places = np.where(places >= BINS, BINS, np.minimum(places, half - 1) + half)  # NaN: one more
    places += np.arange(len(rows))[:, None] * (BINS + 1)
    counts = np.bincount(places.reshape(-1), minlength=len(rows) * (BINS + 1))
    return counts.reshape(len(rows), BINS + 1)[:, :BINS]


def _blocks(flat: Array) -> Iterator[Array]:
    if len(flat) == 1:
        for start in range(0, flat.shape[1], AT_ONCE):
            yield flat[:, start : start + AT_ONCE]
        return
    step = max(1, AT_ONCE // max(1, flat.shape[1]))
    for start in range(0, len(flat), step):
        yield flat[start : start + step]


FEWEST = 4
"""Maps that are kept of every layer, however small they have to be made."""


def keep(maps: Array, order: Sequence[int], allowed: int) -> Kept:
    """Copies of maps within so many bytes: all, the strongest, or small ones of these."""
    count, rows, columns = maps.shape
    size = (rows, columns)
    each = 4 * rows * columns
    if count * each <= allowed:
        return Kept(tuple(range(count)), _frozen(maps.copy()), count, size)
    if rows == 1:  # no picture: its head
        head = maps[:, :, : max(1, allowed // (4 * count))]
        return Kept(tuple(range(count)), _frozen(head.copy()), count, size)
    few = min(count, FEWEST)
    if allowed >= few * each:
        chosen = tuple(order[: allowed // each])
        return Kept(chosen, _frozen(maps[list(chosen)]), count, size)
    chosen = tuple(order[:few])
    room = max(1.0, allowed / (4 * few))
    width = max(1, int(min(columns, (room * columns / rows) ** 0.5)))
    small = np.stack([shrink(maps[c], width) for c in chosen]).astype(np.float32)
    return Kept(chosen, _frozen(small), count, size)


def shares(needs: Sequence[int], limit: int) -> list[int]:
    """How many bytes each may have of ``limit``: what it needs, or an equal share of what is left.

    >>> shares([10, 100, 40], 100)
    [10, 50, 40]
    """
    given = [0] * len(needs)
    left = limit
    waiting = sorted(range(len(needs)), key=lambda i: needs[i])
    for place, i in enumerate(waiting):
        given[i] = min(needs[i], left // (len(waiting) - place))
        left -= given[i]
    return given


def _frozen(values: Array) -> Array:
    values = np.ascontiguousarray(values)
    values.flags.writeable = False
    return values
