"""The report's "one number, worked": patch, kernel, sums and result as tables."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from tatamu.lens import maps, show
from tatamu.lens.probe import Probe
from tatamu.lens.records import LayerRecord
from tatamu.lens.sections import paragraph, section
from tatamu.lens.words import Count, Words
from tatamu.lens.worked import work_out

MOST_SIDE = 7
MOST_CHANNELS = 4
MOST_SUMS = 16

Grid = npt.NDArray[np.float64]


def worked_section(record: LayerRecord, w: Words) -> str:
    """How the value at the record's spot comes about; empty for layers without an account."""
    spot = record.spot
    worked = work_out(record, spot.channel, spot.row, spot.column) if spot else None
    if worked is None:
        return ""
    return section(
        "worked",
        w("report.worked"),
        paragraph(worked_text(worked, w)),
        _grids(record, worked, w),
        _sum(record, worked, w),
        paragraph(check_text(worked, w), "gave"),
    )


def worked_text(worked: Probe, w: Words) -> str:
    """What the layer does at one output, where it reads and, in pooling, which value won."""
    count = Count("contribution", worked.patch.size)
    text = w(
        f"report.worked.{worked.kind}",
        channel=worked.channel,
        divisor=worked.divisor,
        count=count,
        power=show.plain(worked.power),
    )
    if worked.kind == "value":
        return text
    if not worked.patch.size:
        return w("report.worked.bare" if worked.bias is None else "report.worked.alone")
    rows, columns = _span(worked.rows), _span(worked.columns)
    where = w("report.end", text=w("probe.reads", rows=rows, columns=columns))
    where = where[0].upper() + where[1:]
    if worked.winner is None:
        return w.join(text, where)
    row, column = worked.winner
    won = w("probe.winner", row=worked.rows[row], column=worked.columns[column])
    return w.join(text, where, w("report.end", text=won[0].upper() + won[1:]))


def check_text(worked: Probe, w: Words) -> str:
    """What the layer itself gave, and whether the account comes to the same."""
    output = show.plain(worked.output)
    if worked.error == 0:
        return w("report.worked.exact", output=output)
    key = "report.worked.checked" if worked.agrees else "report.worked.differs"
    apart, tolerance = show.plain(worked.error, 2), show.plain(worked.tolerance, 2)
    return w(key, output=output, apart=apart, tolerance=tolerance)


def _span(places: tuple[int, ...]) -> str:
    """
    >>> _span((3, 4, 5)), _span((-1, 0, 1)), _span((-1, 1)), _span((7,))
    ('3–5', '−1 … 1', '−1, 1', '7')
    """
    shown = [show.plain(place) for place in places]
    even = len(places) > 2 and places[-1] - places[0] == len(places) - 1
    between = " … " if places[:1] < (0,) else "–"
    return f"{shown[0]}{between}{shown[-1]}" if even else ", ".join(shown)


def channel_label(record: LayerRecord, channel: int) -> str:
    """R, G, B and alpha of a photo, else the channel's number; nothing where there is but one."""
    if record.input_shape[1] == 1:
        return ""
    if record.index == 0 and record.input_shape[1] in (3, 4):
        return ("R", "G", "B", "α")[channel]
    return str(channel)


def _grids(record: LayerRecord, worked: Probe, w: Words) -> str:
    if worked.kind == "value" or not worked.patch.size:
        return ""
    if max(worked.patch.shape[1:]) > MOST_SIDE:
        return paragraph(w("report.worked.large"))
    count = len(worked.patch)
    shown = min(count, MOST_CHANNELS)
    rows = []
    patch_places = _places(worked.patch[:shown])
    products = worked.products
    end = 1.0 if worked.weight is None else float(np.abs(worked.weight).max()) or 1.0
    for i in range(shown):
        label = escape(channel_label(record, worked.first_channel + i))
        named = f'<span class="label">{label}</span>' if label else ""
        parts = [named, _patch_table(worked, i, patch_places, w)]
        if worked.weight is not None and products is not None:
            places = _places(worked.weight[:shown])
            names = _captions(worked.kind)
            parts += [
                '<span class="op">×</span>',
                _kernel_table(worked.weight[i], end, places, w(names[1])),
                '<span class="op">=</span>',
                _product_table(products[i], _places(products[:shown]), w),
                f'<output><span class="op">Σ</span> {show.plain(worked.sums[i])}</output>',
            ]
        rows.append(f'<div class="step">{"".join(parts)}</div>')
    rest = ""
    if count > shown:
        rest = paragraph(w("report.worked.rest", shown=shown, count=count))
    return f'<div class="scroll"><div class="steps">{"".join(rows)}</div></div>{rest}'


