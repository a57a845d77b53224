"""Matrix product by tiles held in registers, for operands of any strides.

    c[m, n] = activation(bias[n] + sum over k of a[m, k] b[k, n])

The tile is direct convolution's with rows in the place of pixels: MR rows by NR columns, each step
of the sum loads NR numbers of b and MR single ones of a. Strides are arguments, so one kernel
serves a and its transpose alike. b is read where it lies if its rows are dense; else, or where its
panel of NR columns is read over and over, the panel is first packed into memory that stays in the
second cache, transposed by whole blocks of vectors if it is its columns that are dense.

The sum is cut into blocks of k, small enough for that; c holds what is summed so far. Work items
divide rows and panels; which and how many depends on the sizes alone, never on threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tatamu.kernels.copying import copy_function, zero_function
from tatamu.kernels.direct_emit import SIZES
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

NUMBERS = (
    # work item i is (batch * chunks + chunk) * groups + group
    "chunks", "groups", "chunk_rows", "group_panels",
    "rows", "columns", "panels", "depth", "block", "blocks",
    # strides, in elements
    "a_m", "a_k", "b_k", "b_n", "c_batch", "bias_n",
    "has_bias", "packs",  # 1 or 0: whether there is a bias; whether whole panels are packed, too
    "scratch_size",  # elements of each worker
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProductTile:
    """What is compiled into a kernel: rows by vectors of columns, and what is done at the end."""

    dtype: str
    rows: int
    vectors: int
    lanes: int
    epilogue: Epilogue = PLAIN

    @property
    def columns(self) -> int:
        """Columns of a tile: a panel is as wide."""
        return self.vectors * self.lanes

    @property
    def sizes(self) -> tuple[int, ...]:
        """The heights emitted."""
        return SIZES[self.rows]

    @property
    def few(self) -> tuple[int, ...]:
        """The heights emitted for products of few rows."""
        return tuple(n for n in (1, 2, 4, 6) if n <= self.rows)

    def symbol(self, target: Target, kind: str = "gemm") -> str:
        """The name of its kernel of one kind."""
        shape = f"{self.rows}x{self.vectors}x{self.lanes}"
        return f"{kind}_{self.dtype}_{shape}{self.epilogue.tag}_{target.tag}"


def operands(t: Type, numbers: tuple[str, ...]) -> dict[str, Type | PointerTo]:
    """The arguments of a kernel for few rows, with their types."""
    pointers = {n: PointerTo(t) for n in ("a", "b", "bias", "c")}
    return {**pointers, "offsets": PointerTo(I64), **dict.fromkeys(numbers, I64)}


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers = {n: PointerTo(t) for n in ("a", "b", "bias", "c", "scratch")}
    tables = {n: PointerTo(I64) for n in ("offsets", "heights")}
    return {**pointers, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(tile: ProductTile, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one tile."""
    t = DTYPES[tile.dtype]
    m = Module(tile.symbol(target), target, debug=debug)
    pieces = _Pieces(
        copy=copy_function(m, t),
        pack=_pack(m, tile, t),
        finish=finish_function(m, t, tile.epilogue),
        tiles={n: _tile(m, tile, t, n) for n in tile.sizes},
    )
    f, a = m.task(fields(t))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            _item(f, a, item, tile, pieces)
    return m


@dataclass(frozen=True, slots=True)
class _Pieces:
    copy: Function
    pack: Function
    finish: Function | None
    tiles: dict[int, Function]


