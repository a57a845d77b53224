"""Plans of batch, group and instance normalisation; `channel_norm_emit` is the code they call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from tatamu.kernels.channel_norm_emit import COEFFICIENTS, INPUTS, emit, fields, symbol
from tatamu.kernels.fold import Folded, division, grain, scratch_bytes
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.staged import WORK_PER_BYTE, Stage, StagedPlan, double_bits
from tatamu.stage import Target

CHANNELS = 128  # that an item of the second stage takes, or a group if that is larger


@dataclass(frozen=True, slots=True)
class ChannelNormProblem:
    """``what`` of `channel_norm_emit.INPUTS`.

    ``folded`` keeps the ``channels`` (batch normalisation), or the channels of each image;
    ``members`` of them share a statistic.
    """

    what: str
    folded: Folded
    channels: int
    members: int
    eps: float


def accepts(problem: ChannelNormProblem, target: Target) -> str | None:
    """None, or why it does not serve the problem."""
    seen = problem.folded
    if seen.rows and seen.groups > 1:
        return "images, channels and places must lie in this order, or channels last"
    return None


@lru_cache(maxsize=1024)
def plan(problem: ChannelNormProblem, target: Target) -> StagedPlan:
    """Work out the launches; ``accepts(problem, target)`` must be None."""
    what, seen = problem.what, problem.folded
    t = DTYPES[seen.dtype]
    numbers, items = division(seen, target)
    if what == "inference":
        numbers["parts"] = 0
    figures = scratch_bytes(numbers, 3)
    scratch = figures + COEFFICIENTS[what] * seen.outputs * seen.itemsize
    block = -(-CHANNELS // problem.members) * problem.members
    applying, apply_items = _applying(seen)
    common = {
        **numbers, **applying, "channels": problem.channels, "members": problem.members,
        "eps": double_bits(problem.eps), "count": double_bits(seen.count * problem.members),
        "channel_block": block, "coefficients": figures // 8,
    }  # fmt: skip
    reads = 2 if what == "backward" else 1
    work = WORK_PER_BYTE * seen.nbytes

    def stage(number: int, count: int, amount: int) -> Stage:
        return Stage(
            target=target,
            label=f"channels in {'rows' if seen.rows else 'columns'}, {what}",
            symbol=symbol(what, t, target, rows=seen.rows),
            write=partial(emit, what, t, target, rows=seen.rows),
            fields=fields(what, t),
            numbers={"stage": number, **common},
            items=count,
            work=amount,
        )

    stages = [] if what == "inference" else [stage(0, items, reads * work)]
    stages.append(stage(1, -(-problem.channels // block), WORK_PER_BYTE * scratch))
    stages.append(stage(2, apply_items, (reads + 1) * work))
    # A weight that is absent is one, a bias nought.
    absent = {
        INPUTS[what].index(name): np.full(problem.channels, value, seen.dtype)
        for name, value in (("w", 1), ("b", 0))
        if name in INPUTS[what]
    }
    return StagedPlan(tuple(stages), scratch, absent)


def _applying(seen: Folded) -> tuple[dict[str, int], int]:
    """How the third stage is divided, and into how many work items."""
    size, some = seen.itemsize, grain(seen.nbytes)
    item_rows = min(seen.runs, max(4, some // (seen.kept * size)))
    group_items = -(-seen.runs // item_rows)
    plane = min(seen.run, some // size)
    plane_pieces = -(-seen.run // plane)
    units = seen.runs * seen.kept * plane_pieces
    item_units = min(units, max(1, some // (plane * size)))
    numbers = {
        "item_rows": item_rows, "group_items": group_items, "plane": plane,
        "plane_pieces": plane_pieces, "units": units, "item_units": item_units,
    }  # fmt: skip
    return numbers, -(-units // item_units) if seen.rows else seen.groups * group_items
