"""Winograd convolution F(m x m, r x r): stride 1, one tile of m x m outputs from (m+r-1)^2 inputs.

    Y = A^T [ sum over channels of (G w G^T) . (B^T d B) ] A

(Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015). For 3x3 windows and
m = 4, 36 multiplications give 16 outputs that take 144 directly; for m = 3, 25 give 9; for m = 2,
16 give 4. The 2x2 windows that a transposed layer's phases have, and 5x5, are no different.
B, G and A follow from the points at which polynomials are evaluated (`winograd_sides`).

A block of T tiles at a time: transform the inputs; then, for each panel of output channels,
(m+r-1)^2 matrix products [T x inputs] x [inputs x panel], and the transform of the outputs, with
the bias. Sums run over `CHUNK` channels at a time, so that rounding errors do not pile up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tatamu.kernels.copying import copy_function, zero_function
from tatamu.kernels.epilogue import PLAIN, Epilogue, finished
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.winograd_sides import input_side, output_side
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

CHUNK = 16
UNROLL = 2

# What the kernel reads of each tile: where its inputs, outputs and residuals begin (the inputs'
# corner may lie outside the picture), which rows and columns of the input patch are picture, and
# how many rows and columns of outputs there are.
TILE = ("x", "y", "first_row", "last_row", "first_column", "last_column", "rows", "columns", "r")

NUMBERS = (
    # work item i is block * shares + share: some tiles, and some of the panels
    "tiles", "block_tiles", "panels", "shares",
    # input channels in whole vectors and as they are; output channels of the last panel
    "inputs", "channels", "last_channels",
    # strides, in elements
    "x_h", "x_w", "y_h", "y_w", "r_h", "r_w",
    # whether channels must be filled up to vectors; the planes of points in the scratch memory
    "always_gather", "v_plane", "m_plane", "scratch_size", "m_at", "patch_at", "u_panel",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WinogradTile:
    """What is compiled in: outputs per side, and the matrix product's rows and vectors."""

    dtype: str
    outputs: int
    rows: int
    vectors: int
    lanes: int
    epilogue: Epilogue = PLAIN
    kernel: int = 3

    @property
    def side(self) -> int:
        """Inputs per side."""
        return self.outputs + self.kernel - 1

    @property
    def points(self) -> int:
        """Multiplications per tile and pair of channels."""
        return self.side**2

    @property
    def channels(self) -> int:
        """Output channels of a panel."""
        return self.vectors * self.lanes

    def symbol(self, target: Target) -> str:
        """The name of its kernel."""
        shape = f"{self.outputs}_{self.kernel}_{self.rows}x{self.vectors}x{self.lanes}"
        return f"winograd_{self.dtype}_{shape}{self.epilogue.tag}_{target.tag}"


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("x", "w", "b", "r", "y", "scratch")}
    return {**pointers, "table": PointerTo(I64), **dict.fromkeys(NUMBERS, I64)}


def emit(tile: WinogradTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(tile.symbol(target), target, debug=debug)
    pieces = _Pieces(
        gather=gather_function(m, t),
        into=transform_input(m, tile, t, tile.rows),
        multiply={n: _multiply(m, tile, t, n) for n in range(1, tile.rows + 1)},
        out=_transform_output(m, tile, t, whole=True),
        out_part=_transform_output(m, tile, t, whole=False),
    )
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, pieces)
    return m


def gather_function(m: Module, t: Type) -> Function:
    """Copy a patch of a tile, zeros around it, channels filled up to whole vectors."""
    copy, zero = copy_function(m, t), zero_function(m, t)
    f = m.function(
        "gather",
        {
            "x": PointerTo(t),
            "patch": PointerTo(t),
            "x_h": I64,
            "x_w": I64,
            "first_row": I64,
            "last_row": I64,
            "first_column": I64,
            "last_column": I64,
            "inputs": I64,
            "channels": I64,
            "side": I64,
        },
    )
    a = f.args
    patch = a.pointer("patch")
    f.call(zero, patch, a.inputs * a.side * a.side)
    for r in f.loop(a.last_row, start=a.first_row):
        for c in f.loop(a.last_column, start=a.first_column):
            f.call(
                copy,
                a.pointer("x").at(r * a.x_h + c * a.x_w),
                patch.at((r * a.side + c) * a.inputs),
                a.channels,
            )
    return f


