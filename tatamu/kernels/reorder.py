"""Copies into another order of axes: their plan. See `reorder_emit`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.pointwise import BYTE_FLOPS, merged
from tatamu.kernels.reorder_emit import ELEMENTS, TOGETHER, emit, fields, symbol
from tatamu.stage import Layout, Module, Target

__all__ = ["ReorderPlan", "ReorderProblem", "accepts", "plan"]

# Elements of a work item, about.
ITEM = 16 * 1024

Ints = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReorderProblem:
    """A copy of ``shape`` between strides in elements of ``itemsize`` bytes."""

    itemsize: int
    shape: Ints
    x_strides: Ints
    y_strides: Ints


def accepts(problem: ReorderProblem, target: Target) -> str | None:
    """None if the kernel can run the problem, else why it cannot."""
    if problem.itemsize not in ELEMENTS:
        return f"it moves elements of 4 and 8 bytes, not of {problem.itemsize}"
    sizes, (x, y) = merged(problem.shape, (problem.x_strides, problem.y_strides))
    if len(sizes) < 2 or y[-1] != 1 or x.count(1) != 1 or x[-1] == 1:
        return "input and output do not run along two different axes"
    if len(sizes) > 4:
        return f"{len(sizes)} axes remain that cannot be merged; it walks 4"
    return None


@dataclass(frozen=True, eq=False)
class ReorderPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ReorderProblem
    target: Target
    numbers: dict[str, int]
    items: int

    label = "reorder"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.problem.itemsize, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return 2 * BYTE_FLOPS * self.problem.itemsize * prod(self.problem.shape)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.problem.itemsize, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; x and y (fields 0 and 1) are for the call to fill."""
        return Layout.of(fields(self.problem.itemsize)).pack(x=0, y=0, **self.numbers)


@lru_cache(maxsize=1024)
def plan(problem: ReorderProblem, target: Target) -> ReorderPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    sizes, (x, y) = merged(problem.shape, (problem.x_strides, problem.y_strides))
    across = x.index(1)
    rows, columns = sizes[-1], sizes[across]
    lanes = target.lanes(ELEMENTS[problem.itemsize])
    strip = TOGETHER * lanes
    outer = [axis for axis in range(len(sizes) - 1) if axis != across]
    filled = [None] * (2 - len(outer)) + outer
    item_columns = max(strip, ITEM // max(rows, lanes) // strip * strip)
    item_rows = max(lanes, ITEM // min(columns, item_columns) // lanes * lanes)
    numbers = {
        "rows": rows, "columns": columns, "item_rows": item_rows, "item_columns": item_columns,
        "row_blocks": -(-rows // item_rows), "column_blocks": -(-columns // item_columns),
        "x_row": x[-1], "y_column": y[across], "n1": 1 if filled[1] is None else sizes[filled[1]],
    }  # fmt: skip
    for name, strides in (("x", x), ("y", y)):
        for place, axis in enumerate(filled):
            numbers[f"{name}_{place}"] = 0 if axis is None else strides[axis]
    blocks = numbers["row_blocks"] * numbers["column_blocks"]
    return ReorderPlan(problem, target, numbers, blocks * prod(sizes[axis] for axis in outer))
