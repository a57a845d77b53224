"""Depthwise convolution's plan. `depthwise_emit` is the code that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Window
from tatamu.kernels.cost import Cost
from tatamu.kernels.depthwise_emit import SEGMENT, emit, fields, symbol
from tatamu.kernels.direct import cover, row_table
from tatamu.kernels.direct_emit import Tile, pixels_by_vectors
from tatamu.kernels.epilogue import PLAIN
from tatamu.kernels.problem import DTYPES, ConvProblem, unserved
from tatamu.stage import Layout, Module, Target

# Work items of about this many multiply-adds of single channels.
ITEM_MACS = 200_000


def accepts(problem: ConvProblem, target: Target) -> str | None:
    """None if this kernel can run the problem, else why it cannot."""
    reason = unserved(problem)
    if reason is not None:
        return reason
    if problem.group_channels != (1, 1) or problem.spec.groups < 2:
        inputs, outputs = problem.group_channels
        return f"groups have {inputs} input and {outputs} output channels; it needs 1 and 1"
    if problem.y_strides is not None or problem.epilogue != PLAIN:
        return "it writes plain sums to an output without gaps"
    if not readable(problem):
        return "channels must lie next to one another in memory"
    return None


def readable(problem: ConvProblem) -> bool:
    """Whether the kernel can read the input where it lies."""
    return problem.x_strides[1] == 1


@dataclass(frozen=True, eq=False)
class DepthwisePlan:
    """Everything about one problem that a call need not work out again."""

    problem: ConvProblem
    tile: Tile
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
        return f"depthwise {self.tile.pixels}×{self.tile.lanes}"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.tile, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return 4 * self.problem.flops  # it waits for memory more than it computes

    @property
    def packing(self) -> tuple[object, ...]:
        """What the order of packed weights and bias depends on."""
        return ("depthwise", self.tile, self.target.isa)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; its first fields, up to scratch, are for the call to fill."""
        addresses = {"rows": self.rows.ctypes.data, "segments": self.segments.ctypes.data}
        empty = dict.fromkeys(("x", "w", "b", "r", "y", "scratch"), 0)
        return Layout.of(fields(DTYPES[self.tile.dtype])).pack(**empty, **addresses, **self.numbers)

    def pack_weight(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """Weights (channels, 1, rows, columns) as [vector][row][column][lane]."""
        vectors, lanes = self.numbers["vectors"], self.tile.lanes
        channels, _, rows, columns = weight.shape
        wide = np.zeros((vectors * lanes, rows, columns), weight.dtype)
        wide[:channels] = weight[:, 0]
        split = wide.reshape(vectors, lanes, rows, columns)
        return np.ascontiguousarray(split.transpose(0, 2, 3, 1))

    def pack_bias(self, bias: NDArray[np.generic] | None) -> NDArray[np.generic]:
        """The bias, or zeros for none, filled up to whole vectors."""
        wide = np.zeros(self.numbers["vectors"] * self.tile.lanes, self.problem.dtype)
        if bias is not None:
            wide[: len(bias)] = bias
        return wide


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What the kernel is predicted to take."""
    found = plan(problem, target)
    taps = problem.spec.kernel[0] * problem.spec.kernel[1]
    vectors = found.numbers["vectors"]
    steps = problem.pixels * vectors * (taps + 2.0) * 1.5
    return Cost(steps, problem.moved, found.items, vectors * found.tile.lanes * problem.itemsize)


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> DepthwisePlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    spec = problem.spec
    images, channels, height, width = problem.x_shape
    out_height, out_width = problem.out_size
    kernel_height, kernel_width = spec.kernel
    tile = choose_tile(problem, target)
    rows = row_table(spec.windows[0], height, out_height)
    segments = segment_table(spec.windows[1], width, out_width, tile)
    tiles = len(rows) * len(segments)
    taps = kernel_height * kernel_width
    wanted = max(1, min(tiles, ITEM_MACS // (tile.pixels * tile.lanes * taps)))
    chunk = -(-tiles // -(-tiles // wanted))
    vectors = -(-channels // tile.lanes)
    chunks = -(-tiles // chunk)
    x_n, _, x_h, x_w = problem.x_strides
    numbers = {
        "tiles": tiles, "row_segments": len(segments), "chunk_tiles": chunk, "chunks": chunks,
        "vectors": vectors, "channels": channels, "x_n": x_n, "x_h": x_h, "x_w": x_w,
        "x_row": spec.dilation[0] * x_h, "x_column": spec.dilation[1] * x_w,
        "x_px": spec.stride[1] * x_w, "y_n": out_height * out_width * channels,
        "y_h": out_width * channels, "y_w": channels, "columns": kernel_width, "taps": taps,
        "width": width, "dilation": spec.dilation[1], "step": spec.stride[1],
    }  # fmt: skip
    return DepthwisePlan(
        problem=problem,
        tile=tile,
        target=target,
        rows=rows,
        segments=segments,
        numbers=numbers,
        items=images * vectors * chunks,
        y_shape=(images, channels, out_height, out_width),
    )


def segment_table(window: Window, size: int, out: int, tile: Tile) -> NDArray[np.int64]:
    """The tiles of one output row: those that read no padding apart from those that do."""
    interior = window.interior(size)
    first = min(interior.start, out)
    last = max(first, min(interior.stop, out))
    rows = []
    for start, stop, touches in ((0, first, 1), (first, last, 0), (last, out, 1)):
        at = start
        for pixels in cover(stop - start, tile):
            rows.append((window.taps(at).start, pixels, at, touches))
            at += pixels
    return np.array(rows, np.int64).reshape(-1, len(SEGMENT))


def choose_tile(problem: ConvProblem, target: Target) -> Tile:
    """As many pixels as the registers hold, by one vector, narrower for few channels."""
    lanes = target.lanes(DTYPES[problem.dtype])
    while lanes // 2 >= problem.x_shape[1]:
        lanes //= 2
    return Tile(problem.dtype, pixels_by_vectors(target)[1], 1, lanes)