def _patch_table(worked: Probe, channel: int, places: int, w: Words) -> str:
    chosen = worked.winner
    cells = []
    for i, row in enumerate(worked.patch[channel]):
        line = ""
        for j, value in enumerate(row):
            kind = "" if worked.inside[i, j] else ' class="pad"'
            kind = ' class="chosen"' if chosen == (i, j) else kind
            text = "−∞" if value == -np.inf else _fixed(value, places)
            line += f"<td{kind}>{text}</td>"
        cells.append(f"<tr>{line}</tr>")
    caption = f"<caption>{escape(w(_captions(worked.kind)[0]))}</caption>"
    return f'<table class="patch">{caption}<tbody>{"".join(cells)}</tbody></table>'


def _captions(kind: str) -> tuple[str, str]:
    """What the patch and the weights beside it are called."""
    if kind == "scatter":
        return "report.worked.pixels", "report.worked.weights"
    return (
        "report.worked.patch" if kind == "sum" else "report.worked.window",
        "report.worked.kernel",
    )


def _product_table(products: Grid, places: int, w: Words) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{_fixed(float(value), places)}</td>' for value in row)}</tr>"
        for row in products
    )
    caption = f"<caption>{escape(w('report.worked.products'))}</caption>"
    return f'<table class="products">{caption}<tbody>{rows}</tbody></table>'


def _kernel_table(weight: Grid, end: float, places: int, name: str) -> str:
    colours = maps.palette()[maps.to_indices(weight, end)]
    cells = []
    for row, tints in zip(weight, colours, strict=True):
        line = ""
        for value, (red, green, blue) in zip(row, tints.tolist(), strict=True):
            ink = "#000" if 299 * red + 587 * green + 114 * blue > 128_000 else "#fff"
            style = f"background:rgb({red},{green},{blue});color:{ink}"
            line += f'<td style="{style}">{_fixed(float(value), places)}</td>'
        cells.append(f"<tr>{line}</tr>")
    caption = f"<caption>{escape(name)}</caption>"
    return f'<table class="weights">{caption}<tbody>{"".join(cells)}</tbody></table>'


def _places(values: Grid) -> int:
    """Decimals that suit all of some values: none for whole numbers."""
    finite = values[np.isfinite(values)]
    return 0 if (finite == np.rint(finite)).all() else show.decimals(finite)


def _fixed(value: float, places: int) -> str:
    return show.signed(value, places).lstrip("+")


def _sum(record: LayerRecord, worked: Probe, w: Words) -> str:
    result = f"<b>{show.plain(worked.result)}</b>"
    if worked.kind == "max":
        return f'<p class="total">max = {result}</p>'
    if worked.kind == "value":
        return f'<p class="total">max(0, {show.plain(float(worked.patch[0, 0, 0]))}) = {result}</p>'
    if worked.kind == "mean":
        return f'<p class="total">{show.plain(worked.sums[0])} / {worked.divisor} = {result}</p>'
    if worked.kind == "norm":
        root = f"<sup>1/{show.plain(worked.power)}</sup>"
        return f'<p class="total">{show.plain(worked.sums[0])}{root} = {result}</p>'
    if not worked.patch.size:
        return f'<p class="total">{result}</p>'
    shown = worked.sums[:MOST_SUMS]
    terms = [
        _term(value, channel_label(record, worked.first_channel + i))
        for i, value in enumerate(shown)
    ]
    hidden = worked.sums[MOST_SUMS:]
    if hidden:
        others = w("report.worked.others", count=w.count("channel", len(hidden)))
        terms.append(_term(float(sum(hidden)), others))
    if worked.bias is not None:
        terms.append(_term(worked.bias, w("report.worked.bias")))
    return f'<p class="total">{" + ".join(terms)} = {result}</p>'


def _term(value: float, label: str) -> str:
    small = f"<small>{escape(label)}</small>" if label else ""
    return f'<span class="term">{show.term(value)}{small}</span>'
