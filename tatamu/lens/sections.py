"""The parts of the report that belong to one layer."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from tatamu.geometry import Axis
from tatamu.lens import maps, show
from tatamu.lens.kernels_seen import has_kernels, kernel_of
from tatamu.lens.records import AxisSeen, Channel, Cost, LayerRecord
from tatamu.lens.ruler import is_scaled, ruler
from tatamu.lens.terminal import kernel_text, speed_text, wrap_text
from tatamu.lens.view import View, page_order
from tatamu.lens.words import Words
from tatamu.lens.wrapped import torch_picture


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a `data:` address, so that the report needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def section(kind: str, title: str, *content: str) -> str:
    """A section with its heading."""
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{"".join(content)}</section>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    named = f' class="{kind}"' if kind else ""
    return f"<p{named}>{escape(text)}</p>"


def figure(uri: str, caption: str, kind: str = "", sharp: bool = False) -> str:
    """A picture with its caption, which also is what those hear who cannot see it."""
    named = f' class="{kind}"' if kind else ""
    pixels = ' class="sharp"' if sharp else ""
    return (
        f'<figure{named}><img{pixels} src="{uri}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def claim(said: str, *proof: str) -> str:
    """What people say of a picture, and what this very picture has to say to it."""
    body = "".join(f"<p>{escape(text)}</p>" for text in proof)
    return f'<aside class="claim"><h3>{escape(said)}</h3>{body}</aside>'


def definitions(rows: Iterable[tuple[str, str]], w: Words) -> str:
    """Names, given as keys of texts, and beside each some HTML."""
    body = "".join(f"<div><dt>{escape(w(key))}</dt><dd>{html}</dd></div>" for key, html in rows)
    return f"<dl>{body}</dl>"


def channel_name(channel: Channel) -> str:
    """A channel's number, with its kernel's name where it has one."""
    return f"{channel.index} ({channel.name})" if channel.name else str(channel.index)


def why_section(record: LayerRecord, w: Words) -> str:
    """A ruler for each axis, the formula beneath it."""
    if not record.axes:
        key = "report.why.none" if record.has_maps else "report.why.flat"
        return section("why", w("report.why"), paragraph(w(key)))
    text, blocks = rulers(record.axes, w)
    return section("why", w("report.why"), paragraph(text), blocks)


def rulers(axes: Sequence[AxisSeen], w: Words) -> tuple[str, str]:
    """What the rulers show, as a text, and for each axis its ruler with the formula beneath."""
    back = any(axis.rule.transposed for axis in axes)
    drawings = [ruler(_stamps(axis), w) for axis in axes]
    scaled = any(is_scaled(axis) for axis in axes)
    unread = w("report.why.unread.scaled" if scaled else "report.why.unread")
    text = w.join(
        w("report.why.back" if back else "report.why.text"),
        w("report.why.cut" if back else "report.why.padding")
        if any('class="pad"' in d for d in drawings)
        else "",
        (w("report.why.unfilled") if back else unread)
        if any('class="miss"' in d for d in drawings)
        else "",
        w("report.why.scaled") if scaled else "",
    )
    blocks = []
    for axis, drawing in zip(axes, drawings, strict=True):
        name = w(f"axis.{axis.name}")
        head = w("report.axis", name=name, size=axis.size, out=axis.out)
        formula = escape(axis.rule.formula(axis.size))
        note = escape(axis.rule.note(axis.size, w.lang, axis.name))
        noted = f"<span>{note}</span>" if note else ""
        blocks.append(
            f'<div class="axis"><h3>{escape(head[0].upper() + head[1:])}</h3>'
            f'<div class="scroll">{drawing}</div>'
            f'<p class="formula"><code>{formula}</code>{noted}</p></div>'
        )
    return text, "".join(blocks)


def _stamps(axis: AxisSeen) -> AxisSeen:
    """A transposed axis as the window that it reverses: what each input value is spread over."""
    if not axis.rule.transposed:
        return axis
    return AxisSeen(axis.name, axis.out, axis.size, Axis(axis.rule.window))


def maps_section(record: LayerRecord, w: Words, width: int, view: View | None = None) -> str:
    """Every map beside its kernel, with its statistics, scale and histogram."""
    if not record.has_maps:
        return ""
    view = view or View()
    text = [w("report.maps.text")] if record.index == 0 else []
    if record.index == 0:
        text.append(w(f"report.maps.{view.scale}"))
    if record.weight is not None and has_kernels(record):
        text.append(w("report.maps.kernels"))
        if 1 < record.weight.shape[1] <= 4 and record.index == 0:
            names = ["R", "G", "B", "alpha"][: record.weight.shape[1]]
            text.append(w("report.channels.order", names=", ".join(names)))
    if any(channel.clipped for channel in record.channels):
        text.append(w("report.maps.clipped"))
    count = len(record.channels)
    size = "few" if count <= 16 else "many" if count <= 64 else "masses"
    cards = [
        _card(record, record.channels[place], w, width, view) for place in page_order(record, view)
    ]
    note = wrap_text(record, w)
    noted = paragraph(w("report.note", text=note), "note") if note else ""
    title = w("report.maps" if count > 1 else "report.maps.one", count=w.count("feature", count))
    return section(
        "maps",
        title,
        paragraph(w.join(*text)) if text else "",
        noted,
        f'<div class="cards {size}">{"".join(cards)}</div>',
    )


def _small_percent(share: float) -> str:
    return f"{share * 100:.1f} %" if share >= 0.0005 else "<0.1 %"


def _card(record: LayerRecord, channel: Channel, w: Words, width: int, view: View) -> str:
    plane = record.output[0, channel.index]
    uri = data_uri(maps.png(maps.map_picture(maps.shrink(plane, width), channel.end)), "png")
    alt = w("report.map.alt", channel=channel_name(channel))
    sharp = ' class="sharp"' if plane.shape[1] <= 128 else ""
    kernel = _kernel(record, channel, w)
    places = show.decimals((channel.low, channel.high))
    facts: dict[str, str] = {
        "table.min": show.signed(channel.low, places),
        "table.max": show.signed(channel.high, places),
        "table.mean": show.signed(channel.mean, places),
        "table.negative": escape(show.percent(channel.negative)),
    }
    if channel.clipped:
        facts["report.map.clipped"] = escape(_small_percent(channel.clipped))
    strongest = len(record.channels) > 1 and channel.index == record.order[0]
    tag = f"<em>{escape(w('report.map.strongest'))}</em>" if strongest and channel.edges else ""
    name = f" <b>{escape(channel.name)}</b>" if channel.name else ""
    wrapped = ""
    if view.torch:
        seen = data_uri(maps.png(torch_picture(plane[None])), "png")
        wrapped = f'<img{sharp} src="{seen}" alt="{escape(w("wrapped.one", map=alt))}">'
    return (
        f'<article class="card"><h3><span>{channel.index}</span>{name}{tag}</h3>'
        f'<div class="side">{kernel}<img{sharp} src="{uri}" alt="{escape(alt)}">{wrapped}</div>'
        f"{_scale(channel, places)}{definitions(facts.items(), w)}</article>"
    )


def _kernel(record: LayerRecord, channel: Channel, w: Words) -> str:
    """The channel's kernel: up to four input channels stand one above the other."""
    weight = kernel_of(record, channel.index)
    if weight is None:
        return ""
    end = float(np.abs(weight).max()) or 1.0
    few = len(weight) <= 4
    picture = maps.kernel_picture(weight, end, 12, across=1 if few else None)
    alt = w("report.kernel.alt", channel=channel_name(channel))
    return (
        f'<div class="kernel{"" if few else " wide"}"><img class="sharp" '
        f'src="{data_uri(maps.png(picture), "png")}" alt="{escape(alt)}">'
        f"<small>±{show.plain(end, 3)}</small></div>"
    )


