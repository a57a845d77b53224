"""Plans of reductions: what `reduce_emit` is called with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

from tatamu.kernels.fold import Folded, division, scratch_bytes
from tatamu.kernels.fold_emit import KINDS
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.reduce_emit import emit, fields, symbol
from tatamu.kernels.staged import WORK_PER_BYTE, Stage, StagedPlan, double_bits
from tatamu.stage import Target

FINISH_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class ReduceProblem:
    """A ``kind`` of `fold_emit.KINDS`, divided by ``divisor``; ``rooted``: the root of that."""

    kind: str
    folded: Folded
    divisor: float = 1.0
    rooted: bool = False


def accepts(problem: ReduceProblem, target: Target) -> str | None:
    """None: it serves all that can be described to it."""
    return None


@lru_cache(maxsize=1024)
def plan(problem: ReduceProblem, target: Target) -> StagedPlan:
    """Work out the launches."""
    t = DTYPES[problem.folded.dtype]
    rows = problem.folded.rows
    numbers, items = division(problem.folded, target)
    common = {
        **numbers,
        "finish_block": FINISH_BLOCK,
        "divisor": double_bits(problem.divisor),
        "rooted": int(problem.rooted),
    }

    def stage(number: int, count: int, work: int) -> Stage:
        return Stage(
            target=target,
            label=f"{'row' if rows else 'column'} {problem.kind}",
            symbol=symbol(problem.kind, t, target, rows=rows),
            write=partial(emit, problem.kind, t, target, rows=rows),
            fields=fields(t),
            numbers={"stage": number, **common},
            items=count,
            work=work,
        )

    figures = KINDS[problem.kind].figures
    scratch = scratch_bytes(numbers, figures)
    stages = [stage(0, items, WORK_PER_BYTE * problem.folded.nbytes)]
    if numbers["parts"] > 1:
        stages.append(stage(1, -(-numbers["outputs"] // FINISH_BLOCK), WORK_PER_BYTE * scratch))
    return StagedPlan(tuple(stages), scratch)
