"""Animations as pixels: frames by Pillow, and from them a GIF or a WebP.

Only Pillow's own typeface is used, which every machine has. It knows basic Latin; the signs of
arithmetic that it lacks are drawn here, and words in other letters are left to the SVG.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.lens.animation_colours import LIGHT
from tatamu.lens.animation_stage import Mark, Sheet, Text

if TYPE_CHECKING:
    from PIL import Image as PILImage
    from PIL import ImageDraw

FINER = 2
"""Frames are drawn so many times as large and made smaller, which smooths every edge."""

HATCH = 9
MOST_COLOURS = 256

Stroke = tuple[tuple[float, float], ...]

# Signs as strokes within a square from (0, −0.5) to (width, 0.5), in units of the type's size.
SIGNS: dict[str, tuple[float, tuple[Stroke, ...]]] = {
    "−": (0.58, (((0.08, 0.04), (0.5, 0.04)),)),
    "×": (0.58, (((0.11, -0.14), (0.47, 0.22)), ((0.11, 0.22), (0.47, -0.14)))),
    "∗": (0.58, (((0.29, -0.2), (0.29, 0.28)), ((0.08, -0.08), (0.5, 0.16)),
                 ((0.08, 0.16), (0.5, -0.08)))),
    "→": (1.0, (((0.1, 0.04), (0.9, 0.04)), ((0.64, -0.18), (0.9, 0.04), (0.64, 0.26)))),
    "←": (1.0, (((0.1, 0.04), (0.9, 0.04)), ((0.36, -0.18), (0.1, 0.04), (0.36, 0.26)))),
    "⌊": (0.36, (((0.12, -0.5), (0.12, 0.46), (0.3, 0.46)),)),
    "⌋": (0.36, (((0.24, -0.5), (0.24, 0.46), (0.06, 0.46)),)),
    "⌈": (0.36, (((0.3, -0.46), (0.12, -0.46), (0.12, 0.5)),)),
    "⌉": (0.36, (((0.06, -0.46), (0.24, -0.46), (0.24, 0.5)),)),
    "∞": (0.9, (((0.45, 0.04), (0.34, -0.1), (0.2, -0.12), (0.08, 0.04), (0.2, 0.2), (0.34, 0.18),
                 (0.45, 0.04), (0.56, -0.1), (0.7, -0.12), (0.82, 0.04), (0.7, 0.2), (0.56, 0.18),
                 (0.45, 0.04)),)),
}  # fmt: skip


def frames(sheet: Sheet) -> list[PILImage.Image]:
    """Every frame as a picture of mode RGB, in the colours of light paper."""
    return [_frame(sheet, index) for index in range(len(sheet.durations))]


def gif(sheet: Sheet) -> bytes:
    """The bytes of a GIF that repeats for ever."""
    return _saved(_of_one_palette(frames(sheet)), sheet, "GIF", optimize=False, disposal=1)


def webp(sheet: Sheet) -> bytes:
    """The bytes of a WebP without loss that repeats for ever."""
    return _saved(frames(sheet), sheet, "WEBP", lossless=True, quality=60, method=4)


def _saved(pictures: Sequence[PILImage.Image], sheet: Sheet, kind: str, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    durations = list(sheet.durations)
    pictures[0].save(
        buffer, kind, save_all=True, append_images=pictures[1:], duration=durations, loop=0,
        **settings,
    )  # fmt: skip
    return buffer.getvalue()


def _of_one_palette(pictures: Sequence[PILImage.Image]) -> list[PILImage.Image]:
    """The pictures on one palette: every colour of a role exactly, then the commonest blends."""
    from PIL import Image

    weights = np.array([1 << 16, 1 << 8, 1])
    found: dict[int, int] = {}
    for picture in pictures:
        codes, counts = np.unique(np.asarray(picture) @ weights, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            found[code] = found.get(code, 0) + count
    roles = [int(colour[1:], 16) for colour in LIGHT.values()]
    common = sorted(found, key=lambda code: (-found[code], code))
    chosen = list(dict.fromkeys([*roles, *common]))[:MOST_COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette(b"".join(code.to_bytes(3, "big") for code in chosen))
    return [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]


def _frame(sheet: Sheet, index: int) -> PILImage.Image:
    from PIL import Image, ImageDraw

    size = (sheet.width * FINER, sheet.height * FINER)
    picture = Image.new("RGB", size, LIGHT["paper"])
    draw = ImageDraw.Draw(picture)
    for mark in sheet.frame(index):
        _draw(draw, picture, mark)
    return picture.reduce(FINER)


def _draw(draw: ImageDraw.ImageDraw, picture: PILImage.Image, mark: Mark) -> None:
    if isinstance(mark, Text):
        _write(draw, mark)
        return
    left, top = round(mark.x * FINER), round(mark.y * FINER)
    right, low = round((mark.x + mark.width) * FINER), round((mark.y + mark.height) * FINER)
    if right <= left or low <= top:
        return
    if mark.fill:
        draw.rectangle((left, top, right, low), LIGHT[mark.fill])
    if mark.hatched:
        _hatch(picture, (left, top, right, low))
    if mark.outline:
        half = round(mark.thick * FINER / 2)
        grown = (left - half, top - half, right + half, low + half)
        edge = (left, top, right, low) if mark.thick <= 1 else grown
        draw.rectangle(edge, None, LIGHT[mark.outline], round(mark.thick * FINER))


def _hatch(picture: PILImage.Image, place: tuple[int, int, int, int]) -> None:
    """Slanting lines, from one pattern for the whole picture, so that neighbours join."""
    left, top, right, low = place
    y, x = np.ogrid[top:low, left:right]
    lines = (x + y) % (HATCH * FINER) < FINER
    from PIL import Image

    mask = Image.fromarray((lines * 255).astype(np.uint8))
    picture.paste(LIGHT["hatch"], (left, top, right, low), mask)


@functools.lru_cache(maxsize=64)
def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _runs(text: str) -> list[str]:
    """A text cut before and after each sign that is drawn."""
    found = [""]
    for char in text:
        if char in SIGNS:
            found += [char, ""]
        else:
            found[-1] += char
    return [run for run in found if run]


def _width(text: str, size: float) -> float:
    total = 0.0
    for run in _runs(text):
        total += SIGNS[run][0] * size if run in SIGNS else _font(size).getlength(run)
    return total


def _write(draw: ImageDraw.ImageDraw, text: Text) -> None:
    size = text.size * FINER
    width = sum(_width(piece, size) for piece, _ in text.pieces)
    shift = {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    x, y = text.x * FINER - shift, text.y * FINER
    for piece, role in text.pieces:
        for run in _runs(piece):
            if run in SIGNS:
                x += _sign(draw, run, x, y, size, LIGHT[role])
            else:
                # The capitals' middle lies above that of ascender and descender.
                draw.text((x, y + size * 0.34), run, LIGHT[role], _font(size), anchor="ls")
                x += _font(size).getlength(run)


def _sign(
    draw: ImageDraw.ImageDraw, sign: str, x: float, y: float, size: float, colour: str
) -> float:
    width, strokes = SIGNS[sign]
    for stroke in strokes:
        points = [(x + across * size, y + down * size) for across, down in stroke]
        draw.line(points, colour, max(2, round(size * 0.075)), joint="curve")
    return width * size
