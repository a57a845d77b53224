"""`tatamu size`: the arithmetic of layers on an input of which only the size is known."""

from __future__ import annotations

import re
import sys

from tatamu.lens.chain import make_chain
from tatamu.lens.layer_text import build, fill_in, parse_layers, to_half_width
from tatamu.lens.terminal import size_report
from tatamu.lens.words import LookError, Words

MAX_SIDE = 10**9
COLOURS = 3


def size_lines(layers: str, given: str, w: Words) -> list[str]:
    """The lines of `tatamu size`. Raises `LookError`."""
    height, width = parse_size(given)
    calls = parse_layers(layers)
    first = build(fill_in(calls[0], COLOURS))
    channels = getattr(first, "in_channels", COLOURS)
    shape = (1, channels, height, width)
    steps = make_chain(calls, shape, given, "numbers", most_values=sys.maxsize)
    return size_report((height, width), [(str(step.call), step.spec) for step in steps], w)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of a typed size; one number stands for both.

    >>> parse_size("600x1500"), parse_size("224"), parse_size("６００×１５００")
    ((600, 1500), (224, 224), (600, 1500))
    """
    plain = to_half_width(text).strip().lower()
    found = re.fullmatch(r"(\d{1,20})(?:\s*[x×*,]\s*(\d{1,20}))?", plain, re.ASCII)
    if found is None:
        raise LookError("size.format", text=text)
    height, width = int(found[1]), int(found[2] or found[1])
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise LookError("size.range", text=text, limit=f"{MAX_SIDE:,}")
    return height, width
