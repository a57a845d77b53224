"""The gradient of the weights of a 3x3 convolution of stride 1, by Winograd's algorithm.

    dw = G^T [ sum over tiles of (B^T d B) . (A g A^T) ] G

This is the adjoint of the forward formula (`winograd_emit`): for each tile, d is its inputs and g
the gradient of its outputs. Two kernels, run one after the other. The first transforms inputs and
gradients of all tiles, to [point][tile][channel]. The second takes some inputs by a panel of
outputs: for each point an outer product that is summed over tiles, held in registers as in
`weight_grad_emit`, a chunk of tiles at a time so that rounding errors do not pile up; then
G^T . G. Where all transformed tiles would not fit the last cache, the two kernels take turns, some
tiles at a time, and results are added up. Parts of the tiles, whose number depends on the shape
alone, have a result each, and `weight_grad_emit`'s last kernel adds those in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tatamu.kernels.direct_emit import Tile
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.winograd_emit import (
    TILE,
    WinogradTile,
    gather_function,
    input_tile,
    transform_input,
)
from tatamu.kernels.winograd_sides import gradient_side, weight_gradient_side
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
TAPS = 9

TRANSFORM_NUMBERS = (
    # the round's tiles are those from `first` on, `count` of them; work item i is some of these
    "first", "count", "tiles", "item_tiles",
    # channels in whole vectors or panels, and as they are; how they lie
    "inputs", "channels", "outputs", "out_channels", "x_h", "x_w", "g_h", "g_w",
    "always_gather", "gather_gradients",
    # from one point and from one tile to the next
    "v_plane", "v_tile", "m_plane", "m_tile", "patch_at", "scratch_size",
)  # fmt: skip

NUMBERS = (
    # the round's tiles; whether results are added to what the last round left
    "count", "adding",
    # work item i is (part * panels + panel) * blocks + block of input channels
    "parts", "panels", "blocks", "part_tiles", "block_inputs", "block_segments", "inputs",
    # from one point and from one tile to the next; one part of the result; a plane of sums
    "v_plane", "v_tile", "m_plane", "m_tile", "dw_part", "sums_plane", "scratch_size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GradTile:
    """What is compiled in: the transform, and the tile of the outer products."""

    winograd: WinogradTile
    product: Tile

    def transform_symbol(self, target: Target) -> str:
        """The name of the first kernel."""
        w = self.winograd
        return f"winograd_grad_into_{w.dtype}_{w.outputs}_{target.tag}"

    def symbol(self, target: Target) -> str:
        """The name of the second kernel."""
        w, p = self.winograd, self.product
        shape = f"{w.outputs}_{p.pixels}x{p.vectors}x{p.lanes}"
        return f"winograd_grad_{w.dtype}_{shape}_{target.tag}"


def transform_fields(t: Type) -> dict[str, Type | PointerTo]:
    """The first kernel's arguments; the addresses and the round are for the call to fill."""
    pointers = {n: PointerTo(t) for n in ("x", "g", "v", "m", "scratch")}
    numbers = dict.fromkeys(TRANSFORM_NUMBERS, I64)
    return {**pointers, **numbers, "table": PointerTo(I64)}


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The second kernel's arguments; the addresses and the round are for the call to fill."""
    pointers = {n: PointerTo(t) for n in ("v", "m", "dw", "scratch")}
    return {**pointers, **dict.fromkeys(NUMBERS, I64), "segments": PointerTo(I64)}


