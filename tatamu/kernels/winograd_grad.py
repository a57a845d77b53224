"""The plan of a weight gradient by Winograd's algorithm: rounds, parts, blocks of channels.

`winograd_grad_emit` is the code that follows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels import direct, weight_grad, winograd
from tatamu.kernels.cost import Cost
from tatamu.kernels.direct import cover
from tatamu.kernels.direct_emit import Tile
from tatamu.kernels.problem import DTYPES, ConvProblem
from tatamu.kernels.weight_grad import GatherPlan
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.kernels.winograd_grad_emit import (
    CHUNK,
    TAPS,
    GradTile,
    emit,
    emit_transform,
    fields,
    transform_fields,
)
from tatamu.stage import Layout, Module, Target

# Bytes of transformed inputs and gradients, at most: a part of a usual last cache.
ROUND_BYTES = 8 * 1024 * 1024
# Input channels of a work item, at most; and items, at least, as far as that pays.
BLOCK_INPUTS = 64
LEAST_ITEMS = 8
LEAST_PART = 2 * CHUNK


# Larger transforms round more; the plain sum over more pixels does, too. From so many pixels on, a
# transform's float32 error is at or below that of the plain sum.
LEAST_PIXELS = {4: 1500, 3: 400, 2: 150}

# Costs in vector multiply-adds, for each point and vector: of transforms, of the way back, of what
# sums of chunks and waiting for memory add to the products.
BACK_COST = 5
PRODUCT_COST = 1.25


def accepts(problem: ConvProblem, target: Target | None) -> str | None:
    """None if Winograd's algorithm can make this weight gradient and pays, else why not."""
    reason = winograd.unfit(problem, target)
    if reason is not None or target is None:
        return reason
    if problem.spec.kernel != (3, 3):
        return f"it needs a 3×3 window, not {'×'.join(map(str, problem.spec.kernel))}"
    if not _exact_enough(problem):
        least = min(LEAST_PIXELS.values())
        return f"{problem.pixels} pixels: a plain sum of fewer than {least} is more exact"
    mine, plain = cost(problem, target).steps, weight_grad.steps(problem, target)
    if mine >= plain:
        return f"too few channels or pixels: {mine:.3g} steps, outer products {plain:.3g}"
    return None


readable = winograd.readable


