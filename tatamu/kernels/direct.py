"""Direct convolution's plan: which tile, in what order the weights lie, which tiles touch padding.

The plan depends on the problem alone and is kept as long as the layer is used; a call only fills
in addresses. `direct_emit` is the code that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import ConvSpec, Window
from tatamu.kernels import packing
from tatamu.kernels.cost import Cost
from tatamu.kernels.direct_emit import ROW, SEGMENT, TAP, Tile, emit, fields, least_waste
from tatamu.kernels.packing import PackingPlan
from tatamu.kernels.problem import DTYPES, ConvProblem, unserved
from tatamu.stage import Layout, Module, Target

# A panel of weights larger than this is split into blocks of about this many input channels.
PANEL_BYTES = 512 * 1024
BLOCK_CHANNELS = 128

# Work items of about this many multiply-adds keep two threads busy without queueing often.
ITEM_FLOPS = 4_000_000
ITEM_TILES = 48

# While all panels of weights take no more than this, each chunk of the picture is met by all of
# them in turn: the picture passes through the second cache once, and the weights stay there.
RESIDENT_BYTES = 512 * 1024

# Channels up to which planar (NCHW) data is read as it lies.
PLANAR_CHANNELS = 4


def accepts(problem: ConvProblem, target: Target | None) -> str | None:
    """None if direct convolution can run this problem, else why it cannot."""
    if target is None:
        return "llvmlite is missing or has no code generator for this processor"
    reason = unserved(problem, planes=True)
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
    taps: NDArray[np.int64]
    segments: NDArray[np.int64]
    numbers: dict[str, int]
    items: int
    scratch: int
    y_shape: tuple[int, ...]

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
        addresses = {n: getattr(self, n).ctypes.data for n in ("rows", "taps", "segments")}
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
            self.tile.channels,
            self.tile.lanes,
            self.problem.spec.groups,
            planar,
            _block(self.problem, self.tile.channels),
        )

    def pack_weight(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """Weights (out, in, kernel) in the order in which the kernel reads them."""
        groups, panels = self.numbers["groups"], self.numbers["panels"]
        width = self.tile.channels
        inputs, outputs = self.problem.group_channels
        kernel = self.problem.spec.kernel
        wide = np.zeros((groups, panels * width, inputs, *kernel), weight.dtype)
        wide[:, :outputs] = weight.reshape(groups, outputs, inputs, *kernel)
        split = wide.reshape(groups, panels, width, inputs, *kernel)
        last = split.ndim - 1
        if _order(self.problem) == "planar":
            order = (0, 1, *range(4, last), 3, last, 2)
            return np.ascontiguousarray(split.transpose(order))
        taps = split.transpose(0, 1, *range(4, last + 1), 3, 2)
        size = _block(self.problem, width)
        blocks = [
            taps[..., at : at + size, :].reshape(groups, panels, -1)
            for at in range(0, inputs, size)
        ]
        return np.concatenate(blocks, axis=2)

    def packing_plan(self) -> PackingPlan:
        """A kernel that does what `pack_weight` does."""
        inputs, outputs = self.problem.group_channels
        groups, panels = self.numbers["groups"], self.numbers["panels"]
        width, kernel = self.tile.channels, self.problem.spec.kernel
        sizes = (*(1,) * (3 - len(kernel)), *kernel)
        numbers = {
            "panels": panels, "chunks": packing.chunks(inputs), "width": width,
            "outputs": outputs, "inputs": inputs, "block": _block(self.problem, width),
            "planar": int(_order(self.problem) == "planar"),
            **{f"k_{axis}": size for axis, size in enumerate(sizes)},
        }  # fmt: skip
        return PackingPlan(
            target=self.target,
            dtype=self.tile.dtype,
            outputs=0,
            numbers=numbers,
            items=groups * panels * numbers["chunks"],
            size=groups * panels * width * inputs * prod(sizes),
        )

    def pack_bias(self, bias: NDArray[np.generic] | None) -> NDArray[np.generic]:
        """The bias, or zeros for none, filled up to whole tiles."""
        groups, panels = self.numbers["groups"], self.numbers["panels"]
        outputs = self.problem.group_channels[1]
        wide = np.zeros((groups, panels * self.tile.channels), self.problem.dtype)
        if bias is not None:
            wide[:, :outputs] = bias.reshape(groups, outputs)
        return wide


# In steps: what a tile costs before and after its sum, what each kernel row adds, and what
# copying a number into a patch takes.
TILE_STEPS, ROW_STEPS, PATCH_STEPS = 30.0, 4.0, 0.4


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What the kernel is predicted to take."""
    if problem.pixels == 0:
        return Cost(0, 0, 1, 0)
    return _cost(plan(problem, target))