def transform_input(m: Module, tile: WinogradTile, t: Type, spacing: int) -> Function:
    """B^T d B of one tile, all channels; vectors of channels lie ``spacing`` vectors apart."""
    f = m.function(
        "into",
        {
            "x": PointerTo(t),
            "v": PointerTo(t),
            "x_h": I64,
            "x_w": I64,
            "inputs": I64,
            "v_plane": I64,
        },
    )
    a, lanes, side = f.args, tile.lanes, tile.side
    for c in f.loop(a.inputs, step=lanes):
        source = a.pointer("x").at(c)
        columns = [
            input_side(
                f,
                [source.at(i * a.x_h + j * a.x_w).vec(0, lanes) for i in range(side)],
            )
            for j in range(side)
        ]
        to = a.pointer("v").at(c * spacing)
        for i in range(side):
            row = input_side(f, [columns[j][i] for j in range(side)])
            for j in range(side):
                to.at(a.v_plane * (i * side + j)).store(0, row[j])
    return f


def _multiply(m: Module, tile: WinogradTile, t: Type, rows: int) -> Function:
    """rows x panel products over all channels, in chunks."""
    f = m.function(f"multiply{rows}", {
        "v": PointerTo(t), "u": PointerTo(t), "out": PointerTo(t), "inputs": I64,
    })  # fmt: skip
    a, lanes, width = f.args, tile.lanes, tile.channels
    vectors, unroll = range(tile.vectors), min(UNROLL, lanes)
    v, u, out = (a.pointer(n) for n in ("v", "u", "out"))
    for start in f.loop(a.inputs, step=CHUNK):
        stop = f.min(start + CHUNK, a.inputs)
        acc = [[f.var(f.constant(0.0, t.vector(lanes))) for _ in vectors] for _ in range(rows)]
        for c in f.loop(stop, start=start, step=lanes):
            group = v.at(c * tile.rows)
            weights = u.at(c * width)
            for k in f.loop(lanes, step=unroll):
                for s in range(unroll):
                    w = [weights.at(k * width).vec(s * width + j * lanes, lanes) for j in vectors]
                    for i in range(rows):
                        x = group.at(k).splat(i * lanes + s, lanes)
                        for j in vectors:
                            acc[i][j].set(f.fma(x, w[j], acc[i][j]))
        with f.when(start == 0) as first:
            for i in range(rows):
                for j in vectors:
                    out.store(i * width + j * lanes, acc[i][j])
        with first.otherwise():
            for i in range(rows):
                for j in vectors:
                    at = i * width + j * lanes
                    out.store(at, out.vec(at, lanes) + acc[i][j].get())
    return f


def _transform_output(m: Module, tile: WinogradTile, t: Type, whole: bool) -> Function:
    """A^T M A of one tile and one panel, bias added; `whole` writes all of it, unmasked."""
    f = m.function(
        "out" if whole else "out_part",
        {
            "m": PointerTo(t),
            "bias": PointerTo(t),
            "y": PointerTo(t),
            "r": PointerTo(t),
            "m_plane": I64,
            "y_h": I64,
            "y_w": I64,
            "r_h": I64,
            "r_w": I64,
            "channels": I64,
            "rows": I64,
            "columns": I64,
        },
    )
    a, lanes, side = f.args, tile.lanes, tile.side
    for c in f.loop(a.channels, step=lanes):
        source = a.pointer("m").at(c)
        columns = [
            output_side(
                f,
                [source.at(a.m_plane * (i * side + j)).vec(0, lanes) for i in range(side)],
                tile.outputs,
            )
            for j in range(side)
        ]
        bias = a.pointer("bias").vec(c, lanes)
        y, r = a.pointer("y").at(c), a.pointer("r").at(c)
        mask = None if whole else f.first_lanes(a.channels - c, lanes)

        def store(i: int, j: int, value: Value, y: Pointer = y, r: Pointer = r,
                  mask: Value | None = mask) -> None:  # fmt: skip
            residual = None
            if tile.epilogue.residual:
                residual = r.at(a.r_h * i + a.r_w * j).vec(0, lanes, mask)
            to = y.at(a.y_h * i + a.y_w * j)
            to.store(0, finished(f, tile.epilogue, value, residual), mask)

        for i in range(tile.outputs):
            row = output_side(f, [columns[j][i] for j in range(side)], tile.outputs)
            for j, value in enumerate(row):
                if whole:
                    store(i, j, value + bias)
                    continue
                with f.when((a.rows > i) & (a.columns > j)):
                    store(i, j, value + bias)
    return f


@dataclass(frozen=True, slots=True)
class _Pieces:
    gather: Function
    into: Function
    multiply: dict[int, Function]
    out: Function
    out_part: Function


