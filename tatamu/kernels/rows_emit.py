"""Matrix product of few rows with columns that are dense: a linear layer with a small batch.

    c[m, n] = activation(bias[n] + sum over k of a[m, k] b[n, k])

Both operands lie along k, so each sum runs in the lanes of a vector, and b, which is the large one,
is read once, in order and where it lies: at batch 1 the layer takes as long as reading its weights
from memory does. A tile is MR rows by NR columns, held in registers as vectors of partial sums,
which are added up at the end; with a single row each sum is split over several chains, so that
additions need not wait for one another.
"""

from __future__ import annotations

from functools import partial

from tatamu.kernels.epilogue import finished
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
    # work item i is batch * groups + group; a group is some columns
    "groups", "group_columns", "rows", "columns", "depth",
    # strides, in elements
    "a_m", "b_n", "c_batch", "bias_n",
    "has_bias",
)  # fmt: skip

# Sums that hide the latency of an addition.
CHAINS = 8


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    return operands(t, NUMBERS)


def emit(tile: ProductTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(tile.symbol(target, "rows"), target, debug=debug)
    tiles = {
        columns: {rows: _tile(m, tile, t, rows, columns) for rows in tile.few}
        for columns in (tile.vectors, 1)
    }
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, tiles)
    return m


def _tile(m: Module, tile: ProductTile, t: Type, rows: int, columns: int) -> Function:
    """``rows`` x ``columns`` sums over all of k."""
    f = m.function(f"tile{rows}x{columns}", {
        "a": PointerTo(t), "b": PointerTo(t), "bias": PointerTo(t), "c": PointerTo(t),
        "a_m": I64, "b_n": I64, "c_m": I64, "bias_n": I64, "has_bias": I64, "depth": I64,
    })  # fmt: skip
    a, lanes = f.args, tile.lanes
    zero = f.constant(0.0, t.vector(lanes))
    chains = max(1, min(CHAINS, tile.rows * tile.vectors) // (rows * columns))
    acc = [[[f.var(zero) for _ in range(columns)] for _ in range(rows)] for _ in range(chains)]
    left = [a.pointer("a").at(a.a_m * i) for i in range(rows)]
    right = [a.pointer("b").at(a.b_n * n) for n in range(columns)]

    def step(k: object, chain: int, mask: Value | None = None) -> None:
        numbers = [p.vec(k, lanes, mask) for p in right]
        for i in range(rows):
            value = left[i].vec(k, lanes, mask)
            for n in range(columns):
                acc[chain][i][n].set(f.fma(value, numbers[n], acc[chain][i][n]))

    unrolled = a.depth // (lanes * chains) * (lanes * chains)
    for k in f.loop(unrolled, step=lanes * chains):
        for chain in range(chains):
            step(k + chain * lanes, chain)
    whole = a.depth // lanes * lanes
    if chains > 1:
        for k in f.loop(whole, start=unrolled, step=lanes):
            step(k, 0)
    with f.when(a.depth > whole):
        step(whole, 0, f.first_lanes(a.depth - whole, lanes))
    for i in range(rows):
        for n in range(columns):
            total = acc[0][i][n].get()
            for chain in range(1, chains):
                total = total + acc[chain][i][n].get()
            sum_ = f.var(_added(f, total))
            with f.when(a.has_bias != 0):
                sum_.add(a.pointer("bias").load(a.bias_n * n))
            a.pointer("c").at(a.c_m * i).store(n, finished(f, tile.epilogue, sum_.get()))
    return f


def _added(f: Function, v: Value) -> Value:
    """The sum of a vector's lanes: halves are added until one is left."""
    while v.type.lanes > 1:
        half = v.type.lanes // 2
        v = f.shuffle(v, v, range(half)) + f.shuffle(v, v, range(half, 2 * half))
    return f.lane(v, 0)


def _item(
    f: Function,
    a: Arguments,
    item: Value,
    tile: ProductTile,
    tiles: dict[int, dict[int, Function]],
) -> None:
    """One work item: all rows against some columns."""
    batch = item // a.groups
    first = item % a.groups * a.group_columns
    last = f.min(first + a.group_columns, a.columns)
    offsets = a.pointer("offsets").at(batch * 2)
    left = a.pointer("a").at(offsets.load(0))
    right = a.pointer("b").at(offsets.load(1))
    c = a.pointer("c").at(batch * a.c_batch)
    whole = first + (last - first) // tile.vectors * tile.vectors

    def column(n: Value, width: int) -> None:
        b, bias = right.at(n * a.b_n), a.pointer("bias").at(n * a.bias_n)
        _columns(f, a, left, b, bias, c.at(n), tiles[width])

    for n in f.loop(whole, start=first, step=tile.vectors):
        column(n, tile.vectors)
    for n in f.loop(last, start=whole):
        column(n, 1)


def _columns(
    f: Function,
    a: Arguments,
    left: Pointer,
    right: Pointer,
    bias: Pointer,
    c: Pointer,
    tiles: dict[int, Function],
) -> None:
    """All rows against the columns of one tile."""
    row = f.var(f.constant(0, I64))
    with f.forever() as more:
        rest = a.rows - row.get()
        more.exit_when(rest == 0)
        height = f.constant(1, I64)
        for n in sorted(tiles)[1:]:
            height = f.select(rest >= n, f.constant(n, I64), height)
        given = (left.at(row.get() * a.a_m), right, bias, c.at(row.get() * a.columns),
                 a.a_m, a.b_n, a.columns, a.bias_n, a.has_bias, a.depth)  # fmt: skip
        f.switch(height, {n: partial(f.call, tile, *given) for n, tile in tiles.items()})
        row.add(height)