def _cost(found: DirectPlan) -> Cost:
    problem, tile, n = found.problem, found.tile, found.numbers
    inputs = problem.group_channels[0]
    panels = problem.x_shape[0] * n["groups"] * n["panels"]
    met = int(found.rows[:, 2].sum())  # kernel rows of all output rows of one panel
    sizes, patches = found.segments[:, 1], found.segments[:, 3]
    # Fewer than 8 multiply-adds at a time wait for their own results.
    across = float(np.maximum(sizes * tile.vectors, 8).sum()) * inputs * problem.spec.kernel[-1]
    rows = met * (across + len(sizes) * ROW_STEPS + float(patches.sum()) * inputs * PATCH_STEPS)
    tiles = len(found.rows) * len(sizes) * n["blocks"] * (TILE_STEPS + tile.pixels * tile.vectors)
    weights = n["groups"] * n["panels"] * n["w_panel"] * problem.itemsize
    scratch = weights + found.scratch * problem.itemsize
    return Cost(panels * (rows + tiles), problem.moved, found.items, scratch)


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> DirectPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    y_shape = problem.y_shape
    if _is_matrix_product(problem):
        problem = _as_one_row(problem)
    spec = problem.spec
    images, width = problem.x_shape[0], problem.x_shape[-1]
    inputs, outputs = problem.group_channels
    kernel_rows, kernel_width = prod(spec.kernel[:-1]), spec.kernel[-1]
    dilation = spec.dilation[-1]
    tile = choose_tile(problem, target)
    panel = tile.channels
    panels = -(-outputs // panel)
    rows, row_taps = row_schedule(problem)
    segments = segment_table(spec.windows[-1], width, problem.out_size[-1], tile)
    x_n, x_c, x_w = (problem.x_strides[i] for i in (0, 1, -1))
    planar = _order(problem) == "planar"
    merged = not planar and dilation == 1 and x_w == inputs
    block = _block(problem, panel)
    blocks = -(-inputs // block)
    merged = merged and blocks == 1
    last = inputs - (blocks - 1) * block
    if planar:
        two, run, last_run, x_two = inputs, kernel_width, kernel_width, x_c
    elif merged:
        two, run, last_run, x_two = 1, kernel_width * inputs, kernel_width * inputs, 0
    else:
        two, run, last_run, x_two = kernel_width, block, last, dilation * x_w
    taps = kernel_rows * kernel_width
    tiles = len(rows) * len(segments)
    chunk = _chunk(2 * tile.pixels * panel * inputs * taps, tiles)
    patch = kernel_rows * (inputs if planar else block) * int(segments[:, 3].max())
    scratch = -(-(tile.pixels * panel + patch) // 16) * 16
    chunks = -(-tiles // chunk)
    weights = panels * panel * inputs * taps * problem.itemsize
    panel_step, chunk_step = (1, panels) if weights <= RESIDENT_BYTES else (chunks, 1)
    numbers = {
        "tiles": tiles, "row_segments": len(segments), "chunk_tiles": chunk, "chunks": chunks,
        "panels": panels, "groups": spec.groups,
        "panel_step": panel_step, "chunk_step": chunk_step,
        "x_n": x_n, "x_g": inputs * x_c, "x_w": x_w,
        "x_two": x_two, "x_block": block, "step": spec.stride[-1],
        "y_n": problem.y_steps[0], "y_w": problem.y_steps[-1],
        "r_n": problem.r_steps[0], "r_w": problem.r_steps[-1],
        "out_channels": outputs, "last_channels": outputs - (panels - 1) * panel,
        "blocks": blocks, "two": two, "run": run, "last_run": last_run,
        "w_panel": taps * inputs * panel, "w_block": taps * block * panel,
        "planes": inputs if planar else 1, "x_plane": x_c if planar else 0,
        "unit": 1 if planar else block, "last_unit": 1 if planar else last,
        "patch_two": 0 if planar else dilation, "patch_two_by_width": int(planar),
        "scratch_size": scratch,
    }  # fmt: skip
    return DirectPlan(
        problem=problem,
        tile=tile,
        target=target,
        rows=rows,
        taps=row_taps,
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
    shape = least_waste(target, -(-outputs // lanes))
    return Tile(problem.dtype, *shape, lanes, problem.epilogue)


def row_schedule(problem: ConvProblem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each output row: where its window begins, and which kernel rows lie inside the picture.

    Rows that lose the same kernel rows share their list. With planes, rows are those of all planes
    and kernel rows those of all the kernel's planes.
    """
    spec = problem.spec
    outer = range(len(spec.windows) - 1)
    steps = [(problem.x_strides[2 + i], problem.y_steps[1 + i], problem.r_steps[1 + i])
             for i in outer]  # fmt: skip
    windows = [spec.windows[i] for i in outer]
    sizes, counts = problem.x_shape[2:-1], problem.out_size[:-1]
    rows: list[tuple[int, ...]] = []
    taps: list[tuple[int, int]] = []
    places: dict[tuple[range, ...], tuple[int, int]] = {}
    for at in product(*map(range, counts)):
        axes = list(zip(windows, at, sizes, strict=True))
        inside = tuple([window.inside(o, size) for window, o, size in axes])
        if inside not in places:
            met = [_tap(spec.kernel, steps, windows, kernel) for kernel in product(*inside)]
            places[inside] = len(taps), len(met)
            taps += met
        x = sum(w.taps(o).start * step[0] for (w, o, _), step in zip(axes, steps, strict=True))
        y, r = (sum(o * step[i] for o, step in zip(at, steps, strict=True)) for i in (1, 2))
        rows.append((x, *places[inside], y, r))
    return (
        np.array(rows, np.int64).reshape(-1, len(ROW)),
        np.array(taps, np.int64).reshape(-1, len(TAP)),
    )


def _tap(
    kernel: tuple[int, ...],
    steps: list[tuple[int, int, int]],
    windows: list[Window],
    at: tuple[int, ...],
) -> tuple[int, int]:
    """Where one kernel row reads, counted from where the window begins, and its number."""
    place, number = 0, 0
    for size, step, window, k in zip(kernel, steps, windows, at, strict=False):
        place += k * window.dilation * step[0]
        number = number * size + k
    return place, number


def row_table(window: Window, size: int, out: int) -> NDArray[np.int64]:
    """For each output row: the first input row it reads and which kernel rows lie inside."""
    table = np.zeros((out, 3), np.int64)
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
    taps = prod(problem.spec.kernel)
    size = inputs * taps * panel * problem.itemsize
    if _order(problem) == "planar" or size <= PANEL_BYTES or inputs <= BLOCK_CHANNELS:
        return inputs
    return -(-inputs // -(-inputs // BLOCK_CHANNELS))


def _order(problem: ConvProblem) -> str | None:
    channels, columns = problem.group_channels[0], problem.spec.kernel[-1]
    x_c, x_w = problem.x_strides[1], problem.x_strides[-1]
    if x_c == 1 or channels == 1:
        return "channels-last"
    contiguous_row = x_w == 1 and (problem.spec.dilation[-1] == 1 or columns == 1)
    return "planar" if contiguous_row and channels <= PLANAR_CHANNELS else None


def _is_matrix_product(problem: ConvProblem) -> bool:
    plain = all(w == Window(1) for w in problem.spec.windows)
    steps = (problem.x_strides[0], *problem.x_strides[2:])
    sizes = (problem.x_shape[0], *problem.x_shape[2:])
    outs = (problem.x_shape[0], *problem.out_size)
    evenly = all(
        _evenly_spaced(s, n)
        for s, n in ((sizes, steps), (outs, problem.y_steps), (outs, problem.r_steps))
    )
    return plain and evenly and problem.x_shape[0] > 0


def _evenly_spaced(sizes: tuple[int, ...], steps: tuple[int, ...]) -> bool:
    """Whether all positions lie the last step apart, in order."""
    wanted = steps[-1]
    for size, step in zip(reversed(sizes), reversed(steps), strict=True):
        if size != 1 and step != wanted:
            return False
        wanted *= size
    return True


def _as_one_row(problem: ConvProblem) -> ConvProblem:
    """A 1x1 convolution over evenly spaced pixels sees one long row."""
    pixels, x_c, x_w = problem.pixels, problem.x_strides[1], problem.x_strides[-1]
    y_w, r_w = problem.y_steps[-1], problem.r_steps[-1]
    spec = ConvSpec.make(1, groups=problem.spec.groups)
    return replace(
        problem,
        spec=spec,
        x_shape=(1, problem.x_shape[1], 1, pixels),
        x_strides=(pixels * x_w, x_c, pixels * x_w, x_w),
        y_strides=(pixels * y_w, pixels * y_w, y_w),
        r_strides=(pixels * r_w, pixels * r_w, r_w),
    )