def _scale(channel: Channel, places: int) -> str:
    """The colour scale with both ends, the histogram of the values standing on it."""
    top = max(channel.histogram) or 1
    step = 240 / len(channel.histogram)
    heights = [22 * (count / top) ** 0.5 for count in channel.histogram]
    bars = "".join(
        f"M{i * step:g} 24v{-max(tall, 0.8):.1f}h{step - 0.6:.2g}V24z"
        for i, tall in enumerate(heights)
        if channel.histogram[i]
    )
    end = show.signed(channel.end, places)
    return (
        '<div class="scale"><svg viewBox="0 0 240 24" preserveAspectRatio="none" '
        f'aria-hidden="true"><path d="{bars}"/></svg><div class="ramp"></div>'
        f"<p><span>{show.signed(-channel.end, places)}</span><span>0</span>"
        f"<span>{end}</span></p></div>"
    )


def cost_section(record: LayerRecord, w: Words) -> str:
    """Weights, mult-adds, memory, kernel, time and speed."""
    cost = record.cost
    rows: list[tuple[str, str]] = []
    if cost.parameters:
        rows.append(("report.cost.weights", escape(cost.parameters_text)))
        rows.append(("report.cost.mult_adds", f"{cost.mult_adds:,}"))
    rows.append(("report.cost.bytes", show.size(cost.bytes_moved)))
    rows.append(("report.cost.kernel", escape(kernel_text(record, w))))
    time = show.duration(cost.seconds)
    runs = w("report.cost.runs", runs=w.count("run", cost.runs))
    if cost.compile_seconds > 0 and not cost.cached:
        runs += " " + w("time.compiled", compile=show.duration(cost.compile_seconds))
    rows.append(("report.cost.time", f"{time} <small>{escape(runs)}</small>"))
    speed = speed_text(record, w)
    if speed:
        rows.append(("report.cost.speed", escape(speed) + _speed_bar(cost)))
    return section("cost", w("report.cost"), definitions(rows, w))


def _speed_bar(cost: Cost) -> str:
    if cost.shortcut or cost.peak < cost.gflops:
        return ""
    share = min(cost.gflops / cost.peak, 1) * 100
    return (
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" width="100" height="4"/><rect class="part" width="{share:.1f}" '
        'height="4"/></svg>'
    )
