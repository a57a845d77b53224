"""One's own numbers: matrices typed as `1 2; 3 4`, channels separated by `|`."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tatamu.lens.layer_text import to_half_width
from tatamu.lens.words import LookError

Array = npt.NDArray[np.float32]

MAX_CELLS = 1_000_000


def parse_matrix(text: str, option: str) -> Array:
    """A typed matrix as an array of shape (channels, rows, columns).

    Rows end with `;`, columns with a space or a comma, channels with `|`. `option` is the command
    line's name for the text, used in the `LookError` that a bad matrix raises.

    >>> parse_matrix("1 2; 3 4", "--input").shape
    (1, 2, 2)
    """
    plain = to_half_width(text).replace("；", ";")
    channels = [_rows(part, option) for part in plain.split("|")]
    widths = {len(row) for channel in channels for row in channel}
    heights = {len(channel) for channel in channels}
    if len(widths) != 1 or len(heights) != 1:
        lengths = ", ".join(str(len(row)) for channel in channels for row in channel)
        raise LookError("matrix.ragged", option=option, lengths=lengths)
    return np.array(channels, dtype=np.float32)


def _rows(text: str, option: str) -> list[list[float]]:
    rows = [row.replace(",", " ").split() for row in text.strip().strip(";").split(";")]
    if not all(rows):
        raise LookError("matrix.empty", option=option)
    if sum(len(row) for row in rows) > MAX_CELLS:
        raise LookError("matrix.huge", option=option, limit=f"{MAX_CELLS:,}")
    return [[_number(cell, option) for cell in row] for row in rows]


def _number(cell: str, option: str) -> float:
    try:
        value = float(cell)
    except ValueError as error:
        raise LookError("matrix.cell", option=option, cell=cell[:20]) from error
    if not math.isfinite(value):
        raise LookError("matrix.cell", option=option, cell=cell[:20])
    return value
