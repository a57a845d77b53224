"""Softmax, its logarithm, and their gradients, along what memory holds together or apart.

    softmax            y = e / sum e              e = exp(x - max x)
    log_softmax        y = x - (max x + log sum e)
    softmax_grad       dx = y (g - sum g y)
    log_softmax_grad   dx = g - exp(y) sum g

``rows``: lanes run along the axis, a row at a time. Rows shorter than ``SHORT`` would spend most of
their time on adding lanes up; as many as there are lanes are turned into columns, or (gradients)
the lanes of their sums are.
``columns``: each lane is a row of its own, and some vectors of them are copied into scratch on the
way to the maximum: exponents and sum then need not read across memory again. Where the axis is too
long for that, the output is the scratch.

A lane adds ``BLOCK`` numbers before its sum goes on in float64, as in `fold_emit`. NaN makes its
whole row NaN, and so do an infinite number and a row of nothing but -inf, as in torch.
"""

from __future__ import annotations

from collections.abc import Iterator

from tatamu.kernels.copying import transposed
from tatamu.kernels.fold_emit import BLOCK
from tatamu.kernels.lanes import across, narrowed, piece, plus, rounded_up, widened
from tatamu.stage import (
    F64,
    I64,
    Arguments,
    Function,
    Module,
    Pointer,
    PointerTo,
    Target,
    Type,
    Value,
    Var,
)
from tatamu.stage.math import exp, exp_minus, log

KINDS = ("softmax", "log_softmax", "softmax_grad", "log_softmax_grad")
NUMBERS = (
    # x[groups, along, kept], or x[rows, along]; rows or columns of a work item
    "along", "kept", "rows", "block", "blocks", "in_place", "short",
)  # fmt: skip
LOWEST = float("-inf")
SHORT = 64
COLUMN_VECTORS = 2


def vectors(target: Target) -> int:
    """How many vectors go side by side: as many as their constants leave registers for."""
    return 4 if target.registers > 16 else 2


def inputs(kind: str) -> tuple[str, ...]:
    """The pointers that the kernel reads."""
    return ("g", "y") if kind.endswith("grad") else ("x",)


def output(kind: str) -> str:
    """The pointer that it writes to."""
    return "dx" if kind.endswith("grad") else "y"


def symbol(kind: str, t: Type, target: Target, *, rows: bool) -> str:
    """The name of the kernel."""
    return f"{kind}_{'rows' if rows else 'columns'}_{t.kind[0]}{t.bits}_{target.tag}"


