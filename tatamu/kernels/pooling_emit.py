"""Pooling: each output walks over what it reads, and lanes are channels.

    max      y = the largest tap; NaN is larger than anything
    argmax   and where: the first of equal taps, the last of several NaN
    mean     y = sum / divisor
    spread   dx = sum of g / divisor over the outputs g that read it: the gradient of mean
    route    dx = sum of g over the outputs g whose place it is: the gradient of argmax
    norm1    y = sum / divisor * window
    norm2    y = sqrt(sum of squares / divisor * window)

A tile is what is computed at once. What its lanes are depends on how data lies (`WAYS`):

    channels   channels-last: one output by some vectors of channels, as many as registers hold
    row1, row2 planes: neighbouring outputs of a row, whose windows start 1 or 2 apart; outputs that
               read padding are done one at a time
    run        planes: the taps of one output, where they are many (a whole plane, perhaps)
    one        any strides: a single number
"""

from __future__ import annotations

from collections.abc import Callable

from tatamu.kernels.problem import DTYPES
from tatamu.stage import (
    I32,
    I64,
    Arguments,
    Function,
    Module,
    PointerTo,
    Target,
    Type,
    Value,
    Var,
)
from tatamu.stage import math as vector

KINDS = ("max", "argmax", "mean", "spread", "route", "norm1", "norm2")
WAYS = ("channels", "row1", "row2", "run", "one")

# What the kernel reads of each output along an axis.
READ = ("first", "taps", "divisor")

NUMBERS = (
    # unit ((image * groups + group) * depth + d) * rows + h is a row of the output; `group`
    # channels of it are taken together, and `chunk` units are a work item
    "units", "chunk", "groups", "group", "channels", "depth", "rows", "columns",
    # strides in elements: image, channel, depth, row, column; from one tap to the next
    "x_n", "x_c", "x_d", "x_h", "x_w", "y_n", "y_c", "y_d", "y_h", "y_w",
    "tap_d", "tap_h", "tap_w",
    # the same counted in positions of one channel: of each axis, from one tap to the next
    "at_d", "at_h", "at_w", "go_d", "go_h", "go_w",
    # outputs of a row whose windows are alike, for those who take several at once
    "inner_first", "inner_last",
    "window",
)  # fmt: skip


def serves(kind: str, way: str) -> bool:
    """Whether there is a kernel for a kind of pooling with lanes of a kind."""
    if kind == "route":
        return way == "channels"
    return way != "run" or kind not in ("argmax", "spread")


def symbol(kind: str, dtype: str, way: str, target: Target) -> str:
    """The name of a kernel."""
    return f"pool_{kind}_{dtype}_{way}_{target.tag}"


def operands(kind: str) -> tuple[str, ...]:
    """What a call fills in: the addresses of inputs and outputs, in this order."""
    return {"argmax": ("x", "y", "places"), "route": ("x", "places", "y")}.get(kind, ("x", "y"))


def widths(target: Target) -> tuple[int, ...]:
    """Vectors of a tile, widest first; what is left is done by one at a time, under a mask.

    The more there are, the less the walk over the taps weighs. Each keeps up to two registers, and
    comparisons need some more where masks have none of their own.
    """
    return (8, 4) if target.vector_bytes == 64 else (4,)