def _tile(m: Module, tile: ProductTile, t: Type, rows: int) -> Function:
    """``rows`` x ``tile.vectors`` sums: add up the products, then ``init``, store.

    Sums start from zero in each block: many short sums are more exact than one long one.
    """
    shared = PointerTo(t, shared=True)  # a later block adds what the earlier one stored
    f = m.function(f"tile{rows}", {
        "a": PointerTo(t), "b": PointerTo(t), "init": shared, "c": shared,
        "a_m": I64, "a_k": I64, "b_k": I64, "init_m": I64, "c_m": I64, "depth": I64,
    })  # fmt: skip
    a, lanes = f.args, tile.lanes
    init, c = a.pointer("init"), a.pointer("c")
    vectors = range(tile.vectors)
    zero = f.constant(0.0, t.vector(lanes))
    acc = [[f.var(zero) for _ in vectors] for _ in range(rows)]
    inputs = [a.pointer("a").at(a.a_m * i) for i in range(rows)]
    a_at, b_at = f.var(f.constant(0, I64)), f.var(f.constant(0, I64))

    # Not unrolled: 24 multiply-adds hide the loop, and NEON's registers do not hold two steps.
    for _ in f.loop(a.depth):
        here = a.pointer("b").at(b_at)
        numbers = [here.vec(v * lanes, lanes) for v in vectors]
        for i in range(rows):
            value = inputs[i].splat(a_at, lanes)
            for v in vectors:
                acc[i][v].set(f.fma(value, numbers[v], acc[i][v]))
        a_at.add(a.a_k)
        b_at.add(a.b_k)
    for i in range(rows):
        for v in vectors:
            acc[i][v].add(init.at(a.init_m * i).vec(v * lanes, lanes))
    for i in range(rows):
        for v in vectors:
            c.at(a.c_m * i).store(v * lanes, acc[i][v])
    return f