def emit_transform(tile: GradTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel that transforms inputs and gradients."""
    t = DTYPES[tile.winograd.dtype]
    m = Module(tile.transform_symbol(target), target, debug=debug)
    gather = gather_function(m, t)
    into = transform_input(m, tile.winograd, t, 1)
    gradients = _transform_gradient(m, tile.winograd, t)
    f, a = m.task(transform_fields(t))
    with f.denormals_flushed():
        scratch = a.pointer("scratch").at(f.args.worker * a.scratch_size)
        for item in f.loop(f.args.end, start=f.args.begin):
            begin = item * a.item_tiles
            for i in f.loop(f.min(begin + a.item_tiles, a.count), start=begin):
                entry = a.pointer("table").at((a.first + i) * len(TILE))
                v, to = a.pointer("v").at(i * a.v_tile), a.pointer("m").at(i * a.m_tile)
                input_tile(f, a, tile.winograd, gather, into, entry, scratch, v)
                _gradient_tile(f, a, tile.winograd, gather, gradients, entry, scratch, to)
    return m


def _gradient_tile(
    f: Function,
    a: Arguments,
    tile: WinogradTile,
    gather: Function,
    into: Function,
    entry: Pointer,
    scratch: Pointer,
    to: Pointer,
) -> None:
    """Transform the gradients of one tile, those at the picture's edge by way of a copy."""
    side = tile.outputs
    patch = scratch.at(a.patch_at)
    g = a.pointer("g").at(entry.load(1))
    rows, columns = entry.load(6), entry.load(7)
    inside = (rows == side) & (columns == side) & (a.gather_gradients == 0)
    with f.when(inside == 0):
        part = (0, rows, 0, columns)
        f.call(gather, g, patch, a.g_h, a.g_w, *part, a.outputs, a.out_channels, side)
    f.call(
        into,
        f.select_pointer(inside, g, patch),
        to,
        f.select(inside, a.g_h, a.outputs * side),
        f.select(inside, a.g_w, a.outputs),
        a.outputs,
        a.m_plane,
    )


def _transform_gradient(m: Module, tile: WinogradTile, t: Type) -> Function:
    """A g A^T of one tile, all channels."""
    f = m.function("gradients", {
        "g": PointerTo(t), "m": PointerTo(t), "g_h": I64, "g_w": I64, "outputs": I64,
        "m_plane": I64,
    })  # fmt: skip
    a, lanes, side = f.args, tile.lanes, tile.outputs
    for c in f.loop(a.outputs, step=lanes):
        source, to = a.pointer("g").at(c), a.pointer("m").at(c)
        columns = [
            gradient_side(
                f, [source.at(i * a.g_h + j * a.g_w).vec(0, lanes) for i in range(side)], side
            )
            for j in range(side)
        ]
        for i in range(tile.side):
            row = gradient_side(f, [column[i] for column in columns], side)
            for j in range(tile.side):
                to.at(a.m_plane * (i * tile.side + j)).store(0, row[j])
    return f


def emit(tile: GradTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel that multiplies, sums over tiles and transforms back."""
    t = DTYPES[tile.product.dtype]
    m = Module(tile.symbol(target), target, debug=debug)
    products = {n: _multiply(m, tile.product, t, n) for n in tile.product.sizes}
    back = _transform_back(m, tile, t)
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, products, back)
    return m


def _multiply(m: Module, tile: Tile, t: Type, inputs: int) -> Function:
    """``inputs`` channels by a panel, summed over some tiles; ``adding`` to what is there."""
    f = m.function(f"multiply{inputs}", {
        "v": PointerTo(t), "m": PointerTo(t), "sums": PointerTo(t), "count": I64,
        "v_tile": I64, "m_tile": I64, "adding": I64,
    })  # fmt: skip
    a, lanes, width = f.args, tile.lanes, tile.channels
    vectors = range(tile.vectors)
    acc = [[f.var(f.constant(0.0, t.vector(lanes))) for _ in vectors] for _ in range(inputs)]

    def step(k: Value) -> None:
        v, m = a.pointer("v").at(k * a.v_tile), a.pointer("m").at(k * a.m_tile)
        gradients = [m.vec(j * lanes, lanes) for j in vectors]
        for i in range(inputs):
            value = v.splat(i, lanes)
            for j in vectors:
                acc[i][j].set(f.fma(value, gradients[j], acc[i][j]))

    whole = a.count // UNROLL * UNROLL
    for k in f.loop(whole, step=UNROLL):
        for u in range(UNROLL):
            step(k + u)
    for k in f.loop(a.count, start=whole):
        step(k)
    sums = a.pointer("sums")
    with f.when(a.adding != 0) as adding:
        for i in range(inputs):
            for j in vectors:
                at = i * width + j * lanes
                sums.store(at, sums.vec(at, lanes) + acc[i][j].get())
    with adding.otherwise():
        for i in range(inputs):
            for j in vectors:
                sums.store(i * width + j * lanes, acc[i][j])
    return f


def _transform_back(m: Module, tile: GradTile, t: Type) -> Function:
    """G^T M G for one input channel and a panel; ``adding`` to what is there."""
    f = m.function("back", {
        "sums": PointerTo(t), "dw": PointerTo(t), "sums_plane": I64, "dw_tap": I64, "adding": I64,
    })  # fmt: skip
    a, lanes = f.args, tile.product.lanes
    side, outputs = tile.winograd.side, tile.winograd.outputs
    for c in f.loop(tile.product.channels, step=lanes):
        source, to = a.pointer("sums").at(c), a.pointer("dw").at(c)
        columns = [
            weight_gradient_side(
                f,
                [source.at(a.sums_plane * (i * side + j)).vec(0, lanes) for i in range(side)],
                outputs,
            )
            for j in range(side)
        ]
        for i in range(3):
            row = weight_gradient_side(f, [column[i] for column in columns], outputs)
            for j, value in enumerate(row):
                at = to.at(a.dw_tap * (3 * i + j))
                total = f.var(value)
                with f.when(a.adding != 0):
                    total.add(at.vec(0, lanes))
                at.store(0, total)
    return f


def _item(
    f: Function,
    a: Arguments,
    item: Value,
    tile: GradTile,
    products: dict[int, Function],
    back: Function,
) -> None:
    """One work item: some input channels by one panel of outputs, over one part of the tiles."""
    width = tile.product.channels
    block, rest = item % a.blocks, item // a.blocks
    panel, part = rest % a.panels, rest // a.panels
    first_input = block * a.block_inputs
    inputs = f.min(first_input + a.block_inputs, a.inputs) - first_input
    first = f.min(part * a.part_tiles, a.count)
    last = f.min(first + a.part_tiles, a.count)
    v = a.pointer("v").at(first_input)
    m = a.pointer("m").at(panel * width)
    sums = a.pointer("scratch").at(f.args.worker * a.scratch_size)
    dw = a.pointer("dw").at(part * a.dw_part + (panel * TAPS * a.inputs + first_input) * width)
    segments = a.pointer("segments").at(block * a.block_segments * 2)
    with f.when(last > first):  # a later round may have no tile for this part
        for point in f.loop(tile.winograd.points):
            for k in f.loop(last, start=first, step=CHUNK):
                v_at = v.at(point * a.v_plane + k * a.v_tile)
                m_at = m.at(point * a.m_plane + k * a.m_tile)
                adding = f.select(k > first, f.constant(1, I64), 0)
                for s in f.loop(a.block_segments):
                    start, count = segments.load(s * 2), segments.load(s * 2 + 1)
                    given = (
                        v_at.at(start), m_at, sums.at(point * a.sums_plane + start * width),
                        f.min(last - k, CHUNK), a.v_tile, a.m_tile, adding,
                    )  # fmt: skip
                    f.switch(count, {
                        n: partial(f.call, code, *given) for n, code in products.items()
                    })  # fmt: skip
        for i in f.loop(inputs):
            tap = a.inputs * width
            f.call(back, sums.at(i * width), dw.at(i * width), a.sums_plane, tap, a.adding)
