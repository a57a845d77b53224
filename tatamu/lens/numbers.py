"""A look at one's own numbers: the matrices, every step of the sums, the result."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tatamu.lens import show
from tatamu.lens.probe import Probe
from tatamu.lens.records import Array, LayerRecord, Look
from tatamu.lens.terminal import origin_text, sees_text, size_lines, source_lines
from tatamu.lens.words import Words
from tatamu.lens.worked import work_out

MOST_STEPS = 64
MOST_TERMS = 32
MOST_COLUMNS = 24


def number_lines(look: Look, w: Words) -> list[str]:
    """What `tatamu look --input` prints: the worked arithmetic of each layer."""
    lines = [*source_lines(look.source, w), ""]
    for record in look.layers:
        origin = origin_text(look, record, w)
        lines.append(f"{record.text}   {origin}" if origin else record.text)
        lines += ["", *size_lines(record.axes, record.output_shape, w, sees_text(record, w)), ""]
        lines += _operands(record, w)
        lines += _steps(record, w)
        lines.append(f" {w('numbers.result', shape=show.times(record.output_shape))}")
        lines += [*_matrices(record.output[0], w), ""]
    return lines[:-1]


def _operands(record: LayerRecord, w: Words) -> list[str]:
    lines = []
    if record.index == 0:
        lines += [f" {w('numbers.input')}", *_matrices(record.input[0], w), ""]
    if record.weight is None:
        return lines
    for channel, weight in enumerate(record.weight):
        name = f" {channel}" if len(record.weight) > 1 else ""
        bias = "" if record.bias is None else show.plain(float(record.bias[channel]))
        tail = f"   {w('numbers.bias', bias=bias)}" if bias else ""
        title = record.names[channel] if record.names else ""
        lines.append(f" {w('numbers.kernel')}{name} {title}".rstrip() + tail)
        lines += [*_matrices(weight, w), ""]
    return lines


def _matrices(stack: Array, w: Words) -> list[str]:
    """Matrices one below the other, their columns aligned, channels named if there are several."""
    stack = stack.reshape(-1, *stack.shape[-2:]) if stack.ndim > 1 else stack.reshape(1, 1, -1)
    lines = []
    for index, matrix in enumerate(stack):
        if len(stack) > 1:
            lines.append(f"  {w('numbers.channel', channel=index)}")
        rows = [[show.plain(float(value)) for value in row[:MOST_COLUMNS]] for row in matrix]
        width = max((len(cell) for row in rows for cell in row), default=1)
        dots = "  …" if matrix.shape[1] > MOST_COLUMNS else ""
        for row in rows[:MOST_COLUMNS]:
            lines.append("  " + "  ".join(f"{cell:>{width}}" for cell in row) + dots)
        if len(rows) > MOST_COLUMNS:
            lines.append("  …")
    return lines


def _steps(record: LayerRecord, w: Words) -> list[str]:
    if not record.has_maps:
        return []
    places = list(itertools.product(*(range(size) for size in record.output_shape[1:])))
    worked = [work_out(record, *place) for place in places[:MOST_STEPS]]
    if not worked or worked[0] is None:
        return []
    shown: Sequence[Probe | None] = worked if len(places) <= MOST_STEPS else worked[:1]
    lines = [f" {w('numbers.steps')}"]
    if len(places) > MOST_STEPS:
        lines.append(f"  {w('numbers.many', count=f'{len(places):,}')}")
    padded = False
    for one in shown:
        if one is None:
            continue
        padded = padded or not one.inside.all()
        place = w("numbers.step", row=one.row, column=one.column)
        if record.output_shape[1] > 1:
            place = f"{w('numbers.channel', channel=one.channel)}, {place}"
        lines.append(f"  {place}   {step_text(one)} = {show.plain(one.result)}")
    if padded:
        lines.append(f"  {w('numbers.padding')}")
    return [*lines, ""]


def step_text(worked: Probe) -> str:
    """The arithmetic of one output value: every product, or the channels' sums if too many."""
    values = [
        _value(float(value), bool(inside))
        for plane in worked.patch
        for value, inside in zip(plane.ravel(), worked.inside.ravel(), strict=True)
    ]
    if worked.kind == "value":
        return f"max(0, {values[0]})"
    if worked.kind == "max":
        return f"max({', '.join(values)})"
    if worked.kind == "mean":
        return f"({' + '.join(values)}) / {worked.divisor}"
    if worked.kind == "norm":
        power = show.plain(worked.power)
        return f"({' + '.join(f'{value}^{power}' for value in values)})^(1/{power})"
    if worked.weight is None or len(values) > MOST_TERMS:
        terms = [show.term(total) for total in worked.sums]
    else:
        weights = [show.term(float(value)) for value in worked.weight.ravel()]
        terms = [f"{value}·{weight}" for value, weight in zip(values, weights, strict=True)]
    if worked.bias is not None:
        terms.append(show.term(worked.bias))
    return " + ".join(terms) or "0"


def _value(value: float, inside: bool) -> str:
    if not inside:
        return "[−∞]" if value == float("-inf") else f"[{show.plain(value)}]"
    return show.term(value)
