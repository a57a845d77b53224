"""Which output value a look works out: the one that was asked for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from tatamu.lens.layer_text import to_half_width
from tatamu.lens.records import LayerRecord, Spot
from tatamu.lens.words import Count, LookError


def parse_place(text: str) -> tuple[int, int]:
    """The row and the column of `--at`.

    >>> parse_place("12,40"), parse_place("3 4")
    ((12, 40), (3, 4))
    """
    found = re.fullmatch(r"\s*\(?\s*(\d{1,9})\s*[,\s]\s*(\d{1,9})\s*\)?\s*", to_half_width(text))
    if found is None:
        raise LookError("probe.at", text=text[:40])
    return int(found[1]), int(found[2])


def aim_options(at: str | None, channel: int | None) -> str:
    """The options of a command that aims there again.

    >>> aim_options("12, 40", 2), aim_options(None, None)
    (' --at 12,40 --channel 2', '')
    """
    where = "" if at is None else " --at {},{}".format(*parse_place(at))
    return where + ("" if channel is None else f" --channel {channel}")


def aim(
    records: Sequence[LayerRecord],
    place: tuple[int, int] | None,
    channel: int | None,
    photo_size: Sequence[int],
) -> tuple[LayerRecord, ...]:
    """The same records, the spot of the last one with maps where it was asked for.

    Without a place it is the channel's value farthest from its mean. Raises `LookError` for a
    place or a channel that the layer does not have.
    """
    if place is None and channel is None:
        return tuple(records)
    record = aimed_at(records)
    if record is None or record.spot is None:
        raise LookError("probe.none", layers=" > ".join(one.text for one in records))
    channels, height, width = record.output_shape[1:]
    chosen = record.spot.channel if channel is None else channel
    if not 0 <= chosen < channels:
        raise LookError(
            "probe.channel",
            channel=chosen,
            layer=record.text,
            count=Count("channel", channels),
            last=channels - 1,
        )
    if place is None:
        plane = np.nan_to_num(record.output[0, chosen])
        mean = record.channels[chosen].mean
        row, column = divmod(int(np.abs(plane - mean).argmax()), width)
    else:
        row, column = place
    if not (row < height and column < width):
        raise LookError(
            "probe.outside",
            row=row,
            column=column,
            layer=record.text,
            height=height,
            width=width,
            last=f"{height - 1},{width - 1}",
        )
    box = _box(records, record, (row, column), photo_size)
    aimed = dataclasses.replace(record, spot=Spot(chosen, row, column, box))
    return tuple(aimed if one is record else one for one in records)


def _box(
    records: Sequence[LayerRecord],
    record: LayerRecord,
    place: tuple[int, int],
    photo_size: Sequence[int],
) -> tuple[int, int, int, int]:
    """The part of the photo that an output depends on: its window, traced back layer by layer."""
    ends = [(at, at) for at in place]
    for one in reversed(records[: record.index + 1]):
        for number, axis in enumerate(one.axes):
            first, last = ends[number]
            read = {at for o in range(first, last + 1) for at in axis.rule.reads(o)}
            ends[number] = (min(read, default=0), max(read, default=0))
    (top, bottom), (left, right) = ends
    return top, left, bottom - top + 1, right - left + 1


def aimed_at(records: Sequence[LayerRecord]) -> LayerRecord | None:
    """The record whose spot `aim` chooses."""
    return next((record for record in reversed(records) if record.spot is not None), None)
