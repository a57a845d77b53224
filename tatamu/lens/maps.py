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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image as PILImage

ANCHORS = ("#e1f2ff", "#5fa8dc", "#1d5788", "#0e1116", "#8a4420", "#df955a", "#fff0da")
"""Colours at −1, −2/3, −1/3, 0, +1/3, +2/3 and +1 of the scale's end, sRGB, linear in between."""

NO_NUMBER = "#3fae49"
"""Colour of NaN and infinities, which no point of the scale has."""

ZERO = 127
NOT_A_NUMBER = 255

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


def scale_end(values: Values) -> float:
    """Where the scale ends: the magnitude that 99.5 % of the values do not exceed.

    The very largest values sit where a window meets the zeros of the padding; with them as the
    end the rest of a map would be black. Maps that are almost all zero end at their largest value.

    >>> scale_end(np.array([[1.0, -3.0]]))
    3.0
    """
    magnitudes = np.abs(values[np.isfinite(values)])
    if magnitudes.size == 0:
        return 1.0
    end = float(np.quantile(magnitudes, 0.995, method="higher"))
    return end or float(magnitudes.max()) or 1.0


def to_indices(values: Values, end: float) -> Indices:
    """Palette indices of values on a scale from −end to +end; what lies beyond takes its end.

    >>> to_indices(np.array([-2.0, -1.0, 0.0, 0.5, np.nan]), 1.0).tolist()
    [0, 0, 127, 191, 255]
    """
    ratio = np.clip(np.nan_to_num(values / end), -1, 1)
    indices: Indices = (ZERO + np.rint(ratio * ZERO)).astype(np.uint8)
    indices[~np.isfinite(values)] = NOT_A_NUMBER
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
    """One output channel's kernel, a square per number, a gap of zero's colour between channels.

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
    canvas = np.full((down * step_y - gap, across * step_x - gap), ZERO, dtype=np.uint8)
    for channel in range(channels):
        top, left = channel // across * step_y, channel % across * step_x
        block = np.kron(to_indices(weight[channel], end), np.ones((cell, cell), dtype=np.uint8))
        canvas[top : top + rows * cell, left : left + columns * cell] = block
    picture = Image.fromarray(canvas)
    picture.putpalette(palette().tobytes())
    return picture


def shrink(values: Values, width: int) -> Values:
    """A map no wider than `width`, each pixel the mean of the values that fall into it.

    >>> shrink(np.array([[1.0, 3.0], [5.0, 7.0]]), 1).tolist()
    [[4.0]]
    """
    from PIL import Image

    if values.shape[1] <= width:
        return values
    height = max(1, round(values.shape[0] * width / values.shape[1]))
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))


def png(picture: PILImage.Image) -> bytes:
    """A picture as the bytes of a PNG file; large ones are packed quickly rather than tightly."""
    buffer = io.BytesIO()
    small = picture.width * picture.height <= 500_000
    picture.save(buffer, "PNG", compress_level=9 if small else 2)
    return buffer.getvalue()


def jpeg(picture: PILImage.Image) -> bytes:
    """A photo as the bytes of a JPEG file; transparent parts are shown on white."""
    from PIL import Image

    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
