"""Direct convolution's plan: which tile, in what order the weights lie, which tiles touch padding.

The plan depends on the problem alone and is kept as long as the layer is used; a call only fills
in addresses. `direct_emit` is the code that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Window
from tatamu.kernels.direct_emit import ROW, SEGMENT, Tile, emit, fields, least_waste
from tatamu.kernels.problem import DTYPES, ConvProblem, unserved
from tatamu.stage import Layout, Module, Target

# A panel of weights larger than this is split into blocks of about this many input channels.
PANEL_BYTES = 512 * 1024
BLOCK_CHANNELS = 128

# Work items of about this many multiply-adds keep two threads busy without queueing often.
ITEM_FLOPS = 4_000_000
ITEM_TILES = 48

# Channels up to which planar (NCHW) data is read as it lies.
PLANAR_CHANNELS = 4


def accepts(problem: ConvProblem, target: Target | None) -> str | None:
    """None if direct convolution can run this problem, else why it cannot."""
    if target is None:
        return "llvmlite is missing or has no code generator for this processor"
    reason = unserved(problem)
    if reason is not None:
        return reason
    if not readable(problem):
        return "channels must lie next to one another in memory, or be few and planar"
    return None


def readable(problem: ConvProblem) -> bool:
    """Whether the kernel can read the input where it lies, without a copy in another order."""
    return _order(problem) is not None


@dataclass(frozen=True, eq=False)
class DirectPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ConvProblem
    tile: Tile
    target: Target
    rows: NDArray[np.int64]
    segments: NDArray[np.int64]
    numbers: dict[str, int]
    items: int
    scratch: int
    y_shape: tuple[int, int, int, int]

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return f"direct {self.tile.pixels}×{self.tile.channels}"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return self.tile.symbol(self.target)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; its first fields, up to scratch, are for the call to fill."""
        addresses = {"rows": self.rows.ctypes.data, "segments": self.segments.ctypes.data}
        empty = dict.fromkeys(("x", "w", "b", "r", "y", "scratch"), 0)
        return Layout.of(fields(DTYPES[self.tile.dtype])).pack(**empty, **addresses, **self.numbers)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return self.problem.flops

    @property
    def packing(self) -> tuple[object, ...]:
        """What the order of packed weights and bias depends on: plans that agree can share them."""
        planar = _order(self.problem) == "planar"
        return (
            "direct",
            self.tile,
            self.target.isa,
            self.problem.spec.groups,
            planar,
            _block(self.problem, self.tile.channels),
        )

    def pack_weight(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """Weights (out, in, rows, columns) in the order in which the kernel reads them."""
        groups, panels = self.numbers["groups"], self.numbers["panels"]
        width = self.tile.channels
        inputs, outputs = self.problem.group_channels
        height, columns = self.problem.spec.kernel
        wide = np.zeros((groups, panels * width, inputs, height, columns), weight.dtype)
        wide[:, :outputs] = weight.reshape(groups, outputs, inputs, height, columns)
        split = wide.reshape(groups, panels, width, inputs, height, columns)
        if _order(self.problem) == "planar":
            return np.ascontiguousarray(split.transpose(0, 1, 4, 3, 5, 2))
        taps = split.transpose(0, 1, 4, 5, 3, 2)
        size = _block(self.problem, width)
        blocks = [
            taps[..., at : at + size, :].reshape(groups, panels, -1)
            for at in range(0, inputs, size)
        ]
        return np.concatenate(blocks, axis=2)

    def pack_bias(self, bias: NDArray[np.generic] | None) -> NDArray[np.generic]:
        """The bias, or zeros for none, filled up to whole tiles."""
        groups, panels = self.numbers["groups"], self.numbers["panels"]
        outputs = self.problem.group_channels[1]
        wide = np.zeros((groups, panels * self.tile.channels), self.problem.dtype)
        if bias is not None:
            wide[:, :outputs] = bias.reshape(groups, outputs)
        return wide


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> DirectPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    y_shape = (problem.x_shape[0], problem.out_channels, *problem.out_size)
    if _is_matrix_product(problem):
        problem = _as_one_row(problem)
    spec = problem.spec
    images, _, height, width = problem.x_shape
    out_height, out_width = problem.out_size
    inputs, outputs = problem.group_channels
    kernel_height, kernel_width = spec.kernel
    tile = choose_tile(problem, target)
    panel = tile.channels
    panels = -(-outputs // panel)
    rows = row_table(spec.windows[0], height, out_height)
    segments = segment_table(spec.windows[1], width, out_width, tile)
    x_n, x_c, x_h, x_w = problem.x_strides
    planar = _order(problem) == "planar"
    merged = not planar and spec.dilation[1] == 1 and x_w == inputs
    block = _block(problem, panel)
    blocks = -(-inputs // block)
    merged = merged and blocks == 1
    last = inputs - (blocks - 1) * block
    if planar:
        two, run, last_run, x_two = inputs, kernel_width, kernel_width, x_c
    elif merged:
        two, run, last_run, x_two = 1, kernel_width * inputs, kernel_width * inputs, 0
    else:
        two, run, last_run, x_two = kernel_width, block, last, spec.dilation[1] * x_w
    taps = kernel_height * kernel_width
    tiles = len(rows) * len(segments)
    chunk = _chunk(2 * tile.pixels * panel * inputs * taps, tiles)
    patch = kernel_height * (inputs if planar else block) * int(segments[:, 3].max())
    scratch = -(-(tile.pixels * panel + patch) // 16) * 16
    chunks = -(-tiles // chunk)
    numbers = {
        "tiles": tiles, "row_segments": len(segments), "chunk_tiles": chunk, "chunks": chunks,
        "panels": panels, "groups": spec.groups,
        "x_n": x_n, "x_g": inputs * x_c, "x_h": x_h, "x_w": x_w, "x_kh": spec.dilation[0] * x_h,
        "x_two": x_two, "x_block": block, "step": spec.stride[1],
        "y_n": out_height * out_width * problem.out_channels,
        "y_h": out_width * problem.out_channels, "y_w": problem.out_channels,
        "out_channels": outputs, "last_channels": outputs - (panels - 1) * panel,
        "blocks": blocks, "two": two, "run": run, "last_run": last_run,
        "w_panel": taps * inputs * panel, "w_block": taps * block * panel,
        "planes": inputs if planar else 1, "x_plane": x_c if planar else 0,
        "unit": 1 if planar else block, "last_unit": 1 if planar else last,
        "patch_two": 0 if planar else spec.dilation[1], "patch_two_by_width": int(planar),
        "scratch_size": scratch,
    }  # fmt: skip
    return DirectPlan(
        problem=problem,
        tile=tile,
        target=target,
        rows=rows,
        segments=segments,
        numbers=numbers,
        items=images * spec.groups * panels * chunks,
        scratch=scratch,
        y_shape=y_shape,
    )


def choose_tile(problem: ConvProblem, target: Target) -> Tile:
    """The tile that wastes the fewest lanes; among equals, the widest.

    Layers of fewer channels than a vector has lanes get a narrower vector.
    """
    outputs = problem.group_channels[1]
    lanes = target.lanes(DTYPES[problem.dtype])
    while lanes // 2 >= max(outputs, 2):
        lanes //= 2
    return Tile(problem.dtype, *least_waste(target, -(-outputs // lanes)), lanes)


def row_table(window: Window, size: int, out: int) -> NDArray[np.int64]:
    """For each output row: the first input row it reads and which kernel rows lie inside."""
    table = np.zeros((out, len(ROW)), np.int64)
    interior = window.interior(size)
    if interior:
        first = window.taps(interior.start).start
        steps = np.arange(len(interior)) * window.stride
        table[interior.start : interior.stop, 0] = first + steps
        table[interior.start : interior.stop, 2] = window.kernel
    for o in (o for o in range(out) if o not in interior):
        inside = window.inside(o, size)
        if inside:
            table[o] = window.taps(o)[inside.start], inside.start, len(inside)
    return table


def segment_table(window: Window, size: int, out: int, tile: Tile) -> NDArray[np.int64]:
    """The tiles of one output row, and for those that touch padding where the picture lies."""
    sizes = np.array(cover(out, tile), np.int64)
    starts = np.cumsum(sizes) - sizes
    table = np.zeros((len(sizes), len(SEGMENT)), np.int64)
    table[:, 0] = window.taps(0).start + starts * window.stride
    table[:, 1] = sizes
    table[:, 2] = starts
    interior = window.interior(size)
    touches = (starts < interior.start) | (starts + sizes > interior.stop)
    first = table[touches, 0]
    reach = {n: window.taps(n - 1).stop - window.taps(0).start for n in tile.sizes}
    patch = np.array([reach[n] for n in sizes[touches]], np.int64)
    table[touches, 3] = patch
    table[touches, 4] = np.minimum(np.maximum(-first, 0), patch)
    table[touches, 5] = np.maximum(np.minimum(size - first, patch), table[touches, 4])
    return table


@lru_cache(maxsize=4096)
def cover(length: int, tile: Tile) -> tuple[int, ...]:
    """Tile heights that add up to ``length`` at the least cost, the tallest first.

    A tile costs its multiply-adds, but never less than the 8 that hide their own latency.
    """
    tallest = tile.pixels
    whole = max(0, length // tallest - 1)
    rest = length - whole * tallest
    best: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for n in range(1, rest + 1):
        ways = [
            (best[n - s][0] + max(s * tile.vectors, 8) + 1, (s, *best[n - s][1]))
            for s in tile.sizes
            if s <= n
        ]
        best.append(min(ways))
    return (tallest,) * whole + tuple(sorted(best[rest][1], reverse=True))


def _chunk(flops: int, tiles: int) -> int:
    wanted = min(max(1, ITEM_FLOPS // flops), ITEM_TILES, tiles)
    # Even chunks: 50 tiles are 2 x 25, not 48 + 2.
    return -(-tiles // -(-tiles // wanted))


def _block(problem: ConvProblem, panel: int) -> int:
    """Input channels of a block."""
    inputs = problem.group_channels[0]
    taps = problem.spec.kernel[0] * problem.spec.kernel[1]
    size = inputs * taps * panel * problem.itemsize
    if _order(problem) == "planar" or size <= PANEL_BYTES or inputs <= BLOCK_CHANNELS:
        return inputs
    return -(-inputs // -(-inputs // BLOCK_CHANNELS))


def _order(problem: ConvProblem) -> str | None:
    channels, columns = problem.group_channels[0], problem.spec.kernel[1]
    _, x_c, _, x_w = problem.x_strides
    if x_c == 1 or channels == 1:
        return "channels-last"
    contiguous_row = x_w == 1 and (problem.spec.dilation[1] == 1 or columns == 1)
    return "planar" if contiguous_row and channels <= PLANAR_CHANNELS else None


def _is_matrix_product(problem: ConvProblem) -> bool:
    spec = problem.spec
    plain = all(w == Window(1) for w in spec.windows)
    images, _, height, width = problem.x_shape
    x_n, _, x_h, x_w = problem.x_strides
    dense = x_h == width * x_w and (images == 1 or x_n == height * x_h)
    return plain and dense and images > 0


def _as_one_row(problem: ConvProblem) -> ConvProblem:
    """A 1x1 convolution over dense pixels sees one long row."""
    images, channels, height, width = problem.x_shape
    _, x_c, _, x_w = problem.x_strides
    pixels = images * height * width
    return ConvProblem(
        problem.spec,
        problem.dtype,
        (1, channels, 1, pixels),
        (pixels * x_w, x_c, pixels * x_w, x_w),
        problem.out_channels,
    )
