"""The plan of a matrix product: which tile, what a work item is, what is packed.

`gemm_emit` is the code that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels import gemm_emit
from tatamu.kernels.direct import cover
from tatamu.kernels.direct_emit import Tile, pixels_by_vectors
from tatamu.kernels.gemm_emit import ProductTile
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.product import ProductProblem, unserved
from tatamu.kernels.product_plan import ProductPlan
from tatamu.stage import Target

# Bytes of a packed panel, at most: it must stay in the second cache beside the rows of a.
PANEL_BYTES = 128 * 1024
# Rows of a work item, at most, and items, at least, as far as there are rows for them: packing a
# panel should take little of an item's time.
CHUNK_ROWS = 384
LEAST_ROWS = 48
LEAST_ITEMS = 8
# What a column costs by a tile of so many vectors, in hundredths: narrow panels pack slowly. Three
# vectors would save little, cost the user another kernel, and spill on NEON.
COLUMN_TIME = {4: 100, 2: 105, 1: 112}
# Rows for which packing does not pay where b's rows are dense: a block of so many steps of the sum
# and so many bytes of each row of b is read where it lies.
FEW_ROWS = 32
STRIP_DEPTH = 16
STRIP_BYTES = 4096
# Sums as short as this are bound by the writing of c, which goes row by row.
SHORT_DEPTH = 16
SHORT_ROWS = 12
SHORT_BYTES = 16 * 1024


def accepts(problem: ProductProblem, target: Target) -> str | None:
    """None if the kernel can make this product, else why it cannot."""
    return unserved(problem)


@dataclass(frozen=True, eq=False)
class GemmPlan(ProductPlan):
    """The plan of this kernel; ``heights`` says how tall the next tile is."""

    kernel: ClassVar[Any] = gemm_emit
    kind = "gemm"
    unknown = ("a", "b", "bias", "c", "scratch")

    heights: NDArray[np.int64]

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return f"matrix product {self.tile.rows}×{self.tile.columns}"

    @property
    def scratch(self) -> int:
        """Bytes of memory that each thread needs for itself."""
        return self.numbers["scratch_size"] * self.problem.itemsize

    def tables(self) -> dict[str, int]:
        """The addresses of the tables that the kernel reads."""
        return {**super().tables(), "heights": self.heights.ctypes.data}


@lru_cache(maxsize=1024)
def plan(problem: ProductProblem, target: Target) -> GemmPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    tile = choose_tile(problem, target)
    width, size = tile.columns, problem.itemsize
    rows, columns, depth = problem.rows, problem.columns, problem.depth
    panels = -(-columns // width)
    packs, block, group_panels = True, _even(depth, PANEL_BYTES // (width * size)), 1
    wanted = -(-LEAST_ITEMS // max(1, problem.batches * panels))
    chunk_rows = min(CHUNK_ROWS, max(-(-rows // wanted), LEAST_ROWS))
    dense = problem.b_strides[1] == 1
    if dense and depth <= SHORT_DEPTH:
        packs, chunk_rows, group_panels = False, SHORT_ROWS, SHORT_BYTES // (width * size)
    elif dense and rows < FEW_ROWS:
        packs, block, group_panels = False, STRIP_DEPTH, STRIP_BYTES // (width * size)
    chunk_rows = -(-_even(rows, chunk_rows) // tile.rows) * tile.rows
    chunks, groups = -(-rows // chunk_rows), -(-panels // group_panels)
    blocks = max(1, -(-depth // block))
    scratch = width * (tile.rows + 1 + block)
    numbers = {
        "chunks": chunks, "groups": groups, "chunk_rows": chunk_rows,
        "group_panels": group_panels, "rows": rows, "columns": columns, "panels": panels,
        "depth": depth, "block": block, "blocks": blocks,
        "a_m": problem.a_strides[0], "a_k": problem.a_strides[1],
        "b_k": problem.b_strides[0], "b_n": problem.b_strides[1],
        "c_batch": rows * columns, **problem.bias_numbers,
        "packs": int(packs), "scratch_size": -(-scratch // 16) * 16,
    }  # fmt: skip
    return GemmPlan(
        problem=problem,
        tile=tile,
        target=target,
        offsets=problem.offsets(),
        heights=heights(tile),
        numbers=numbers,
        items=problem.batches * chunks * groups,
    )


def choose_tile(problem: ProductProblem, target: Target) -> ProductTile:
    """The tile that takes the least time for all columns, filled up to whole panels."""
    lanes = target.lanes(DTYPES[problem.dtype])
    needed = -(-problem.columns // lanes)
    shapes = pixels_by_vectors(target)
    widths = shapes.keys() & COLUMN_TIME.keys()
    vectors = min(widths, key=lambda v: (-(-needed // v) * v * COLUMN_TIME[v], -v))
    return ProductTile(problem.dtype, shapes[vectors], vectors, lanes, problem.epilogue)


def heights(tile: ProductTile) -> NDArray[np.int64]:
    """How tall the next tile is when so many rows are left (the last entry: or more)."""
    same = Tile(tile.dtype, tile.rows, tile.vectors, tile.lanes)
    return np.array([0] + [cover(n, same)[0] for n in range(1, 2 * tile.rows + 1)], np.int64)


def _even(length: int, most: int) -> int:
    """Parts of ``length`` that are alike and no longer than ``most``: 50 is 2 x 25, not 48 + 2."""
    if length == 0:
        return 1
    return -(-length // -(-length // max(1, most)))
