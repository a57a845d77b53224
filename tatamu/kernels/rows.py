"""The plan of a matrix product of few rows whose operands both lie along the sum.

`rows_emit` is the code that follows it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from tatamu.kernels import rows_emit
from tatamu.kernels.direct_emit import pixels_by_vectors
from tatamu.kernels.gemm_emit import ProductTile
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.product import ProductProblem, unserved
from tatamu.kernels.product_plan import ProductPlan
from tatamu.stage import Target

# More rows than this are faster by tiles of packed columns.
ROWS = 48
# Sums shorter than this spend their time adding up lanes.
DEPTH = 64
# Bytes of b that a work item reads.
ITEM_BYTES = 128 * 1024


def accepts(problem: ProductProblem, target: Target) -> str | None:
    """None if the kernel can make this product, else why it cannot."""
    reason = unserved(problem)
    if reason is not None:
        return reason
    if problem.a_strides[1] != 1 or problem.b_strides[0] != 1:
        return "both operands must lie along the sum"
    if problem.rows > ROWS:
        return f"it has {problem.rows} rows; up to {ROWS} are faster here"
    if problem.depth < DEPTH:
        return f"its sums of {problem.depth} products are too short"
    return None


class RowsPlan(ProductPlan):
    """The plan of this kernel."""

    kernel: ClassVar[Any] = rows_emit
    kind = "rows"
    title = "dot products"


@lru_cache(maxsize=1024)
def plan(problem: ProductProblem, target: Target) -> RowsPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    tile = tile_of(problem, target)
    wanted = ITEM_BYTES // max(1, problem.depth * problem.itemsize)
    group = min(-(-max(1, wanted) // tile.vectors) * tile.vectors, problem.columns)
    groups = -(-problem.columns // max(group, 1))
    numbers = {
        "groups": max(groups, 1), "group_columns": group, "rows": problem.rows,
        "columns": problem.columns, "depth": problem.depth, "a_m": problem.a_strides[0],
        "b_n": problem.b_strides[1], "c_batch": problem.rows * problem.columns,
        **problem.bias_numbers,
    }  # fmt: skip
    return RowsPlan(
        problem=problem,
        tile=tile,
        target=target,
        offsets=problem.offsets(),
        numbers=numbers,
        items=problem.batches * groups,
    )


def tile_of(problem: ProductProblem, target: Target) -> ProductTile:
    """The widest tile: as many columns as direct convolution's has vectors."""
    shapes = pixels_by_vectors(target)
    vectors = max(shapes)
    lanes = target.lanes(DTYPES[problem.dtype])
    return ProductTile(problem.dtype, shapes[vectors], vectors, lanes, problem.epilogue)
