"""Direct convolution: every stride, padding, dilation and group count, any number of channels.

    y[n, oh, ow, oc] = b[oc] + sum over kh, kw, ic of x[n, ih, iw, ic] * w[oc, ic, kh, kw]

The unit of work is a tile: MR neighbouring output pixels by NR output channels, held in registers
while the sum runs, so that each step loads NR weights and MR single inputs and makes MR*NR
multiply-adds. With AVX-512's 32 registers, 6 pixels by 4 vectors take 24 accumulators, 4 weights
and leave 4 free; 14 by 2 would spill. The tile is all that is compiled in: sizes, channels and
strides are arguments, so one kernel serves every layer that uses its tile.

The sum is walked as kernel rows x columns x a contiguous run of inputs. Channels-last data with
undilated columns makes a whole kernel row one run. Which kernel rows lie inside the picture, and
where, is a list that output rows share, so that pictures of three axes are no different; a tile
that touches the left or right padding first gathers its inputs into a zeroed patch. Long sums are
split into blocks of channels, so that a block of weights stays in the second cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tatamu.kernels.copying import copy_function, zero_function
from tatamu.kernels.epilogue import PLAIN, Epilogue, finish_function
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

UNROLL = 2  # steps of the run: more brings nothing, and the user waits for the code

# Vectors of output channels -> pixels, by the number of vector registers. Counted in the emitted
# assembly: none of these keeps a vector on the stack (tests/test_kernels_assembly.py), as 12 x 2
# and 10 x 1 do, which are up to 40 % slower than these.
PIXELS = {32: {4: 6, 3: 8, 2: 8, 1: 14}, 16: {2: 6, 1: 7}}
PIXELS_WITHOUT_FMA = {2: 4, 1: 6}

# The heights emitted for each tile: a row is covered by the cheapest mixture of them, and each one
# costs the user compile time.
SIZES = {
    4: (1, 2, 3, 4), 6: (1, 2, 3, 4, 5, 6), 7: (1, 2, 3, 4, 5, 7), 8: (1, 2, 3, 4, 6, 8),
    14: (1, 2, 4, 7, 10, 14),
}  # fmt: skip

# Rows of the schedule: what the kernel reads of each output row, of each kernel row that such a
# row meets (places in the input count from where the window begins), and of each tile in a row.
ROW = ("x", "first_tap", "taps", "y", "r")
TAP = ("x", "kernel_row")
SEGMENT = ("first_pixel", "pixels", "out_pixel", "patch", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class Tile:
    """What is compiled into a kernel: output pixels by vectors of output channels."""

    dtype: str
    pixels: int
    vectors: int
    lanes: int
    epilogue: Epilogue = PLAIN

    @property
    def channels(self) -> int:
        """Output channels of a tile."""
        return self.vectors * self.lanes

    @property
    def sizes(self) -> tuple[int, ...]:
        """The heights emitted."""
        return SIZES[self.pixels]

    def symbol(self, target: Target) -> str:
        """The name of its kernel."""
        shape = f"{self.pixels}x{self.vectors}x{self.lanes}"
        return f"direct_{self.dtype}_{shape}{self.epilogue.tag}_{target.tag}"


def pixels_by_vectors(target: Target) -> dict[int, int]:
    """The tiles that fit the target's registers: vectors of channels -> pixels."""
    return PIXELS[target.registers] if target.fma else PIXELS_WITHOUT_FMA


