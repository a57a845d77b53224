"""Normalisation by statistics of channels: batch, group and instance normalisation.

    y  = (x - mean) alpha + beta         alpha = w rstd,  beta = b       rstd = 1 / sqrt(var + eps)
    dx = g k1 + (x - mean) k2 + k3       k1 = w rstd,  k2 = -rstd³ A / n,  k3 = -rstd B / n
    dw = rstd sum g (x - mean)           A = sum over the statistic's channels of w sum g (x - mean)
    db = sum g                           B = sum over them of w sum g

Stages: fold each channel (`fold_emit`); turn its figures into coefficients; apply them. A
statistic has ``members`` channels next to one another: one in batch and instance normalisation,
those of a group else. The mean's part that float32 cannot hold goes into beta, so that the output
is right to the last digits beside a mean of any size.

Where lanes run along channels, coefficients are read once for some rows; else they are numbers.
"""

from __future__ import annotations

from tatamu.kernels.fold_emit import KINDS, NUMBERS, Fold, merged_moments
from tatamu.kernels.lanes import double, narrowed, piece, root, widened
from tatamu.stage import F64, I64, Arguments, Function, Module, Pointer, PointerTo, Target, Type
from tatamu.stage.values import Value

ROWS = 4
UNROLL = 4

OWN = (
    "stage", "channels", "members", "eps", "count",
    # of the second stage: channels of an item, all images of it. Where coefficients lie in scratch
    "channel_block", "coefficients",
    # of the third: rows of an item and items of a group; or planes in pieces, so many an item
    "item_rows", "group_items", "plane", "plane_pieces", "units", "item_units",
)  # fmt: skip

INPUTS = {
    "forward": ("x", "w", "b"),
    "inference": ("x", "mean", "var", "w", "b"),
    "backward": ("g", "x", "w", "mean", "rstd"),
}
OUTPUTS = {
    "forward": ("y", "mean", "rstd", "var"),
    "inference": ("y",),
    "backward": ("y", "dw", "db"),
}
COEFFICIENTS = {"forward": 3, "inference": 3, "backward": 4}


def symbol(what: str, t: Type, target: Target, *, rows: bool) -> str:
    """The name of the kernel."""
    order = "rows" if rows else "columns"
    return f"channel_norm_{what}_{order}_{t.kind[0]}{t.bits}_{target.tag}"


