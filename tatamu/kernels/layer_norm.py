"""Plans of layer normalisation; `layer_norm_emit` is the code they call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.fold import Folded, division, grain, scratch_bytes
from tatamu.kernels.layer_norm_emit import INPUTS, emit, fields, symbol
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.staged import WORK_PER_BYTE, Stage, StagedPlan, double_bits
from tatamu.stage import Target

FINISH_BLOCK = 256
# Rows of a work item of the backward pass: enough that its share of dw is small beside them.
LEAST_ROWS = 8


@dataclass(frozen=True, slots=True)
class LayerNormProblem:
    """``what`` of `layer_norm_emit.INPUTS`; what is ``folded`` is normalised."""

    what: str
    folded: Folded
    eps: float


def accepts(problem: LayerNormProblem, target: Target) -> str | None:
    """None, or why it does not serve the problem."""
    seen = problem.folded
    if seen.rows and (seen.groups, seen.runs) != (1, 1):
        return "what is normalised must lie together"
    if problem.what == "backward" and not seen.rows:
        return "backward, the last axis must lie innermost"
    return None


@lru_cache(maxsize=1024)
def plan(problem: LayerNormProblem, target: Target) -> StagedPlan:
    """Work out the launches; ``accepts(problem, target)`` must be None."""
    backward = problem.what == "backward"
    return _backward(problem, target) if backward else _forward(problem, target)


def _stage(
    problem: LayerNormProblem, target: Target, numbers: dict[str, int], items: int, work: int
) -> Stage:
    what, seen, t = problem.what, problem.folded, DTYPES[problem.folded.dtype]
    return Stage(
        target=target,
        label=f"{'rows' if seen.rows else 'columns'}, {what}",
        symbol=symbol(what, t, target, rows=seen.rows),
        write=partial(emit, what, t, target, rows=seen.rows),
        fields=fields(what, t),
        numbers=numbers,
        items=items,
        work=WORK_PER_BYTE * work,
    )


def _absent(problem: LayerNormProblem) -> dict[int, NDArray[np.generic]]:
    """A weight that is absent is one, a bias nought."""
    names = INPUTS[problem.what]
    return {
        names.index(name): np.full(problem.folded.count, value, problem.folded.dtype)
        for name, value in (("w", 1), ("b", 0))
        if name in names
    }


def _forward(problem: LayerNormProblem, target: Target) -> StagedPlan:
    seen = problem.folded
    numbers, items = division(seen, target, whole=not seen.rows)
    figures = scratch_bytes(numbers, 3)
    common = {**numbers, "eps": double_bits(problem.eps), "centres": figures // 8}
    pieces = seen.outputs * numbers["run_pieces"]
    amounts = [(items, 2 * seen.nbytes)]
    if numbers["parts"] > 1:
        amounts += [(1, figures), (pieces, 2 * seen.nbytes)]
    stages = [
        _stage(problem, target, {"stage": number, **common}, count, work)
        for number, (count, work) in enumerate(amounts)
    ]
    return StagedPlan(tuple(stages), figures + 8 * seen.outputs, _absent(problem))


def _backward(problem: LayerNormProblem, target: Target) -> StagedPlan:
    seen = problem.folded
    block = min(seen.outputs, max(LEAST_ROWS, grain(seen.nbytes) // (seen.run * seen.itemsize)))
    blocks = -(-seen.outputs // block)
    scratch = 16 * blocks * seen.run
    common = {
        "rows": seen.outputs, "run": seen.run, "block": block, "blocks": blocks,
        "count": double_bits(seen.run), "finish_block": FINISH_BLOCK,
    }  # fmt: skip
    stages = (
        _stage(problem, target, {"stage": 0, **common}, blocks, 3 * seen.nbytes),
        _stage(problem, target, {"stage": 1, **common}, -(-seen.run // FINISH_BLOCK), scratch),
    )
    return StagedPlan(stages, scratch, _absent(problem))