def least_waste(target: Target, needed: int) -> tuple[int, int]:
    """Pixels and vectors of the tile that wastes the fewest of ``needed`` vectors.

    Among equals it is the widest.
    """
    shapes = pixels_by_vectors(target)
    vectors = min(shapes, key=lambda v: (-(-needed // v) * v, -v))
    return shapes[vectors], vectors


NUMBERS = (
    # work item i is (image * groups + group) * panels * chunks + panel * panel_step
    # + chunk * chunk_step; of the two steps one is 1
    "tiles", "row_segments", "chunk_tiles", "chunks", "panels", "groups",
    "panel_step", "chunk_step",
    # input strides, in elements: image, group, pixel, second loop, block
    "x_n", "x_g", "x_w", "x_two", "x_block",
    "step",  # from one output pixel to the next, in input pixels
    # strides of the output and of the residual; channels of a group and of its last panel
    "y_n", "y_w", "r_n", "r_w", "out_channels", "last_channels",
    # the sum: blocks, second loop, contiguous run; the last block's run may be shorter
    "blocks", "two", "run", "last_run", "w_panel", "w_block",
    # the patch: planes per kernel row, elements of one position, the second loop's stride
    "planes", "x_plane", "unit", "last_unit", "patch_two", "patch_two_by_width",
    "scratch_size",  # elements of each worker
)  # fmt: skip


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("x", "w", "b", "r", "y", "scratch")}
    tables = {n: PointerTo(I64) for n in ("rows", "taps", "segments")}
    return {**pointers, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(tile: Tile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(tile.symbol(target), target, debug=debug)
    pieces = _Pieces(
        copy=copy_function(m, t),
        gather=_gather(m, t),
        tiles={n: _tile(m, tile, t, n) for n in tile.sizes},
        finish=finish_function(m, t, tile.epilogue),
    )
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, t, pieces)
    return m


@dataclass(frozen=True, slots=True)
class _Pieces:
    copy: Function
    gather: Function
    tiles: dict[int, Function]
    finish: Function | None


def _tile(m: Module, tile: Tile, t: Type, pixels: int) -> Function:
    """``pixels`` x ``tile.vectors`` outputs: start from ``init``, add the products, store."""
    shared = PointerTo(t, shared=True)  # a later block starts from what the earlier one stored
    f = m.function(f"tile{pixels}", {
        "x": PointerTo(t), "w": PointerTo(t), "init": shared, "y": shared,
        "init_px": I64, "y_px": I64, "x_px": I64, "taps": PointerTo(I64), "count": I64,
        "by_table": I64, "by_order": I64, "two": I64, "x_two": I64, "run": I64,
    })  # fmt: skip
    a = f.args
    x, w, init, y = (a.pointer(n) for n in ("x", "w", "init", "y"))
    lanes, width = tile.lanes, tile.channels
    vectors = range(tile.vectors)
    acc = [
        [f.var(init.at(a.init_px * i).vec(v * lanes, lanes)) for v in vectors]
        for i in range(pixels)
    ]
    at = f.var(f.constant(0, I64))  # the weights lie in the order in which they are used

    def step(inputs: list[Pointer], r: object, u: int) -> None:
        here = w.at(at.get())
        weights = [here.vec(u * width + v * lanes, lanes) for v in vectors]
        for i in range(pixels):
            value = inputs[i].at(r).splat(u, lanes)
            for v in vectors:
                acc[i][v].set(f.fma(value, weights[v], acc[i][v]))

    for tap in f.loop(a.count):
        entry = a.pointer("taps").at(tap * len(TAP))
        row = x.at(entry.load(0) * a.by_table + tap * a.by_order)
        at.set(entry.load(1) * a.two * a.run * width)
        for second in f.loop(a.two):
            start = row.at(second * a.x_two)
            inputs = [start.at(a.x_px * i) for i in range(pixels)]
            whole = a.run // UNROLL * UNROLL
            for r in f.loop(whole, step=UNROLL):
                for u in range(UNROLL):
                    step(inputs, r, u)
                at.add(UNROLL * width)
            for r in f.loop(a.run, start=whole):
                step(inputs, r, 0)
                at.add(width)
    for i in range(pixels):
        for v in vectors:
            y.at(a.y_px * i).store(v * lanes, acc[i][v])
    return f


def _gather(m: Module, t: Type) -> Function:
    """Copy the inputs of a tile that reads padding, with zeros where the picture ends.

    The patch lies [kernel row][plane][position][unit]; positions before ``valid_from`` and from
    ``valid_to`` on are padding.
    """
    copy, zero = m.functions[0], zero_function(m, t)
    f = m.function("gather", {
        "x": PointerTo(t), "patch": PointerTo(t), "taps": PointerTo(I64), "count": I64,
        "planes": I64, "x_plane": I64, "width": I64, "valid_from": I64, "valid_to": I64,
        "unit": I64, "x_w": I64,
    })  # fmt: skip
    a = f.args
    unit = a.unit
    for tap in f.loop(a.count):
        row = a.pointer("x").at(a.pointer("taps").load(tap * len(TAP)))
        for plane in f.loop(a.planes):
            source = row.at(plane * a.x_plane)
            to = a.pointer("patch").at((tap * a.planes + plane) * a.width * unit)
            f.call(zero, to, a.valid_from * unit)
            with f.when(a.x_w == unit) as dense:
                f.call(
                    copy,
                    source.at(a.valid_from * unit),
                    to.at(a.valid_from * unit),
                    (a.valid_to - a.valid_from) * unit,
                )
            with dense.otherwise():
                for p in f.loop(a.valid_to, start=a.valid_from):
                    f.call(copy, source.at(p * a.x_w), to.at(p * unit), unit)
            f.call(zero, to.at(a.valid_to * unit), (a.width - a.valid_to) * unit)
    return f


def _item(f: Function, a: Arguments, item: Value, tile: Tile, t: Type, pieces: _Pieces) -> None:
    """One work item: a chunk of the tiles of one panel of output channels of one image."""
    width = tile.channels
    group_index = item // (a.panels * a.chunks)
    image = group_index // a.groups
    panel, group = item // a.panel_step % a.panels, group_index % a.groups
    first = item // a.chunk_step % a.chunks * a.chunk_tiles
    last = f.min(first + a.chunk_tiles, a.tiles)
    all_panels = group * a.panels + panel
    scratch = a.pointer("scratch").at(f.args.worker * a.scratch_size)
    is_last = panel == a.panels - 1
    channels = f.select(is_last, a.last_channels, width)
    y = a.pointer("y").at(image * a.y_n + group * a.out_channels + panel * width)
    for block in f.loop(a.blocks):
        end = block == a.blocks - 1
        part = _Part(
            f=f, a=a, width=width, channels=channels, y=y,
            x=a.pointer("x").at(image * a.x_n + group * a.x_g + block * a.x_block),
            w=a.pointer("w").at(all_panels * a.w_panel + block * a.w_block),
            bias=a.pointer("b").at(all_panels * width),
            r=a.pointer("r").at(image * a.r_n + group * a.out_channels + panel * width),
            is_first=block == 0, is_last=end,
            run=f.select(end, a.last_run, a.run),
            unit=f.select(end, a.last_unit, a.unit),
            out=scratch, patch=scratch.at(tile.pixels * width),
        )  # fmt: skip
        row = f.var(first // a.row_segments)
        segment = f.var(first % a.row_segments)
        for _ in f.loop(last, start=first):
            _one_tile(part, row.get(), segment.get(), pieces)
            segment.add(1)
            with f.when(segment.get() == a.row_segments):
                segment.set(0)
                row.add(1)


@dataclass(frozen=True, slots=True)
class _Part:
    """What the tiles of one block of one work item have in common."""

    f: Function
    a: Arguments
    width: int
    channels: Value
    y: Pointer
    x: Pointer
    w: Pointer
    bias: Pointer
    r: Pointer
    is_first: Value
    is_last: Value
    run: Value
    unit: Value
    out: Pointer
    patch: Pointer


def _one_tile(part: _Part, row: Value, segment: Value, pieces: _Pieces) -> None:
    """Find a tile's inputs and outputs and run it."""
    f, a = part.f, part.a
    rows = a.pointer("rows").at(row * len(ROW))
    x_row, first_tap, count, y_row, r_row = (rows.load(i) for i in range(len(ROW)))
    taps = a.pointer("taps").at(first_tap * len(TAP))
    entry = a.pointer("segments").at(segment * len(SEGMENT))
    first_pixel, pixels, out_pixel, width, valid_from, valid_to = (
        entry.load(i) for i in range(len(SEGMENT))
    )
    source = part.x.at(x_row + first_pixel * a.x_w)
    touches = width > 0
    with f.when(touches):
        f.call(pieces.gather, source, part.patch, taps, count, a.planes, a.x_plane, width,
               valid_from, valid_to, part.unit, a.x_w)  # fmt: skip
    x = f.select_pointer(touches, part.patch, source)
    by_table = f.select(touches, f.constant(0, I64), 1)
    by_order = f.select(touches, a.planes * width * part.unit, 0)
    x_px = a.step * f.select(touches, part.unit, a.x_w)
    patch_two = a.patch_two * part.unit + a.patch_two_by_width * width
    x_two = f.select(touches, patch_two, a.x_two)
    y = part.y.at(y_row + out_pixel * a.y_w)

    def run(init: Pointer, init_px: object, out: Pointer, out_px: object) -> None:
        f.switch(pixels, {
            n: partial(f.call, tile, x, part.w, init, out, init_px, out_px, x_px, taps, count,
                       by_table, by_order, a.two, x_two, part.run)
            for n, tile in pieces.tiles.items()
        })  # fmt: skip

    with f.when(part.channels == part.width) as full:
        init = f.select_pointer(part.is_first, part.bias, y)
        run(init, f.select(part.is_first, f.constant(0, I64), a.y_w), y, a.y_w)
    with full.otherwise():
        _through_scratch(part, y, pixels, pieces, run)
    if pieces.finish is not None:
        with f.when(part.is_last):
            r = part.r.at(r_row + out_pixel * a.r_w)
            f.call(pieces.finish, y, r, pixels, part.channels, a.y_w, a.r_w)


def _through_scratch(
    part: _Part,
    y: Pointer,
    pixels: Value,
    pieces: _Pieces,
    run: Callable[[Pointer, object, Pointer, object], None],
) -> None:
    """A panel with fewer channels than the tile is wide works on a copy of the outputs."""
    f, a = part.f, part.a
    with f.when(part.is_first == 0):
        for i in f.loop(pixels):
            f.call(pieces.copy, y.at(i * a.y_w), part.out.at(i * part.width), part.channels)
    init = f.select_pointer(part.is_first, part.bias, part.out)
    run(init, f.select(part.is_first, f.constant(0, I64), part.width), part.out, part.width)
    for i in f.loop(pixels):
        f.call(pieces.copy, part.out.at(i * part.width), y.at(i * a.y_w), part.channels)
