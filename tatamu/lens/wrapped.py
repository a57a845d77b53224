"""What `to_pil_image` makes of maps, and by how much that differs from what they hold.

It multiplies by 255, drops the decimals and keeps the lowest eight bits: −0.1 becomes 231, nearly
white, and 1.1 becomes 24, nearly black. Four channels become red, green, blue and alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tatamu.lens.maps import row_blocks
from tatamu.lens.records import Array

Bytes = npt.NDArray[np.uint8]

JUMP = 128
"""A step between neighbours of more grey levels than this looks like a hard edge."""


@dataclass(frozen=True)
class Wrapping:
    """How many values lie outside 0 to 1, and one of them: the value, 255 times it, the byte."""

    negative: int
    above: int
    count: int
    example: float
    times: int
    byte: int

    @property
    def differs(self) -> bool:
        return self.negative + self.above > 0


def to_bytes(values: Array) -> Bytes:
    """The grey levels that `to_pil_image` makes of float values.

    >>> to_bytes(np.array([-0.1, 0.5, 1.1], dtype=np.float32)).tolist()
    [231, 127, 24]
    """
    with np.errstate(invalid="ignore"):
        return (values * np.float32(255)).astype(np.int64).astype(np.uint8)


def wrapping(values: Array) -> Wrapping:
    """What wraps in some maps; the example is the value of median size among those that do."""
    negative = above = 0
    found = []
    for block in row_blocks(values.reshape(-1)):
        low, high = block[block * 255 <= -1], block[block * 255 >= 256]
        negative += low.size
        above += high.size
        found += [low[:512], high[:512]]
    wrapped = np.concatenate(found)
    wrapped = np.sort(wrapped[np.isfinite(wrapped)])
    example = float(wrapped[wrapped.size // 2]) if wrapped.size else 0.0
    times = int(np.float32(example) * np.float32(255))
    byte = int(to_bytes(np.array([example], np.float32))[0])
    return Wrapping(negative, above, int(values.size), example, times, byte)


def jumps(levels: Bytes) -> int:
    """How many neighbours, across and down, differ by more than `JUMP` grey levels.

    >>> jumps(np.array([[0, 255, 250]], dtype=np.uint8))
    1
    """
    signed = levels.astype(np.int16)
    across = np.abs(np.diff(signed, axis=1)) > JUMP
    down = np.abs(np.diff(signed, axis=0)) > JUMP
    return int(across.sum() + down.sum())


def torch_picture(planes: Array) -> Image.Image:
    """The picture that `to_pil_image` gives of one to four maps (channels, rows, columns)."""
    levels = to_bytes(planes)
    if len(levels) == 1:
        return Image.fromarray(levels[0])
    mode = {2: "LA", 3: "RGB", 4: "RGBA"}[len(levels)]
    stacked = np.ascontiguousarray(levels.transpose(1, 2, 0))
    return Image.frombytes(mode, (levels.shape[2], levels.shape[1]), stacked.tobytes())