def fields(kind: str, t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers: dict[str, Type | PointerTo] = {name: PointerTo(t) for name in operands(kind)}
    if "places" in pointers:
        pointers["places"] = PointerTo(I64)
    pointers |= {f"reads_{axis}": PointerTo(I64) for axis in "dhw"}
    if kind == "spread":
        pointers |= {f"weights_{axis}": PointerTo(t) for axis in "dhw"}
    return {**pointers, **dict.fromkeys(NUMBERS, I64)}


def emit(kind: str, dtype: str, way: str, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one kind of pooling."""
    t = DTYPES[dtype]
    m = Module(symbol(kind, dtype, way, target), target, debug=debug)
    f, a = m.task(fields(kind, t))
    for item in f.loop(f.args.end, start=f.args.begin):
        first = item * a.chunk
        last = f.min(first + a.chunk, a.units)
        sizes = (a.rows, a.depth, a.groups)
        counters = []
        rest = first
        for size in sizes:
            counters.append(f.var(rest % size))
            rest = rest // size
        image = f.var(rest)
        for _ in f.loop(last, start=first):
            h, d, group = (counter.get() for counter in counters)
            _Row(f, a, kind, t, way).write(image.get(), group * a.group, d, h)
            _count_on(f, [*counters, image], sizes)
    return m


def _count_on(f: Function, counters: list[Var], sizes: tuple[Value, ...]) -> None:
    """Add one to the first counter; one that reaches its size begins anew, the next one goes on.

    A division for each of them would take as long as a small window.
    """
    one, more = f.constant(1, I64), f.constant(1, I64)
    for counter, size in zip(counters, sizes, strict=False):
        following = counter.get() + more
        full = following == size
        counter.set(f.select(full, 0, following))
        more = f.select(full, one, 0)
    counters[-1].add(more)


class _Row:
    """The code for one row of the output."""

    def __init__(self, f: Function, a: Arguments, kind: str, t: Type, way: str):
        self.f, self.a, self.kind, self.t, self.way = f, a, kind, t, way
        self.lanes = 1 if way == "one" else f.module.target.lanes(t)
        self.masks: tuple[Value, ...] = ()
        self.reads: tuple[list[Value], ...] = ()
        self.spot = f.constant(0, I64)

    @property
    def along(self) -> int:
        """How far apart the lanes' windows start, where lanes are outputs of a row; else 0."""
        return int(self.way[-1]) if self.way.startswith("row") and self.lanes > 1 else 0

    def write(self, image: Value, channel: Value, d: Value, h: Value) -> None:
        """All columns of it, the channels of a group from ``channel`` on."""
        f, a = self.f, self.a
        count = f.min(a.channels - channel, a.group)
        deep = self.read("d", d)
        high = self.read("h", h)
        start = image * a.x_n + channel * a.x_c + deep[0] * a.x_d + high[0] * a.x_h
        to = image * a.y_n + channel * a.y_c + d * a.y_d + h * a.y_h

        def at(w: Value) -> tuple[Value, Value]:
            wide = self.read("w", w)
            self.reads = (deep, high, wide)
            self.spot = d * a.at_d + h * a.at_h + w
            return start + wide[0] * a.x_w, to + w * a.y_w

        if self.way == "channels":
            edges = self.edges(count)
            for w in f.loop(a.columns):
                self.channels(*at(w), count, edges)
        elif self.way.startswith("row"):
            self.neighbours(at)
        else:
            for w in f.loop(a.columns):
                self.tile(*at(w), 1)

    def channels(
        self, source: Value, to: Value, count: Value, edges: list[tuple[int, Value]]
    ) -> None:
        """One output, all its channels."""
        f, lanes = self.f, self.lanes
        first: Value | int = 0
        for vectors, stop in edges:
            for c in f.loop(stop, start=first, step=vectors * lanes):
                self.masks = ()
                self.tile(source + c, to + c, vectors)
            first = stop
        for c in f.loop(count, start=first, step=lanes):
            self.masks = (f.first_lanes(count - c, lanes),)
            self.tile(source + c, to + c, 1)

    def neighbours(self, at: Callable[[Value], tuple[Value, Value]]) -> None:
        """The outputs of a row: alike ones side by side, those at the edges one at a time."""
        f, a, lanes = self.f, self.a, self.lanes
        for w in f.loop(a.inner_last, start=a.inner_first, step=lanes):
            many = a.inner_last - w
            self.masks = (f.first_lanes(many, lanes),)
            if self.along == 2:
                taken = many + many - 1
                last = f.first_lanes(taken - (lanes - 1), lanes)
                self.masks = (f.first_lanes(taken, lanes), last, *self.masks)
            self.tile(*at(w), 1)
        self.lanes, self.masks = 1, ()
        for first, last in ((f.constant(0, I64), a.inner_first), (a.inner_last, a.columns)):
            for w in f.loop(last, start=first):
                self.tile(*at(w), 1)

    def edges(self, count: Value) -> list[tuple[int, Value]]:
        """Up to which channel tiles of each width go."""
        steps = [(n, n * self.lanes) for n in widths(self.f.module.target)]
        return [(n, count // step * step) for n, step in steps]

    def read(self, axis: str, o: Value) -> list[Value]:
        """What output ``o`` reads along an axis."""
        entry = self.a.pointer(f"reads_{axis}").at(o * len(READ))
        return [entry.load(i) for i in range(len(READ))]

    def tile(self, source: Value, to: Value, vectors: int) -> None:
        """One output of some channels, or several neighbours: walk over the taps, then store."""
        f, a = self.f, self.a
        (first_d, taps_d, by_d), (first_h, taps_h, by_h), (first_w, taps_w, by_w) = self.reads
        start = first_d * a.at_d + first_h * a.at_h + first_w
        some = taps_d * taps_h * taps_w > 0
        fold = self.folding(vectors, f.select(some, start, -1))
        runs = self.way == "run"
        for i in f.loop(taps_d):
            for j in f.loop(taps_h):
                row = source + i * a.tap_d + j * a.tap_h
                for k in f.loop(taps_w, step=self.lanes if runs else 1):
                    if runs:
                        self.masks = (f.first_lanes(taps_w - k, self.lanes),)
                    fold.here = start + i * a.go_d + j * a.go_h + k * a.go_w
                    fold.at = (first_d + i, first_h + j, first_w + k)
                    at = row + k * a.tap_w
                    taps = [self.load("x", at, v) for v in range(vectors)]
                    if runs and fold.initial() != 0.0:
                        taps = [f.select(self.masks[0], tap, fold.initial()) for tap in taps]
                    fold.step(taps, at)
        if runs:
            fold.join()
            lanes, self.lanes, self.masks = self.lanes, 1, ()
            fold.store(to, by_d * by_h * by_w)
            self.lanes = lanes
        else:
            fold.store(to, by_d * by_h * by_w)

    def folding(self, vectors: int, first: Value) -> _Fold:
        """How taps become an output; ``first`` is the position of the first one."""
        kinds = {"max": _Max, "argmax": _ArgMax, "spread": _Spread, "route": _Route}
        return kinds.get(self.kind, _Sum)(self, vectors, first)

    def load(self, name: str, at: Value, v: int) -> Value:
        """Vector ``v`` of a tap."""
        p, lanes = self.a.pointer(name), self.lanes
        if lanes == 1:
            return p.load(at)
        if self.along == 2:
            # Every second number of 2 lanes - 1, the last ones counted from the end.
            low, high = (
                p.vec(at, lanes, self.masks[0]),
                p.vec(at + (lanes - 1), lanes, self.masks[1]),
            )
            return self.f.shuffle(low, high, [2 * i + (2 * i >= lanes) for i in range(lanes)])
        return p.vec(at + v * lanes, lanes, self.masks[0] if self.masks else None)

    @property
    def mask(self) -> Value | None:
        """The lanes that are stored; None for all of them."""
        return self.masks[-1] if self.masks else None

    def positions(self, first: Value) -> Value:
        """Where each lane's tap lies, if the first one's lies there."""
        f = self.f
        same = self.splat(f.convert("trunc", first, I32))
        return same + f.counting(I32, self.lanes) * self.along if self.along else same

    def splat(self, x: Value) -> Value:
        """A number for every channel of a vector."""
        return x if self.lanes == 1 else self.f.splat(x, self.lanes)

    def variables(self, vectors: int, value: float) -> list[Var]:
        """A variable for each vector."""
        kind = self.t.vector(self.lanes) if self.lanes > 1 else self.t
        return [self.f.var(self.f.constant(value, kind)) for _ in range(vectors)]


class _Fold:
    """What is carried from tap to tap, for each vector of a tile.

    Before each tap, ``here`` is its position, ``at`` the same axis by axis.
    """

    here: Value
    at: tuple[Value, Value, Value]

    def __init__(self, row: _Row, vectors: int, first: Value):
        self.row, self.f = row, row.f
        self.acc = row.variables(vectors, self.initial())

    def initial(self) -> float:
        """What no tap at all would give."""
        return 0.0

    def step(self, taps: list[Value], at: Value) -> None:
        """Take in a tap, found at an element of the input."""
        raise NotImplementedError

    def result(self, v: int) -> Value:
        """Vector ``v`` of the output."""
        return self.acc[v].get()

    def join(self) -> None:
        """The lanes of the one vector as a single number, where lanes are taps."""
        (acc,) = self.acc
        self.acc = [self.f.var(_across(self.f, acc.get(), lambda a, b: a + b))]

    def store(self, to: Value, divisor: Value) -> None:
        """Write the output."""
        y = self.row.a.pointer("y")
        for v in range(len(self.acc)):
            y.store(to + v * self.row.lanes, self.result(v), self.row.mask)


class _Sum(_Fold):
    """Sums, plain or of squares."""

    def step(self, taps: list[Value], at: Value) -> None:
        for acc, tap in zip(self.acc, taps, strict=True):
            if self.row.kind == "norm2":
                acc.set(self.f.fma(tap, tap, acc))
            else:
                acc.set(acc.get() + tap)

    def store(self, to: Value, divisor: Value) -> None:
        f, row = self.f, self.row
        number = f.convert("sitofp", divisor, row.t)
        self.divisor, self.inverse = row.splat(number), row.splat(1.0 / number)
        super().store(to, divisor)

    def result(self, v: int) -> Value:
        f, row = self.f, self.row
        mean = self.divided(self.acc[v].get())
        if row.kind == "mean":
            return mean
        total = mean * row.splat(f.convert("sitofp", row.a.window, row.t))
        return total if row.kind == "norm1" else vector.sqrt(f, total)

    def divided(self, total: Value) -> Value:
        """``total / divisor``, as division rounds it, in half the time of a division.

        What is missing from total * (1 / divisor) is found by a fused multiply-add (Markstein,
        1990); for an infinite or NaN total it is NaN, and nothing is missing.
        """
        f = self.f
        if not f.module.target.fma:
            return total / self.divisor
        near = total * self.inverse
        missing = f.fma(-near, self.divisor, total)
        return f.select(missing == missing, f.fma(missing, self.inverse, near), near)


class _Spread(_Fold):
    """Sums of gradients, each divided as its output was."""

    def step(self, taps: list[Value], at: Value) -> None:
        row, (d, h, w) = self.row, self.at
        plane = row.a.pointer("weights_d").load(d) * row.a.pointer("weights_h").load(h)
        if row.along:
            weight = row.splat(plane) * row.load("weights_w", w, 0)
        else:
            weight = row.splat(plane * row.a.pointer("weights_w").load(w))
        for acc, tap in zip(self.acc, taps, strict=True):
            acc.set(self.f.fma(tap, weight, acc))


class _Route(_Fold):
    """Sums of the gradients whose place is this one."""

    def step(self, taps: list[Value], at: Value) -> None:
        here = self.row.splat(self.row.spot)
        for v, (acc, tap) in enumerate(zip(self.acc, taps, strict=True)):
            place = self.row.load("places", at, v)
            acc.set(self.f.select(place == here, acc.get() + tap, acc.get()))


class _Max(_Fold):
    """The largest; `bad` keeps a NaN, which comparisons lose."""

    def __init__(self, row: _Row, vectors: int, first: Value):
        super().__init__(row, vectors, first)
        self.bad = row.variables(vectors, 0.0)

    def initial(self) -> float:
        return float("-inf")

    def step(self, taps: list[Value], at: Value) -> None:
        for acc, bad, tap in zip(self.acc, self.bad, taps, strict=True):
            acc.set(self.f.max(tap, acc.get()))
            bad.set(self.f.select(tap != tap, tap, bad.get()))

    def join(self) -> None:
        f = self.f
        (acc,), (bad,) = self.acc, self.bad
        self.acc = [f.var(_across(f, acc.get(), f.max))]
        self.bad = [f.var(_across(f, bad.get(), lambda a, b: f.select(a != a, a, b)))]

    def result(self, v: int) -> Value:
        bad = self.bad[v].get()
        return self.f.select(bad != bad, bad, self.acc[v].get())


class _ArgMax(_Fold):
    """The largest, and its position."""

    def __init__(self, row: _Row, vectors: int, first: Value):
        super().__init__(row, vectors, first)
        place = row.positions(first)
        self.place = [self.f.var(place) for _ in self.acc]

    def initial(self) -> float:
        return float("-inf")

    def step(self, taps: list[Value], at: Value) -> None:
        f = self.f
        here = self.row.positions(self.here)
        for acc, place, tap in zip(self.acc, self.place, taps, strict=True):
            better = (tap > acc.get()) | (tap != tap)
            acc.set(f.select(better, tap, acc.get()))
            place.set(f.select(better, here, place.get()))

    def store(self, to: Value, divisor: Value) -> None:
        super().store(to, divisor)
        wide = I64.vector(self.row.lanes) if self.row.lanes > 1 else I64
        places = self.row.a.pointer("places")
        for v, place in enumerate(self.place):
            at = to + v * self.row.lanes
            places.store(at, self.f.convert("sext", place.get(), wide), self.row.mask)


def _across(f: Function, v: Value, join: Callable[[Value, Value], Value]) -> Value:
    """All lanes of a vector joined."""
    lanes = half = v.type.lanes
    while half > 1:
        half //= 2
        v = join(v, f.shuffle(v, v, [(i + half) % lanes for i in range(lanes)]))
    return f.lane(v, 0)
