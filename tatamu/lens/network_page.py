"""A network's look as one self-contained page: answer, river, roofline. Functions of records."""

from __future__ import annotations

from html import escape
from importlib.resources import files

import numpy as np
from PIL import Image

from tatamu.lens import maps, show
from tatamu.lens.network_look import NetworkLook
from tatamu.lens.network_records import CONSTANT, NetworkLayer
from tatamu.lens.report import page
from tatamu.lens.roofline import roofline
from tatamu.lens.sections import data_uri, definitions, figure, paragraph, section
from tatamu.lens.stages import Lane, Stage, Stages
from tatamu.lens.words import Count, Words

__all__ = ["network_html", "network_lines"]

LANE = 9
MOST_LANES = 14
THUMB = 52
TOP = 5
HIGH, LOW = 44, 7


def network_html(look: NetworkLook, w: Words) -> str:
    """The whole page."""
    style = (files("tatamu") / "data" / "river.css").read_text("utf-8")
    script = (files("tatamu") / "data" / "river.js").read_text("utf-8")
    photo = data_uri(maps.jpeg(_picture(look, 96)), "jpeg")
    body = (
        f"<style>{style}.spot {{ background-image: url({photo}); }}</style>"
        + _header(look, w)
        + _answer(look, w)
        + _river(look, w)
        + _table_section(look, w)
        + _footer(look, w)
        + f"<script>{script}</script>"
    )
    return page(w("network.title", title=look.title, name=look.source.name), body, w)


