"""The plan of a convolution's weight gradient: tiles, parts, and where each tap reads.

`weight_grad_emit` is the code that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Window
from tatamu.kernels.cost import Cost
from tatamu.kernels.direct import choose_tile, cover
from tatamu.kernels.direct_emit import Tile
from tatamu.kernels.problem import DTYPES, ConvProblem, unserved
from tatamu.kernels.weight_grad_emit import (
    GATHER_VECTORS,
    TAP,
    emit,
    emit_gather,
    fields,
    gather_fields,
    gather_symbol,
    symbol,
)
from tatamu.stage import Layout, Module, Target

# Bytes of input and gradient that a block of rows holds, at most.
BLOCK_BYTES = 256 * 1024
# Work items, at least, as far as there are blocks; and bytes of all parts' results, at most.
LEAST_ITEMS = 16
PARTS_BYTES = 64 * 1024 * 1024

# Costs in vector multiply-adds: what sums take beyond theirs; adding up one vector of one part.
PRODUCT_COST = 1.05
GATHER_COST = 6


def accepts(problem: ConvProblem, target: Target) -> str | None:
    """None if the kernel can make this convolution's weight gradient, else why not."""
    reason = unserved(problem)
    if reason is not None:
        return reason
    if not readable(problem):
        return "channels must lie next to one another in memory"
    return None


def readable(problem: ConvProblem) -> bool:
    """Whether the kernel can read the input where it lies."""
    return problem.x_strides[1] == 1 or problem.x_shape[1] == 1


