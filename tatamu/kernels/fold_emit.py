"""Sums and extremes over axes: the loops that all reductions and normalisations are made of.

Memory is seen as x[a, r, b, s]: what is folded is r and s, what is kept a and b. Where s has more
than one element, lanes run along it and are added up in the end (``rows``); else they run along b,
each a result of its own (``columns``).

A lane adds at most ``BLOCK`` numbers in the precision of the data before its sum goes on in
float64: that costs nothing, and errors do not grow with the size. What is folded is divided into
parts by the shape alone; each leaves its figures in memory, [part][figure][output], and they are
put together in order. So any number of threads gives the same bits.

    sum       x                      figures: sum
    max, min  x                      figures: extreme (NaN if there is one)
    moments   d, d²  with d = x - x0    count, mean, sum of (x - mean)²
    pair      g, g d                 x0, sum of g, sum of g (x - x0)
    weighted  w g, w g d             sum of w g, sum of w g (x - x0), for an x0 that is given

Here x0 is the mean of the part's first few numbers (``FIRST`` steps): a tenth of a deviation from
the part's own, or so, however large that is. So squares are summed as well as in two passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tatamu.kernels.lanes import (
    Combine,
    across,
    larger,
    narrowed,
    number,
    piece,
    plus,
    rounded_up,
    smaller,
    widened,
)
from tatamu.stage import F64, I64, Arguments, Function, Module, Pointer, PointerTo, Type, Value, Var

BLOCK = 16
FIRST = 4
FIRST_ROWS = 8
VECTORS = 4


@dataclass(frozen=True)
class Kind:
    """What is computed.

    A lane carries ``carried`` numbers, of which it makes ``running`` sums in float64; each part
    leaves ``figures``.
    """

    name: str
    carried: int
    running: int
    figures: int
    combine: Combine
    start: float
    inputs: int = 1


KINDS = {
    kind.name: kind
    for kind in (
        Kind("sum", 1, 1, 1, plus, 0.0),
        Kind("max", 2, 1, 1, larger, float("-inf")),
        Kind("min", 2, 1, 1, smaller, float("inf")),
        Kind("moments", 2, 2, 3, plus, 0.0),
        Kind("pair", 2, 2, 3, plus, 0.0, inputs=2),
        Kind("weighted", 2, 2, 2, plus, 0.0, inputs=3),
    )
}
SOURCES = ("x", "g", "w")

NUMBERS = (
    # x[groups, runs, kept, run]; groups * kept outputs
    "groups", "runs", "kept", "run", "outputs",
    # work item i is block * parts + part; outputs of a block
    "parts", "blocks", "block",
    # what a part folds: pieces of runs, this many of each run and of all (for columns: of one row)
    "piece", "run_pieces", "pieces", "part_pieces",
    # of columns: how many rows are read together
    "row_block",
)  # fmt: skip


def sources(kind: Kind, t: Type) -> dict[str, Type | PointerTo]:
    """The pointers that a fold of this kind reads."""
    return {name: PointerTo(t, shared=True) for name in SOURCES[: kind.inputs]}


class Fold:
    """The functions that fold, in one module, and the code of a work item that calls them."""

    def __init__(self, m: Module, kind: Kind, t: Type, *, rows: bool):
        self.kind = kind
        self.t = t
        self.rows = rows
        self.lanes = m.target.lanes(t)
        self._shifted = kind.name in ("moments", "pair")
        if rows:
            self.along = self._row(m, kind)
            self._first = self._row(m, KINDS["sum"]) if self._shifted else self.along
        else:
            self._wide = self._columns(m, VECTORS)
            self._narrow = self._columns(m, 1)

    def item(self, f: Function, a: Arguments, item: Value, state: Pointer) -> tuple[Value, Value]:
        """Fold one work item's outputs and part; gives the range of outputs."""
        part, block = item % a.parts, item // a.parts
        figures = a.pointer("scratch").at(part * self.kind.figures * a.outputs)
        begin, end = piece(f, a.pieces, a.part_pieces, part)
        if self.rows:
            return self._rows_item(f, a, block, begin, end, state, figures)
        group, place = block // a.blocks, block % a.blocks
        first, last = piece(f, a.kept, a.block, place)
        width = VECTORS * self.lanes
        whole = first + (last - first) // width * width
        out = group * a.kept
        # A block of rows is read as it lies; all its columns go on from where they were.
        for index in f.loop(rounded_up(end - begin, a.row_block)):
            low = begin + index * a.row_block
            at = (group * a.runs + low) * a.kept
            rows = f.min(end - low, a.row_block)
            opening = f.select(low == begin, f.constant(1, I64), 0)
            closing = f.select(low + rows == end, end - begin, 0)
            for code, start, stop, step in (
                (self._wide, first, whole, width),
                (self._narrow, whole, last, self.lanes),
            ):
                for b in f.loop(stop, start=start, step=step):
                    given = [a.pointer(name).at(at + b) for name in SOURCES[: self.kind.inputs]]
                    numbers = (rows, a.kept, a.outputs, last - b, opening, closing)
                    f.call(code, *given, figures.at(out + b), *numbers)
        return out + first, out + last

    def _rows_item(
        self,
        f: Function,
        a: Arguments,
        block: Value,
        begin: Value,
        end: Value,
        state: Pointer,
        figures: Pointer,
    ) -> tuple[Value, Value]:
        """The outputs of a work item of ``rows``; division is left out of the loop."""
        first, last = piece(f, a.outputs, a.block, block)
        from_run = begin // a.run_pieces
        from_piece = begin - from_run * a.run_pieces
        group = f.var(first // a.kept)
        column = f.var(first % a.kept)
        apart = a.kept * a.run
        for output in f.loop(last, start=first):
            base = (group.get() * a.runs + from_run) * apart + column.get() * a.run
            self._output(f, a, output, base, from_piece, end - begin, state, figures)
            column.add(1)
            wrapped = column.get() == a.kept
            group.add(f.select(wrapped, f.constant(1, I64), 0))
            column.set(f.select(wrapped, 0, column.get()))
        return first, last

    def _output(
        self,
        f: Function,
        a: Arguments,
        output: Value,
        base: Value,
        from_piece: Value,
        pieces: Value,
        state: Pointer,
        figures: Pointer,
    ) -> None:
        """One output of ``rows``: all pieces of this part, from one in the run at ``base`` on."""
        kind, lanes = self.kind, self.lanes
        wide = F64.vector(lanes)
        pointers = [a.pointer(name).at(base) for name in SOURCES[: kind.inputs]]
        at = f.var(from_piece * a.piece)
        shift = f.constant(0.0, self.t)
        if self._shifted:
            state.store(0, f.constant(0.0, wide))
            some = f.min(a.run - at.get(), FIRST * VECTORS * lanes)
            f.call(self._first, pointers[0].at(at.get()), state, some, shift)
            total = across(f, state.vec(0, lanes), plus)
            shift = narrowed(f, total / number(f, some), self.t)
        for q in range(kind.running):
            state.store(q * lanes, f.constant(kind.start, wide))
        count = f.var(f.constant(0, I64))
        run = f.var(f.constant(0, I64))  # where the piece's run begins
        for _ in f.loop(pieces):
            size = f.min(a.piece, a.run - at.get())
            where = run.get() + at.get()
            f.call(self.along, *(x.at(where) for x in pointers), state, size, shift)
            count.add(size)
            at.add(size)
            done = at.get() == a.run
            run.add(f.select(done, a.kept * a.run, 0))
            at.set(f.select(done, 0, at.get()))
        totals = [across(f, state.vec(q * lanes, lanes), kind.combine) for q in range(kind.running)]
        for q, value in enumerate(self._close(f, totals, widened(f, shift), count.get())):
            figures.at(q * a.outputs).store(output, value)

    def _close(
        self, f: Function, totals: Sequence[Value], shift: Value, count: Value
    ) -> list[Value]:
        """A part's figures from its sums."""
        if self.kind.name == "pair":
            return [shift, *totals]
        if self.kind.name != "moments":
            return list(totals)
        n = number(f, count)
        if shift.type.lanes:
            n = f.splat(n, shift.type.lanes)
        first, second = totals
        return [n, shift + first / n, second - first * first / n]

    def _step(
        self,
        f: Function,
        kind: Kind,
        sums: Sequence[Var],
        values: Sequence[Value],
        shift: Value,
        mask: Value | None = None,
    ) -> None:
        """Add one vector; lanes outside the mask hold zeros, and must change nothing."""
        x = values[0]
        if kind.running == 2:
            d = x - shift
            if mask is not None:
                d = f.select(mask, d, 0.0)
            g = d if kind.name == "moments" else values[1]
            if kind.name == "weighted":
                g = g * values[2]
            sums[0].add(g)
            sums[1].set(f.fma(g, d, sums[1]))
            return
        if kind.carried == 1:
            sums[0].add(x)
            return
        # An extreme that forgets NaN is one instruction; NaN is kept beside it.
        if mask is not None:
            x = f.select(mask, x, kind.start)
        best = f.max if kind.name == "max" else f.min
        sums[0].set(best(x, sums[0].get()))
        sums[1].set(f.select(x != x, x, sums[1].get()))

    def _carried(self, f: Function, kind: Kind, sums: Sequence[Var]) -> list[Value]:
        """What a lane has carried, as the running sums it counts for."""
        if kind.running < kind.carried:
            return [kind.combine(f, sums[0].get(), sums[1].get())]
        return [own.get() for own in sums]

    def _row(self, m: Module, kind: Kind) -> Function:
        """``count`` neighbouring numbers folded into ``state``, one vector for each sum."""
        t, lanes = self.t, self.lanes
        f = m.function(f"{kind.name}_row", {
            **sources(kind, t), "state": PointerTo(F64), "count": I64, "shift": t,
        })  # fmt: skip
        a, state = f.args, f.args.pointer("state")
        given = [a.pointer(name) for name in SOURCES[: kind.inputs]]
        start = f.constant(kind.start, t.vector(lanes))
        shift = f.splat(a.shift, lanes)
        sums = [[f.var(start) for _ in range(kind.carried)] for _ in range(VECTORS)]
        totals = [f.var(state.vec(q * lanes, lanes)) for q in range(kind.running)]

        def flush() -> None:
            for own in sums:
                for total, value in zip(totals, self._carried(f, kind, own), strict=True):
                    total.set(kind.combine(f, total.get(), widened(f, value)))
                for carried in own:
                    carried.set(start)

        def steps(low: Value, high: Value) -> None:
            for i in f.loop(high, start=low, step=step):
                for v in range(VECTORS):
                    self._step(
                        f, kind, sums[v], [x.vec(i + v * lanes, lanes) for x in given], shift
                    )

        step = VECTORS * lanes
        blocks = a.count // (BLOCK * step) * (BLOCK * step)
        whole = a.count // step * step
        for base in f.loop(blocks, step=BLOCK * step):
            steps(base, base + BLOCK * step)
            flush()
        steps(blocks, whole)
        for i in f.loop(a.count, start=whole, step=lanes):
            mask = f.first_lanes(a.count - i, lanes)
            self._step(f, kind, sums[0], [x.vec(i, lanes, mask) for x in given], shift, mask)
        flush()
        for q, total in enumerate(totals):
            state.store(q * lanes, total)
        return f

    def _columns(self, m: Module, vectors: int) -> Function:
        """A block of rows of some vectors of outputs; one vector works under a mask.

        ``opening`` is 1 for a part's first block; ``closing`` is the rows of a part that ends here,
        else 0. Between them, running sums lie where the figures will, x0 behind them.
        """
        kind, t, lanes = self.kind, self.t, self.lanes
        numbers = ("rows", "stride", "apart", "left", "opening", "closing")
        f = m.function(f"{kind.name}_columns{vectors}", {
            **sources(kind, t), "figures": PointerTo(F64), **dict.fromkeys(numbers, I64),
        })  # fmt: skip
        a, figures = f.args, f.args.pointer("figures")
        given = [a.pointer(name) for name in SOURCES[: kind.inputs]]
        mask = f.first_lanes(a.left, lanes) if vectors == 1 else None
        start = f.constant(kind.start, t.vector(lanes))
        slots = [figures.at(a.apart * q) for q in range(kind.figures)]
        with f.when(a.opening == 1):
            for slot in slots[: kind.running]:
                for v in range(vectors):
                    slot.store(v * lanes, f.constant(kind.start, F64.vector(lanes)), mask)
            if self._shifted:
                self._block_means(f, vectors, mask, slots[2])
        shifts = [start] * vectors
        if self._shifted:
            kept = [slots[2].vec(v * lanes, lanes, mask) for v in range(vectors)]
            shifts = [narrowed(f, x, t) for x in kept]
        sums = [[f.var(start) for _ in range(kind.carried)] for _ in range(vectors)]
        for r in f.loop(a.rows):
            for v in range(vectors):
                at = r * a.stride + v * lanes
                self._step(f, kind, sums[v], [x.vec(at, lanes, mask) for x in given], shifts[v])
        for v, own in enumerate(sums):
            for slot, value in zip(slots, self._carried(f, kind, own), strict=False):
                before = slot.vec(v * lanes, lanes, mask)
                slot.store(v * lanes, kind.combine(f, before, widened(f, value)), mask)
        if kind.figures > kind.running:
            with f.when(a.closing > 0):
                for v in range(vectors):
                    totals = [slot.vec(v * lanes, lanes, mask) for slot in slots[: kind.running]]
                    shift = slots[2].vec(v * lanes, lanes, mask)
                    closed = self._close(f, totals, shift, a.closing)
                    for slot, value in zip(slots, closed, strict=True):
                        slot.store(v * lanes, value, mask)
        return f

    def _block_means(self, f: Function, vectors: int, mask: Value | None, to: Pointer) -> None:
        """For each column the mean of a block's first rows."""
        lanes, zero = self.lanes, f.constant(0.0, self.t.vector(self.lanes))
        x, a = f.args.pointer("x"), f.args
        sums = [f.var(zero) for _ in range(vectors)]
        some = f.min(a.rows, FIRST_ROWS)
        for r in f.loop(some):
            for v in range(vectors):
                sums[v].add(x.vec(r * a.stride + v * lanes, lanes, mask))
        share = f.splat(f.convert("sitofp", some, self.t), lanes)
        for v in range(vectors):
            to.store(v * lanes, widened(f, sums[v].get() / share), mask)


def merged_moments(
    f: Function, figures: Pointer, a: Arguments, at: Value, lanes: int, mask: Value
) -> tuple[Value, Value, Value]:
    """Count, mean and sum of squares about it of all parts, for a vector of outputs."""
    zero = f.constant(0.0, F64.vector(lanes))
    n, total, squares = f.var(zero), f.var(zero), f.var(zero)

    def part(p: Value) -> tuple[Value, Value, Value]:
        own = figures.at(p * 3 * a.outputs + at)
        count, mean, m2 = (own.at(q * a.outputs).vec(0, lanes, mask) for q in range(3))
        return count, mean, m2

    for p in f.loop(a.parts):
        count, mean, _ = part(p)
        n.add(count)
        total.add(count * mean)
    middle = total.get() / n.get()
    for p in f.loop(a.parts):
        count, mean, m2 = part(p)
        d = mean - middle
        squares.add(f.fma(d * d, count, m2))
    return n.get(), middle, squares.get()