def network_lines(look: NetworkLook, w: Words) -> list[str]:
    """What the terminal says: the answer, and a line for each stage."""
    lines = [_sentence(look, w), _meta(look, w), ""]
    for score in look.record.scores[:TOP] if look.classes else ():
        percent = f"{100 * score.probability:5.1f}"
        lines.append(f" {w('network.guess', percent=percent, name=look.name(score.index, w))}")
    table = [[w(f"network.{head}") for head in HEADS]]
    table += [_cells(look, stage, w) for stage in look.stages.rows]
    widths = [max(show.cells(row[at]) for row in table) for at in range(len(HEADS))]
    lines.append("")
    for row in table:
        cells = [
            show.pad(text, width, right=at > 1)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


HEADS = (
    "stage", "output", "parameters", "work", "ms", "share", "gflops", "bandwidth", "intensity",
)  # fmt: skip


def _cells(look: NetworkLook, stage: Stage, w: Words) -> list[str]:
    total = sum(row.seconds for row in look.stages.rows) or 1.0
    main = stage.main
    return [
        f"{main.name}  {main.kind}" if main.name != main.kind else main.name,
        show.times(stage.shape),
        f"{stage.parameters:,}" if stage.parameters else "",
        f"{stage.mult_adds:,}" if stage.mult_adds else "",
        f"{1e3 * stage.seconds:.3f}",
        show.percent(stage.seconds / total),
        f"{main.gflops:.0f}" if main.mult_adds else "",
        f"{main.bandwidth:.1f}" if main.seconds else "",
        f"{main.intensity:.1f}" if main.mult_adds else "",
    ]


def _sentence(look: NetworkLook, w: Words) -> str:
    name = look.source.name
    if not look.record.scores or look.classes is None:
        return w("network.sentence.plain", title=look.title, name=name)
    answer = look.name(look.record.scores[0].index, w)
    return w("network.sentence", title=look.title, name=name, answer=answer)


def _meta(look: NetworkLook, w: Words) -> str:
    seen = look.record
    return w(
        "network.meta",
        rows=len(seen.layers),
        parameters=f"{seen.parameters:,}",
        work=f"{seen.mult_adds:,}",
        time=show.duration(seen.seconds),
        weights=w(look.origin),
    )


def _header(look: NetworkLook, w: Words) -> str:
    return (
        f'<header><p class="brand">{escape(w("report.brand"))}</p>'
        f"<h1>{escape(_sentence(look, w))}</h1>{paragraph(_meta(look, w), 'meta')}</header>"
    )


# ---- the answer ----


def _picture(look: NetworkLook, side: int = 0) -> Image.Image:
    pixels = look.pixels[:, :, 0] if look.pixels.shape[2] == 1 else look.pixels
    picture = Image.fromarray(pixels)
    return picture.resize((side, side)) if side else picture


def _answer(look: NetworkLook, w: Words) -> str:
    height, width = look.pixels.shape[:2]
    sharp = width <= 64
    saw = figure(
        data_uri(maps.png(_picture(look)), "png"),
        w("network.saw", width=width, height=height), sharp=sharp,
    )  # fmt: skip
    cards = [f'<div class="card">{saw}</div>']
    cam = look.record.cam
    if cam is not None and cam.values.any():
        heat = Image.fromarray(np.rint(255 * cam.scaled).astype(np.uint8))
        shown = heat.resize((width, height), Image.Resampling.BICUBIC)
        text = w(
            "network.cam",
            name=look.name(cam.target, w),
            layer=look.record.layers[cam.layer].name,
            most=show.plain(float(cam.values.max()), 3),
        )
        cards.append(f'<div class="card">{figure(data_uri(maps.png(shown), "png"), text)}</div>')
    bars = ""
    for score in look.record.scores[:TOP] if look.classes else ():
        percent = f"{100 * score.probability:.1f}"
        bars += (
            f'<li><span class="bar" style="width:{100 * score.probability:.2f}%"></span>'
            f"<b>{percent} %</b> {escape(look.name(score.index, w))}</li>"
        )
    answers = f'<ol class="answers">{bars}</ol>' if bars else ""
    views = f'<div class="cards few">{"".join(cards)}</div>'
    return section("answer", w("network.answer"), answers, views)


# ---- the river ----


def _river(look: NetworkLook, w: Words) -> str:
    rows = look.stages
    shown = [lane for lane in rows.lanes if lane.column < MOST_LANES]
    most = max((row.seconds for row in rows.rows), default=0.0) or 1.0
    largest = max((row.output_bytes + row.parameter_bytes for row in rows.rows), default=0) or 1
    body = "".join(_row(look, row, rows, shown, most, largest, w) for row in rows.rows)
    text = [paragraph(w("network.river.text"))]
    hidden = len(rows.lanes) - len(shown)
    if hidden:
        text.append(paragraph(w("network.lanes", count=hidden)))
    budget = look.record.budget
    if budget.notes:
        count = Count("row", len(budget.notes))
        text.append(paragraph(w("network.left", count=count, limit=budget.limit >> 20)))
    return section("river", w("network.river"), *text, f'<div class="rows">{body}</div>')


def _row(
    look: NetworkLook,
    stage: Stage,
    rows: Stages,
    lanes: list[Lane],
    most: float,
    largest: int,
    w: Words,
) -> str:
    columns = min(rows.columns, MOST_LANES)
    main = stage.main
    memory = stage.output_bytes + stage.parameter_bytes
    bars = "".join(
        f'<span class="meter {kind}" title="{escape(w(f"network.{kind}"))}: {escape(text)}">'
        f'<i style="width:{100 * share:.1f}%"></i><small>{escape(text)}</small></span>'
        for kind, share, text in (
            ("time", stage.seconds / most, show.duration(stage.seconds)),
            ("memory", memory / largest, show.size(memory)),
        )
    )
    name = escape(main.path or main.kind)
    kind = escape(main.kind)
    summary = (
        f"<summary>{_lanes(stage.index, lanes, columns)}{_band(stage)}"
        f'<span class="what"><b>{kind}</b><small>{name}</small>'
        f"<small>{show.times(stage.shape)}</small></span>"
        f'<span class="thumbs">{_thumbs(stage.last)}</span>{_spot(look, stage, w)}'
        f'<span class="meters">{bars}</span></summary>'
    )
    details = "".join(_layer(look, layer, w) for layer in stage.layers)
    inside = f'<div class="inside">{details}</div>'
    return f'<details class="stage {stage.kind}">{summary}{inside}</details>'


def _band(stage: Stage) -> str:
    """The river in this row: as wide as there are channels, as high as the picture is large."""
    height = LOW + round((HIGH - LOW) * stage.height)
    width = 8 + round(92 * stage.width)
    return f'<span class="band"><i style="width:{width}%;height:{height}px"></i></span>'


def _lanes(row: int, lanes: list[Lane], columns: int) -> str:
    """The skips that start, pass or end in a row, as lines."""
    if not columns:
        return ""
    width = columns * LANE + 4
    lines = []
    for lane in lanes:
        state = lane.state(row)
        if not state:
            continue
        x = width - (lane.column + 1) * LANE + 2
        top, bottom = {"start": (50, 100), "end": (0, 50)}.get(state, (0, 100))
        lines.append(f'<line x1="{x}" y1="{top}%" x2="{x}" y2="{bottom}%"/>')
        if state != "pass":
            lines.append(f'<line x1="{x}" y1="50%" x2="{width}" y2="50%"/>')
    return f'<svg class="lanes" width="{width}" aria-hidden="true">{"".join(lines)}</svg>'


def _thumbs(layer: NetworkLayer) -> str:
    """The four strongest maps of a stage, each on the layer's scale."""
    kept = layer.kept
    if kept is None or layer.channels is None or layer.statistics is None or not layer.has_maps:
        return ""
    end = layer.statistics.end
    pictures = []
    for channel in [c for c in layer.channels.order if c in kept.channels][:4]:
        plane = kept.channel(channel)
        if plane is None:
            continue
        picture = maps.map_picture(maps.shrink(plane, THUMB), end)
        sharp = ' class="sharp"' if plane.shape[1] < THUMB else ""
        uri = data_uri(maps.png(picture), "png")
        pictures.append(f'<img{sharp} src="{uri}" alt="" width="{THUMB}" title="{channel}">')
    return "".join(pictures)


def _spot(look: NetworkLook, stage: Stage, w: Words) -> str:
    """The part of the photo that the stage's middle pixel depends on, over the photo."""
    layer = stage.last
    if not layer.has_maps:
        return '<span class="spot none"></span>'
    box = layer.box(layer.output_shape[2] // 2, layer.output_shape[3] // 2)
    if box is None:
        return '<span class="spot none"></span>'
    height, width = look.pixels.shape[:2]
    top, left, tall, wide = box
    down, across = max(0, top), max(0, left)
    bottom, right = min(height, top + tall), min(width, left + wide)
    whole = (bottom - down, right - across) == (height, width)
    text = w("network.whole") if whole else w("network.sees", height=tall, width=wide)
    style = (
        f"top:{100 * down / height:.1f}%;left:{100 * across / width:.1f}%;"
        f"height:{100 * (bottom - down) / height:.1f}%;width:{100 * (right - across) / width:.1f}%"
    )
    return f'<span class="spot" title="{escape(text)}"><i style="{style}"></i></span>'


def _layer(look: NetworkLook, layer: NetworkLayer, w: Words) -> str:
    """One layer of an opened row."""
    rows = [("network.setting", f"<code>{escape(layer.text)}</code>")]
    inputs = []
    for edge in layer.edges:
        if edge.producer == CONSTANT:
            continue
        source = w("network.input") if edge.producer < 0 else look.record[edge.producer].name
        inputs.append(f"{source} {show.times(edge.shape)}")
    rows.append(("network.inputs", escape(", ".join(inputs))))
    if layer.role != "module" and layer.file:
        rows.append(("network.line", f"<code>{escape(layer.code)}</code>"))
    for axis in layer.axes:
        rows.append((f"axis.{axis.name}", escape(axis.rule.explain(axis.size, w.lang, axis.name))))
    found = layer.statistics
    if found is not None:
        text = w(
            "network.values.text",
            low=show.signed(found.low), high=show.signed(found.high), mean=show.signed(found.mean),
            zero=show.percent(found.zero), negative=show.percent(found.negative),
        )  # fmt: skip
        rows += [
            ("network.values", escape(text)),
            ("network.histogram", _histogram(found.histogram, found.end)),
        ]
    if layer.parameters:
        rows.append(
            ("network.parameters", escape(layer.parameters_text or f"{layer.parameters:,}"))
        )
    if layer.kernel:
        rows.append(("network.kernel", escape(layer.kernel)))
    if layer.mult_adds and layer.seconds:
        peak = look.record.peak
        share = show.percent(layer.gflops / peak) if peak else "–"
        speed = w("network.speed", gflops=f"{layer.gflops:.0f}", share=share)
        rows.append(("network.work", escape(f"{layer.mult_adds:,}  {speed}")))
    if layer.gradient is not None:
        size = f"{layer.gradient.deviation:.2g}"
        rows.append(("network.gradient", escape(w("network.gradient.text", size=size))))
    return f"<h3>{escape(layer.name)}</h3>{definitions(rows, w)}"


def _histogram(counts: tuple[int, ...], end: float) -> str:
    most = max(counts, default=0) or 1
    bars = "".join(
        f'<rect x="{at}" y="{24 - 24 * n / most:.2f}" width="0.8" height="{24 * n / most:.2f}"/>'
        for at, n in enumerate(counts)
    )
    ends = f"<small>{show.signed(-end)}</small>", f"<small>{show.signed(end)}</small>"
    return (
        f'<span class="histogram">{ends[0]}<svg viewBox="0 0 {len(counts)} 24" '
        f'preserveAspectRatio="none" aria-hidden="true">{bars}</svg>{ends[1]}</span>'
    )


# ---- the machine ----


def _table_section(look: NetworkLook, w: Words) -> str:
    seen = look.record
    head = "".join(f'<th scope="col">{escape(w(f"network.{name}"))}</th>' for name in HEADS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in _cells(look, stage, w)) + "</tr>"
        for stage in look.stages.rows
    )
    text = w(
        "network.table.text",
        peak=f"{seen.peak:.0f}",
        memory=f"{seen.memory:.0f}",
        threads=Count("thread", seen.threads),
    )
    return section(
        "figures",
        w("network.table"),
        paragraph(text),
        roofline(look.stages.rows, seen.peak, seen.memory, w),
        f'<div class="wide"><table class="figures sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>",
    )


def _footer(look: NetworkLook, w: Words) -> str:
    rows = [
        ("report.footer.command", f"<code>{escape(look.asked.command)}</code>"),
        ("report.footer.version", f"tatamu {escape(look.record.version)}"),
        ("report.footer.seed", str(look.asked.seed)),
        ("report.footer.cpu", escape(look.record.cpu)),
        ("report.footer.photo", f"<code>{look.source.sha256[:16]}</code>"),
    ]
    return f"<footer>{section('made', w('report.footer'), definitions(rows, w))}</footer>"
