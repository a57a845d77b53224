"""Records as one self-contained HTML page: no script, no other file, no network."""

from __future__ import annotations

import math
import re
from html import escape
from importlib.resources import files

from tatamu.geometry import ConvSpec, PoolSpec, UnpoolSpec
from tatamu.geometry.pool import Doing
from tatamu.lens import maps, show
from tatamu.lens.detail_sections import detail_sections
from tatamu.lens.pair_section import pair_section
from tatamu.lens.records import LayerRecord, Look
from tatamu.lens.sections import (
    cost_section,
    definitions,
    maps_section,
    paragraph,
    section,
    why_section,
)
from tatamu.lens.snippet import torch_code
from tatamu.lens.terminal import origin_text
from tatamu.lens.torch_section import torch_section
from tatamu.lens.view import View
from tatamu.lens.words import Words
from tatamu.lens.worked_section import worked_section

PIXEL_BUDGET = 3_000_000
WIDEST_MAP = 640


def report_html(look: Look, w: Words, view: View | None = None) -> str:
    """The whole page."""
    view = view or View()
    several = len(look.layers) > 1
    layers = " > ".join(record.text for record in look.layers)
    title = w("report.title", name=_source_name(look, w), layers=layers)
    width = embedded_width(look)
    body = [_header(look, w)]
    for record in look.layers:
        chapter = _chapter_head(look, record, w) if several else ""
        body.append(
            f'<div class="layer" id="layer-{record.index + 1}">{chapter}'
            f"{pair_section(look, record, w)}{why_section(record, w)}{worked_section(record, w)}"
            f"{detail_sections(look, record, w)}{maps_section(record, w, width, view)}"
            f"{torch_section(record, w)}{cost_section(record, w)}</div>"
        )
    body.append(_footer(look, w))
    return page(title, "".join(body), w)


def page(title: str, body: str, w: Words) -> str:
    """A page of its own with the report's style."""
    data = files("tatamu") / "data"
    style = "".join((data / name).read_text("utf-8") for name in ("report.css", "honest.css"))
    style = style.replace("RAMP", ", ".join(maps.ANCHORS))
    return (
        f'<!doctype html>\n<html lang="{w.lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def embedded_width(look: Look) -> int:
    """How wide the embedded maps may be, so that the page stays a few megabytes."""
    pictures = [record for record in look.layers if record.has_maps]
    count = sum(len(record.channels) for record in pictures)
    if not count:
        return WIDEST_MAP
    ratio = max(record.output_shape[2] / record.output_shape[3] for record in pictures)
    return max(24, min(WIDEST_MAP, int(math.sqrt(PIXEL_BUDGET / count / ratio))))


def layer_sentence(record: LayerRecord, w: Words) -> str:
    """What one layer did, in one sentence."""
    if isinstance(record.spec, ConvSpec):
        sentence = record.spec.sentence(record.input_shape, record.output_shape[1], w.lang)
        return w("report.end", text=sentence)
    if isinstance(record.spec, PoolSpec):
        kind: Doing = "avg" if "Avg" in record.kind else "max" if "Max" in record.kind else "norm"
        return w("report.end", text=record.spec.sentence(record.input_shape, kind, w.lang))
    if isinstance(record.spec, UnpoolSpec):
        return w("report.end", text=record.spec.sentence(record.input_shape, w.lang))
    key = "report.sentence.same" if record.has_maps else "report.sentence.flat"
    return w(
        key,
        layer=record.kind,
        before=_channels_last(record.input_shape),
        after=_channels_last(record.output_shape),
    )


def look_sentence(look: Look, w: Words) -> str:
    """What all layers together did, in one sentence."""
    if len(look.layers) == 1:
        return layer_sentence(look.layers[0], w)
    return w(
        "report.sentence.chain",
        count=w.count("layer", len(look.layers)),
        before=_channels_last(look.layers[0].input_shape),
        after=_channels_last(look.layers[-1].output_shape),
    )


def _channels_last(shape: tuple[int, ...]) -> str:
    return show.times((*shape[2:], *shape[1:2]) if len(shape) > 1 else shape)


def _source_name(look: Look, w: Words) -> str:
    return look.source.name if look.source.pixels is not None else w("name.numbers")


def _header(look: Look, w: Words) -> str:
    sentence = re.sub(r"\d+(×\d+)+", r"<span>\g<0></span>", escape(look_sentence(look, w)))
    notes = [w(key, **dict(values)) for key, values in look.source.notes]
    origin = origin_text(look, look.layers[0], w)
    if origin:
        notes.append(origin)
    meta = [_source_name(look, w), *notes]
    code = torch_code(look, look.source.name)
    hint = w("report.code.hint")
    if any(key == "note.sample" for key, _ in look.source.notes):
        hint = w.join(hint, w("report.code.file"))
    contents = ""
    if len(look.layers) > 1:
        items = "".join(
            f'<li><a href="#layer-{record.index + 1}"><code>{escape(record.text)}</code></a></li>'
            for record in look.layers
        )
        contents = f'<nav aria-label="{escape(w("report.contents"))}"><ol>{items}</ol></nav>'
    return (
        f'<header><p class="brand">{escape(w("report.brand"))}</p><h1>{sentence}</h1>'
        f"{paragraph(' · '.join(meta), 'meta')}{contents}"
        f'<div class="code"><h2>{escape(w("report.code"))}</h2>'
        f"<pre><code>{escape(code)}</code></pre>{paragraph(hint, 'hint')}</div></header>"
    )


def _chapter_head(look: Look, record: LayerRecord, w: Words) -> str:
    origin = origin_text(look, record, w)
    return (
        f'<div class="chapter"><p class="number">{record.index + 1}</p>'
        f"<h2><code>{escape(record.text)}</code></h2>{paragraph(layer_sentence(record, w))}"
        f"{paragraph(origin, 'meta') if origin else ''}</div>"
    )


def _footer(look: Look, w: Words) -> str:
    rows = [
        ("report.footer.command", f"<code>{escape(look.command)}</code>"),
        ("report.footer.version", f"tatamu {escape(look.version)}"),
        ("report.footer.seed", str(look.seed)),
        ("report.footer.cpu", escape(look.cpu)),
        ("report.footer.photo", f"<code>{look.source.sha256[:16]}</code>"),
        ("report.footer.weights", f"<code>{look.weights_sha256[:16]}</code>"),
    ]
    return f"<footer>{section('made', w('report.footer'), definitions(rows, w))}</footer>"
