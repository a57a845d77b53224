"""A script's layer calls as one self-contained HTML page: a table of lines, then every call."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import numpy as np

from tatamu.geometry import ConvSpec
from tatamu.lens import maps, show
from tatamu.lens.report import page
from tatamu.lens.script import LineSeen, Plane, Recorder, ScriptCall, Seen
from tatamu.lens.sections import data_uri, paragraph, rulers, section
from tatamu.lens.words import Words

NAMES_LISTED = 4


def script_html(script: str, recorder: Recorder, w: Words) -> str:
    """The whole page."""
    name = Path(script).name or script
    head = w(
        "script.head",
        calls=w.count("layer_call", recorder.total),
        lines=w.count("script_line", len(recorder.lines)),
        name=name,
    )
    meta = w("script.meta", limit=recorder.limit, shown=len(recorder.calls))
    files = {line.file for line in recorder.lines.values()}
    body = [
        f'<header><p class="brand">{escape(w("script.brand"))}</p><h1>{escape(head)}</h1>'
        f"{paragraph(meta, 'meta')}{paragraph(w('script.scale'), 'meta')}"
        '<div class="ramp legend"></div></header>',
        _table(recorder, len(files) > 1, w),
        *(_chapter(call, recorder, len(files) > 1, w) for call in recorder.calls),
    ]
    return page(w("script.title", name=name), "".join(body), w)


def _table(recorder: Recorder, several: bool, w: Words) -> str:
    columns = ("line", "code", "layer", "sizes", "calls")
    head = "".join(f'<th scope="col">{escape(w(f"script.column.{c}"))}</th>' for c in columns)
    rows = "".join(_row(line, several, w) for line in recorder.lines.values())
    return section(
        "lines",
        w("script.lines"),
        f'<div class="scroll"><table class="lines"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>",
    )


def _row(line: LineSeen, several: bool, w: Words) -> str:
    place = f"{_file(line.file)}:{line.line}" if several else str(line.line)
    names = list(dict.fromkeys(call.name for call in line.shown))
    layers = "<br>".join(escape(name) for name in names[:NAMES_LISTED])
    if len(names) > NAMES_LISTED:
        layers += f"<br>{escape(w('script.more', n=len(names) - NAMES_LISTED))}"
    first = line.shown[0].number if line.shown else 0
    link = f'<a href="#call-{first}">{escape(place)}</a>' if first else escape(place)
    ends = [seen for call in line.shown for seen in (call.before, call.after) if seen]
    sizes = f"{show.times(ends[0].shape)} → {show.times(ends[-1].shape)}" if ends else ""
    return (
        f"<tr><th scope='row'>{link}</th><td>{escape(line.code)}</td><td>{layers}</td>"
        f"<td class='sizes'>{sizes}</td><td>{line.calls:,}</td></tr>"
    )


def _chapter(call: ScriptCall, recorder: Recorder, several: bool, w: Words) -> str:
    line = recorder.lines[call.file, call.line]
    place = w(
        "script.place.file" if several else "script.place", file=_file(call.file), line=call.line
    )
    facts = [f"{_sizes(call)}"]
    if call.parameters:
        facts.append(w("script.weights", formula=call.parameters))
    if call.kernel:
        facts.append(w("script.kernel", kernel=call.kernel))
    return (
        f'<div class="chapter call" id="call-{call.number}"><p class="number">{call.number}</p>'
        f"<h2><code>{escape(call.name)}</code></h2>"
        f'<p class="meta"><b>{escape(place)}</b> <code>{escape(line.code)}</code></p>'
        f"{paragraph(' · '.join(facts), 'meta')}{_arithmetic(call, w)}"
        f'<div class="two">{_side(call.before, "input", w)}'
        f"{_side(call.after, 'output', w)}</div></div>"
    )


def _sizes(call: ScriptCall) -> str:
    shapes = [show.times(seen.shape) or "()" for seen in (call.before, call.after) if seen]
    return " → ".join(shapes)


def _arithmetic(call: ScriptCall, w: Words) -> str:
    """The formula of each axis, and behind a fold the ruler that shows it."""
    axes = call.axes
    if not axes:
        return ""
    lines = []
    for axis in axes:
        note = axis.rule.note(axis.size, w.lang, axis.name)
        noted = f"<span>{escape(note)}</span>" if note else ""
        name = escape(w(f"axis.{axis.name}"))
        lines.append(
            f'<p class="formula"><small>{name}</small>'
            f"<code>{escape(axis.rule.formula(axis.size))}</code>{noted}</p>"
        )
    drawn = ""
    if not (isinstance(call.spec, ConvSpec) and call.spec.transposed):
        text, blocks = rulers(axes, w)
        drawn = (
            f"<details><summary>{escape(w('script.why'))}</summary>"
            f"{paragraph(text)}{blocks}</details>"
        )
    return "".join(lines) + drawn


def _side(seen: Seen | None, side: str, w: Words) -> str:
    title = w(f"script.{side}")
    if seen is None:
        return f"<div><h3>{escape(title)}</h3>{paragraph(w('script.failed'), 'hint')}</div>"
    shape = f"{show.times(seen.shape)} {seen.dtype}"
    head = f"<h3>{escape(title)} <small>{escape(shape)}</small></h3>"
    if not seen.planes:
        return f"<div>{head}{paragraph(w('script.no_picture'), 'hint')}</div>"
    photo = ""
    if seen.colours is not None:
        photo = _photo(seen.colours, w)
    pictures = "".join(_picture(plane, title, w) for plane in seen.planes)
    few = " few" if len(seen.planes) <= 2 else ""
    return (
        f'<div>{head}{photo}<div class="maps{few}">{pictures}</div>'
        f"{paragraph(_left_out(seen, w), 'hint')}</div>"
    )


def _left_out(seen: Seen, w: Words) -> str:
    if len(seen.shape) == 2:
        rows = min(seen.shape[0], 32)
        return w("script.rows", rows=rows, count=seen.shape[0]) if rows < seen.shape[0] else ""
    channels = seen.shape[1] if len(seen.shape) > 3 else seen.shape[0]
    shown = len(seen.planes)
    if shown >= channels:
        return ""
    return w("script.channels", last=shown - 1, count=channels)


def _picture(plane: Plane, what: str, w: Words) -> str:
    channel = plane.channel
    uri = data_uri(maps.png(maps.map_picture(plane.values, channel.end)), "png")
    alt = w("script.alt", what=what, channel=plane.label or 0)
    places = show.decimals((channel.low, channel.high))
    low, high = show.signed(channel.low, places), show.signed(channel.high, places)
    number = f"<b>{escape(plane.label)}</b> " if plane.label else ""
    sharp = ' class="sharp"' if plane.values.shape[1] <= 96 else ""
    return (
        f'<figure><img{sharp} src="{uri}" alt="{escape(alt)}">'
        f"<figcaption>{number}{low} … {high} <small>±{show.plain(channel.end, 3)}</small>"
        "</figcaption></figure>"
    )


def _photo(colours: np.ndarray[tuple[int, ...], np.dtype[np.float32]], w: Words) -> str:
    from PIL import Image

    picture = Image.fromarray(np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8))
    text = escape(w("script.photo"))
    return (
        f'<figure class="photo"><img src="{data_uri(maps.png(picture), "png")}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _file(path: str) -> str:
    return os.path.basename(path)
