"""Resizing's plan: tables of taps, rows shared out. See `resize_emit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Padded, Resampling
from tatamu.kernels.pointwise import BYTE_FLOPS
from tatamu.kernels.resize_emit import DTYPES, TABLES, Shape, emit, fields, symbol
from tatamu.stage import Layout, Module, Target

__all__ = ["ResizePlan", "ResizeProblem", "accepts", "plan"]

# Output elements of a work item, about.
ITEM = 16 * 1024

# How many taps may be compiled in, by rows and by pixels; else counts are read from the tables.
UNROLLED = ((1, 1), (2, 2), (4, 4))

Taps = Sequence[Sequence[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class ResizeProblem:
    """Pictures of (planes, rows, pixels, channels), dense in that order, resized along two axes.

    ``backwards`` is the gradient: from the sizes after resizing back to those before.
    """

    dtype: str
    planes: int
    channels: int
    rows: Resampling | Padded
    pixels: Resampling | Padded
    backwards: bool = False

    def sizes(self, axis: Resampling | Padded) -> tuple[int, int]:
        """Positions along an axis, read and written."""
        return (axis.out, axis.size) if self.backwards else (axis.size, axis.out)

    def taps(self, axis: Resampling | Padded) -> Taps:
        """What each position that is written is made of."""
        return axis.transposed() if self.backwards else axis.taps()


def accepts(problem: ResizeProblem, target: Target) -> str | None:
    """None if the kernel can run the problem, else why it cannot."""
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    return None


@dataclass(frozen=True, eq=False)
class ResizePlan:
    """Everything about one problem that a call need not work out again."""

    problem: ResizeProblem
    target: Target
    shape: Shape
    tables: dict[str, NDArray[np.generic]]
    numbers: dict[str, int]
    items: int
    work: int
    scratch: int

    label = "resize"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.shape, self.target)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.shape, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; x, y and scratch (fields 0 to 2) are for the call to fill."""
        addresses = {name: self.tables[name].ctypes.data for name in TABLES}
        layout = Layout.of(fields(self.problem.dtype))
        return layout.pack(x=0, y=0, scratch=0, **addresses, **self.numbers)


@lru_cache(maxsize=256)
def plan(problem: ResizeProblem, target: Target) -> ResizePlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    row_taps, pixel_taps = problem.taps(problem.rows), problem.taps(problem.pixels)
    counts = tuple(_count(taps) for taps in (row_taps, pixel_taps))
    if counts not in UNROLLED:
        counts = (0, 0)
    lanes = target.lanes(DTYPES[problem.dtype])
    shape = Shape(problem.dtype, *counts, wide=2 * problem.channels > lanes)
    (height, rows), (width, pixels) = (
        problem.sizes(axis) for axis in (problem.rows, problem.pixels)
    )
    channels = problem.channels
    item_rows = max(1, ITEM // max(pixels * channels, 1))
    numbers = {
        "rows": rows, "item_rows": item_rows, "row_blocks": -(-rows // item_rows),
        "pixels": pixels, "channels": channels, "row_elements": width * channels,
        "x_plane": height * width * channels, "x_row": width * channels, "x_pixel": channels,
        "y_plane": rows * pixels * channels, "y_row": pixels * channels, "y_pixel": channels,
    }  # fmt: skip
    itemsize = np.dtype(problem.dtype).itemsize
    moved = problem.planes * channels * (height * width + 2 * rows * pixels) * itemsize
    return ResizePlan(
        problem=problem,
        target=target,
        shape=shape,
        tables={
            **_tables("row", row_taps, problem.dtype),
            **_tables("pixel", pixel_taps, problem.dtype),
        },
        numbers=numbers,
        items=problem.planes * numbers["row_blocks"],
        work=BYTE_FLOPS * moved * (1 if shape.wide else 4),
        scratch=0 if counts[0] == 1 else width * channels * itemsize,
    )


def _count(taps: Taps) -> int:
    """How many taps every position has; 0 if they differ, or are weighted though there is one."""
    counts = {len(found) for found in taps}
    if len(counts) != 1:
        return 0
    if counts == {1} and any(weight != 1.0 for ((_, weight),) in taps):
        return 0
    return counts.pop()


def _tables(name: str, taps: Taps, dtype: str) -> dict[str, NDArray[np.generic]]:
    every = list(chain.from_iterable(taps))
    firsts = [0, *accumulate(len(found) for found in taps)]
    return {
        f"{name}_at": np.array([at for at, _ in every], np.int64),
        f"{name}_weight": np.array([weight for _, weight in every], dtype),
        f"{name}_first": np.array(firsts, np.int64),
    }
