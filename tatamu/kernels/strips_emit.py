"""Matrix product of few rows with a matrix whose rows are dense: gradients of a linear layer's
input at a small batch.

    c[m, n] = activation(bias[n] + sum over k of a[m, k] b[k, n])

b is the large operand and is read once, in order: NR of its rows at a time, along a strip of
columns whose sums stay in the first cache. For each vector of a strip, MR x NR numbers of a, held
in registers, are multiplied with NR vectors of b and added to MR vectors of c.
"""

from __future__ import annotations

from functools import partial

from tatamu.kernels.epilogue import finish_function
from tatamu.kernels.gemm_emit import ProductTile, operands
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

NUMBERS = (
    # work item i is batch * strips + strip
    "strips", "strip", "rows", "columns", "depth",
    # strides, in elements
    "a_m", "a_k", "b_k", "c_batch", "bias_n",
    "has_bias",
)  # fmt: skip


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    return operands(t, NUMBERS)


def emit(tile: ProductTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(tile.symbol(target, "strips"), target, debug=debug)
    tiles = {
        depth: {rows: _tile(m, tile, t, rows, depth) for rows in tile.few}
        for depth in (tile.vectors, 1)
    }
    finish = finish_function(m, t, tile.epilogue)
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, tiles, finish)
    return m


def _tile(m: Module, tile: ProductTile, t: Type, rows: int, depth: int) -> Function:
    """Add ``depth`` rows of b, times numbers of a, to ``rows`` rows of c, over some columns."""
    f = m.function(f"tile{rows}x{depth}", {
        "a": PointerTo(t), "b": PointerTo(t), "c": PointerTo(t),
        "a_m": I64, "a_k": I64, "b_k": I64, "c_m": I64, "count": I64,
    })  # fmt: skip
    a, lanes = f.args, tile.lanes
    given = a.pointer("a")
    factors = [
        [given.at(a.a_m * i + a.a_k * k).splat(0, lanes) for k in range(depth)] for i in range(rows)
    ]
    b = [a.pointer("b").at(a.b_k * k) for k in range(depth)]
    c = [a.pointer("c").at(a.c_m * i) for i in range(rows)]

    def step(n: Value, mask: Value | None = None) -> None:
        numbers = [p.vec(n, lanes, mask) for p in b]
        for i in range(rows):
            total = factors[i][0] * numbers[0]
            for k in range(1, depth):
                total = f.fma(factors[i][k], numbers[k], total)
            c[i].store(n, c[i].vec(n, lanes, mask) + total, mask)

    whole = a.count // lanes * lanes
    for n in f.loop(whole, step=lanes):
        step(n)
    with f.when(a.count > whole):
        step(whole, f.first_lanes(a.count - whole, lanes))
    return f


def _item(
    f: Function,
    a: Arguments,
    item: Value,
    tile: ProductTile,
    tiles: dict[int, dict[int, Function]],
    finish: Function | None,
) -> None:
    """One work item: all rows, a strip of columns."""
    batch = item // a.strips
    first = item % a.strips * a.strip
    count = f.min(a.columns - first, a.strip)
    offsets = a.pointer("offsets").at(batch * 2)
    left = a.pointer("a").at(offsets.load(0))
    right = a.pointer("b").at(offsets.load(1) + first)
    c = a.pointer("c").at(batch * a.c_batch + first)
    _begin(f, a, tile, c, a.pointer("bias").at(first * a.bias_n), count)
    whole = a.depth // tile.vectors * tile.vectors
    for k in f.loop(whole, step=tile.vectors):
        _rows(f, a, left.at(k * a.a_k), right.at(k * a.b_k), c, count, tiles[tile.vectors])
    for k in f.loop(a.depth, start=whole):
        _rows(f, a, left.at(k * a.a_k), right.at(k * a.b_k), c, count, tiles[1])
    if finish is not None:
        f.call(finish, c, c, a.rows, count, a.columns, a.columns)


def _begin(
    f: Function, a: Arguments, tile: ProductTile, c: Pointer, bias: Pointer, count: Value
) -> None:
    """Write the bias, or zeros, into the first row of c, and copy that into the others."""
    zero = f.constant(0.0, DTYPES[tile.dtype])
    with f.when(a.has_bias != 0) as biased:
        for n in f.loop(count):
            c.store(n, bias.load(n * a.bias_n))
    with biased.otherwise():
        for n in f.loop(count):
            c.store(n, zero)
    for row in f.loop(a.rows, start=1):
        for n in f.loop(count):
            c.at(row * a.columns).store(n, c.load(n))


def _rows(
    f: Function,
    a: Arguments,
    left: Pointer,
    right: Pointer,
    c: Pointer,
    count: Value,
    tiles: dict[int, Function],
) -> None:
    """All rows of c, some rows of b."""
    row = f.var(f.constant(0, I64))
    with f.forever() as more:
        rest = a.rows - row.get()
        more.exit_when(rest == 0)
        height = f.constant(1, I64)
        for n in sorted(tiles)[1:]:
            height = f.select(rest >= n, f.constant(n, I64), height)
        given = (left.at(row.get() * a.a_m), right, c.at(row.get() * a.columns),
                 a.a_m, a.a_k, a.b_k, a.columns, count)  # fmt: skip
        f.switch(height, {n: partial(f.call, tile, *given) for n, tile in tiles.items()})
        row.add(height)
