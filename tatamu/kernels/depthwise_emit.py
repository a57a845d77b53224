"""Depthwise convolution: each channel has a window of its own, and lanes are channels.

    y[n, p, q, c] = b[c] + sum over i, j of  x[n, s p + d i - a, s q + d j - a, c] * w[c, i, j]

A tile is MR output pixels by one vector of channels. Rows of the window outside the picture are
left out; a tile that touches the left or right padding takes its taps one by one, each pixel only
those that lie inside. The last vector of channels, where it is not full, works under a mask.
"""

from __future__ import annotations

from functools import partial

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

# What the kernel reads of each output row.
ROW = ("first_row", "first_kernel_row", "kernel_rows")
# What the kernel reads of each tile of a row; `touches` is whether it reads padding.
SEGMENT = ("first_pixel", "pixels", "out_pixel", "touches")

NUMBERS = (
    # work item i is (image * vectors + vector of channels) * chunks + chunk
    "tiles", "row_segments", "chunk_tiles", "chunks", "vectors", "channels",
    # input strides in elements: image, row, pixel, row and column of the window, output pixel
    "x_n", "x_h", "x_w", "x_row", "x_column", "x_px",
    "y_n", "y_h", "y_w", "columns", "taps", "width",
    # for tiles that touch padding: dilation and stride of a row
    "dilation", "step",
)  # fmt: skip


def symbol(tile: Tile, target: Target) -> str:
    """The name of the kernel for a tile."""
    return f"depthwise_{tile.dtype}_{tile.pixels}x{tile.lanes}_{target.tag}"


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("x", "w", "b", "r", "y", "scratch")}
    tables = {n: PointerTo(I64) for n in ("rows", "segments")}
    return {**pointers, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(tile: Tile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(symbol(tile, target), target, debug=debug)
    whole = {n: _tile(m, tile, t, n, masked=False) for n in tile.sizes}
    masked = _tile(m, tile, t, 1, masked=True)
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, whole, masked)
    return m


def _tile(m: Module, tile: Tile, t: Type, pixels: int, *, masked: bool) -> Function:
    """``pixels`` outputs of one vector of channels; ``count`` masks the channels if asked to."""
    f = m.function(f"masked{pixels}" if masked else f"tile{pixels}", {
        "x": PointerTo(t), "w": PointerTo(t), "b": PointerTo(t), "y": PointerTo(t),
        "kernel_rows": I64, "x_row": I64, "columns": I64, "x_column": I64, "x_px": I64,
        "y_px": I64, "w_row": I64, "count": I64,
    })  # fmt: skip
    a, lanes = f.args, tile.lanes
    mask = f.first_lanes(a.count, lanes) if masked else None
    bias = a.pointer("b").vec(0, lanes)
    acc = [f.var(bias) for _ in range(pixels)]
    for i in f.loop(a.kernel_rows):
        row, weights = a.pointer("x").at(i * a.x_row), a.pointer("w").at(i * a.w_row)
        for j in f.loop(a.columns):
            w, x = weights.vec(j * lanes, lanes), row.at(j * a.x_column)
            for p in range(pixels):
                acc[p].set(f.fma(x.vec(a.x_px * p, lanes, mask), w, acc[p]))
    for p in range(pixels):
        a.pointer("y").store(a.y_px * p, acc[p], mask)
    return f


def _item(
    f: Function, a: Arguments, item: Value, tile: Tile, whole: dict[int, Function], masked: Function
) -> None:
    """One work item: a chunk of the tiles of one vector of channels of one image."""
    chunk, place = item % a.chunks, item // a.chunks
    vector, image = place % a.vectors, place // a.vectors
    channel = vector * tile.lanes
    count = f.min(a.channels - channel, f.constant(tile.lanes, I64))
    x = a.pointer("x").at(image * a.x_n + channel)
    y = a.pointer("y").at(image * a.y_n + channel)
    w = a.pointer("w").at(vector * a.taps * tile.lanes)
    b = a.pointer("b").at(channel)
    first = chunk * a.chunk_tiles
    last = f.min(first + a.chunk_tiles, a.tiles)
    for index in f.loop(last, start=first):
        row, segment = index // a.row_segments, index % a.row_segments
        rows = a.pointer("rows").at(row * len(ROW))
        first_row, first_kernel_row, kernel_rows = (rows.load(i) for i in range(len(ROW)))
        entry = a.pointer("segments").at(segment * len(SEGMENT))
        first_pixel, pixels, out_pixel, touches = (entry.load(i) for i in range(len(SEGMENT)))
        weights = w.at(first_kernel_row * a.columns * tile.lanes)
        source = x.at(first_row * a.x_h)
        to = y.at(row * a.y_h + out_pixel * a.y_w)
        inner = (touches == 0) & (count == tile.lanes)
        with f.when(inner) as simple:
            given = (
                source.at(first_pixel * a.x_w),
                weights,
                b,
                to,
                kernel_rows,
                a.x_row,
                a.columns,
                a.x_column,
                a.x_px,
                a.y_w,
                a.columns * tile.lanes,
                count,
            )
            f.switch(pixels, {n: partial(f.call, code, *given) for n, code in whole.items()})
        with simple.otherwise():
            _pixel_by_pixel(
                f,
                a,
                tile,
                whole[1],
                masked,
                source,
                weights,
                b,
                to,
                kernel_rows,
                first_pixel,
                pixels,
                count,
            )


def _pixel_by_pixel(
    f: Function,
    a: Arguments,
    tile: Tile,
    whole: Function,
    masked: Function,
    source: Pointer,
    weights: Pointer,
    b: Pointer,
    to: Pointer,
    kernel_rows: Value,
    first_pixel: Value,
    pixels: Value,
    count: Value,
) -> None:
    """A tile at the edge of the picture, or of the last channels."""
    zero = f.constant(0, I64)
    for p in f.loop(pixels):
        at = first_pixel + p * a.step
        # The taps inside: the first at or after 0, and those before the picture ends.
        skip = f.select(at < 0, (a.dilation - 1 - at) // a.dilation, zero)
        skip = f.min(skip, a.columns)
        room = f.max(a.width - at, zero)
        columns = f.min((room + a.dilation - 1) // a.dilation, a.columns)
        inside = f.max(columns - skip, zero)
        given = (
            source.at((at + skip * a.dilation) * a.x_w),
            weights.at(skip * tile.lanes),
            b,
            to.at(p * a.y_w),
            kernel_rows,
            a.x_row,
            inside,
            a.x_column,
            a.x_px,
            a.y_w,
            a.columns * tile.lanes,
            count,
        )
        with f.when(count == tile.lanes) as full:
            f.call(whole, *given)
        with full.otherwise():
            f.call(masked, *given)
