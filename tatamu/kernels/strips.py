"""The plan of a matrix product of few rows with a matrix whose rows are dense.

`strips_emit` is the code that follows it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from tatamu.kernels import strips_emit
from tatamu.kernels.product import ProductProblem, unserved
from tatamu.kernels.product_plan import ProductPlan
from tatamu.kernels.rows import tile_of
from tatamu.stage import Target

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


class StripsPlan(ProductPlan):
    """The plan of this kernel."""

    kernel: ClassVar[Any] = strips_emit
    kind = "strips"
    title = "sums of rows"


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
