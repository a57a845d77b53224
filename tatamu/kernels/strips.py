"""The plan of a matrix product of few rows with a matrix whose rows are dense.

`strips_emit` is the code that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.gemm_emit import ProductTile
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.product import ProductProblem, unserved
from tatamu.kernels.rows import tile_of
from tatamu.kernels.strips_emit import emit, fields, symbol
from tatamu.stage import Layout, Module, Target

# More rows than one tile has would read b again from a cache for each of them.
ROWS = 6
# Bytes of a strip, at most: the longer it is, the more b is read in order; at least two are made,
# for there may be two threads.
STRIP_BYTES = 16 * 1024
# A strip's columns are a multiple of these.
COLUMNS = 64


def accepts(problem: ProductProblem, target: Target) -> str | None:
    """None if the kernel can make this product, else why it cannot."""
    reason = unserved(problem)
    if reason is not None:
        return reason
    if problem.b_strides[1] != 1:
        return "rows of the second operand must be dense"
    if problem.rows > ROWS:
        return f"it has {problem.rows} rows; up to {ROWS} are faster here"
    return None


@dataclass(frozen=True, eq=False)
class StripsPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ProductProblem
    tile: ProductTile
    target: Target
    offsets: NDArray[np.int64]
    numbers: dict[str, int]
    items: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return "sums of rows"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.tile, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return self.problem.work

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; a, b, bias and c (fields 0 to 3) are for the call to fill."""
        empty = dict.fromkeys(("a", "b", "bias", "c"), 0)
        layout = Layout.of(fields(DTYPES[self.tile.dtype]))
        return layout.pack(**empty, offsets=self.offsets.ctypes.data, **self.numbers)


@lru_cache(maxsize=1024)
def plan(problem: ProductProblem, target: Target) -> StripsPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    tile = tile_of(problem, target)
    most = STRIP_BYTES // problem.itemsize
    strips = max(2, -(-problem.columns // most))
    strip = max(-(-problem.columns // (strips * COLUMNS)), 1) * COLUMNS
    strips = -(-problem.columns // strip)
    numbers = {
        "strips": max(strips, 1), "strip": strip, "rows": problem.rows,
        "columns": problem.columns, "depth": problem.depth, "a_m": problem.a_strides[0],
        "a_k": problem.a_strides[1], "b_k": problem.b_strides[0],
        "c_batch": problem.rows * problem.columns, **problem.bias_numbers,
    }  # fmt: skip
    return StripsPlan(
        problem=problem,
        tile=tile,
        target=target,
        offsets=problem.offsets(),
        numbers=numbers,
        items=problem.batches * strips * min(problem.rows, 1),
    )