@dataclass(frozen=True, eq=False)
class WeightGradPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ConvProblem
    tile: Tile
    target: Target
    down: NDArray[np.int64]
    across: NDArray[np.int64]
    channels: NDArray[np.int64]
    numbers: dict[str, int]
    items: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return f"outer products {self.tile.pixels}×{self.tile.channels}"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.tile, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return self.problem.flops

    @property
    def padded_channels(self) -> int:
        """Channels per group that the output's gradient must have: whole panels."""
        return self.numbers["panels"] * self.tile.channels

    @property
    def dw_shape(self) -> tuple[int, ...]:
        """What the kernel fills: [part][group][panel][row][column][in][out of the panel]."""
        n = self.numbers
        kernel = (n["kernel_rows"], n["kernel_columns"])
        return (n["parts"], n["groups"], n["panels"], *kernel, n["inputs"], self.tile.channels)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; x, g and dw (fields 0 to 2) are for the call to fill."""
        tables = {n: getattr(self, n).ctypes.data for n in ("down", "across", "channels")}
        return Layout.of(fields(DTYPES[self.tile.dtype])).pack(
            x=0, g=0, dw=0, **tables, **self.numbers
        )

    def gathering(self) -> GatherPlan:
        """The plan of adding the parts up, once all of them are there."""
        n = self.numbers
        return GatherPlan(
            problem=self.problem, target=self.target, width=self.tile.channels,
            lanes=self.tile.lanes, parts=n["parts"], part=n["dw_part"], panels=n["panels"],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class GatherPlan:
    """Adding up the parts of a weight gradient, [part][group][panel][tap][in][out of the panel].

    ``width`` is a panel's, a multiple of ``lanes``; ``part`` is a part's size.
    """

    problem: ConvProblem
    target: Target
    width: int
    lanes: int
    parts: int
    part: int
    panels: int

    @property
    def items(self) -> int:
        """Work items: some pairs of input channel and tap of one panel each."""
        return self.problem.spec.groups * self.panels * self._blocks

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return "sum of parts"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return gather_symbol(self.problem.dtype, self.lanes, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution; some ten for each element."""
        return 10 * self.part * self.parts

    @property
    def _taps(self) -> int:
        rows, columns = self.problem.spec.kernel
        return rows * columns

    @property
    def _blocks(self) -> int:
        pairs = self.problem.group_channels[0] * self._taps
        return -(-pairs // (GATHER_VECTORS * self.lanes))

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit_gather(self.problem.dtype, self.lanes, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; dw and out (fields 0 and 1) are for the call to fill."""
        inputs, outputs = self.problem.group_channels
        numbers = {
            "parts": self.parts, "dw_part": self.part, "panels": self.panels,
            "width": self.width, "taps": self._taps, "inputs": inputs, "outputs": outputs,
            "blocks": self._blocks,
        }  # fmt: skip
        block = Layout.of(gather_fields(DTYPES[self.problem.dtype]))
        return block.pack(dw=0, out=0, **numbers)


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> WeightGradPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    spec = problem.spec
    images, _, height, width = problem.x_shape
    rows, columns = problem.out_size
    inputs, outputs = problem.group_channels
    tile = choose_tile(problem, target)
    panels = -(-outputs // tile.channels)
    padded = spec.groups * panels * tile.channels
    x_n, _, x_h, x_w = problem.x_strides
    size = problem.itemsize
    row_bytes = size * (width * inputs * spec.stride[0] + columns * tile.channels)
    block_rows = min(rows, max(1, BLOCK_BYTES // row_bytes))
    image_blocks = -(-rows // block_rows)
    blocks = images * image_blocks
    kernel_rows, kernel_columns = spec.kernel
    dw_part = padded * inputs * kernel_rows * kernel_columns
    items = spec.groups * panels * kernel_rows
    wanted = min(-(-LEAST_ITEMS // items), max(1, PARTS_BYTES // (dw_part * size)))
    part_blocks = max(1, -(-blocks // wanted))
    parts = max(1, -(-blocks // part_blocks))
    channels = segment_table(inputs, tile)
    numbers = {
        "parts": parts, "groups": spec.groups, "panels": panels, "kernel_rows": kernel_rows,
        "kernel_columns": kernel_columns, "segments": len(channels), "rows": rows,
        "block_rows": block_rows, "image_blocks": image_blocks, "blocks": blocks,
        "part_blocks": part_blocks, "x_n": x_n, "x_g": inputs, "x_h": x_h, "x_w": x_w,
        "x_down": spec.stride[0] * x_h, "x_across": spec.stride[1] * x_w,
        "g_n": rows * columns * padded, "g_g": panels * tile.channels, "g_h": columns * padded,
        "g_w": padded, "inputs": inputs, "dw_part": dw_part,
    }  # fmt: skip
    return WeightGradPlan(
        problem=problem,
        tile=tile,
        target=target,
        down=tap_table(spec.windows[0], height, rows),
        across=tap_table(spec.windows[1], width, columns),
        channels=channels,
        numbers=numbers,
        items=parts * items,
    )


# Steps for each number of a gradient whose groups must first be filled up to whole vectors: one
# thread copies it.
FILL_STEPS = 4.0


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What the kernels are predicted to take."""
    found = plan(problem, target)
    results = prod(found.dw_shape) * problem.itemsize
    moved = problem.moved + 2 * results
    filled = problem.spec.groups * found.padded_channels
    padding = FILL_STEPS * problem.pixels * filled if filled != problem.out_channels else 0.0
    return Cost(steps(problem, target) + padding, moved, found.items, results, launches=2)


def steps(problem: ConvProblem, target: Target) -> float:
    """Vector multiply-adds' worth of time."""
    found = plan(problem, target)
    results = prod(found.dw_shape) / found.tile.lanes
    parts = found.numbers["parts"]
    return PRODUCT_COST * problem.pixels * results / parts + GATHER_COST * (1 + 1 / parts) * results


def tap_table(window: Window, size: int, out: int) -> NDArray[np.int64]:
    """For each tap along an axis: the outputs that read the picture, and the first position."""
    table = np.zeros((window.kernel, len(TAP)), np.int64)
    for tap in range(window.kernel):
        readers = window.readers(tap, size)
        readers = range(readers.start, min(readers.stop, out))
        if readers:
            table[tap] = readers.start, len(readers), window.taps(readers.start)[tap]
    return table


def segment_table(inputs: int, tile: Tile) -> NDArray[np.int64]:
    """Input channels divided into tiles: where each begins, and how many."""
    sizes = np.array(cover(inputs, tile), np.int64)
    return np.stack([np.cumsum(sizes) - sizes, sizes], axis=1)
