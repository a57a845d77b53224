"""Animations as one self-contained SVG: no script, CSS alone moves it.

It pauses under the pointer, follows the reader's light or dark, and stands still on its last frame
where the reader has asked for less motion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from html import escape

from tatamu.lens.animation import Animation
from tatamu.lens.animation_colours import DARK, LIGHT
from tatamu.lens.animation_stage import Box, Glide, Mark, Sheet, Text, Timed, lay_out
from tatamu.lens.words import Words

GLIDE = 260
"""Milliseconds that an outline takes from one place to the next."""

FACES = (
    'ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",Menlo,Consolas,monospace,'
    '"Noto Sans CJK JP","Hiragino Sans","Yu Gothic UI",sans-serif'
)
BOARDS = ("input", "kernel", "output", "overlap", "columns", "weights", "product")


def animation_svg(animation: Animation, w: Words) -> str:
    """An animation as SVG text, for a file of its own or for the midst of an HTML page.

    Its names and rules carry a prefix made of its content, so that several can stand on one page.
    """
    sheet = lay_out(animation, {name: w(f"animate.board.{name}") for name in BOARDS})
    body = "".join(_body(sheet, "PREFIX"))
    prefix = "t" + hashlib.sha256(body.encode()).hexdigest()[:10]
    kinds = " ".join(w(f"animate.scene.{scene.kind}") for scene in animation.scenes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{prefix}" role="img" '
        f'viewBox="0 0 {sheet.width} {sheet.height}" lang="{w.lang}" tabindex="0">'
        f"<title>{escape(animation.text)}</title><desc>{escape(kinds)}</desc>"
        f"{body}</svg>\n"
    ).replace("PREFIX", prefix)


def _body(sheet: Sheet, prefix: str) -> Iterator[str]:
    ends = _ends(sheet)
    yield f"<style>{_style(sheet, prefix)}</style>"
    yield (
        f'<pattern id="{prefix}-hatch" width="9" height="9" patternUnits="userSpaceOnUse">'
        '<path class="hatch" d="M-1 1l2-2M0 9l9-9M8 10l2-2"/></pattern>'
    )
    yield f'<rect class="paper" width="{sheet.width}" height="{sheet.height}"/>'
    last = len(sheet.durations) - 1
    for (first, until), marks in _together(sheet.marks):
        drawn = "".join(_mark(mark, prefix) for mark in marks)
        if (first, until) == (0, last):
            yield drawn
            continue
        final = " z" if until == last else ""
        name = f"{prefix}-{first}-{until}"
        yield f'<g class="t{final}" style="animation-name:{name}">{drawn}</g>'
    for number, glide in enumerate(sheet.glides):
        box = glide.box
        final = " z" if glide.places[-1][0] == last else ""
        _, x, y = glide.places[-1]
        yield (
            f'<rect class="m{final} o-{box.outline}" width="{box.width:g}" height="{box.height:g}" '
            f'stroke-width="{box.thick:g}" '
            f'style="transform:translate({x:g}px,{y:g}px);animation-name:{prefix}-m{number}"/>'
        )
    rules = [_shown(f"{prefix}-{a}-{b}", ends[a], ends[b + 1]) for a, b in _spans(sheet)]
    rules += [_moved(f"{prefix}-m{n}", glide, ends) for n, glide in enumerate(sheet.glides)]
    yield f"<style>{''.join(rules)}</style>"


def _ends(sheet: Sheet) -> list[float]:
    """Where each frame begins, in per cent of the whole, and at last 100."""
    total = sum(sheet.durations)
    ends, at = [0.0], 0
    for duration in sheet.durations:
        at += duration
        ends.append(100 * at / total)
    return ends


def _together(marks: tuple[Timed, ...]) -> Iterator[tuple[tuple[int, int], list[Mark]]]:
    """Marks that follow one another and are seen in the same frames."""
    span, found = (-1, -1), list[Mark]()
    for timed in marks:
        if (timed.first, timed.last) != span:
            if found:
                yield span, found
            span, found = (timed.first, timed.last), []
        found.append(timed.mark)
    if found:
        yield span, found


def _spans(sheet: Sheet) -> list[tuple[int, int]]:
    whole = (0, len(sheet.durations) - 1)
    return sorted({(timed.first, timed.last) for timed in sheet.marks} - {whole})


def _style(sheet: Sheet, prefix: str) -> str:
    seconds = sum(sheet.durations) / 1000
    own = f"#{prefix}"
    names = [name for name in LIGHT if name != "hatch"]
    fills = "".join(f"{own} .{name}{{fill:var(--{name})}}" for name in names)
    lines = "".join(
        f"{own} .o-{name}{{stroke:var(--{name})}}"
        for name in ("line", "window-line", "kernel-line", "result")
    )
    timing = f"{seconds:g}s step-end infinite"
    return (
        f"{own}{{{_variables(LIGHT)}max-width:100%;height:auto;display:block;"
        f"font-family:{FACES};font-variant-numeric:tabular-nums}}"
        f"@media(prefers-color-scheme:dark){{{own}{{{_variables(DARK)}}}}}"
        f"{own} text{{dominant-baseline:central;white-space:pre}}"
        f"{own} .m{{fill:none;animation:{seconds:g}s ease-in-out infinite}}"
        f"{own} .t{{animation:{timing}}}"
        f"{own} .t:not(.z),{own} .m:not(.z){{visibility:hidden}}"
        f"{own} .hatch{{fill:none;stroke:var(--hatch)}}"
        f"{own}:hover *,{own}:focus *{{animation-play-state:paused!important}}"
        f"{own}:focus{{outline:none}}{own}:focus-visible{{outline:2px solid var(--result)}}"
        f"@media(prefers-reduced-motion:reduce){{{own} *{{animation:none!important}}}}"
        f"{fills}{lines}"
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def _shown(name: str, begin: float, end: float) -> str:
    """A rule that makes visible from one moment to another."""
    before = "" if begin == 0 else "0%{visibility:hidden}"
    after = "" if end >= 100 else f"{end:.4g}%{{visibility:hidden}}"
    closing = "" if end < 100 else "100%{visibility:visible}"
    return f"@keyframes {name}{{{before}{begin:.4g}%{{visibility:visible}}{after}{closing}}}"


def _moved(name: str, glide: Glide, ends: list[float]) -> str:
    """A rule that holds an outline in each place, and glides where one frame follows another."""
    total = ends[-1]
    shift = 0.0
    rules = []
    frames = {frame: (x, y) for frame, x, y in glide.places}
    for frame, (x, y) in frames.items():
        begin, end = ends[frame], ends[frame + 1]
        place = f"transform:translate({x:g}px,{y:g}px)"
        seen = f"{{{place};visibility:visible}}"
        unseen = f"{{{place};visibility:hidden}}"
        if frame - 1 in frames:
            shift = min((end - begin) / 3, _glide_share(ends, frame))
            rules.append(f"{begin + shift:.5g}%{seen}")
        else:
            if begin > 0:
                rules.append(f"0%{unseen}" if not rules else "")
                rules.append(f"{begin - 0.001:.5g}%{unseen}")
            rules.append(f"{begin:.5g}%{seen}")
        rules.append(f"{end:.5g}%{seen}")
        if frame + 1 not in frames and end < total:
            rules.append(f"{end + 0.001:.5g}%{unseen}")
            rules.append(f"100%{unseen}" if frame == max(frames) else "")
    return f"@keyframes {name}{{{''.join(rules)}}}"


def _glide_share(ends: list[float], frame: int) -> float:
    """What a glide takes of the whole, in per cent; a frame lasts a second or two."""
    return (ends[frame + 1] - ends[frame]) / 5


def _mark(mark: Mark, prefix: str) -> str:
    if isinstance(mark, Text):
        return _text(mark)
    return _box(mark, prefix)


def _box(mark: Box, prefix: str) -> str:
    place = f'x="{mark.x:.5g}" y="{mark.y:.5g}" width="{mark.width:.5g}" height="{mark.height:.5g}"'
    outline = f" o-{mark.outline}" if mark.outline else ""
    drawn = f'<rect class="{mark.fill}{outline}" {place}/>'
    if mark.hatched:
        drawn += f'<rect fill="url(#{prefix}-hatch)" {place}/>'
    return drawn


def _text(mark: Text) -> str:
    anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
    bold = ' font-weight="600"' if mark.bold else ""
    place = f'x="{mark.x:.5g}" y="{mark.y:.5g}" font-size="{mark.size:.4g}"{anchor}{bold}'
    if len(mark.pieces) == 1:
        text, role = mark.pieces[0]
        return f'<text class="{role}" {place}>{escape(text)}</text>'
    spans = "".join(f'<tspan class="{role}">{escape(text)}</tspan>' for text, role in mark.pieces)
    return f"<text {place}>{spans}</text>"
