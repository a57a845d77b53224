"""Grouped convolution's plan. `grouped_emit` is the code that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Window
from tatamu.kernels.cost import Cost
from tatamu.kernels.direct import row_table
from tatamu.kernels.grouped_emit import SEGMENT, GroupTile, emit, fields, reads
from tatamu.kernels.problem import DTYPES, ConvProblem, unserved
from tatamu.stage import Layout, Module, Target

# Work items of about this many vector multiply-adds: a microsecond or two.
ITEM_STEPS = 4_000

# Steps that a vector of inputs, and one of outputs, takes beside the multiply-adds.
IN, OUT = 4.5, 1.5

# Columns of the window that are compiled in, and strides.
COLUMNS = (3, 5, 7)
STRIDES = (1, 2)


def accepts(problem: ConvProblem, target: Target) -> str | None:
    """None if this kernel can run the problem, else why it cannot."""
    reason = unfit(problem, target)
    if reason is None and problem.group_channels[0] == 1:
        return "groups have one input channel: depthwise is the same kernel"
    return reason


def unfit(problem: ConvProblem, target: Target) -> str | None:
    """Why groups do not fill vectors; None if they do, those of one input channel included."""
    reason = unserved(problem)
    if reason is not None:
        return reason
    inputs, outputs = problem.group_channels
    if problem.spec.groups < 2:
        return "there is one group; it needs several in a vector"
    lanes = target.lanes(DTYPES[problem.dtype])
    if outputs % lanes and (lanes % outputs or inputs > 2 * lanes):
        return f"groups have {inputs} input and {outputs} output channels, vectors {lanes} lanes"
    if not readable(problem):
        return "channels must lie next to one another in memory"
    return None


def readable(problem: ConvProblem) -> bool:
    """Whether the kernel can read the input where it lies."""
    return problem.x_strides[1] == 1


@dataclass(frozen=True, eq=False)
class GroupedPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ConvProblem
    tile: GroupTile
    target: Target
    rows: NDArray[np.int64]
    segments: NDArray[np.int64]
    numbers: dict[str, int]
    items: int
    y_shape: tuple[int, int, int, int]
    scratch: int = 0

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        name = "depthwise" if self.tile.inputs == 1 else "grouped"
        return f"{name} {self.tile.pixels}×{self.tile.lanes}"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return self.tile.symbol(self.target, self.problem.epilogue)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return work(cost(self.problem, self.target), self.tile, self.target)

    @property
    def packing(self) -> tuple[object, ...]:
        """What the order of packed weights and bias depends on."""
        return ("grouped", self.tile, self.target.isa)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.problem.epilogue, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; its first fields, up to scratch, are for the call to fill."""
        addresses = {"rows": self.rows.ctypes.data, "segments": self.segments.ctypes.data}
        empty = dict.fromkeys(("x", "w", "b", "r", "y", "scratch"), 0)
        return Layout.of(fields(DTYPES[self.tile.dtype])).pack(**empty, **addresses, **self.numbers)

    def pack_weight(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """Weights (out, in, rows, columns) as [vector][row][step][in][column][lane].

        Either a step has all columns, or each column is a step.
        """
        tile, kernel = self.tile, weight.shape[2:]
        spans = self.numbers["spans"]
        wide = self._by_vector(weight)
        split = wide.reshape(-1, tile.lanes, tile.inputs, kernel[0], spans, tile.columns)
        return np.ascontiguousarray(split.transpose(0, 3, 4, 2, 5, 1))

    def pack_bias(self, bias: NDArray[np.generic] | None) -> NDArray[np.generic]:
        """The bias, or zeros for none, vector by vector."""
        if bias is None:
            return np.zeros(self.numbers["vectors"] * self.tile.lanes, self.problem.dtype)
        return self._by_vector(bias)

    def _by_vector(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Rows of an array in the order of vectors' lanes, where the last may overlap."""
        lanes, vectors = self.tile.lanes, self.numbers["vectors"]
        whole = (vectors - 1) * lanes
        return np.concatenate([values[:whole], values[-lanes:]])


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> GroupedPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    spec = problem.spec
    images, _, height, width = problem.x_shape
    out_height, out_width = problem.out_size
    kernel_height, kernel_width = spec.kernel
    tile = choose_tile(problem, target)
    spans = kernel_width // tile.columns
    x_n, _, x_h, x_w = problem.x_strides
    y_n, y_h, y_w = problem.y_steps
    r_n, r_h, r_w = problem.r_steps
    vectors = -(-problem.out_channels // tile.lanes)
    block, blocks, chunk, chunks = divided(problem, tile)
    following = spec.stride[1] if tile.columns == 1 else 1
    segments = segment_table(spec.windows[1], width, out_width, tile)
    numbers = {
        "out_rows": out_height, "chunk_rows": chunk, "chunks": chunks, "vectors": vectors,
        "block_vectors": block, "blocks": blocks, "row_segments": len(segments),
        "channels": problem.out_channels, "x_n": x_n, "x_h": x_h, "x_w": x_w,
        "x_row": spec.dilation[0] * x_h, "x_column": spec.dilation[1] * x_w,
        "x_next": following * x_w, "column": spec.dilation[1], "next": following,
        "width": width, "y_n": y_n, "y_h": y_h, "y_w": y_w, "r_n": r_n, "r_h": r_h, "r_w": r_w,
        "kernel_rows": kernel_height, "spans": spans,
    }  # fmt: skip
    return GroupedPlan(
        problem=problem,
        tile=tile,
        target=target,
        rows=row_table(spec.windows[0], height, out_height),
        segments=segments,
        numbers=numbers,
        items=images * chunks * blocks,
        y_shape=(images, problem.out_channels, out_height, out_width),
    )


def divided(problem: ConvProblem, tile: GroupTile) -> tuple[int, int, int, int]:
    """Vectors of a work item, in how many items they are all done; rows of an item, and as much."""
    rows, columns = problem.out_size
    kernel_rows, kernel_columns = problem.spec.kernel
    vectors = -(-problem.out_channels // tile.lanes)
    steps = max(1, columns * kernel_rows * kernel_columns * tile.inputs)
    blocks = -(-vectors // max(1, ITEM_STEPS // steps))
    block = -(-vectors // blocks)
    blocks = -(-vectors // block)
    chunk = min(rows, max(1, ITEM_STEPS // (steps * block)))
    return block, blocks, chunk, -(-rows // chunk)


def segment_table(window: Window, size: int, out: int, tile: GroupTile) -> NDArray[np.int64]:
    """The tiles of one output row, and which of them touch padding."""
    interior = window.interior(size)
    rows = []
    at = 0
    while at < out:
        pixels = max(n for n in tile.sizes if n <= out - at)
        touches = at < interior.start or at + pixels > interior.stop
        rows.append((window.taps(at).start, pixels, at, int(touches)))
        at += pixels
    return np.array(rows, np.int64).reshape(-1, len(SEGMENT))


def choose_tile(problem: ConvProblem, target: Target) -> GroupTile:
    """As many lanes as there are, and no more than a vector has or than two vectors' inputs fill.

    The heights, and how many inputs' weights are held, are the largest that keep no vector on the
    stack (tests/test_kernels_grouped.py counts them).
    """
    inputs, outputs = problem.group_channels
    most = target.lanes(DTYPES[problem.dtype])
    lanes = most
    while lanes > outputs and (
        lanes > problem.out_channels or lanes // outputs * inputs > 2 * most
    ):
        lanes //= 2
    window = problem.spec.windows[1]
    columns, stride = window.kernel, window.stride
    known = COLUMNS if inputs == 1 else COLUMNS[:1]
    narrow = max(window.pad) < columns  # no more of a window's columns are padding
    if columns not in known or stride not in STRIDES or window.dilation > 1 or not narrow:
        columns, stride = 1, 1
    many = target.registers >= 32
    at_once = 1
    if many and inputs > 1:
        held = max(1, most // (4 if inputs <= min(4, outputs) else 8))
        at_once = max(n for n in range(1, held + 1) if inputs % n == 0)
    if many:
        pixels = 14 if columns * at_once <= 3 and stride == 1 and inputs <= outputs else 7
    else:
        pixels = 4 if stride > 1 or (columns > 3 and not target.fma) else 7
    return GroupTile(problem.dtype, pixels, lanes, inputs, outputs, columns, stride, at_once)


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What it is predicted to take: fitted to the layers of benchmarks/families/convolution.py.

    Beside the multiply-adds, each vector of inputs and of outputs takes some steps' time to come
    and go. Where pixels lie so far apart that those of a tile drive one another out of the first
    cache, every load waits for the second.
    """
    inputs, _ = problem.group_channels
    tile = choose_tile(problem, target)
    images, _, height, width = problem.x_shape
    rows, columns = problem.out_size
    kernel_rows, kernel_columns = problem.spec.kernel
    vectors = -(-problem.out_channels // tile.lanes)
    read = images * height * width * problem.x_shape[1]
    written = images * rows * columns * vectors
    multiply_adds = written * kernel_rows * kernel_columns * inputs
    reach = len(reads(tile, tile.pixels))
    waits = 0.0
    if inputs > tile.at_once and reach > _room(problem.x_strides[3] * problem.itemsize):
        waits = multiply_adds * reach / (tile.pixels * tile.columns * tile.at_once)
    _, blocks, _, chunks = divided(problem, tile)
    packed = vectors * tile.lanes * kernel_rows * kernel_columns * inputs
    numbers = written * tile.lanes * (2 if problem.epilogue.residual else 1)
    return Cost(
        steps=multiply_adds + waits + IN * read / tile.lanes + OUT * written,
        moved=(read + numbers) * problem.itemsize,
        items=images * blocks * chunks,
        scratch=packed * problem.itemsize,
    )


def _room(apart: int) -> int:
    """How many lines of a first cache of 64 sets of 8 there are for data so many bytes apart."""
    return 8 * max(1, 4096 // max(64, apart & -apart))


def work(cost: Cost, tile: GroupTile, target: Target) -> int:
    """How long it takes, in flops of direct convolution."""
    return int(max(2 * target.lanes(DTYPES[tile.dtype]) * cost.steps, 5 * cost.moved))
