"""The account of one output value as lines of text."""

from __future__ import annotations

from tatamu.lens import show
from tatamu.lens.aim import aimed_at
from tatamu.lens.numbers import step_text
from tatamu.lens.probe import Grid, Probe
from tatamu.lens.records import LayerRecord, Look
from tatamu.lens.words import Words
from tatamu.lens.worked import work_out
from tatamu.lens.worked_section import (
    MOST_CHANNELS,
    MOST_SIDE,
    channel_label,
    check_text,
    worked_text,
)


def probe_lines(look: Look, w: Words) -> list[str]:
    """The account of the value that was asked for: tables, sums, result and check."""
    record = aimed_at(look.layers)
    spot = None if record is None else record.spot
    if record is None or spot is None:
        return []
    title = w("probe.title", channel=spot.channel, row=spot.row, column=spot.column)
    worked = work_out(record, spot.channel, spot.row, spot.column)
    if worked is None:
        value = float(record.output[0, spot.channel, spot.row, spot.column])
        return [title, f"  {show.plain(value)}"]
    lines = [title, f"  {worked_text(worked, w)}"]
    if worked.patch.size and max(worked.patch.shape[1:]) <= MOST_SIDE and worked.kind != "value":
        lines += ["", *_tables(record, worked, w)]
    total = step_text(worked) if worked.weight is None else _total(record, worked, w)
    lines += [f"  {total} = {show.plain(worked.result)}", f"  {check_text(worked, w)}"]
    return lines


def _tables(record: LayerRecord, worked: Probe, w: Words) -> list[str]:
    """Patch, weights and products side by side, a block for each of the first channels."""
    lines: list[str] = []
    shown = worked.patch[:MOST_CHANNELS]
    products = worked.products
    for index, patch in enumerate(shown):
        label = channel_label(record, worked.first_channel + index)
        blocks = [_cells(patch, shown, worked)]
        signs = []
        if worked.weight is not None and products is not None:
            blocks.append(_cells(worked.weight[index], worked.weight[:MOST_CHANNELS]))
            blocks.append(_cells(products[index], products[:MOST_CHANNELS]))
            signs = [" × ", " = "]
        middle = (len(patch) - 1) // 2
        for row, parts in enumerate(zip(*blocks, strict=True)):
            line = f"  {label if row == middle else '':<2} {parts[0]}"
            for sign, part in zip(signs, parts[1:], strict=False):
                line += f"{sign if row == middle else '   '}{part}"
            if signs and row == middle:
                line += f"  Σ {show.plain(worked.sums[index])}"
            lines.append(line.rstrip())
        lines.append("")
    if len(worked.patch) > len(shown):
        rest = w("report.worked.rest", shown=len(shown), count=len(worked.patch))
        lines += [f"  {rest}", ""]
    if not worked.inside.all():
        lines += [f"  {w('probe.padding')}", ""]
    return lines


def _cells(values: Grid, like: Grid, worked: Probe | None = None) -> list[str]:
    """The rows of a table, with the decimals that suit all tables of its kind."""
    finite = [float(value) for value in like.ravel() if abs(value) < float("inf")]
    whole = all(value == round(value) for value in finite)
    places = 0 if whole else show.decimals(finite)
    texts = []
    for i, row in enumerate(values):
        line = []
        for j, value in enumerate(row):
            known = abs(value) < float("inf")
            text = show.signed(float(value), places).lstrip("+") if known else "−∞"
            padding = worked is not None and not worked.inside[i, j]
            won = worked is not None and worked.winner == (i, j)
            line.append(f"[{text}]" if padding else f"‹{text}›" if won else f" {text} ")
        texts.append(line)
    width = max(len(text) for line in texts for text in line)
    return ["".join(f"{text:>{width}}" for text in line) for line in texts]


def _total(record: LayerRecord, worked: Probe, w: Words) -> str:
    """The sums per channel and the bias, each with its name."""
    terms = []
    for index, value in enumerate(worked.sums[:MOST_CHANNELS]):
        label = channel_label(record, worked.first_channel + index)
        terms.append(f"{show.term(value)} ({label})" if label else show.term(value))
    hidden = worked.sums[MOST_CHANNELS:]
    if hidden:
        others = w("report.worked.others", count=w.count("channel", len(hidden)))
        terms.append(f"{show.term(float(sum(hidden)))} ({others})")
    if worked.bias is not None:
        terms.append(f"{show.term(worked.bias)} ({w('report.worked.bias')})")
    return " + ".join(terms) or "0"
