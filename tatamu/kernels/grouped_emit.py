"""Grouped convolution of few channels a group: the lanes of a vector span several groups.

    y[n,p,q,o] = b[o] + sum over i, j, c of  x[n, s p + d i - a, s q + d j - a, g I + c] w[o,c,i,j]

where g = o // O is the group of output channel o, and I and O are a group's input and output
channels. A vector of L lanes holds the outputs of L / O groups; their inputs lie side by side in
memory, and the c-th step of the sum shuffles them so that each lane gets the c-th input of its own
group. Depthwise convolution is I = O = 1, where nothing has to be shuffled; where O is a multiple
of L, each input is loaded into all lanes.

A tile is MR output pixels of a row by one vector. For each row of the window, the weights of all
its columns are held in registers (``columns`` and ``stride`` are compiled in), so that each input
is loaded and shuffled once and serves all the outputs that read it. Windows of other widths,
strides or with dilation take their columns one by one. What lies outside the picture is left out:
rows of the window by the plan, and inputs by a look at where they lie, in tiles that touch the left
or right padding. The last vector ends with the last channel, even where it overlaps the one before:
both make the same numbers of the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tatamu.kernels.epilogue import Epilogue, finished
from tatamu.kernels.problem import DTYPES
from tatamu.stage import (
    I64,
    Arguments,
    Function,
    Module,
    Pointer,
    PointerTo,
    Target,
    Type,
    Value,
)

# What the kernel reads of each output row.
ROW = ("first_row", "first_kernel_row", "kernel_rows")
# What the kernel reads of each tile of a row; `touches` is whether it reads padding.
SEGMENT = ("first_pixel", "pixels", "out_pixel", "touches")

# The heights emitted for each tile; pictures are mostly multiples of 7 wide.
SIZES = {14: (14, 7, 4, 2, 1), 7: (7, 4, 2, 1), 4: (4, 2, 1)}

NUMBERS = (
    # work item i is (image * chunks + chunk of rows) * blocks + block of vectors
    "out_rows", "chunk_rows", "chunks", "vectors", "block_vectors", "blocks", "row_segments",
    "channels",
    # input strides in elements: image, row, pixel, row and column of the window, one load to the
    # next; the last two also in pixels
    "x_n", "x_h", "x_w", "x_row", "x_column", "x_next", "column", "next", "width",
    # strides of output and residual
    "y_n", "y_h", "y_w", "r_n", "r_h", "r_w",
    # rows of the window, and the steps in which each is taken
    "kernel_rows", "spans",
)  # fmt: skip

# Activations so long that they are written once, in a loop over the tile's pixels.
LONG = ("sigmoid", "silu", "tanh", "gelu")


@dataclass(frozen=True, slots=True)
class GroupTile:
    """What is compiled into a kernel.

    ``inputs`` and ``outputs`` are the channels of a group, ``columns`` those of the window that
    are taken at once, ``stride`` that of the columns (1 where they are taken one by one), and
    ``at_once`` the inputs of a group whose weights are held together.
    """

    dtype: str
    pixels: int
    lanes: int
    inputs: int
    outputs: int
    columns: int
    stride: int
    at_once: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """The heights emitted, the tallest first."""
        return SIZES[self.pixels]

    @property
    def alone(self) -> bool:
        """Whether a vector's outputs are all of one group."""
        return self.outputs >= self.lanes

    @property
    def wide(self) -> int:
        """Neighbouring inputs that one vector of outputs of several groups reads."""
        return self.lanes // self.outputs * self.inputs

    @property
    def step_size(self) -> int:
        """Weights of one vector that are read for each step through a row of the window."""
        return self.inputs * self.columns * self.lanes

    @property
    def tag(self) -> str:
        """The part of a symbol that tells it from other tiles."""
        window = f"{self.columns}s{self.stride}" if self.columns > 1 else "any"
        return f"{self.dtype}_{self.inputs}to{self.outputs}_{self.pixels}x{self.lanes}_{window}"

    def symbol(self, target: Target, epilogue: Epilogue) -> str:
        """The name of its kernel."""
        return f"grouped_{self.tag}{epilogue.tag}_{target.tag}"

    def picks(self, channel: int) -> list[int]:
        """For each lane, where among ``wide`` inputs its group's input number ``channel`` is."""
        return [lane // self.outputs * self.inputs + channel for lane in range(self.lanes)]


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("x", "w", "b", "r", "y", "scratch")}
    tables = {n: PointerTo(I64) for n in ("rows", "segments")}
    return {**pointers, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(tile: GroupTile, epilogue: Epilogue, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(tile.symbol(target, epilogue), target, debug=debug)
    inner = {n: _tile(m, tile, epilogue, n, edge=False) for n in tile.sizes}
    edge = {n: _tile(m, tile, epilogue, n, edge=True) for n in tile.sizes}
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, inner, edge)
    return m


def own_inputs(
    f: Function, tile: GroupTile, x: Pointer, index: Value, channels: range
) -> Iterator[tuple[int, Value]]:
    """For each channel of a group the vector in which every lane has its own group's."""
    if tile.alone:
        yield from ((c, x.splat(index + c, tile.lanes)) for c in channels)
        return
    value = x.vec(index, tile.wide)
    for c in channels:
        picks = tile.picks(c)
        whole = picks == list(range(tile.wide))
        yield c, value if whole else f.shuffle(value, value, picks)


def reads(tile: GroupTile, pixels: int) -> dict[int, list[tuple[int, int]]]:
    """The inputs that a tile loads along a row: which output and column take each of them."""
    found: dict[int, list[tuple[int, int]]] = {}
    for p in range(pixels):
        for j in range(tile.columns):
            found.setdefault(p * tile.stride + j, []).append((p, j))
    return dict(sorted(found.items()))


def _tile(m: Module, tile: GroupTile, epilogue: Epilogue, pixels: int, *, edge: bool) -> Function:
    """``pixels`` outputs of one vector; those at the edge look where each input lies."""
    t, lanes = DTYPES[tile.dtype], tile.lanes
    f = m.function(f"{'edge' if edge else 'tile'}{pixels}", {
        **{n: PointerTo(t) for n in ("x", "w", "b", "r", "y")},
        **dict.fromkeys(("kernel_rows", "x_row", "spans", "x_column", "x_next", "y_w", "r_w"), I64),
        **dict.fromkeys(("first_pixel", "column", "next", "width"), I64),
    })  # fmt: skip
    a = f.args
    y = a.pointer("y")
    bias = a.pointer("b").vec(0, lanes)
    acc = [f.var(bias) for _ in range(pixels)]

    found = reads(tile, pixels)
    last = max(found) - tile.columns + 2  # padding is never wider than the window less one

    def step(x: Pointer, w: Pointer, first: Value, channels: range) -> None:
        weights = {
            (c, j): w.vec((c * tile.columns + j) * lanes, lanes)
            for c in channels
            for j in range(tile.columns)
        }

        def take(k: int, takers: list[tuple[int, int]]) -> None:
            for c, own in own_inputs(f, tile, x, a.x_next * k, channels):
                for p, j in takers:
                    acc[p].set(f.fma(own, weights[c, j], acc[p]))

        for k, takers in found.items():
            if edge and (tile.columns == 1 or not tile.columns - 1 <= k < last):
                at = first + a.next * k
                with f.when((at | (a.width - 1 - at)) >= 0):
                    take(k, takers)
            else:
                take(k, takers)

    def steps(x: Pointer, w: Pointer, first: Value) -> None:
        if tile.alone:
            for c in f.loop(tile.inputs, step=tile.at_once):
                step(x.at(c), w.at(c * tile.columns * lanes), first, range(tile.at_once))
            return
        for start in range(0, tile.inputs, tile.at_once):
            # LLVM schedules what lies between two branches as one, and would load all weights
            # before it uses any; these branches, which are always taken, keep them apart.
            with f.when(a.kernel_rows > 0):
                step(x, w, first, range(start, start + tile.at_once))

    for i in f.loop(a.kernel_rows):
        x = a.pointer("x").at(i * a.x_row)
        w = a.pointer("w").at(i * a.spans * tile.step_size)
        if tile.columns > 1:
            steps(x, w, a.first_pixel)
        else:
            for j in f.loop(a.spans):
                at = a.first_pixel + j * a.column
                steps(x.at(j * a.x_column), w.at(j * tile.step_size), at)
    finish = _finishing(f, epilogue, a.pointer("r"), a.r_w, lanes)
    if epilogue.activation not in LONG:
        for p in range(pixels):
            y.store(a.y_w * p, finish(acc[p].get(), p))
        return f
    sums = f.stack(t, pixels * lanes)
    for p in range(pixels):
        sums.store(p * lanes, acc[p])
    for q in f.loop(pixels):
        y.store(a.y_w * q, finish(sums.vec(q * lanes, lanes), q))
    return f


def _finishing(
    f: Function, epilogue: Epilogue, r: Pointer, r_w: Value, lanes: int
) -> Callable[[Value, Value | int], Value]:
    """What makes an output of a sum, given which pixel of the tile it is."""

    def finish(value: Value, pixel: Value | int) -> Value:
        residual = r.vec(r_w * pixel, lanes) if epilogue.residual else None
        return finished(f, epilogue, value, residual)

    return finish


def _item(
    f: Function,
    a: Arguments,
    item: Value,
    tile: GroupTile,
    inner: dict[int, Function],
    edge: dict[int, Function],
) -> None:
    """One work item: some rows of one image, and some vectors of channels."""
    block, place = item % a.blocks, item // a.blocks
    chunk, image = place % a.chunks, place // a.chunks
    first_vector = block * a.block_vectors
    last_vector = f.min(first_vector + a.block_vectors, a.vectors)
    first = chunk * a.chunk_rows
    last = f.min(first + a.chunk_rows, a.out_rows)
    x, y = a.pointer("x").at(image * a.x_n), a.pointer("y").at(image * a.y_n)
    r = a.pointer("r").at(image * a.r_n)
    for row in f.loop(last, start=first):
        rows = a.pointer("rows").at(row * len(ROW))
        first_row, first_kernel_row, kernel_rows = (rows.load(i) for i in range(len(ROW)))
        for segment in f.loop(a.row_segments):
            entry = a.pointer("segments").at(segment * len(SEGMENT))
            first_pixel, pixels, out_pixel, touches = (entry.load(i) for i in range(len(SEGMENT)))
            source = x.at(first_row * a.x_h + first_pixel * a.x_w)
            to = y.at(row * a.y_h + out_pixel * a.y_w)
            residual = r.at(row * a.r_h + out_pixel * a.r_w)
            for vector in f.loop(last_vector, start=first_vector):
                channel = f.min(vector * tile.lanes, a.channels - tile.lanes)
                skipped = vector * a.kernel_rows + first_kernel_row
                given = (
                    source.at(channel // tile.outputs * tile.inputs),
                    a.pointer("w").at(skipped * a.spans * tile.step_size),
                    a.pointer("b").at(vector * tile.lanes),
                    residual.at(channel), to.at(channel),
                    kernel_rows, a.x_row, a.spans, a.x_column, a.x_next, a.y_w, a.r_w,
                    first_pixel, a.column, a.next, a.width,
                )  # fmt: skip
                height = pixels * 2 + touches
                cases = {2 * n: partial(f.call, inner[n], *given) for n in inner}
                cases |= {2 * n + 1: partial(f.call, edge[n], *given) for n in edge}
                f.switch(height, cases)