def fields(what: str, t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers: dict[str, Type | PointerTo] = {
        name: PointerTo(t, shared=True) for name in (*INPUTS[what], *OUTPUTS[what])
    }
    return {**pointers, "scratch": PointerTo(F64), **dict.fromkeys((*NUMBERS, *OWN), I64)}


def emit(what: str, t: Type, target: Target, *, rows: bool, debug: bool = False) -> Module:
    """The kernel; "forward", "backward", or "inference", which has no first stage."""
    m = Module(symbol(what, t, target, rows=rows), target, debug=debug)
    kind = KINDS["pair" if what == "backward" else "moments"]
    fold = None if what == "inference" else Fold(m, kind, t, rows=rows)
    apply = _Apply(m, what, t, rows=rows)
    f, a = m.task(fields(what, t))
    coefficients = f.pointer(a.pointer("scratch").at(a.coefficients).address, t)
    if fold is not None:
        state = f.stack(F64, 2 * fold.lanes)
        with f.when(a.stage == 0):
            for item in f.loop(f.args.end, start=f.args.begin):
                fold.item(f, a, item, state)
    with f.when(a.stage == 1):
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = piece(f, a.channels, a.channel_block, item)
            finish = _Finish(f, a, t, coefficients, first, last)
            {"forward": finish.forward, "inference": finish.inference, "backward": finish.backward}[
                what
            ]()
    with f.when(a.stage == 2):
        for item in f.loop(f.args.end, start=f.args.begin):
            apply.item(f, a, item, coefficients)
    return m


class _Finish:
    """The second stage's work item: from figures to coefficients, for some channels."""

    def __init__(
        self, f: Function, a: Arguments, t: Type, coefficients: Pointer, first: Value, last: Value
    ):
        self.f = f
        self.a = a
        self.t = t
        self.lanes = f.module.target.lanes(F64)
        self.coefficients = coefficients
        self.first = first
        self.last = last

    def figure(self, q: int, at: Value) -> Pointer:
        """Where figure ``q`` of a channel lies, that of all parts once they are merged."""
        return self.a.pointer("scratch").at(self.a.outputs * q + at)

    def coefficient(self, q: int, at: Value) -> Pointer:
        """Where coefficient ``q`` of a channel lies."""
        return self.coefficients.at(self.a.outputs * q + at)

    def wide(self, name: str, at: Value, mask: Value) -> Value:
        """Numbers of an argument, in float64."""
        return widened(self.f, self.a.pointer(name).vec(at, self.lanes, mask))

    def put(self, to: Pointer, value: Value, mask: Value) -> None:
        """Store float64 as what the data are."""
        to.store(0, narrowed(self.f, value, self.t), mask)

    def forward(self) -> None:
        """Statistics, and the coefficients that they make."""
        f, a, lanes = self.f, self.a, self.lanes
        images = a.outputs // a.channels
        for image in f.loop(images):
            base = image * a.channels
            for c in f.loop(self.last, start=self.first, step=lanes):
                mask = f.first_lanes(self.last - c, lanes)
                merged = merged_moments(f, a.pointer("scratch"), a, base + c, lanes, mask)
                for q, value in enumerate(merged):
                    self.figure(q, base + c).store(0, value, mask)
            with f.when(a.members > 1):
                for c in f.loop(self.last // a.members, start=self.first // a.members):
                    self._merge_members(base + c * a.members)
            for c in f.loop(self.last, start=self.first, step=lanes):
                self._coefficients(base, c, f.first_lanes(self.last - c, lanes))

    def _merge_members(self, at: Value) -> None:
        """The moments of channels that share a statistic, given to each of them."""
        f, a = self.f, self.a
        n, total, squares = (f.var(f.constant(0.0, F64)) for _ in range(3))
        for k in f.loop(a.members):
            count = self.figure(0, at + k).load()
            n.add(count)
            total.add(count * self.figure(1, at + k).load())
        mean = total.get() / n.get()
        for k in f.loop(a.members):
            d = self.figure(1, at + k).load() - mean
            squares.add(f.fma(d * d, self.figure(0, at + k).load(), self.figure(2, at + k).load()))
        for k in f.loop(a.members):
            for q, value in enumerate((n.get(), mean, squares.get())):
                self.figure(q, at + k).store(0, value)
        var = squares.get() / n.get()
        rstd = 1.0 / root(f, var + double(f, a.eps))
        for name, value in (("mean", mean), ("var", var), ("rstd", rstd)):
            a.pointer(name).store(at // a.members, narrowed(f, value, self.t))

    def _coefficients(self, base: Value, c: Value, mask: Value) -> None:
        f, a = self.f, self.a
        at = base + c
        n, mean, squares = (self.figure(q, at).vec(0, self.lanes, mask) for q in range(3))
        var = squares / n
        rstd = 1.0 / root(f, var + f.splat(double(f, a.eps), self.lanes))
        with f.when(a.members == 1):
            for name, value in (("mean", mean), ("var", var), ("rstd", rstd)):
                self.put(a.pointer(name).at(at), value, mask)
        self._affine(at, c, mean, rstd, mask)

    def _affine(self, at: Value, c: Value, mean: Value, rstd: Value, mask: Value) -> None:
        f = self.f
        alpha = self.wide("w", c, mask) * rstd
        rounded = narrowed(f, mean, self.t)
        beta = self.wide("b", c, mask) - (mean - widened(f, rounded)) * alpha
        self.coefficient(0, at).store(0, rounded, mask)
        self.put(self.coefficient(1, at), alpha, mask)
        self.put(self.coefficient(2, at), beta, mask)

    def inference(self) -> None:
        """Coefficients from statistics that are given."""
        f, a, lanes = self.f, self.a, self.lanes
        for c in f.loop(self.last, start=self.first, step=lanes):
            mask = f.first_lanes(self.last - c, lanes)
            var = self.wide("var", c, mask)
            rstd = 1.0 / root(f, var + f.splat(double(f, a.eps), lanes))
            self._affine(c, c, self.wide("mean", c, mask), rstd, mask)

    def backward(self) -> None:
        """Coefficients of the input's gradient, and the gradients of weight and bias."""
        f, a, lanes = self.f, self.a, self.lanes
        images = a.outputs // a.channels
        for image in f.loop(images):
            base = image * a.channels
            for c in f.loop(self.last, start=self.first, step=lanes):
                self._merge_pairs(base + c, f.first_lanes(self.last - c, lanes))
            for c in f.loop(self.last // a.members, start=self.first // a.members):
                self._backward_of(base, c * a.members)
        for c in f.loop(self.last, start=self.first, step=lanes):
            mask = f.first_lanes(self.last - c, lanes)
            for q, name in ((2, "dw"), (1, "db")):
                total = f.var(f.constant(0.0, F64.vector(lanes)))
                for image in f.loop(images):
                    total.add(self.figure(q, image * a.channels + c).vec(0, lanes, mask))
                self.put(a.pointer(name).at(c), total.get(), mask)

    def _merge_pairs(self, at: Value, mask: Value) -> None:
        """Sums of all parts, about the first part's x0."""
        f, a, lanes = self.f, self.a, self.lanes
        x0, first, second = (self.figure(q, at).vec(0, lanes, mask) for q in range(3))
        sums, dots = f.var(first), f.var(second)
        for part in f.loop(a.parts, start=1):
            own = a.pointer("scratch").at(part * 3 * a.outputs + at)
            other, g, d = (own.at(a.outputs * q).vec(0, lanes, mask) for q in range(3))
            sums.add(g)
            dots.add(f.fma(other - x0, g, d))
        self.figure(1, at).store(0, sums.get(), mask)
        self.figure(2, at).store(0, dots.get(), mask)

    def _backward_of(self, base: Value, c: Value) -> None:
        """One statistic: ``members`` channels from ``c`` on."""
        f, a, t = self.f, self.a, self.t
        statistic = (base + c) // a.members
        mean = a.pointer("mean").load(statistic)
        middle, rstd = widened(f, mean), widened(f, a.pointer("rstd").load(statistic))
        along, level = (f.var(f.constant(0.0, F64)) for _ in range(2))
        for k in f.loop(a.members):
            at = base + c + k
            w = widened(f, a.pointer("w").load(c + k))
            x0, g, d = (self.figure(q, at).load() for q in range(3))
            dot = f.fma(x0 - middle, g, d)
            along.add(w * dot)
            level.add(w * g)
            self.figure(2, at).store(0, dot * rstd)
        scale = rstd / double(f, a.count)
        k2 = -(along.get() * rstd * rstd * scale)
        k3 = -(level.get() * scale)
        for k in f.loop(a.members):
            at = base + c + k
            k1 = widened(f, a.pointer("w").load(c + k)) * rstd
            self.coefficient(0, at).store(0, mean)
            for q, value in enumerate((k1, k2, k3), 1):
                self.coefficient(q, at).store(0, narrowed(f, value, t))


class _Apply:
    """The third stage: y from x (and g), a chunk of rows or of planes at a time."""

    def __init__(self, m: Module, what: str, t: Type, *, rows: bool):
        self.t = t
        self.lanes = m.target.lanes(t)
        self.given = ("x", "g") if what == "backward" else ("x",)
        self.count = COEFFICIENTS[what]
        self.rows = rows
        self.code = self._row(m) if rows else self._columns(m)

    def item(self, f: Function, a: Arguments, item: Value, coefficients: Pointer) -> None:
        """One work item."""
        names = (*self.given, "y")
        if not self.rows:
            group, place = item // a.group_items, item % a.group_items
            first, last = piece(f, a.runs, a.item_rows, place)
            at = (group * a.runs + first) * a.kept
            own = coefficients.at(group * a.kept)
            data = [a.pointer(name).at(at) for name in names]
            f.call(self.code, *data, own, last - first, a.kept, a.outputs)
            return
        begin, end = piece(f, a.units, a.item_units, item)
        for unit in f.loop(end, start=begin):
            plane = unit // a.plane_pieces
            low, high = piece(f, a.run, a.plane, unit % a.plane_pieces)
            data = [a.pointer(name).at(plane * a.run + low) for name in names]
            own = coefficients.at(plane % a.kept)
            numbers = [own.at(a.outputs * q).load() for q in range(self.count)]
            f.call(self.code, *data, high - low, *numbers)

    def _value(self, f: Function, values: list[Value], k: list[Value]) -> Value:
        d = values[0] - k[0]
        if self.count == 3:
            return f.fma(d, k[1], k[2])
        return f.fma(values[1], k[1], f.fma(d, k[2], k[3]))

    def _row(self, m: Module) -> Function:
        """A run of one channel."""
        t, lanes = self.t, self.lanes
        parameters: dict[str, Type | PointerTo] = {
            **{name: PointerTo(t, shared=True) for name in (*self.given, "y")}, "count": I64,
            **{f"k{q}": t for q in range(self.count)},
        }  # fmt: skip
        f = m.function("apply_row", parameters)
        a = f.args
        k = [f.splat(getattr(a, f"k{q}"), lanes) for q in range(self.count)]
        given = [a.pointer(name) for name in self.given]
        step = UNROLL * lanes
        whole = a.count // step * step
        for i in f.loop(whole, step=step):
            for v in range(UNROLL):
                at = i + v * lanes
                a.pointer("y").store(at, self._value(f, [x.vec(at, lanes) for x in given], k))
        for i in f.loop(a.count, start=whole, step=lanes):
            mask = f.first_lanes(a.count - i, lanes)
            values = [x.vec(i, lanes, mask) for x in given]
            a.pointer("y").store(i, self._value(f, values, k), mask)
        return f

    def _columns(self, m: Module) -> Function:
        """Some rows of all channels."""
        t, lanes = self.t, self.lanes
        pointers = {name: PointerTo(t, shared=True) for name in (*self.given, "y")}
        f = m.function("apply_columns", {
            **pointers, "k": PointerTo(t, shared=True), "rows": I64, "kept": I64, "apart": I64,
        })  # fmt: skip
        a = f.args
        given, y = [a.pointer(name) for name in self.given], a.pointer("y")

        def cells(r: Value, c: Value, rows: int, mask: Value | None) -> None:
            k = [a.pointer("k").at(a.apart * q).vec(c, lanes, mask) for q in range(self.count)]
            for row in range(rows):
                at = (r + row) * a.kept + c
                values = [x.vec(at, lanes, mask) for x in given]
                y.store(at, self._value(f, values, k), mask)

        def strip(r: Value, rows: int) -> None:
            full = a.kept // lanes * lanes
            for c in f.loop(full, step=lanes):
                cells(r, c, rows, None)
            with f.when(full < a.kept):
                cells(r, full, rows, f.first_lanes(a.kept - full, lanes))

        whole = a.rows // ROWS * ROWS
        for r in f.loop(whole, step=ROWS):
            strip(r, ROWS)
        for r in f.loop(a.rows, start=whole):
            strip(r, 1)
        return f
