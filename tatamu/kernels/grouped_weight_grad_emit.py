"""The weight gradient of grouped convolution of few channels a group: lanes are output channels.

    dw[o,c,i,j] = sum over n, p, q of  g[n,p,q,o] * x[n, s p + d i - a, s q + d j - a, g I + c]

As in `grouped_emit`, whose tiles it shares, a vector of lanes spans several groups, and x is
shuffled so that each lane gets its own group's c-th input. A tile is some neighbouring pixels of a
row by one vector: for one row i of the window it adds to the sums of all columns j, which stay in
registers while the tile moves down a block of rows. Blocks are divided into parts whose number
depends on the shape alone; each part has sums of its own, and the parts are added in order. So any
number of threads gives the same bits.
"""

from __future__ import annotations

from functools import partial

from tatamu.kernels.grouped_emit import SEGMENT, GroupTile, own_inputs, reads
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.weight_grad_emit import TAP
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

# Sums that do not wait for one another, at least: a multiply-add takes four cycles.
CHAINS = 6

NUMBERS = (
    # work item i is part * vectors + vector of output channels
    "vectors", "channels", "row_segments",
    # output rows of an image and of a block; blocks of an image, of all images, of a part
    "out_rows", "block_rows", "image_blocks", "blocks", "part_blocks",
    # input strides in elements: image, row, pixel, output row, column of the window, one load to
    # the next; the last two also in pixels
    "x_n", "x_h", "x_w", "x_down", "x_column", "x_next", "column", "next", "width",
    "g_n", "g_h", "g_w",
    # rows of the window, and the steps in which each is taken; sums of a part
    "kernel_rows", "spans", "dw_part",
)  # fmt: skip

GATHER_NUMBERS = ("parts", "dw_part", "channels", "inputs", "kernel_rows", "spans", "columns")


def symbol(tile: GroupTile, target: Target) -> str:
    """The name of the kernel for a tile."""
    return f"grouped_weight_grad_{tile.tag}_{target.tag}"


