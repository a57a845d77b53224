"""`tatamu solve 224 56`: the layers that lead from one size to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tatamu.geometry import Limits, Setting, settings
from tatamu.geometry.solve import Doer, nearest, needed_kernel
from tatamu.lens import show
from tatamu.lens.sizes import parse_size
from tatamu.lens.words import LookError, Words

__all__ = ["Asked", "Way", "solve_lines", "torch_line", "ways"]

LAYERS: dict[Doer, str] = {
    "conv": "Conv2d(3, 8, ", "transposed": "ConvTranspose2d(3, 8, ", "pool": "MaxPool2d(",
}  # fmt: skip
MOST_KERNEL = 64
MOST_SIDE = 4096
Pair = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """What was asked for, as it was typed."""

    before: str
    after: str
    doer: Doer
    kernel: int = 11
    dilation: int = 3
    rows: int = 12
    as_json: bool = False


@dataclass(frozen=True)
class Way:
    """One layer that does it: its setting along the height and along the width."""

    height: Setting
    width: Setting

    @property
    def square(self) -> bool:
        """Whether both axes have one setting."""
        return self.height == self.width


def ways(before: Pair, after: Pair, doer: Doer, limits: Limits) -> list[Way]:
    """All layers that make pictures of `after` from pictures of `before`, usual ones first.

    Where one setting serves both axes only those are listed; else each setting of the height with
    the best of the width that has its dilation and rounds as it does.

    >>> best = ways((224, 224), (112, 112), "conv", Limits())[0].height
    >>> best.kernel, best.stride, best.padding
    (3, 2, 1)
    """
    down = settings(before[0], after[0], doer, limits)
    if before[0] == before[1] and after[0] == after[1]:
        return [Way(one, one) for one in down]
    across = settings(before[1], after[1], doer, limits)
    both = set(across)
    square = [Way(one, one) for one in down if one in both]
    if square:
        return square
    found = []
    for one in down:
        partner = next((two for two in across if two.ceil_mode == one.ceil_mode), None)
        if partner is not None:
            found.append(Way(one, partner))
    return found


def torch_line(way: Way, doer: Doer) -> str:
    """The layer as it is written in torch, channels as an example.

    >>> torch_line(ways((224, 224), (112, 112), "conv", Limits())[0], "conv")
    'nn.Conv2d(3, 8, 3, stride=2, padding=1)'
    """

    def both(name: str) -> int | Pair:
        pair = getattr(way.height, name), getattr(way.width, name)
        return pair[0] if pair[0] == pair[1] else pair

    kernel = both("kernel")
    parts = [str(kernel)]
    usual = kernel if doer == "pool" else 1
    named = (("stride", usual), ("padding", 0), ("output_padding", 0), ("dilation", 1))
    parts += [f"{name}={both(name)}" for name, default in named if both(name) != default]
    if way.height.ceil_mode:
        parts.append("ceil_mode=True")
    return f"nn.{LAYERS[doer]}{', '.join(parts)})"


def solve_lines(asked: Asked, w: Words) -> list[str]:
    """What the terminal says. Raises `LookError` for sizes and limits that make no sense."""
    before, after = parse_size(asked.before), parse_size(asked.after)
    for text, pair in ((asked.before, before), (asked.after, after)):
        if max(pair) > MOST_SIDE:
            raise LookError("size.range", text=text, limit=f"{MOST_SIDE:,}")
    for option, value, most in (
        ("--max-kernel", asked.kernel, MOST_KERNEL),
        ("--max-dilation", asked.dilation, MOST_KERNEL),
        ("--rows", asked.rows, 10_000),
    ):
        if not 1 <= value <= most:
            raise LookError("solve.limit", option=option, value=value, most=most)
    limits = Limits(asked.kernel, asked.dilation)
    found = ways(before, after, asked.doer, limits)
    shown = found[: asked.rows]
    if asked.as_json:
        return [json.dumps(_data(asked, found), indent=1)]
    head = w("solve.heading", before=show.times(before), after=show.times(after))
    if not found:
        return [head, "", *_nothing(asked, before, after, limits, w)]
    table = [[w(f"solve.{name}") for name in ("kernel", "stride", "padding", "dilation")]]
    for way in shown:
        table.append([
            _pair(way, name) for name in ("kernel", "stride", "padding", "dilation")
        ])  # fmt: skip
    widths = [max(show.cells(row[at]) for row in table) for at in range(4)]
    lines = []
    for row, line in zip(table, ["", *(torch_line(way, asked.doer) for way in shown)], strict=True):
        cells = [show.pad(text, width, right=True) for text, width in zip(row, widths, strict=True)]
        lines.append(f" {'  '.join(cells)}   {line}".rstrip())
    first = shown[0]
    sums = [
        f" {show.pad(w(f'axis.{name}'), 8)}{one.axis(asked.doer).formula(size)}"
        for name, one, size in (
            ("height", first.height, before[0]), ("width", first.width, before[1])
        )
    ]  # fmt: skip
    left = len(found) - len(shown)
    notes = [w("solve.first"), *sums]
    if left:
        notes.append(w("solve.left", count=f"{left:,}", rows=asked.rows + left))
    notes.append(w("solve.limits", kernel=asked.kernel, dilation=asked.dilation))
    return [head, "", *lines, "", *notes]


def _pair(way: Way, name: str) -> str:
    values = getattr(way.height, name), getattr(way.width, name)
    return str(values[0]) if values[0] == values[1] else show.times(values)


def _nothing(asked: Asked, before: Pair, after: Pair, limits: Limits, w: Words) -> list[str]:
    """What would fit, where nothing does: other sizes, or a larger kernel."""
    lines = [w("solve.nothing", kernel=asked.kernel, dilation=asked.dilation)]
    for name, size, out in zip(("height", "width"), before, after, strict=True):
        if settings(size, out, asked.doer, limits):
            continue
        near = nearest(size, out, asked.doer, limits)
        axis = w(f"axis.{name}")
        if near:
            reached = w("solve.or").join(map(str, near))
            lines.append(w("solve.nearest", axis=axis, size=size, near=reached))
        larger = needed_kernel(size, out, asked.doer, limits)
        if larger is not None:
            text = torch_line(Way(larger, larger), asked.doer)
            lines.append(w("solve.larger", axis=axis, layer=text))
        if before == (before[0],) * 2 and after == (after[0],) * 2:
            break
    return lines


def _data(asked: Asked, found: Sequence[Way]) -> list[dict[str, Any]]:
    return [
        {"height": asdict(way.height), "width": asdict(way.width),
         "torch": torch_line(way, asked.doer)}
        for way in found
    ]  # fmt: skip
