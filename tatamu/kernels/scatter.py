"""The plan of putting numbers where indices say. `scatter_emit` is the code that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.problem import DTYPES
from tatamu.kernels.scatter_emit import emit, fields, symbol
from tatamu.stage import Layout, Module, Target

# (image, channel, position)
Three = tuple[int, int, int]

# Flops of direct convolution that take as long as one number and its place.
FLOPS = 150


@dataclass(frozen=True, slots=True)
class ScatterProblem:
    """``count`` numbers a channel with places in a picture of ``plane`` positions.

    A picture's positions lie evenly spaced, whatever their axes: one stride serves all.
    """

    kind: str
    dtype: str
    images: int
    channels: int
    count: int
    plane: int
    values: Three
    places: Three
    picture: Three


def accepts(problem: ScatterProblem, target: Target) -> str | None:
    """None if this kernel can run the problem, else why it cannot."""
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if problem.picture[1] != 1 and problem.picture[2] != 1:
        return "neither channels nor positions lie next to one another"
    return None


@dataclass(frozen=True, eq=False)
class ScatterPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ScatterProblem
    target: Target
    numbers: dict[str, int]
    items: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return {"add": "added up at places", "put": "put at places", "take": "taken from places"}[
            self.problem.kind
        ]

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.problem.kind, self.problem.dtype, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        problem = self.problem
        bytes_zeroed = 0 if problem.kind == "take" else 4 * problem.plane
        each = FLOPS * problem.count + 5 * bytes_zeroed
        return problem.images * problem.channels * each

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.problem.kind, self.problem.dtype, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; its three addresses are for the call to fill."""
        layout = fields(self.problem.kind, DTYPES[self.problem.dtype])
        return Layout.of(layout).pack(values=0, places=0, picture=0, **self.numbers)


@lru_cache(maxsize=1024)
def plan(problem: ScatterProblem, target: Target) -> ScatterPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    inner = problem.picture[1] == 1 and problem.channels > 1
    # A block fills whole cache lines, so that neighbours do not write to the same ones.
    block = 64 // np.dtype(problem.dtype).itemsize if inner else 1
    blocks = -(-problem.channels // block)
    numbers = {
        "blocks": blocks, "block": block, "channels": problem.channels,
        "count": problem.count, "plane": problem.plane, "channels_inner": int(inner),
    }  # fmt: skip
    operands = {"g": problem.values, "i": problem.places, "y": problem.picture}
    for letter, strides in operands.items():
        numbers |= {f"{letter}_{axis}": n for axis, n in zip("ncp", strides, strict=True)}
    return ScatterPlan(problem, target, numbers, problem.images * blocks)