def gather_symbol(dtype: str, lanes: int, target: Target) -> str:
    """The name of the kernel that adds parts of so many lanes up."""
    return f"grouped_weight_gather_{dtype}_{lanes}_{target.tag}"


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("x", "g", "dw")}
    tables = {n: PointerTo(I64) for n in ("down", "segments")}
    return {**pointers, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(tile: GroupTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(symbol(tile, target), target, debug=debug)
    heights = {
        2 * n + edge: _tile(m, tile, n, edge=bool(edge)) for n in tile.sizes for edge in (0, 1)
    }
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, heights)
    return m


def _tile(m: Module, tile: GroupTile, pixels: int, *, edge: bool) -> Function:
    """What some rows of ``pixels`` outputs add to the sums of one row of the window."""
    t, lanes, columns = DTYPES[tile.dtype], tile.lanes, tile.columns
    f = m.function(f"{'edge' if edge else 'tile'}{pixels}", {
        **{n: PointerTo(t) for n in ("x", "g", "dw")},
        **dict.fromkeys(("rows", "x_down", "x_next", "g_h", "g_w"), I64),
        **dict.fromkeys(("first_pixel", "next", "width"), I64),
    })  # fmt: skip
    a = f.args
    found = reads(tile, pixels)
    last = max(found) - columns + 2  # padding is never wider than the window less one
    chains = min(pixels, -(-CHAINS // (tile.at_once * columns)))
    zero = f.constant(0.0, t.vector(lanes))

    def add(x: Pointer, dw: Pointer, channels: range) -> None:
        sums = {
            (c, j, n): f.var(zero if n else dw.vec((c * columns + j) * lanes, lanes))
            for c in channels
            for j in range(columns)
            for n in range(chains)
        }

        def take(row: Pointer, k: int, gradients: list[Value]) -> None:
            for c, own in own_inputs(f, tile, row, a.x_next * k, channels):
                for p, j in found[k]:
                    total = sums[c, j, p % chains]
                    total.set(f.fma(own, gradients[p], total))

        for down in f.loop(a.rows):
            row, g = x.at(down * a.x_down), a.pointer("g").at(down * a.g_h)
            gradients = [g.vec(a.g_w * p, lanes) for p in range(pixels)]
            for k in found:
                if edge and (columns == 1 or not columns - 1 <= k < last):
                    at = a.first_pixel + a.next * k
                    with f.when((at | (a.width - 1 - at)) >= 0):
                        take(row, k, gradients)
                else:
                    take(row, k, gradients)
        for c in channels:
            for j in range(columns):
                total = sums[c, j, 0].get()
                for n in range(1, chains):
                    total = total + sums[c, j, n].get()
                dw.store((c * columns + j) * lanes, total)

    x, dw = a.pointer("x"), a.pointer("dw")
    if tile.alone:
        for c in f.loop(tile.inputs, step=tile.at_once):
            add(x.at(c), dw.at(c * columns * lanes), range(tile.at_once))
    else:
        for start in range(0, tile.inputs, tile.at_once):
            add(x, dw, range(start, start + tile.at_once))
    return f


def _item(
    f: Function, a: Arguments, item: Value, tile: GroupTile, heights: dict[int, Function]
) -> None:
    """One work item: one part of the pixels, one vector of output channels."""
    vector, part = item % a.vectors, item // a.vectors
    channel = f.min(vector * tile.lanes, a.channels - tile.lanes)
    row_size = a.spans * tile.step_size
    dw = a.pointer("dw").at(part * a.dw_part + vector * a.kernel_rows * row_size)
    zero = f.constant(0.0, DTYPES[tile.dtype].vector(tile.lanes))
    for i in f.loop(a.kernel_rows * row_size, step=tile.lanes):
        dw.store(i, zero)
    last = f.min((part + 1) * a.part_blocks, a.blocks)
    for block in f.loop(last, start=part * a.part_blocks):
        image, first = block // a.image_blocks, block % a.image_blocks * a.block_rows
        x = a.pointer("x").at(image * a.x_n + channel // tile.outputs * tile.inputs)
        g = a.pointer("g").at(image * a.g_n + channel)
        end = f.min(first + a.block_rows, a.out_rows)
        for segment in f.loop(a.row_segments):
            entry = a.pointer("segments").at(segment * len(SEGMENT))
            first_pixel, pixels, out_pixel, touches = (entry.load(i) for i in range(len(SEGMENT)))
            for kernel_row in f.loop(a.kernel_rows):
                down = a.pointer("down").at(kernel_row * len(TAP))
                first_row, count, position = (down.load(i) for i in range(len(TAP)))
                low, high = f.max(first, first_row), f.min(end, first_row + count)
                x_row = position * a.x_h + (low - first_row) * a.x_down + first_pixel * a.x_w
                for step in f.loop(a.spans):
                    given = (
                        x.at(x_row + step * a.x_column),
                        g.at(low * a.g_h + out_pixel * a.g_w),
                        dw.at(kernel_row * row_size + step * tile.step_size),
                        high - low, a.x_down, a.x_next, a.g_h, a.g_w,
                        first_pixel + step * a.column, a.next, a.width,
                    )  # fmt: skip
                    cases = {n: partial(f.call, code, *given) for n, code in heights.items()}
                    f.switch(pixels * 2 + touches, cases)


def gather_fields(t: Type) -> dict[str, Type | PointerTo]:
    """The arguments of the kernel that adds the parts up."""
    pointers: dict[str, Type | PointerTo] = {"dw": PointerTo(t), "out": PointerTo(t)}
    return {**pointers, **dict.fromkeys(GATHER_NUMBERS, I64)}


def emit_gather(dtype: str, lanes: int, target: Target, *, debug: bool = False) -> Module:
    """Add the parts in their order and lay them out as (out, in, rows, columns).

    Work item i is a vector of output channels.
    """
    t = DTYPES[dtype]
    m = Module(gather_symbol(dtype, lanes, target), target, debug=debug)
    f, a = m.task(gather_fields(t))
    line = f.stack(t, lanes)
    taps = a.kernel_rows * a.spans * a.columns
    for vector in f.loop(f.args.end, start=f.args.begin):
        channel = f.min(vector * lanes, a.channels - lanes)
        out = a.pointer("out").at(channel * a.inputs * taps)
        dw = a.pointer("dw").at(vector * taps * a.inputs * lanes)
        # The sums lie [row][step][input][column of the step][lane].
        for step in f.loop(a.kernel_rows * a.spans):
            for c in f.loop(a.inputs):
                for j in f.loop(a.columns):
                    at = ((step * a.inputs + c) * a.columns + j) * lanes
                    total = f.var(dw.vec(at, lanes))
                    for part in f.loop(a.parts, start=1):
                        total.add(dw.vec(part * a.dw_part + at, lanes))
                    line.store(0, total)
                    for lane in f.loop(lanes):
                        to = (lane * a.inputs + c) * taps + step * a.columns + j
                        out.store(to, line.load(lane))
    return m
