"""The gradient of a convolution's weights: a sum over all output pixels.

    dw[o, c, i, j] = sum over n, p, q of  g[n, p, q, o] * x[n, s p + d i - a, s q + d j - a, c]

The unit of work is a tile of dw for one tap (i, j) of the window: MR input channels by NR output
channels, held in registers while the sum runs over pixels, as in direct convolution with input
channels in the place of pixels. Which rows and pixels a tap reads inside the picture is a
rectangle, so padding costs nothing and needs no copy.

Pixels are taken a block of rows at a time, small enough that it stays in the second cache while
all taps and input channels pass over it; dw grows from block to block. Blocks are divided into
parts whose number depends on the shape alone; each part has a dw of its own, and the parts are
added in order. So any number of threads gives the same bits.
"""

from __future__ import annotations

from functools import partial

from tatamu.kernels.copying import transposed
from tatamu.kernels.direct_emit import Tile
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

UNROLL = 2

# What the kernel reads of each tap, for rows and for columns: the first output that reads inside
# the picture, how many do, and the input position that the first one reads.
TAP = ("first", "count", "position")

# A segment of input channels: where it begins and how many.
SEGMENT = ("start", "channels")

NUMBERS = (
    # work item i is ((part * groups + group) * panels + panel) * kernel_rows + kernel row
    "parts", "groups", "panels", "kernel_rows", "kernel_columns", "segments",
    # output rows of an image and of a block; blocks of an image, of all images, of a part
    "rows", "block_rows", "image_blocks", "blocks", "part_blocks",
    # strides, in elements: image, group, row, pixel; from one output row or pixel to the next
    "x_n", "x_g", "x_h", "x_w", "x_down", "x_across", "g_n", "g_g", "g_h", "g_w",
    # the result: [part][group][panel][tap][input channel][output channel of the panel]
    "inputs", "dw_part",
)  # fmt: skip


def symbol(tile: Tile, target: Target) -> str:
    """The name of the kernel for a tile: input channels take the place of pixels."""
    shape = f"{tile.pixels}x{tile.vectors}x{tile.lanes}"
    return f"weight_grad_{tile.dtype}_{shape}_{target.tag}"