def _pack(m: Module, tile: ProductTile, t: Type) -> Function:
    """Lay ``depth`` x ``count`` numbers of b as rows of a panel, filled up with zeros."""
    copy, zero = m.functions[0], zero_function(m, t)
    gather = _gather(m, tile, t)
    f = m.function("pack", {
        "b": PointerTo(t), "to": PointerTo(t), "depth": I64, "count": I64, "b_k": I64, "b_n": I64,
    })  # fmt: skip
    a, lanes, width = f.args, tile.lanes, tile.columns
    b, to = a.pointer("b"), a.pointer("to")
    with f.when(a.count < width):
        f.call(zero, to, a.depth * width)
    with f.when(a.b_n == 1) as dense_rows:
        for k in f.loop(a.depth):
            f.call(copy, b.at(k * a.b_k), to.at(k * width), a.count)
    with dense_rows.otherwise():
        dense = a.b_k == 1
        nothing = f.constant(0, I64)
        deep = f.select(dense, a.depth // lanes * lanes, nothing)
        wide = f.select(dense, a.count // lanes * lanes, nothing)
        for n in f.loop(wide, step=lanes):
            for k in f.loop(deep, step=lanes):
                block = [b.at((n + i) * a.b_n + k).vec(0, lanes) for i in range(lanes)]
                for i, row in enumerate(transposed(f, block)):
                    to.at((k + i) * width).store(n, row)
        f.call(gather, b.at(wide * a.b_n), to.at(wide), deep, a.count - wide, a.b_k, a.b_n)
        below = b.at(deep * a.b_k), to.at(deep * width)
        f.call(gather, *below, a.depth - deep, a.count, a.b_k, a.b_n)
    return f


def transposed(f: Function, rows: list[Value]) -> list[Value]:
    """The columns of a square block: interleaving its halves log2 times turns it over."""
    lanes, half = len(rows), len(rows) // 2
    pairs = [(i, lanes + i) for i in range(lanes)]
    low, high = ([lane for pair in part for lane in pair] for part in (pairs[:half], pairs[half:]))
    for _ in range(lanes.bit_length() - 1):
        both = zip(rows[:half], rows[half:], strict=True)
        rows = [f.shuffle(a, b, picks) for a, b in both for picks in (low, high)]
    return rows


def _gather(m: Module, tile: ProductTile, t: Type) -> Function:
    """The same one by one, for any strides."""
    f = m.function("gather", {
        "b": PointerTo(t), "to": PointerTo(t), "depth": I64, "count": I64, "b_k": I64, "b_n": I64,
    })  # fmt: skip
    a = f.args
    for k in f.loop(a.depth):
        for n in f.loop(a.count):
            a.pointer("to").store(k * tile.columns + n, a.pointer("b").load(k * a.b_k + n * a.b_n))
    return f


def _item(f: Function, a: Arguments, item: Value, tile: ProductTile, pieces: _Pieces) -> None:
    """One work item: some rows of one product, some of its panels."""
    group, place = item % a.groups, item // a.groups
    chunk, batch = place % a.chunks, place // a.chunks
    offsets = a.pointer("offsets").at(batch * 2)
    first = chunk * a.chunk_rows
    last = f.min(first + a.chunk_rows, a.rows)
    first_panel = group * a.group_panels
    last_panel = f.min(first_panel + a.group_panels, a.panels)
    left = a.pointer("a").at(offsets.load(0) + first * a.a_m)
    right = a.pointer("b").at(offsets.load(1))
    c = a.pointer("c").at(batch * a.c_batch + first * a.columns)
    scratch = a.pointer("scratch").at(f.args.worker * a.scratch_size)
    for block in f.loop(a.blocks):
        start = block * a.block
        for panel in f.loop(last_panel, start=first_panel):
            column = panel * tile.columns
            part = _Part(
                f=f, a=a, tile=tile, pieces=pieces,
                left=left.at(start * a.a_k),
                right=right.at(start * a.b_k + column * a.b_n),
                bias=a.pointer("bias").at(column * a.bias_n),
                c=c.at(column),
                rows=last - first,
                count=f.min(a.columns - column, tile.columns),
                depth=f.min(a.block, a.depth - start),
                is_first=block == 0,
                is_last=block == a.blocks - 1,
                init=scratch,
                out=scratch.at(tile.columns),
                packed=scratch.at(tile.columns * (tile.rows + 1)),
            )  # fmt: skip
            _panel(part)


@dataclass(frozen=True, slots=True)
class _Part:
    """What the tiles of one panel and one block of the sum have in common."""

    f: Function
    a: Arguments
    tile: ProductTile
    pieces: _Pieces
    left: Pointer
    right: Pointer
    bias: Pointer
    c: Pointer
    rows: Value
    count: Value
    depth: Value
    is_first: Value
    is_last: Value
    init: Pointer
    out: Pointer
    packed: Pointer


def _panel(part: _Part) -> None:
    """All rows of an item against one panel."""
    f, a, tile = part.f, part.a, part.tile
    width, zero = tile.columns, f.constant(0.0, DTYPES[tile.dtype])
    with f.when(part.is_first):
        for n in f.loop(width, step=tile.lanes):
            part.init.store(n, f.splat(zero, tile.lanes))
        with f.when(a.has_bias != 0):
            for n in f.loop(part.count):
                part.init.store(n, part.bias.load(n * a.bias_n))
    packs = (a.packs != 0) | (part.count < width)
    with f.when(packs):
        f.call(part.pieces.pack, part.right, part.packed, part.depth, part.count, a.b_k, a.b_n)
    b = f.select_pointer(packs, part.packed, part.right)
    b_k = f.select(packs, f.constant(width, I64), a.b_k)
    row = f.var(f.constant(0, I64))
    with f.forever() as more:
        left = part.rows - row.get()
        more.exit_when(left == 0)
        height = a.pointer("heights").load(f.min(left, 2 * tile.rows))
        _one_tile(part, row.get(), height, b, b_k)
        row.add(height)


def _one_tile(part: _Part, row: Value, height: Value, b: Pointer, b_k: Value) -> None:
    """Run one tile, straight into c, or through a copy where a panel is not full."""
    f, a, pieces, width = part.f, part.a, part.pieces, part.tile.columns
    c = part.c.at(row * a.columns)
    left = part.left.at(row * a.a_m)
    from_init = f.constant(0, I64)

    def run(init: Pointer, init_m: object, out: Pointer, out_m: object) -> None:
        f.switch(height, {
            n: partial(f.call, tile, left, b, init, out, a.a_m, a.a_k, b_k, init_m, out_m,
                       part.depth)
            for n, tile in pieces.tiles.items()
        })  # fmt: skip

    with f.when(part.count == width) as full:
        init = f.select_pointer(part.is_first, part.init, c)
        run(init, f.select(part.is_first, from_init, a.columns), c, a.columns)
    with full.otherwise():
        with f.when(part.is_first == 0):
            for i in f.loop(height):
                f.call(pieces.copy, c.at(i * a.columns), part.out.at(i * width), part.count)
        init = f.select_pointer(part.is_first, part.init, part.out)
        run(init, f.select(part.is_first, from_init, width), part.out, width)
        for i in f.loop(height):
            f.call(pieces.copy, part.out.at(i * width), c.at(i * a.columns), part.count)
    if pieces.finish is not None:
        with f.when(part.is_last):
            f.call(pieces.finish, c, c, height, part.count, a.columns, a.columns)
