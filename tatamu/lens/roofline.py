"""Stages against the machine's roofline (Williams, Waterman and Patterson, 2009), as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10

from tatamu.lens.stages import Stage
from tatamu.lens.words import Words

__all__ = ["bound", "roofline"]

WIDTH, HEIGHT, LEFT, BOTTOM = 900, 320, 56, 36
LOWEST = 0.1


def bound(intensity: float, peak: float, memory: float) -> float:
    """GFLOP/s that the machine allows for so many operations to a byte.

    >>> bound(2.0, 100.0, 30.0), bound(10.0, 100.0, 30.0)
    (60.0, 100.0)
    """
    return min(peak, intensity * memory)


def roofline(rows: Sequence[Stage], peak: float, memory: float, w: Words) -> str:
    """The plot; empty where the machine's limits are not known or nothing multiplies."""
    dots = [row.main for row in rows if row.main.mult_adds and row.main.seconds > 0]
    if not dots or not peak or not memory:
        return ""
    right = max(100.0, *(layer.intensity for layer in dots)) * 2
    top = max(peak, *(layer.gflops for layer in dots)) * 2
    low = min(1.0, *(layer.gflops for layer in dots)) / 2

    def x(intensity: float) -> float:
        share = log10(max(intensity, LOWEST) / LOWEST) / log10(right / LOWEST)
        return LEFT + share * (WIDTH - LEFT - 12)

    def y(speed: float) -> float:
        share = log10(max(speed, low) / low) / log10(top / low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10)

    knee = peak / memory
    roof = " ".join(f"{x(at):.1f},{y(bound(at, peak, memory)):.1f}" for at in (LOWEST, knee, right))
    marks = []
    for power in range(-1, 6):
        value = 10.0**power
        if LOWEST <= value <= right:
            marks.append(
                f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 16}" class="mid">{value:g}</text>'
            )
        if low <= value <= top:
            marks.append(
                f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" class="end">{value:g}</text>'
            )
            marks.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 12}" y1="{y(value):.1f}" '
                f'y2="{y(value):.1f}"/>'
            )
    total = sum(layer.seconds for layer in dots)
    circles = "".join(
        f'<circle cx="{x(d.intensity):.1f}" cy="{y(d.gflops):.1f}" '
        f'r="{3 + 14 * (d.seconds / total) ** 0.5:.1f}"><title>{escape(d.name)}: '
        f"{d.gflops:.0f} GFLOP/s</title></circle>"
        for d in dots
    )
    return (
        f'<svg class="roofline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(w("network.table"))}">{"".join(marks)}'
        f'<polyline class="roof" points="{roof}"/>{circles}'
        f'<text x="{WIDTH - 12}" y="{HEIGHT - 4}" class="end">'
        f"{escape(w('network.intensity'))}</text>"
        f'<text x="4" y="12">{escape(w("network.gflops"))}</text></svg>'
    )
