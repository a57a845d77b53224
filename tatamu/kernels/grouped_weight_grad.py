"""The plan of a grouped convolution's weight gradient, few channels a group.

`grouped_weight_grad_emit` is the code that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels import grouped
from tatamu.kernels.cost import Cost
from tatamu.kernels.grouped import readable, segment_table
from tatamu.kernels.grouped import unfit as accepts
from tatamu.kernels.grouped_emit import GroupTile
from tatamu.kernels.grouped_weight_grad_emit import (
    emit,
    emit_gather,
    fields,
    gather_fields,
    gather_symbol,
    symbol,
)
from tatamu.kernels.problem import DTYPES, ConvProblem
from tatamu.kernels.weight_grad import LEAST_ITEMS, PARTS_BYTES, tap_table
from tatamu.stage import Layout, Module, Target

__all__ = ["GroupedWeightGradPlan", "accepts", "choose_tile", "cost", "plan", "readable"]

# Output rows of a block: as many rows of a tile stay in the first cache.
BLOCK_ROWS = 16

# Steps that a vector of gradients and of the inputs that go with it takes, measured.
OUT = 14


@dataclass(frozen=True, eq=False)
class GroupedWeightGradPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ConvProblem
    tile: GroupTile
    target: Target
    down: NDArray[np.int64]
    segments: NDArray[np.int64]
    numbers: dict[str, int]
    parts: int

    @property
    def items(self) -> int:
        """Work items: one part of the pixels by one vector of channels each."""
        return self.parts * self.numbers["vectors"]

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        name = "depthwise" if self.tile.inputs == 1 else "grouped"
        return f"{name} sums {self.tile.pixels}×{self.tile.lanes}"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.tile, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return grouped.work(cost(self.problem, self.target), self.tile, self.target)

    @property
    def padded_channels(self) -> int:
        """Channels per group that the output's gradient must have: just its own."""
        return self.tile.outputs

    @property
    def dw_shape(self) -> tuple[int, ...]:
        """What the kernel fills: [part][vector][row][step][in][column of the step][lane]."""
        n = self.numbers
        steps = (n["kernel_rows"], n["spans"], self.tile.step_size)
        return (self.parts, n["vectors"], *steps)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; x, g and dw (fields 0 to 2) are for the call to fill."""
        tables = {n: getattr(self, n).ctypes.data for n in ("down", "segments")}
        return Layout.of(fields(DTYPES[self.tile.dtype])).pack(
            x=0, g=0, dw=0, **tables, **self.numbers
        )

    def gathering(self) -> GroupedGatherPlan:
        """The plan of adding the parts up, once all of them are there."""
        return GroupedGatherPlan(self)


@dataclass(frozen=True, eq=False)
class GroupedGatherPlan:
    """Adding up the parts of a weight gradient."""

    of: GroupedWeightGradPlan

    @property
    def target(self) -> Target:
        """For which processor."""
        return self.of.target

    @property
    def items(self) -> int:
        """Work items: a vector of channels each."""
        return self.of.numbers["vectors"]

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return "sum of parts"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return gather_symbol(self.of.tile.dtype, self.of.tile.lanes, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution; some hundred for each number."""
        return (100 + self.of.parts) * self.of.numbers["dw_part"]

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit_gather(self.of.tile.dtype, self.of.tile.lanes, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; dw and out (fields 0 and 1) are for the call to fill."""
        kept = ("dw_part", "channels", "kernel_rows", "spans")
        numbers = {name: self.of.numbers[name] for name in kept}
        tile = self.of.tile
        numbers |= {"parts": self.of.parts, "inputs": tile.inputs, "columns": tile.columns}
        block = Layout.of(gather_fields(DTYPES[self.of.problem.dtype]))
        return block.pack(dw=0, out=0, **numbers)


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> GroupedWeightGradPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    spec = problem.spec
    images, _, height, width = problem.x_shape
    rows, columns = problem.out_size
    tile = choose_tile(problem, target)
    vectors = -(-problem.out_channels // tile.lanes)
    spans = spec.kernel[1] // tile.columns
    block_rows = min(rows, BLOCK_ROWS)
    image_blocks = -(-rows // block_rows)
    blocks = images * image_blocks
    dw_part = vectors * spec.kernel[0] * spans * tile.step_size
    most = max(1, PARTS_BYTES // (dw_part * problem.itemsize))
    part_blocks = max(1, -(-blocks // min(-(-LEAST_ITEMS // vectors), most)))
    x_n, _, x_h, x_w = problem.x_strides
    following = spec.stride[1] if tile.columns == 1 else 1
    segments = segment_table(spec.windows[1], width, columns, tile)
    g_w = problem.out_channels
    numbers = {
        "vectors": vectors, "channels": problem.out_channels, "row_segments": len(segments),
        "out_rows": rows, "block_rows": block_rows, "image_blocks": image_blocks,
        "blocks": blocks, "part_blocks": part_blocks, "x_n": x_n, "x_h": x_h, "x_w": x_w,
        "x_down": spec.stride[0] * x_h, "x_column": spec.dilation[1] * x_w,
        "x_next": following * x_w, "column": spec.dilation[1], "next": following,
        "width": width, "g_n": rows * columns * g_w, "g_h": columns * g_w, "g_w": g_w,
        "kernel_rows": spec.kernel[0], "spans": spans, "dw_part": dw_part,
    }  # fmt: skip
    return GroupedWeightGradPlan(
        problem=problem,
        tile=tile,
        target=target,
        down=tap_table(spec.windows[0], height, rows),
        segments=segments,
        numbers=numbers,
        parts=max(1, -(-blocks // part_blocks)),
    )


def choose_tile(problem: ConvProblem, target: Target) -> GroupTile:
    """The tile of the convolution itself, low enough that the gradients of its pixels fit, too."""
    tile = grouped.choose_tile(problem, target)
    if target.registers < 32 and tile.columns > 3:
        tile = replace(tile, columns=1, stride=1)
    if target.registers >= 32 and tile.alone:
        tile = replace(tile, at_once=max(n for n in (1, 2, 3, 4) if tile.inputs % n == 0))
    return replace(tile, pixels=4)


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What it is predicted to take."""
    forward = grouped.cost(problem, target)
    found = plan(problem, target)
    vectors = found.numbers["vectors"]
    outputs = problem.x_shape[0] * problem.out_size[0] * problem.out_size[1] * vectors
    taps = problem.spec.kernel[0] * problem.spec.kernel[1]
    return replace(
        forward,
        steps=outputs * (taps * found.tile.inputs + OUT),
        items=found.items,
        scratch=found.parts * found.numbers["dw_part"] * problem.itemsize,
        launches=2,
    )
