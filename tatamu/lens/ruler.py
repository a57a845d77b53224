"""One axis of a layer as a ruler: pixels, padding, windows and what no window reads, in SVG.

Short axes are drawn whole, long ones as their two ends with a break between. Windows too wide for
single pixels are drawn to scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tatamu.lens.records import AxisSeen
from tatamu.lens.words import Words

WIDTH = 912.0
CELL = 24.0
MOST_CELLS = 38
END_CELLS = 18
WIDEST = 14
MOST_LANES = 5
TOP = 22.0


def is_scaled(axis: AxisSeen) -> bool:
    """Whether the axis is drawn to scale, its window being too wide for single pixels."""
    window = axis.rule.window
    long = window.padded(axis.size) > MOST_CELLS
    return long and max(window.extent, *window.pad) > WIDEST


def readers(axis: AxisSeen, position: int) -> list[int]:
    """The outputs that read a position: a convolution's inverse is the transposed one.

    >>> from tatamu.geometry import ConvSpec
    >>> from tatamu.lens.records import axes_seen
    >>> readers(axes_seen(ConvSpec.make(3, padding=1), (5, 5))[0], 0)
    [1, 0]
    """
    return [o for o, _ in axis.rule.window.back_taps(position) if 0 <= o < axis.out]


def ruler(axis: AxisSeen, w: Words) -> str:
    """The ruler of an axis as an `<svg>` element."""
    height, parts = _scaled(axis) if is_scaled(axis) else _cells(axis)
    before, after = axis.rule.window.pad
    label = w(
        "report.ruler.alt",
        name=w(f"axis.{axis.name}"),
        size=axis.size,
        before=before,
        after=after,
        out=axis.out,
    )
    return (
        f'<svg class="ruler" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {WIDTH:g} {height:g}">{"".join(parts)}</svg>'
    )


def _cells(axis: AxisSeen) -> tuple[float, list[str]]:
    window = axis.rule.window
    first, stop = -window.pad[0], axis.size + window.pad[1]
    if axis.rule.ceil_mode:
        stop = max(stop, window.taps(axis.out - 1)[-1] + 1)
    if stop - first <= MOST_CELLS:
        return _stretch(axis, range(first, stop), 1.0)
    left_end = range(first, first + END_CELLS)
    right_end = range(stop - END_CELLS, stop)
    offset = WIDTH - END_CELLS * CELL
    left_height, left_parts = _stretch(axis, left_end, 0.0)
    right_height, right_parts = _stretch(axis, right_end, offset)
    middle = WIDTH / 2
    dots = "".join(
        f'<circle class="break" cx="{middle + step:g}" cy="{TOP + CELL / 2:g}" r="2"/>'
        for step in (-9, 0, 9)
    )
    return max(left_height, right_height), [*left_parts, dots, *right_parts]


def _stretch(axis: AxisSeen, positions: range, left: float) -> tuple[float, list[str]]:
    """A run of cells from x = `left`, and beneath it the windows that lie within."""
    parts = []
    met: set[int] = set()
    for place, position in enumerate(positions):
        reading = readers(axis, position)
        met.update(reading)
        beyond = position >= axis.size + axis.rule.window.pad[1]
        parts.append(_cell(axis, position, left + place * CELL, not reading and not beyond))
    inside = sorted(o for o in met if _within(axis, o, positions))
    lanes = min(MOST_LANES, _lanes(axis))
    for o in inside:
        y = TOP + CELL + 10 + (o % lanes) * 21
        last = o == axis.out - 1
        parts.append(_bracket(axis, o, positions, left, y, last))
    return TOP + CELL + 14 + lanes * 21, parts


def _lanes(axis: AxisSeen) -> int:
    """How many rows keep neighbouring brackets from touching."""
    window = axis.rule.window
    return -(-window.extent // window.stride)


def _within(axis: AxisSeen, o: int, positions: range) -> bool:
    taps = axis.rule.window.taps(o)
    return taps[0] >= positions[0] and taps[-1] <= positions[-1]


def _cell(axis: AxisSeen, position: int, x: float, missing: bool) -> str:
    padding = not 0 <= position < axis.size
    kind = "pad" if padding else "pix"
    parts = f'<rect class="{kind}" x="{x:g}" y="{TOP:g}" width="{CELL:g}" height="{CELL:g}"/>'
    if padding:
        lines = [(0, 8, 8, 0), (0, 16, 16, 0), (0, 24, 24, 0), (8, 24, 24, 8), (16, 24, 24, 16)]
        path = "".join(f"M{x + a:g} {TOP + b:g}L{x + c:g} {TOP + d:g}" for a, b, c, d in lines)
        parts += f'<path class="hatch" d="{path}"/>'
    else:
        # Numbers of four digits are wider than a cell: every other one, up to the last.
        if position < 1000 or (axis.size - position) % 2:
            parts += f'<text class="at" x="{x + CELL / 2:g}" y="{TOP + 16:g}">{position}</text>'
    if missing:
        inset = 4
        a, b = x + inset, x + CELL - inset
        c, d = TOP + inset, TOP + CELL - inset
        parts += f'<rect class="miss" x="{x:g}" y="{TOP:g}" width="{CELL:g}" height="{CELL:g}"/>'
        parts += f'<path class="strike" d="M{a:g} {c:g}L{b:g} {d:g}M{b:g} {c:g}L{a:g} {d:g}"/>'
    return parts


def _bracket(axis: AxisSeen, o: int, positions: range, left: float, y: float, last: bool) -> str:
    taps = axis.rule.window.taps(o)
    x0 = left + (taps[0] - positions[0]) * CELL + 2
    x1 = left + (taps[-1] - positions[0] + 1) * CELL - 2
    kind = "win last" if last else "win"
    dots = "".join(
        f'<circle cx="{left + (tap - positions[0] + 0.5) * CELL:g}" cy="{y:g}" r="2.2"/>'
        for tap in taps
    )
    return (
        f'<g class="{kind}"><path d="M{x0:g} {y:g}v6H{x1:g}v-6"/>{dots}'
        f'<text x="{(x0 + x1) / 2:g}" y="{y + 16:g}">{o}</text></g>'
    )


def _scaled(axis: AxisSeen) -> tuple[float, list[str]]:
    window = axis.rule.window
    before, after = window.pad
    last = window.taps(axis.out - 1)
    stop = max(axis.size + after, last[-1] + 1)
    scale = WIDTH / (before + stop)

    def at(position: float) -> float:
        return (position + before) * scale

    parts = [
        _band("pix", at(0), at(axis.size)),
        *_hatched(at(-before), at(0)),
        *_hatched(at(axis.size), at(axis.size + after)),
    ]
    left_over = axis.size + after - (last[-1] + 1)
    if left_over > 0:
        parts.append(_band("miss", at(last[-1] + 1), at(axis.size + after)))
    for position, anchor in ((0, "start"), (axis.size, "end")):
        parts.append(
            f'<text class="edge {anchor}" x="{at(position):g}" y="{TOP - 7:g}">{position}</text>'
        )
    shown = sorted({0, 1, 2, axis.out - 1} & set(range(axis.out)))
    for lane, o in enumerate(shown):
        taps = window.taps(o)
        y = TOP + CELL + 10 + lane * 21
        kind = "win last" if o == axis.out - 1 else "win"
        x0, x1 = at(taps[0]), at(taps[-1] + 1)
        parts.append(
            f'<g class="{kind}"><path d="M{x0:.1f} {y:g}v6H{x1:.1f}v-6"/>'
            f'<text x="{_clear((x0 + x1) / 2):.1f}" y="{y + 17:g}">{o}</text></g>'
        )
    return TOP + CELL + 16 + len(shown) * 21, parts


def _clear(x: float) -> float:
    """A label's place, kept off the edges."""
    return min(max(x, 14.0), WIDTH - 14.0)


def _band(kind: str, x0: float, x1: float) -> str:
    width = max(x1 - x0, 1.5)
    return f'<rect class="{kind}" x="{x0:.1f}" y="{TOP:g}" width="{width:.1f}" height="{CELL:g}"/>'


def _hatched(x0: float, x1: float) -> Sequence[str]:
    if x1 <= x0:
        return ()
    strokes, x = [], x0 - CELL
    while x < x1:
        a, b = max(x, x0), min(x + CELL, x1)
        strokes.append(f"M{a:.1f} {TOP + CELL - (a - x):.1f}L{b:.1f} {TOP + CELL - (b - x):.1f}")
        x += 8
    return (_band("pad", x0, x1), f'<path class="hatch" d="{"".join(strokes)}"/>')