def gather_symbol(dtype: str, lanes: int, target: Target) -> str:
    """The name of the kernel that adds the parts up."""
    return f"weight_gather_{dtype}_{lanes}_{target.tag}"


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("x", "g", "dw")}
    tables = {n: PointerTo(I64) for n in ("down", "across", "channels")}
    return {**pointers, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(tile: Tile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(symbol(tile, target), target, debug=debug)
    tiles = {n: _tile(m, tile, t, n) for n in tile.sizes}
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, tiles)
    return m


def _tile(m: Module, tile: Tile, t: Type, inputs: int) -> Function:
    """``inputs`` x ``tile.vectors`` sums over some rows of one image, added to ``out``."""
    f = m.function(f"tile{inputs}", {
        "x": PointerTo(t), "g": PointerTo(t), "out": PointerTo(t), "rows": I64, "count": I64,
        "x_down": I64, "x_across": I64, "g_h": I64, "g_w": I64,
    })  # fmt: skip
    a, lanes, width = f.args, tile.lanes, tile.channels
    vectors = range(tile.vectors)
    out = a.pointer("out")
    acc = [[f.var(out.vec(i * width + v * lanes, lanes)) for v in vectors] for i in range(inputs)]

    def step(x: Pointer, g: Pointer) -> None:
        gradients = [g.vec(v * lanes, lanes) for v in vectors]
        for i in range(inputs):
            value = x.splat(i, lanes)
            for v in vectors:
                acc[i][v].set(f.fma(value, gradients[v], acc[i][v]))

    for row in f.loop(a.rows):
        x, g = a.pointer("x").at(row * a.x_down), a.pointer("g").at(row * a.g_h)
        whole = a.count // UNROLL * UNROLL
        for q in f.loop(whole, step=UNROLL):
            for u in range(UNROLL):
                step(x.at((q + u) * a.x_across), g.at((q + u) * a.g_w))
        for q in f.loop(a.count, start=whole):
            step(x.at(q * a.x_across), g.at(q * a.g_w))
    for i in range(inputs):
        for v in vectors:
            out.store(i * width + v * lanes, acc[i][v])
    return f


def _item(f: Function, a: Arguments, item: Value, tile: Tile, tiles: dict[int, Function]) -> None:
    """One work item: one part of the pixels, one row of the window, one panel of outputs."""
    kernel_row, rest = item % a.kernel_rows, item // a.kernel_rows
    panel, rest = rest % a.panels, rest // a.panels
    group, part = rest % a.groups, rest // a.groups
    down = a.pointer("down").at(kernel_row * len(TAP))
    first_row, row_count, row_position = (down.load(i) for i in range(len(TAP)))
    row_size = a.kernel_columns * a.inputs * tile.channels
    place = ((group * a.panels + panel) * a.kernel_rows + kernel_row) * row_size
    out = a.pointer("dw").at(part * a.dw_part + place)
    zero = f.constant(0.0, DTYPES[tile.dtype].vector(tile.lanes))
    for i in f.loop(row_size, step=tile.lanes):
        out.store(i, zero)
    last = f.min((part + 1) * a.part_blocks, a.blocks)
    for block in f.loop(last, start=part * a.part_blocks):
        image, first = block // a.image_blocks, block % a.image_blocks * a.block_rows
        low = f.max(first, first_row)
        high = f.min(f.min(first + a.block_rows, a.rows), first_row + row_count)
        x_row = row_position * a.x_h + (low - first_row) * a.x_down
        x = a.pointer("x").at(image * a.x_n + group * a.x_g + x_row)
        g = a.pointer("g").at(image * a.g_n + group * a.g_g + panel * tile.channels + low * a.g_h)
        with f.when(high > low):
            _block(f, a, tile, tiles, x, g, out, high - low)


def _block(
    f: Function,
    a: Arguments,
    tile: Tile,
    tiles: dict[int, Function],
    x: Pointer,
    g: Pointer,
    out: Pointer,
    rows: Value,
) -> None:
    """All taps of one row of the window, and all input channels, over some rows of one image."""
    for column in f.loop(a.kernel_columns):
        across = a.pointer("across").at(column * len(TAP))
        first, count, position = (across.load(i) for i in range(len(TAP)))
        for segment in f.loop(a.segments):
            entry = a.pointer("channels").at(segment * len(SEGMENT))
            start, channels = entry.load(0), entry.load(1)
            given = (
                x.at(position * a.x_w + start),
                g.at(first * a.g_w),
                out.at((column * a.inputs + start) * tile.channels),
                rows, count, a.x_down, a.x_across, a.g_h, a.g_w,
            )  # fmt: skip
            f.switch(channels, {n: partial(f.call, code, *given) for n, code in tiles.items()})


GATHER_NUMBERS = ("parts", "dw_part", "panels", "width", "taps", "inputs", "outputs", "blocks")
# Of (input channel, tap) pairs, in vectors, that a work item takes.
GATHER_VECTORS = 8


def gather_fields(t: Type) -> dict[str, Type | PointerTo]:
    """The arguments of the kernel that adds the parts up."""
    pointers: dict[str, Type | PointerTo] = {"dw": PointerTo(t), "out": PointerTo(t)}
    return {**pointers, **dict.fromkeys(GATHER_NUMBERS, I64)}


def emit_gather(dtype: str, lanes: int, target: Target, *, debug: bool = False) -> Module:
    """Add the parts in their order and lay them out as (out, in, rows, columns).

    Work item i is (group * panels + panel) * blocks + block of (input channel, tap) pairs. Where
    the parts have output channels side by side, the result has those pairs: squares of ``lanes``
    numbers are transposed in registers.
    """
    t = DTYPES[dtype]
    m = Module(gather_symbol(dtype, lanes, target), target, debug=debug)
    square = _gathered_square(m, t, lanes)
    f, a = m.task(gather_fields(t))
    pairs = a.inputs * a.taps
    for item in f.loop(f.args.end, start=f.args.begin):
        block, place = item % a.blocks, item // a.blocks
        panel, group = place % a.panels, place // a.panels
        count = f.min(a.outputs - panel * a.width, a.width)
        source = a.pointer("dw").at(place * pairs * a.width)
        to = a.pointer("out").at((group * a.outputs + panel * a.width) * pairs)
        first = block * (GATHER_VECTORS * lanes)
        last = f.min(first + GATHER_VECTORS * lanes, pairs)
        for pair in f.loop(last, start=first, step=lanes):
            for o in f.loop(count, step=lanes):
                f.call(square, source.at(o), to.at(o * pairs), pair, pairs, count - o, a.parts,
                       a.dw_part, a.taps, a.inputs, a.width)  # fmt: skip
    return m


def _gathered_square(m: Module, t: Type, lanes: int) -> Function:
    """``lanes`` pairs by ``lanes`` output channels: added up, turned, stored where they exist."""
    f = m.function("square", {
        "dw": PointerTo(t), "out": PointerTo(t), "first": I64, "pairs": I64, "outputs": I64,
        "parts": I64, "dw_part": I64, "taps": I64, "inputs": I64, "width": I64,
    })  # fmt: skip
    a, out = f.args, f.args.pointer("out")
    rows = []
    for i in range(lanes):
        pair = f.min(a.first + i, a.pairs - 1)
        at = (pair % a.taps * a.inputs + pair // a.taps) * a.width
        total = f.var(a.pointer("dw").vec(at, lanes))
        for part in f.loop(a.parts, start=1):
            total.set(total.get() + a.pointer("dw").at(part * a.dw_part).vec(at, lanes))
        rows.append(total.get())
    columns = transposed(f, rows)
    mask = f.first_lanes(a.pairs - a.first, lanes)
    for i, column in enumerate(columns):
        with f.when(a.outputs > i):
            out.at(a.pairs * i).store(a.first, column, mask)
    return f