def _item(f: Function, a: Arguments, item: Value, tile: WinogradTile, pieces: _Pieces) -> None:
    """One work item: a block of tiles, for all panels or for a share of them."""
    block, share = item // a.shares, item % a.shares
    first = block * a.block_tiles
    count = f.min(first + a.block_tiles, a.tiles) - first
    scratch = a.pointer("scratch").at(f.args.worker * a.scratch_size)
    products = scratch.at(a.m_at)
    table = a.pointer("table").at(first * len(TILE))
    _inputs(f, a, tile, pieces, table, count, scratch)
    per_share = (a.panels + a.shares - 1) // a.shares
    last_panel = f.min((share + 1) * per_share, a.panels)
    for panel in f.loop(last_panel, start=share * per_share):
        weights = a.pointer("w").at(panel * a.u_panel)
        _products(f, a, tile, pieces, count, scratch, weights, products)
        _outputs(f, a, tile, pieces, table, count, panel, products)


def _inputs(
    f: Function,
    a: Arguments,
    tile: WinogradTile,
    pieces: _Pieces,
    table: Pointer,
    count: Value,
    v: Pointer,
) -> None:
    """Transform the inputs of a block of tiles: [point][row group][vector][row][lane]."""
    for i in f.loop(count):
        to = v.at(i // tile.rows * tile.rows * a.inputs + i % tile.rows * tile.lanes)
        input_tile(f, a, tile, pieces.gather, pieces.into, table.at(i * len(TILE)), v, to)


def input_tile(
    f: Function,
    a: Arguments,
    tile: WinogradTile,
    gather: Function,
    into: Function,
    entry: Pointer,
    scratch: Pointer,
    to: Pointer,
) -> None:
    """Transform the inputs of one tile, those at the picture's edge by way of a copy."""
    side = tile.side
    patch = scratch.at(a.patch_at)
    x = a.pointer("x").at(entry.load(0))
    part = [entry.load(n) for n in range(2, 6)]
    whole = ((part[1] - part[0]) == side) & ((part[3] - part[2]) == side)
    inside = whole & (a.always_gather == 0)
    with f.when(inside == 0):
        f.call(gather, x, patch, a.x_h, a.x_w, *part, a.inputs, a.channels, side)
    f.call(
        into,
        f.select_pointer(inside, x, patch),
        to,
        f.select(inside, a.x_h, a.inputs * side),
        f.select(inside, a.x_w, a.inputs),
        a.inputs,
        a.v_plane,
    )


def _products(
    f: Function,
    a: Arguments,
    tile: WinogradTile,
    pieces: _Pieces,
    count: Value,
    v: Pointer,
    weights: Pointer,
    products: Pointer,
) -> None:
    """The matrix product of each point: transformed inputs times one panel of weights."""
    rows, width = tile.rows, tile.channels
    groups = count // rows
    for point in f.loop(tile.points):
        u = weights.at(point * a.inputs * width)
        left, to = v.at(point * a.v_plane), products.at(point * a.m_plane)
        for g in f.loop(groups):
            f.call(
                pieces.multiply[rows],
                left.at(g * rows * a.inputs),
                u,
                to.at(g * rows * width),
                a.inputs,
            )
        at = groups * rows
        f.switch(count % rows, {
            n: partial(f.call, pieces.multiply[n], left.at(at * a.inputs), u, to.at(at * width),
                       a.inputs)
            for n in range(1, rows)
        })  # fmt: skip


def _outputs(
    f: Function,
    a: Arguments,
    tile: WinogradTile,
    pieces: _Pieces,
    table: Pointer,
    count: Value,
    panel: Value,
    products: Pointer,
) -> None:
    """Transform the products of a block and one panel back, and store them."""
    width = tile.channels
    channels = f.select(panel == a.panels - 1, a.last_channels, width)
    bias = a.pointer("b").at(panel * width)
    for i in f.loop(count):
        entry = table.at(i * len(TILE))
        rows, columns = entry.load(6), entry.load(7)
        y = a.pointer("y").at(entry.load(1) + panel * width)
        r = a.pointer("r").at(entry.load(8) + panel * width)
        given = (
            products.at(i * width), bias, y, r, a.m_plane, a.y_h, a.y_w, a.r_h, a.r_w,
            channels, rows, columns,
        )  # fmt: skip
        whole = (rows == tile.outputs) & (columns == tile.outputs)
        with f.when(whole & (channels % tile.lanes == 0)) as all_of_it:
            f.call(pieces.out, *given)
        with all_of_it.otherwise():
            f.call(pieces.out_part, *given)