def fields(kind: str, t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types; scratch is each worker's own."""
    names = (*inputs(kind), output(kind), "scratch")
    return {**{name: PointerTo(t, shared=True) for name in names}, **dict.fromkeys(NUMBERS, I64)}


def emit(kind: str, t: Type, target: Target, *, rows: bool, debug: bool = False) -> Module:
    """The kernel."""
    m = Module(symbol(kind, t, target, rows=rows), target, debug=debug)
    write = {
        ("softmax", True): _row, ("softmax_grad", True): _row_gradient,
        ("softmax", False): _column, ("softmax_grad", False): _column_gradient,
    }[kind.removeprefix("log_"), rows]  # fmt: skip
    logarithm = kind.startswith("log_")
    if rows:
        if kind.endswith("grad"):
            short = [_short_gradient(m, t, logarithm)]
        else:
            turning = (_turning(m, t, back=False), _turning(m, t, back=True))
            short = [_column(m, t, logarithm, 1), *turning]
        _row_task(m, kind, t, write(m, t, logarithm, vectors(target)), short)
        return m
    codes = [write(m, t, logarithm, n) for n in (COLUMN_VECTORS, 1)]
    _column_task(m, kind, t, codes[0], codes[1])
    return m


def _row_task(m: Module, kind: str, t: Type, code: Function, short: list[Function]) -> None:
    f, a = m.task(fields(kind, t))
    lanes = m.target.lanes(t)
    pointers = [a.pointer(name) for name in (*inputs(kind), output(kind))]
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = piece(f, a.rows, a.block, item)
            with f.when(a.short == 0) as long:
                for row in f.loop(last, start=first):
                    f.call(code, *(p.at(row * a.along) for p in pointers), a.along)
            with long.otherwise():
                for row in f.loop(last, start=first, step=lanes):
                    own = [p.at(row * a.along) for p in pointers]
                    rows = f.min(last - row, lanes)
                    if kind.endswith("grad"):
                        f.call(short[0], *own, a.along, rows)
                    else:
                        _turned(f, a, kind, own, rows, short)


def _turned(
    f: Function,
    a: Arguments,
    kind: str,
    pointers: list[Pointer],
    rows: Value,
    codes: list[Function],
) -> None:
    """Up to as many short rows as there are lanes, turned into columns in scratch, and back."""
    column, to_columns, to_rows = codes
    lanes = f.module.target.lanes(pointers[0].element)
    size = rounded_up(a.along, f.constant(lanes, I64)) * (lanes * lanes)
    turned = a.pointer("scratch").at(f.args.worker * size)
    f.call(to_columns, pointers[0], turned, a.along, rows)
    if kind == "softmax":
        f.call(column, turned, turned, turned, lanes, a.along, lanes, rows)
    else:
        f.call(column, turned, turned, a.along, lanes, rows)
    f.call(to_rows, turned, pointers[1], a.along, rows)


def _turning(m: Module, t: Type, *, back: bool) -> Function:
    """Short rows into columns as far apart as there are lanes, or ``back``."""
    name = "to_rows" if back else "to_columns"
    f = m.function(name, {
        "source": PointerTo(t), "to": PointerTo(t), "along": I64, "rows": I64,
    })  # fmt: skip
    lanes = m.target.lanes(t)
    source, to = f.args.pointer("source"), f.args.pointer("to")
    along, rows = f.args.along, f.args.rows

    def block(k: Value, masks: list[Value]) -> None:
        places = [along * lane + k for lane in range(lanes)]
        if back:
            columns = [source.vec((k + c) * lanes, lanes) for c in range(lanes)]
            for place, mask, row in zip(places, masks, transposed(f, columns), strict=True):
                to.store(place, row, mask)
        else:
            own = [source.vec(at, lanes, mask) for at, mask in zip(places, masks, strict=True)]
            for c, column in enumerate(transposed(f, own)):
                to.store((k + c) * lanes, column)

    for k in f.loop(along, step=lanes):
        with f.when(rows == lanes) as full:
            block(k, [f.first_lanes(along - k, lanes)] * lanes)
        with full.otherwise():
            there = [f.select(rows > lane, along - k, 0) for lane in range(lanes)]
            block(k, [f.first_lanes(count, lanes) for count in there])
    return f


def _column_task(m: Module, kind: str, t: Type, wide: Function, narrow: Function) -> None:
    f, a = m.task(fields(kind, t))
    lanes = m.target.lanes(t)
    width = COLUMN_VECTORS * lanes
    names = (*inputs(kind), output(kind))
    with f.denormals_flushed():
        for item in f.loop(f.args.end, start=f.args.begin):
            group, place = item // a.blocks, item % a.blocks
            first, last = piece(f, a.kept, a.block, place)
            whole = first + (last - first) // width * width
            scratch = a.pointer("scratch").at(f.args.worker * a.along * width)
            for code, low, high, step in (
                (wide, first, whole, width),
                (narrow, whole, last, lanes),
            ):
                for c in f.loop(high, start=low, step=step):
                    at = group * a.along * a.kept + c
                    pointers = [a.pointer(name).at(at) for name in names]
                    if kind == "softmax":
                        in_place = a.in_place != 0
                        pointers.append(f.select_pointer(in_place, pointers[-1], scratch))
                        apart = f.select(in_place, a.kept, step)
                        f.call(code, *pointers, apart, a.along, a.kept, last - c)
                    else:
                        f.call(code, *pointers, a.along, a.kept, last - c)


class _Sums:
    """Sums in the precision of the data that go on in float64."""

    def __init__(self, f: Function, t: Type, lanes: int, count: int):
        self.f = f
        self.zero = f.constant(0.0, t.vector(lanes))
        self.own = [f.var(self.zero) for _ in range(count)]
        wide = f.constant(0.0, F64.vector(lanes))
        self.totals = [f.var(wide) for _ in range(count)]

    def flush(self) -> None:
        """Let what the lanes have carried go on in float64."""
        for own, total in zip(self.own, self.totals, strict=True):
            total.add(widened(self.f, own.get()))
            own.set(self.zero)

    def all(self) -> Value:
        """All of them in one vector."""
        total = self.totals[0].get()
        for other in self.totals[1:]:
            total = total + other.get()
        return total


def _blocks(f: Function, count: Value, step: int, sums: _Sums) -> Iterator[Value]:
    """Steps from 0 to ``count``; after ``BLOCK`` of them sums are flushed."""
    for base in f.loop(count, step=BLOCK * step):
        yield from f.loop(f.min(base + BLOCK * step, count), start=base, step=step)
        sums.flush()


def _parts(f: Function, count: Value, lanes: int, unroll: int) -> tuple[Value, int]:
    """How far whole groups of vectors reach, and their step."""
    step = unroll * lanes
    return count // step * step, step


def _row(m: Module, t: Type, logarithm: bool, unroll: int) -> Function:
    f = m.function("row", {"x": PointerTo(t), "y": PointerTo(t), "count": I64})
    lanes = m.target.lanes(t)
    x, y, count = f.args.pointer("x"), f.args.pointer("y"), f.args.count
    whole, step = _parts(f, count, lanes, unroll)
    lowest = f.constant(LOWEST, t.vector(lanes))
    best = [f.var(lowest) for _ in range(unroll)]
    for i in f.loop(whole, step=step):
        for v in range(unroll):
            best[v].set(f.max(x.vec(i + v * lanes, lanes), best[v].get()))
    for i in f.loop(count, start=whole, step=lanes):
        mask = f.first_lanes(count - i, lanes)
        best[0].set(f.max(f.select(mask, x.vec(i, lanes, mask), lowest), best[0].get()))
    top = best[0].get()
    for other in best[1:]:
        top = f.max(top, other.get())
    largest = across(f, top, Function.max)
    shift = f.splat(largest, lanes)
    sums = _Sums(f, t, lanes, unroll)
    for i in _blocks(f, whole, step, sums):
        for v in range(unroll):
            e = exp_minus(f, shift - x.vec(i + v * lanes, lanes))
            sums.own[v].add(e)
            if not logarithm:
                y.store(i + v * lanes, e)
    for i in f.loop(count, start=whole, step=lanes):
        mask = f.first_lanes(count - i, lanes)
        e = exp_minus(f, shift - x.vec(i, lanes, mask))
        sums.own[0].add(f.select(mask, e, 0.0))
        if not logarithm:
            y.store(i, e, mask)
    sums.flush()
    total = across(f, sums.all(), plus)
    if logarithm:
        level = f.splat(largest + log(f, narrowed(f, total, t)), lanes)
    else:
        level = f.splat(narrowed(f, 1.0 / total, t), lanes)
    source = x if logarithm else y
    for i in f.loop(whole, step=step):
        for v in range(unroll):
            value = source.vec(i + v * lanes, lanes)
            y.store(i + v * lanes, value - level if logarithm else value * level)
    for i in f.loop(count, start=whole, step=lanes):
        mask = f.first_lanes(count - i, lanes)
        value = source.vec(i, lanes, mask)
        y.store(i, value - level if logarithm else value * level, mask)
    return f


def _gradient(f: Function, g: Value, y: Value, total: Value, logarithm: bool) -> Value:
    return g - exp(f, y) * total if logarithm else y * (g - total)


def _row_gradient(m: Module, t: Type, logarithm: bool, unroll: int) -> Function:
    names = ("g", "y", "dx")
    f = m.function("row", {**{name: PointerTo(t) for name in names}, "count": I64})
    lanes = m.target.lanes(t)
    (g, y, dx), count = (f.args.pointer(name) for name in names), f.args.count
    whole, step = _parts(f, count, lanes, unroll)
    sums = _Sums(f, t, lanes, unroll)

    def add(v: int, at: Value, mask: Value | None = None) -> None:
        own = g.vec(at, lanes, mask)
        if logarithm:
            sums.own[v].add(own)
        else:
            sums.own[v].set(f.fma(own, y.vec(at, lanes, mask), sums.own[v]))

    for i in _blocks(f, whole, step, sums):
        for v in range(unroll):
            add(v, i + v * lanes)
    for i in f.loop(count, start=whole, step=lanes):
        add(0, i, f.first_lanes(count - i, lanes))
    sums.flush()
    total = f.splat(narrowed(f, across(f, sums.all(), plus), t), lanes)
    for i in f.loop(whole, step=step):
        for v in range(unroll):
            at = i + v * lanes
            dx.store(at, _gradient(f, g.vec(at, lanes), y.vec(at, lanes), total, logarithm))
    for i in f.loop(count, start=whole, step=lanes):
        mask = f.first_lanes(count - i, lanes)
        value = _gradient(f, g.vec(i, lanes, mask), y.vec(i, lanes, mask), total, logarithm)
        dx.store(i, value, mask)
    return f


def _short_gradient(m: Module, t: Type, logarithm: bool) -> Function:
    """Up to as many short rows as there are lanes: their sums' lanes change places with rows."""
    names = ("g", "y", "dx")
    f = m.function("short", {**{n: PointerTo(t) for n in names}, "along": I64, "rows": I64})
    lanes = m.target.lanes(t)
    (g, y, dx), along, rows = (f.args.pointer(n) for n in names), f.args.along, f.args.rows
    zero = f.constant(0.0, t.vector(lanes))

    def strips(full: bool) -> Iterator[list[tuple[Value, Value]]]:
        """Places and masks of all rows, a vector's width at a time."""
        for k in f.loop(along, step=lanes):
            left = [along - k] * lanes
            if full:
                masks = [f.first_lanes(left[0], lanes)] * lanes
            else:
                left = [f.select(rows > lane, count, 0) for lane, count in enumerate(left)]
                masks = [f.first_lanes(count, lanes) for count in left]
            yield [(along * lane + k, mask) for lane, mask in enumerate(masks)]

    def body(full: bool) -> None:
        sums = [f.var(zero) for _ in range(lanes)]
        for strip in strips(full):
            for total, (at, mask) in zip(sums, strip, strict=True):
                own = g.vec(at, lanes, mask)
                if logarithm:
                    total.add(own)
                else:
                    total.set(f.fma(own, y.vec(at, lanes, mask), total))
        columns = transposed(f, [total.get() for total in sums])
        while len(columns) > 1:
            half = len(columns) // 2
            columns = [a + b for a, b in zip(columns[:half], columns[half:], strict=True)]
        levels = [f.shuffle(columns[0], columns[0], [lane] * lanes) for lane in range(lanes)]
        for strip in strips(full):
            for level, (at, mask) in zip(levels, strip, strict=True):
                own, out = g.vec(at, lanes, mask), y.vec(at, lanes, mask)
                dx.store(at, _gradient(f, own, out, level, logarithm), mask)

    with f.when(rows == lanes) as whole:
        body(full=True)
    with whole.otherwise():
        body(full=False)
    return f


def _column_parameters(t: Type, names: tuple[str, ...]) -> dict[str, Type | PointerTo]:
    return {
        **{name: PointerTo(t, shared=True) for name in names},
        **dict.fromkeys(("along", "kept", "left"), I64),
    }


def _column(m: Module, t: Type, logarithm: bool, unroll: int) -> Function:
    """Some vectors of rows; one vector works under a mask. Softmax keeps exponents in ``e``."""
    names = ("x", "y") if logarithm else ("x", "y", "e")
    extra: dict[str, Type | PointerTo] = {} if logarithm else {"apart": I64}
    parameters = {**{n: PointerTo(t, shared=True) for n in names}, **extra}
    f = m.function(f"column{unroll}", {**parameters, **_column_parameters(t, ())})
    a, lanes = f.args, m.target.lanes(t)
    x, y = a.pointer("x"), a.pointer("y")
    kept = x if logarithm else a.pointer("e")
    apart = a.kept if logarithm else a.apart
    mask = f.first_lanes(a.left, lanes) if unroll == 1 else None
    each = range(unroll)
    best: list[Var] = [f.var(f.constant(LOWEST, t.vector(lanes))) for _ in each]
    for r in f.loop(a.along):
        for v in each:
            value = x.vec(r * a.kept + v * lanes, lanes, mask)
            best[v].set(f.max(value, best[v].get()))
            if not logarithm:
                kept.store(r * apart + v * lanes, value, mask)
    sums = _Sums(f, t, lanes, unroll)
    shift = [b.get() for b in best]
    for r in _blocks(f, a.along, 1, sums):
        for v in each:
            at = r * apart + v * lanes
            e = exp_minus(f, shift[v] - kept.vec(at, lanes, mask))
            sums.own[v].add(e)
            if not logarithm:
                kept.store(at, e, mask)
    levels = []
    for v in each:
        total = sums.totals[v].get()
        if logarithm:
            levels.append(shift[v] + log(f, narrowed(f, total, t)))
        else:
            levels.append(narrowed(f, 1.0 / total, t))
    for r in f.loop(a.along):
        for v in each:
            value = kept.vec(r * apart + v * lanes, lanes, mask)
            result = value - levels[v] if logarithm else value * levels[v]
            y.store(r * a.kept + v * lanes, result, mask)
    return f


def _column_gradient(m: Module, t: Type, logarithm: bool, unroll: int) -> Function:
    names = ("g", "y", "dx")
    f = m.function(f"column{unroll}", _column_parameters(t, names))
    a, lanes = f.args, m.target.lanes(t)
    g, y, dx = (a.pointer(name) for name in names)
    mask = f.first_lanes(a.left, lanes) if unroll == 1 else None
    sums = _Sums(f, t, lanes, unroll)
    for r in _blocks(f, a.along, 1, sums):
        for v in range(unroll):
            at = r * a.kept + v * lanes
            own = g.vec(at, lanes, mask)
            term = own if logarithm else own * y.vec(at, lanes, mask)
            sums.own[v].add(term)
    totals = [narrowed(f, total.get(), t) for total in sums.totals]
    for r in f.loop(a.along):
        for v in range(unroll):
            at = r * a.kept + v * lanes
            own, out = g.vec(at, lanes, mask), y.vec(at, lanes, mask)
            dx.store(at, _gradient(f, own, out, totals[v], logarithm), mask)
    return f