@dataclass(frozen=True, eq=False)
class WinogradGradPlan:
    """Everything about one problem that a call need not work out again.

    A call runs `transforming` and this plan in turn for each of `rounds`, then `gathering`.
    """

    problem: ConvProblem
    tile: GradTile
    target: Target
    table: NDArray[np.int64]
    segments: NDArray[np.int64]
    numbers: dict[str, int]
    transform: dict[str, int]
    rounds: tuple[tuple[int, int], ...]
    items: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        n = self.tile.winograd.outputs
        return f"Winograd F({n}×{n}, 3×3) gradient"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return self.tile.symbol(self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return self.problem.flops // 4 // len(self.rounds)

    @property
    def scratch(self) -> int:
        """Elements of memory that each thread needs for itself."""
        return max(self.numbers["scratch_size"], self.transform["scratch_size"])

    @property
    def v_size(self) -> int:
        """Elements of transformed inputs."""
        return self.tile.winograd.points * self.numbers["v_plane"]

    @property
    def m_size(self) -> int:
        """Elements of transformed gradients."""
        return self.tile.winograd.points * self.numbers["m_plane"]

    @property
    def dw_shape(self) -> tuple[int, ...]:
        """What the kernel fills: [part][group][panel][row][column][in][out of the panel]."""
        n = self.numbers
        return (n["parts"], 1, n["panels"], 3, 3, n["inputs"], self.tile.product.channels)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; the call fills v, m, dw, scratch, count and adding (0 to 5)."""
        empty = dict.fromkeys(("v", "m", "dw", "scratch", "count", "adding"), 0)
        block = Layout.of(fields(DTYPES[self.problem.dtype]))
        return block.pack(**empty, segments=self.segments.ctypes.data, **self.numbers)

    def transforming(self) -> TransformPlan:
        """The plan of transforming a round's inputs and gradients."""
        return TransformPlan(self)

    def gathering(self) -> GatherPlan:
        """The plan of adding the parts up, once all of them are there."""
        n = self.numbers
        return GatherPlan(
            problem=self.problem, target=self.target, width=self.tile.product.channels,
            lanes=self.tile.product.lanes, parts=n["parts"], part=n["dw_part"], panels=n["panels"],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class TransformPlan:
    """Transforming the inputs and gradients of a round's tiles."""

    of: WinogradGradPlan

    @property
    def target(self) -> Target:
        """For which processor."""
        return self.of.target

    @property
    def items(self) -> int:
        """Work items: some tiles each."""
        return -(-self.of.rounds[0][1] // self.of.transform["item_tiles"])

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return "transforms"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return self.of.tile.transform_symbol(self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        numbers = self.of.transform
        channels = numbers["inputs"] + numbers["outputs"]
        return 20 * self.of.rounds[0][1] * self.of.tile.winograd.points * channels

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit_transform(self.of.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; the call fills x, g, v, m, scratch, first and count (0 to 6)."""
        empty = dict.fromkeys(("x", "g", "v", "m", "scratch", "first", "count"), 0)
        block = Layout.of(transform_fields(DTYPES[self.of.problem.dtype]))
        return block.pack(**empty, table=self.of.table.ctypes.data, **self.of.transform)


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> WinogradGradPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    plans = (
        plan_with(tile_of(problem, target, outputs), problem, target)
        for outputs in _exact_enough(problem)
    )
    return min(plans, key=_steps)


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What the kernels are predicted to take."""
    found = plan(problem, target)
    results = math.prod(found.dw_shape)
    scratch = found.v_size + found.m_size + results + found.scratch
    return Cost(
        steps=_steps(found),
        moved=problem.moved + 2 * results * problem.itemsize,
        items=found.items,
        scratch=scratch * problem.itemsize,
        launches=2 * len(found.rounds) + 1,
    )


def _steps(plan: WinogradGradPlan) -> float:
    n, tile = plan.numbers, plan.tile
    tiles, points = len(plan.table), tile.winograd.points
    vectors = n["panels"] * tile.product.vectors
    ends = (plan.transform["inputs"] + plan.transform["outputs"]) // tile.winograd.lanes
    transforms = tiles * points * ends * winograd.TRANSFORM_COST[tile.winograd.side]
    products = PRODUCT_COST * points * tiles * n["inputs"] * vectors
    back = len(plan.rounds) * n["parts"] * points * n["inputs"] * vectors * BACK_COST
    gather = TAPS * n["inputs"] * vectors * (n["parts"] + 1) * weight_grad.GATHER_COST
    return transforms + products + back + gather


def _exact_enough(problem: ConvProblem) -> list[int]:
    """Transforms whose error is at or below that of a plain sum."""
    if problem.dtype == "float64":
        return list(LEAST_PIXELS)
    return [n for n, least in LEAST_PIXELS.items() if problem.pixels >= least]


def tile_of(problem: ConvProblem, target: Target, outputs: int) -> GradTile:
    """The transform asked for, and the tile of direct convolution's weight gradient."""
    lanes = target.lanes(DTYPES[problem.dtype])
    found = direct.choose_tile(problem, target)
    product = Tile(problem.dtype, found.pixels, found.vectors, found.lanes)
    return GradTile(WinogradTile(problem.dtype, outputs, 1, 1, lanes), product)


def plan_with(tile: GradTile, problem: ConvProblem, target: Target) -> WinogradGradPlan:
    """The plan with a given tile."""
    table = winograd.tile_table(problem, tile.winograd)
    lanes, width = tile.winograd.lanes, tile.product.channels
    points = tile.winograd.points
    channels, out_channels = problem.x_shape[1], problem.out_channels
    inputs = -(-channels // lanes) * lanes
    panels = -(-out_channels // width)
    outputs = -(-panels * width // lanes) * lanes
    # Tiles a power of two apart would share cache sets.
    v_tile, m_tile = inputs + lanes, outputs + lanes
    most = max(1, ROUND_BYTES // (points * (v_tile + m_tile) * problem.itemsize))
    count = -(-len(table) // -(-len(table) // most))
    rounds = tuple((first, min(count, len(table) - first)) for first in range(0, len(table), count))
    v_plane, m_plane = count * v_tile + lanes, count * m_tile + lanes
    parts, block_inputs = _shared_out(channels, panels, count, tile.product.pixels)
    part_tiles = -(-count // parts)
    segments = segment_table(channels, block_inputs, tile.product)
    sums_plane = block_inputs * width + lanes
    x_h, x_w = problem.x_strides[2:]
    _, g_h, g_w = problem.y_steps
    planes = {"v_plane": v_plane, "v_tile": v_tile, "m_plane": m_plane, "m_tile": m_tile}
    patch = max((tile.winograd.side**2) * inputs, tile.winograd.outputs**2 * outputs)
    transform = {
        "tiles": len(table), "item_tiles": max(1, 128 * lanes // (inputs + outputs)),
        "inputs": inputs, "channels": channels, "outputs": outputs, "out_channels": out_channels,
        "x_h": x_h, "x_w": x_w, "g_h": g_h, "g_w": g_w,
        "always_gather": int(channels != inputs), "gather_gradients": int(out_channels != outputs),
        **planes, "patch_at": 0, "scratch_size": patch,
    }  # fmt: skip
    numbers = {
        "parts": -(-count // part_tiles), "panels": panels, "blocks": len(segments),
        "part_tiles": part_tiles, "block_inputs": block_inputs,
        "block_segments": segments.shape[1], "inputs": channels, **planes,
        "dw_part": panels * TAPS * channels * width, "sums_plane": sums_plane,
        "scratch_size": points * sums_plane,
    }  # fmt: skip
    return WinogradGradPlan(
        problem=problem,
        tile=tile,
        target=target,
        table=table,
        segments=segments,
        numbers=numbers,
        transform=transform,
        rounds=rounds,
        items=numbers["parts"] * panels * len(segments),
    )


def segment_table(channels: int, block: int, tile: Tile) -> NDArray[np.int64]:
    """For each block of input channels its register tiles: where each begins, how many channels."""
    rows = []
    for first in range(0, channels, block):
        sizes = cover(min(block, channels - first), tile)
        starts = np.cumsum((0, *sizes[:-1]))
        rows.append(list(zip(starts, sizes, strict=True)))
    table = np.zeros((len(rows), max(map(len, rows)), 2), np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def _shared_out(channels: int, panels: int, tiles: int, rows: int) -> tuple[int, int]:
    """Parts of the tiles, and input channels of a block."""
    blocks = -(-channels // BLOCK_INPUTS)
    parts = min(-(-LEAST_ITEMS // (panels * blocks)), max(1, tiles // LEAST_PART))
    more = -(-LEAST_ITEMS // (panels * parts))
    blocks = max(blocks, min(more, channels // (4 * rows)))
    return parts, -(-channels // blocks)
