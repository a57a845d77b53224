"""A record as the page takes it: numbers as they are, texts in both languages.

Nothing is worked out here that another face of the lens works out too: sentences, formulas, notes
and statistics are those of the record, of `geometry` and of the report.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.geometry import ReceptiveField
from tatamu.lens import maps, show
from tatamu.lens.probe import Probe
from tatamu.lens.records import AxisSeen, Channel, LayerRecord
from tatamu.lens.report import layer_sentence
from tatamu.lens.terminal import kernel_text, wrap_text
from tatamu.lens.web.studio import Picture, Seen
from tatamu.lens.words import LookError, Words, explain_problem
from tatamu.lens.worked_section import channel_label, check_text
from tatamu.vision.images import PhotoError

LANGUAGES = (Words("en"), Words("ja"))
THUMB = 120
MOST_PIXELS = 3_000_000
"""Maps of more values are sent reduced; their PNG file is whole."""

Json = dict[str, Any]


def both(say: Callable[[Words], str]) -> dict[str, str]:
    """A text in both languages.

    >>> both(lambda w: w("axis.height"))
    {'en': 'height', 'ja': '高さ'}
    """
    return {w.lang: say(w) for w in LANGUAGES}


def problem(error: LookError | PhotoError) -> dict[str, str]:
    """What is wrong, in both languages."""
    return both(lambda w: explain_problem(error, w.lang))


def picture_face(picture: Picture, photo: str) -> Json:
    """A photo's sizes and the notes about it; `photo` is its id."""
    source = picture.source

    def notes(w: Words) -> str:
        sample = "note.sample"
        return w.join(*(w(key, **dict(v)) for key, v in source.notes if key != sample))

    return {
        "photo": photo,
        "width": source.width,
        "height": source.height,
        "channels": len(source.values),
        "kind": both(lambda w: w(f"kind.{source.kind}")),
        "note": both(notes),
    }


def record_face(seen: Seen, frame: str) -> Json:
    """Everything about a layer on a photo but the values of its maps; `frame` is its id."""
    record = seen.record
    cost = record.cost
    return {
        "frame": frame,
        "layer": record.text,
        "torch": record.torch_code,
        "input": record.input_shape[1:],
        "output": record.output_shape[1:],
        "sentence": both(lambda w: layer_sentence(record, w)),
        "axes": [_axis_face(axis) for axis in record.axes],
        "weights": cost.parameters_text,
        "mult_adds": f"{cost.mult_adds:,}" if cost.mult_adds else "",
        "time": show.duration(cost.seconds),
        "kernel": both(lambda w: kernel_text(record, w)),
        "origin": record.origin.split("+")[0],
        "wraps": both(lambda w: wrap_text(record, w)),
        "maps": [_channel_face(channel) for channel in record.channels],
        "order": record.order,
        "spot": None if record.spot is None else [record.spot.row, record.spot.column],
    }


def _axis_face(axis: AxisSeen) -> Json:
    """One axis: its formula piece by piece, and where on the photo an output's window lies."""
    field = ReceptiveField().through(axis.rule)
    window = axis.rule.window
    return {
        "name": both(lambda w: w(f"axis.{axis.name}")),
        "size": axis.size,
        "out": axis.out,
        "terms": [[term.text, term.role] for term in axis.rule.terms(axis.size)],
        "note": both(lambda w: axis.rule.note(axis.size, w.lang, axis.name)),
        "start": float(field.start),
        "step": float(field.step),
        "extent": float(field.size),
        "before": 0 if axis.rule.transposed else window.pad[0],
        "after": 0 if axis.rule.transposed else window.pad[1],
    }


def _channel_face(channel: Channel) -> Json:
    places = show.decimals((channel.low, channel.high))
    return {
        "index": channel.index,
        "name": channel.name,
        "low": show.signed(channel.low, places),
        "high": show.signed(channel.high, places),
        "mean": show.signed(channel.mean, places),
        "negative": show.percent(channel.negative),
        "end": show.signed(channel.end, places),
        "minus": show.signed(-channel.end, places),
        "value": channel.end,
        "histogram": channel.histogram,
    }


def map_indices(record: LayerRecord, channel: int) -> np.ndarray[tuple[int, int], Any]:
    """A map as indices of the palette, reduced where it is very large."""
    plane = record.output[0, channel]
    if plane.size > MOST_PIXELS:
        plane = maps.shrink(plane, int(plane.shape[1] * math.sqrt(MOST_PIXELS / plane.size)))
    return maps.to_indices(plane, record.channels[channel].end)


def strip_indices(record: LayerRecord) -> np.ndarray[tuple[int, int, int], Any]:
    """All maps, small: (channels, rows, columns) of indices of the palette."""
    tiles = [
        maps.to_indices(maps.shrink(record.output[0, c.index], THUMB), c.end)
        for c in record.channels
    ]
    return np.stack(tiles)


def probe_face(record: LayerRecord, found: Probe) -> Json:
    """One output value with its products and sums."""
    products = found.products
    labels = [channel_label(record, found.first_channel + i) for i in range(len(found.patch))]
    end = 1.0 if found.weight is None else float(np.abs(found.weight).max(initial=0.0)) or 1.0
    most = 1.0 if products is None else float(np.abs(products).max(initial=0.0)) or 1.0
    return {
        "kind": found.kind,
        "channel": found.channel,
        "row": found.row,
        "column": found.column,
        "rows": found.rows,
        "columns": found.columns,
        "inside": found.inside.tolist(),
        "labels": labels,
        "patch": _finite(found.patch),
        "weight": None if found.weight is None else _finite(found.weight),
        "weight_colours": None if found.weight is None else _indices(found.weight, end),
        "products": None if products is None else _finite(products),
        "product_colours": None if products is None else _indices(products, most),
        "places": show.decimals([0.1, most]) if products is not None else 2,
        "sums": [show.plain(value, 4) for value in found.sums],
        "terms": [show.term(value, 4) for value in found.sums],
        "bias": None if found.bias is None else show.term(found.bias, 4),
        "divisor": found.divisor,
        "winner": found.winner,
        "result": show.plain(found.result, 4),
        "check": both(lambda w: check_text(found, w)),
    }


def _finite(values: np.ndarray[Any, Any]) -> Any:
    """Values for JSON, which has no infinities: null stands for them."""
    rounded = np.round(values, 6).astype(object)
    rounded[~np.isfinite(values)] = None
    return rounded.tolist()


def _indices(values: np.ndarray[Any, Any], end: float) -> Any:
    return maps.to_indices(values, end).tolist()
