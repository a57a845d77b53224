"""Plans of softmax and its kin; `softmax_emit` is the code they call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

from tatamu.kernels.fold import Folded, grain
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.softmax_emit import COLUMN_VECTORS, SHORT, emit, fields, symbol
from tatamu.kernels.staged import WORK_PER_BYTE, Stage
from tatamu.stage import Target

# Exponents that take more than this are kept in the output itself.
SCRATCH_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class SoftmaxProblem:
    """``kind`` of `softmax_emit.KINDS` along the axis that is ``folded``."""

    kind: str
    folded: Folded


def accepts(problem: SoftmaxProblem, target: Target) -> str | None:
    """None: it serves all that can be described to it."""
    return None


@lru_cache(maxsize=1024)
def plan(problem: SoftmaxProblem, target: Target) -> Stage:
    """Work out the plan."""
    kind, seen = problem.kind, problem.folded
    t = DTYPES[seen.dtype]
    size, some = seen.itemsize, grain(seen.nbytes)
    scratch, in_place, short = 0, 0, 0
    if seen.rows:
        rows, blocks = seen.outputs, 1
        block = min(rows, max(1, some // (seen.count * size)))
        items = -(-rows // block)
        lanes = target.lanes(t)
        short = int(seen.count < SHORT and rows >= lanes)
        scratch = short * -(-seen.count // lanes) * lanes * lanes * size
    else:
        rows = 0
        width = COLUMN_VECTORS * target.lanes(t)
        block = max(1, some // (seen.count * size * width)) * width
        blocks = -(-seen.kept // block)
        items = seen.groups * blocks
        if kind == "softmax":
            scratch = seen.count * width * size
            in_place = int(scratch > SCRATCH_BYTES)
            scratch = 0 if in_place else scratch
    return Stage(
        target=target,
        label=f"{kind} of {'rows' if seen.rows else 'columns'}",
        symbol=symbol(kind, t, target, rows=seen.rows),
        write=partial(emit, kind, t, target, rows=seen.rows),
        fields=fields(kind, t),
        numbers={
            "along": seen.count,
            "kept": seen.kept,
            "rows": rows,
            "block": block,
            "blocks": blocks,
            "in_place": in_place,
            "short": short,
        },
        items=items,
        work=4 * WORK_PER_BYTE * seen.nbytes,
        scratch=scratch,
    )
