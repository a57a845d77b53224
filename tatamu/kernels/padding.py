"""Padding's plan: which row and which stretches of it. See `padding_emit`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Padded
from tatamu.kernels.padding_emit import emit, fields, symbol
from tatamu.kernels.pointwise import BYTE_FLOPS
from tatamu.kernels.reorder_emit import ELEMENTS
from tatamu.stage import Layout, Module, Target

__all__ = ["PaddingPlan", "PaddingProblem", "accepts", "plan"]

# Bytes of output of a work item, about.
ITEM_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PaddingProblem:
    """Pictures of (planes, rows.., pixels, channels), dense in that order, padded along the axes.

    ``value`` is the constant's bits as an integer.
    """

    itemsize: int
    planes: int
    channels: int
    axes: tuple[Padded, ...]
    value: int


def accepts(problem: PaddingProblem, target: Target) -> str | None:
    """None if the kernel can run the problem, else why it cannot."""
    if problem.itemsize not in ELEMENTS:
        return f"it moves elements of 4 and 8 bytes, not of {problem.itemsize}"
    return None


@dataclass(frozen=True, eq=False)
class PaddingPlan:
    """Everything about one problem that a call need not work out again."""

    problem: PaddingProblem
    target: Target
    row_at: NDArray[np.int64]
    stretches: NDArray[np.int64]
    numbers: dict[str, int]
    items: int
    work: int

    label = "padding"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.problem.itemsize, self.target)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.problem.itemsize, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; x and y (fields 0 and 1) are for the call to fill."""
        tables = {"row_at": self.row_at.ctypes.data, "stretches": self.stretches.ctypes.data}
        return Layout.of(fields(self.problem.itemsize)).pack(x=0, y=0, **tables, **self.numbers)


@lru_cache(maxsize=256)
def plan(problem: PaddingProblem, target: Target) -> PaddingPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    *outer, pixels = problem.axes
    row_at = np.array(
        [_row(outer, places) for places in product(*(axis.sources() for axis in outer))], np.int64
    )
    rows = 1
    for axis in outer:
        rows *= axis.size
    channels = problem.channels
    stretches = np.array(
        [
            (start if start < 0 else start * channels, first * channels, count * channels)
            for start, first, count in pixels.runs()
        ],
        np.int64,
    )
    width, wide = pixels.size * channels, pixels.out * channels
    item_rows = max(1, ITEM_BYTES // max(wide * problem.itemsize, 1))
    numbers = {
        "rows": len(row_at), "item_rows": item_rows, "row_blocks": -(-len(row_at) // item_rows),
        "runs": len(stretches), "row_elements": wide, "x_plane": rows * width, "x_row": width,
        "y_plane": len(row_at) * wide, "y_row": wide, "value": problem.value,
    }  # fmt: skip
    moved = problem.planes * (rows * width + len(row_at) * wide) * problem.itemsize
    return PaddingPlan(
        problem=problem,
        target=target,
        row_at=row_at,
        stretches=stretches,
        numbers=numbers,
        items=problem.planes * numbers["row_blocks"],
        work=BYTE_FLOPS * moved,
    )


def _row(outer: list[Padded], places: tuple[int, ...]) -> int:
    """The number of an input row; -1 where any of its places lies outside."""
    if min(places, default=0) < 0:
        return -1
    row = 0
    for axis, place in zip(outer, places, strict=True):
        row = row * axis.size + place
    return row
