"""Feature maps and kernels as honest pictures.

One picture per channel, on a scale whose middle colour is zero: black. Positive values go through
rust to cream, negative ones through blue to pale blue, equally bright at equal distance, so the
sign survives every common colour blindness and a grey print still shows the strength. Where the
scale ends is stored beside every picture. Pixels are indices into one palette, hence every
picture can be read back as numbers; alpha carries nothing.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image as PILImage

ANCHORS = ("#e1f2ff", "#5fa8dc", "#1d5788", "#0e1116", "#8a4420", "#df955a", "#fff0da")
"""Colours at −1, −2/3, −1/3, 0, +1/3, +2/3 and +1 of the scale's end, sRGB, linear in between."""

NO_NUMBER = "#3fae49"
"""Colour of NaN and infinities, which no point of the scale has."""

GAP = "#8f9197"
"""Colour between the channels of a kernel."""

ZERO = 127
NOT_A_NUMBER = 255

BLOCK = 1 << 16
"""Values worked on at a time: few enough that what is made of them stays in a core's cache."""

SAMPLE = 20_000

Number = TypeVar("Number", bound=np.generic)
Values = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.uint8]


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def palette() -> npt.NDArray[np.uint8]:
    """The 256 colours: 0..254 run from −end over 127 (zero) to +end, 255 marks "no number".

    >>> palette()[ZERO].tolist()
    [14, 17, 22]
    """
    anchors = np.array([_rgb(colour) for colour in ANCHORS], dtype=float)
    places = np.linspace(0, len(ANCHORS) - 1, 255)
    known = np.arange(len(ANCHORS))
    ramp = np.stack([np.interp(places, known, anchors[:, c]) for c in range(3)], axis=1)
    return np.concatenate([np.rint(ramp), [_rgb(NO_NUMBER)]]).astype(np.uint8)


def row_blocks(values: npt.NDArray[Number]) -> Iterator[npt.NDArray[Number]]:
    """An array in runs of rows of about `BLOCK` values.

    >>> [block.shape for block in row_blocks(np.zeros((150, 1000)))]
    [(65, 1000), (65, 1000), (20, 1000)]
    """
    step = max(1, BLOCK // max(1, values[:1].size))
    for top in range(0, len(values), step):
        yield values[top : top + step]


def scale_end(values: Values) -> float:
    """Where the scale ends: the magnitude that 99.5 % of the values do not exceed.

    The very largest values sit where a window meets the zeros of the padding; with them as the
    end the rest of a map would be black. Maps that are almost all zero end at their largest value.

    >>> scale_end(np.array([[1.0, -3.0]]))
    3.0
    """
    count = sum(int(np.isfinite(block).sum()) for block in row_blocks(values))
    if count == 0:
        return 1.0
    beyond = count - 1 - math.ceil(0.995 * (count - 1))
    sample = np.abs(values.reshape(-1)[:: max(1, values.size // SAMPLE)])
    sample = sample[np.isfinite(sample)]
    guess = float(np.quantile(sample, 0.98)) if sample.size else 0.0
    largest = _at_least(values, guess)
    if largest.size <= beyond:
        largest = _at_least(values, 0.0)
    if largest.size <= beyond:
        return float(largest.max(initial=0.0)) or 1.0
    place = largest.size - 1 - beyond
    return float(np.partition(largest, place)[place])


def _at_least(values: Values, least: float) -> Values:
    """The finite magnitudes from `least` on but zero, in one row."""
    found = []
    for block in row_blocks(values):
        sizes = np.abs(block)
        found.append(sizes[(sizes >= least) & (sizes > 0) & (sizes < np.inf)])
    return np.concatenate(found)


def to_indices(values: Values, end: float) -> Indices:
    """Palette indices of values on a scale from −end to +end; what lies beyond takes its end.

    >>> to_indices(np.array([-2.0, -1.0, 0.0, 0.5, np.nan]), 1.0).tolist()
    [0, 0, 127, 191, 255]
    """
    indices: Indices = np.empty(values.shape, dtype=np.uint8)
    for block, levels in zip(row_blocks(values), row_blocks(indices), strict=True):
        known = np.isfinite(block)
        shown = block if known.all() else np.where(known, block, 0)
        levels[:] = np.rint(np.clip(shown / end, -1, 1) * ZERO) + ZERO
        levels[~known] = NOT_A_NUMBER
    return indices


def map_picture(values: Values, end: float) -> PILImage.Image:
    """A feature map, pixel for pixel, as a picture of mode P."""
    from PIL import Image

    picture = Image.fromarray(to_indices(values, end))
    picture.putpalette(palette().tobytes())
    return picture


def kernel_picture(
    weight: Values, end: float, cell: int = 24, across: int | None = None
) -> PILImage.Image:
    """One output channel's kernel, a square per number, a grey gap between channels.

    `weight` is (input channels, rows, columns); `across` channels stand side by side: all of them
    up to eight, else about as many as down.
    """
    from PIL import Image

    channels, rows, columns = weight.shape
    across = across or (channels if channels <= 8 else math.ceil(math.sqrt(channels)))
    down = -(-channels // across)
    cell = max(1, min(cell, 2048 // max(across * columns, down * rows)))
    gap = max(1, cell // 3)
    step_y, step_x = rows * cell + gap, columns * cell + gap
    # Weights are numbers all, so the place of what is none serves for the gap.
    size = (down * step_y - gap, across * step_x - gap)
    canvas = np.full(size, NOT_A_NUMBER, dtype=np.uint8)
    for channel in range(channels):
        top, left = channel // across * step_y, channel % across * step_x
        block = np.kron(to_indices(weight[channel], end), np.ones((cell, cell), dtype=np.uint8))
        canvas[top : top + rows * cell, left : left + columns * cell] = block
    picture = Image.fromarray(canvas)
    picture.putpalette(np.concatenate([palette()[:-1], [_rgb(GAP)]]).astype(np.uint8).tobytes())
    return picture


def shrink(values: Values, width: int) -> Values:
    """A map no wider than `width`, each pixel the mean of the values that fall into it.

    >>> shrink(np.array([[1.0, 3.0], [5.0, 7.0]]), 1).tolist()
    [[4.0]]
    """
    rows, columns = values.shape
    if columns <= width:
        return values
    height = max(1, round(rows * width / columns))
    tops, lefts = np.arange(height) * rows // height, np.arange(width) * columns // width
    sums = np.add.reduceat(np.add.reduceat(values, lefts, axis=1), tops, axis=0)
    counts = np.outer(np.diff(tops, append=rows), np.diff(lefts, append=columns))
    means: Values = sums / counts.astype(sums.dtype)
    return means


def png(picture: PILImage.Image) -> bytes:
    """A picture as the bytes of a PNG file; large ones are packed quickly rather than tightly."""
    buffer = io.BytesIO()
    small = picture.width * picture.height <= 500_000
    picture.save(buffer, "PNG", compress_level=9 if small else 1)
    return buffer.getvalue()


def on_white(picture: PILImage.Image) -> PILImage.Image:
    """A photo whose transparent parts are white."""
    from PIL import Image

    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def jpeg(picture: PILImage.Image) -> bytes:
    """A photo as the bytes of a JPEG file; transparent parts are shown on white."""
    buffer = io.BytesIO()
    on_white(picture).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
