"""Learning curves as an SVG: one panel for the losses, one for each measure.

Training is drawn blue and thin, validation rust and strong; the last value of each stands at the
curve's end, the epoch whose weights were kept is marked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tatamu.train.history import History

__all__ = ["curves_svg", "ticks"]

WIDE, HIGH = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 62, 40, 34

STYLE = """
.curves { --paper: #fbfaf7; --ink: #1c1d21; --soft: #62646c; --line: #e4e0d8; --rust: #a8481a;
  --blue: #1d5788; font: 12px system-ui, "Noto Sans", "Noto Sans CJK JP", sans-serif; }
@media (prefers-color-scheme: dark) { .curves { --paper: #131519; --ink: #e9e6e0;
  --soft: #9c9ea6; --line: #2d3138; --rust: #e8965c; --blue: #7fb9e6; } }
.curves text { fill: var(--soft); font-variant-numeric: tabular-nums; }
.curves .title { fill: var(--ink); font-size: 14px; font-weight: 600; }
.curves .grid { stroke: var(--line); }
.curves path { fill: none; stroke-linejoin: round; stroke-linecap: round; }
.curves .train { stroke: var(--blue); stroke-width: 1.5; }
.curves .val { stroke: var(--rust); stroke-width: 2.5; }
.curves .best { stroke: var(--soft); stroke-dasharray: 2 4; }
.curves circle.train { fill: var(--blue); stroke: none; }
.curves circle.val { fill: var(--rust); stroke: none; }
.curves text.train { fill: var(--blue); stroke: none; }
.curves text.val { fill: var(--rust); stroke: none; font-weight: 600; }
"""

NAMES = {"train": "training", "val": "validation"}


def curves_svg(history: History, names: dict[str, str] | None = None) -> str:
    """The picture; ``names`` are other words for "training", "validation" and measures.

    A history of no numbers is a picture of nothing.
    """
    words = {**NAMES, **(names or {})}
    panels = [name for name in history.columns if _is_drawn(history, name)]
    across = min(2, max(len(panels), 1))
    down = max(-(-len(panels) // across), 1)
    drawn = "".join(
        f'<g transform="translate({i % across * WIDE} {i // across * HIGH})">'
        f"{_panel(history, name, words)}</g>"
        for i, name in enumerate(panels)
    )
    width, height = across * WIDE, down * HIGH
    return (
        f'<svg class="curves" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" role="img" style="max-width:100%;height:auto">'
        f"<style>{STYLE}</style>"
        f'<rect width="{width}" height="{height}" fill="var(--paper)"/>{drawn}</svg>\n'
    )


def _is_drawn(history: History, name: str) -> bool:
    if name in ("epoch", "seconds") or name.startswith("val_"):
        return False
    numbers = _numbers(history, name)
    if name == "lr" and len(set(numbers)) < 2:
        return False
    return bool(numbers)


def _numbers(history: History, name: str) -> list[float]:
    if name not in history.columns:
        return []
    return [float(v) for v in history.column(name) if v is not None and math.isfinite(v)]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that span a range, at most so many but for one.

    >>> ticks(0.13, 0.92)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if span / (m * power) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{n * step:.10g}") for n in range(first, max(last, first + 1) + 1)]


def _panel(history: History, name: str, words: dict[str, str]) -> str:
    series = {"train": _numbers(history, name), "val": _numbers(history, f"val_{name}")}
    every = [value for values in series.values() for value in values]
    marks = ticks(min(every), max(every))
    count = max(len(values) for values in series.values())

    def x(at: int) -> float:
        return LEFT + (WIDE - LEFT - RIGHT) * (at / (count - 1) if count > 1 else 0.5)

    def y(value: float) -> float:
        share = (value - marks[0]) / (marks[-1] - marks[0])
        return HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * share

    parts = [f'<text class="title" x="{LEFT}" y="22">{escape(words.get(name, name))}</text>']
    for mark in marks:
        parts.append(
            f'<path class="grid" d="M{LEFT} {y(mark):.1f}H{WIDE - RIGHT}"/>'
            f'<text x="{LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>'
        )
    for at in _epochs(count):
        parts.append(
            f'<text x="{x(at):.1f}" y="{HIGH - BOTTOM + 20}" text-anchor="middle">{at + 1}</text>'
        )
    if history.best is not None and count > 1:
        best = x(history.best)
        parts.append(f'<path class="best" d="M{best:.1f} {TOP}V{HIGH - BOTTOM}"/>')
    parts += [_curve(kind, values, x, y) for kind, values in series.items() if values]
    ends = {kind: y(values[-1]) for kind, values in series.items() if values}
    for kind, end in _apart(ends).items():
        value = series[kind][-1]
        parts.append(
            f'<text class="{kind}" x="{x(len(series[kind]) - 1) + 8:.1f}" y="{end + 4:.1f}">'
            f"{value:.3g}</text>"
        )
    if series["val"]:
        parts.append(_legend(words))
    return "".join(parts)


def _curve(kind: str, values: Sequence[float], x: object, y: object) -> str:
    points = [(x(i), y(v)) for i, v in enumerate(values)]  # type: ignore[operator]
    line = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    end = points[-1]
    dot = f'<circle class="{kind}" cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="3"/>'
    return f'<path class="{kind}" d="M{line}"/>{dot}'


def _apart(ends: dict[str, float], least: float = 14) -> dict[str, float]:
    """Places of the last values, moved apart where one would cover the other."""
    if len(ends) == 2 and abs(ends["train"] - ends["val"]) < least:
        middle = (ends["train"] + ends["val"]) / 2
        below = ends["train"] > ends["val"]
        half = least / 2 if below else -least / 2
        return {"train": middle + half, "val": middle - half}
    return ends


def _epochs(count: int) -> list[int]:
    """The epochs whose numbers stand below: the first, the last, and some between."""
    step = max(1, round((count - 1) / 5))
    chosen = list(range(0, count - 1, step))
    if chosen and count - 1 - chosen[-1] < step * 0.6 and len(chosen) > 1:
        chosen.pop()
    return [*chosen, count - 1]


def _legend(words: dict[str, str]) -> str:
    end = WIDE - RIGHT
    return (
        f'<text x="{end}" y="22" text-anchor="end"><tspan class="train" fill="var(--blue)">'
        f'{escape(words["train"])}</tspan><tspan dx="12" class="val" fill="var(--rust)">'
        f"{escape(words['val'])}</tspan></text>"
    )
