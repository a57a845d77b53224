"""Normalisation of each row by its own mean and variance, weights along the row.

    y  = w s + b          s = (x - mean) rstd         rstd = 1 / sqrt(var + eps)
    dx = rstd w g + (x - mean) k2 + k3                k2 = -rstd³ A / n,  k3 = -rstd B / n
    dw = sum over rows of g s                         A = sum of w g (x - mean) along the row
    db = sum over rows of g                           B = sum of w g along the row

Forward folds a block of rows (`fold_emit`) and applies what it found while the block is in the
cache; rows so long that they are folded in parts are applied in pieces by a stage of their own.
Where memory has the row's numbers apart (``columns``), lanes are rows.

Backward, for rows alone, takes a block of rows: two sums and dx row by row, then the block's share
of dw and db, lanes along the row. A second stage adds the shares.
"""

from __future__ import annotations

from tatamu.kernels.fold_emit import BLOCK, KINDS, NUMBERS, Fold, merged_moments
from tatamu.kernels.lanes import across, double, narrowed, piece, plus, root, widened
from tatamu.stage import F64, I64, Arguments, Function, Module, Pointer, PointerTo, Target, Type
from tatamu.stage.values import Value

UNROLL = 4
COLUMN_VECTORS = 4

OWN = ("stage", "eps", "centres")
BACKWARD = ("stage", "rows", "run", "block", "blocks", "count", "finish_block")

INPUTS = {"forward": ("x", "w", "b"), "backward": ("g", "x", "w", "mean", "rstd")}
OUTPUTS = {"forward": ("y", "mean", "rstd"), "backward": ("y", "dw", "db")}


def symbol(what: str, t: Type, target: Target, *, rows: bool) -> str:
    """The name of the kernel."""
    order = "rows" if rows else "columns"
    return f"layer_norm_{what}_{order}_{t.kind[0]}{t.bits}_{target.tag}"


def fields(what: str, t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers: dict[str, Type | PointerTo] = {
        name: PointerTo(t, shared=True) for name in (*INPUTS[what], *OUTPUTS[what])
    }
    numbers = BACKWARD if what == "backward" else (*NUMBERS, *OWN)
    return {**pointers, "scratch": PointerTo(F64), **dict.fromkeys(numbers, I64)}


def emit(what: str, t: Type, target: Target, *, rows: bool, debug: bool = False) -> Module:
    """The kernel: "forward", or "backward" (which has ``rows`` alone)."""
    m = Module(symbol(what, t, target, rows=rows), target, debug=debug)
    if what == "backward":
        _backward(m, t)
    else:
        _forward(m, t, rows=rows)
    return m


def _forward(m: Module, t: Type, *, rows: bool) -> None:
    fold = Fold(m, KINDS["moments"], t, rows=rows)
    finish = _finish(m, t)
    apply = _apply_row(m, t) if rows else _apply_columns(m, t)
    f, a = m.task(fields("forward", t))
    state = f.stack(F64, 2 * fold.lanes)
    centres = a.pointer("scratch").at(a.centres)

    def finished(first: Value, last: Value) -> None:
        f.call(
            finish, a.pointer("scratch"), a.pointer("mean"), a.pointer("rstd"), centres,
            a.parts, a.outputs, a.eps, first, last,
        )  # fmt: skip

    def along(output: Value, low: Value, high: Value) -> None:
        """Some of one row."""
        at = output * a.run + low
        data = [a.pointer("x").at(at), a.pointer("w").at(low), a.pointer("b").at(low)]
        mean, rstd = (a.pointer(name).load(output) for name in ("mean", "rstd"))
        rest = narrowed(f, centres.load(output), t)
        f.call(apply, *data, a.pointer("y").at(at), high - low, mean, rest, rstd)

    with f.when(a.stage == 0):
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = fold.item(f, a, item, state)
            with f.when(a.parts == 1):
                finished(first, last)
                if rows:
                    for output in f.loop(last, start=first):
                        along(output, f.constant(0, I64), a.run)
                else:
                    at = first // a.kept * a.runs * a.kept + first % a.kept
                    f.call(
                        apply, a.pointer("x").at(at), a.pointer("w"), a.pointer("b"),
                        a.pointer("y").at(at), a.pointer("mean").at(first), centres.at(first),
                        a.pointer("rstd").at(first), a.runs, a.kept, last - first,
                    )  # fmt: skip
    if rows:
        with f.when(a.stage == 1):
            finished(f.constant(0, I64), a.outputs)
        with f.when(a.stage == 2):
            for item in f.loop(f.args.end, start=f.args.begin):
                low, high = piece(f, a.run, a.piece, item % a.run_pieces)
                along(item // a.run_pieces, low, high)


def _finish(m: Module, t: Type) -> Function:
    """Mean, rstd, and what the mean loses when it is rounded, of some rows."""
    f = m.function("finish", {
        "scratch": PointerTo(F64, shared=True), "mean": PointerTo(t), "rstd": PointerTo(t),
        "centres": PointerTo(F64, shared=True), "parts": I64, "outputs": I64, "eps": I64,
        "first": I64, "last": I64,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(F64)
    for at in f.loop(a.last, start=a.first, step=lanes):
        mask = f.first_lanes(a.last - at, lanes)
        n, mean, squares = merged_moments(f, a.pointer("scratch"), a, at, lanes, mask)
        rstd = 1.0 / root(f, squares / n + f.splat(double(f, a.eps), lanes))
        rounded = narrowed(f, mean, t)
        a.pointer("mean").store(at, rounded, mask)
        a.pointer("rstd").store(at, narrowed(f, rstd, t), mask)
        a.pointer("centres").store(at, (widened(f, rounded) - mean) * rstd, mask)
    return f


def _apply_row(m: Module, t: Type) -> Function:
    """A run of one row; ``rest`` is what rounding the mean has to be made up for."""
    f = m.function("apply_row", {
        **{name: PointerTo(t, shared=True) for name in ("x", "w", "b", "y")}, "count": I64,
        "mean": t, "rest": t, "rstd": t,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(t)
    mean, rest, rstd = (f.splat(v, lanes) for v in (a.mean, a.rest, a.rstd))

    def at(i: Value, mask: Value | None = None) -> None:
        x, w, b = (a.pointer(name).vec(i, lanes, mask) for name in ("x", "w", "b"))
        a.pointer("y").store(i, f.fma(f.fma(x - mean, rstd, rest), w, b), mask)

    whole = a.count // (UNROLL * lanes) * (UNROLL * lanes)
    for i in f.loop(whole, step=UNROLL * lanes):
        for v in range(UNROLL):
            at(i + v * lanes)
    for i in f.loop(a.count, start=whole, step=lanes):
        at(i, f.first_lanes(a.count - i, lanes))
    return f


def _apply_columns(m: Module, t: Type) -> Function:
    """``width`` neighbouring rows of x, whose numbers lie ``kept`` apart."""
    f = m.function("apply_columns", {
        **{name: PointerTo(t, shared=True) for name in ("x", "w", "b", "y", "mean")},
        "centres": PointerTo(F64), "rstd": PointerTo(t), "runs": I64, "kept": I64, "width": I64,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(t)
    for c in f.loop(a.width, step=lanes):
        mask = f.first_lanes(a.width - c, lanes)
        mean, rstd = (a.pointer(name).vec(c, lanes, mask) for name in ("mean", "rstd"))
        rest = narrowed(f, a.pointer("centres").vec(c, lanes, mask), t)
        for r in f.loop(a.runs):
            at = r * a.kept + c
            s = f.fma(a.pointer("x").vec(at, lanes, mask) - mean, rstd, rest)
            w, b = (a.pointer(name).splat(r, lanes) for name in ("w", "b"))
            a.pointer("y").store(at, f.fma(s, w, b), mask)
    return f


def _backward(m: Module, t: Type) -> None:
    fold = Fold(m, KINDS["weighted"], t, rows=True)
    apply = _apply_gradient(m, t)
    wide, narrow = (_weight_columns(m, t, vectors) for vectors in (COLUMN_VECTORS, 1))
    f, a = m.task(fields("backward", t))
    lanes = fold.lanes
    state = f.stack(F64, 2 * lanes)
    zero = f.constant(0.0, F64.vector(lanes))
    g, x, w, mean, rstd, y = (a.pointer(n) for n in ("g", "x", "w", "mean", "rstd", "y"))
    with f.when(a.stage == 0) as first_stage:
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = piece(f, a.rows, a.block, item)
            for row in f.loop(last, start=first):
                at = row * a.run
                for q in range(2):
                    state.store(q * lanes, zero)
                f.call(fold.along, x.at(at), g.at(at), w, state, a.run, mean.load(row))
                level, along = (across(f, state.vec(q * lanes, lanes), plus) for q in range(2))
                r = widened(f, rstd.load(row))
                scale = r / double(f, a.count)
                k = [narrowed(f, v, t) for v in (-(along * r * r * scale), -(level * scale))]
                data = (g.at(at), x.at(at), w, y.at(at))
                f.call(apply, *data, a.run, mean.load(row), rstd.load(row), *k)
            share = a.pointer("scratch").at(item * 2 * a.run)
            begin = first * a.run
            whole = a.run // (COLUMN_VECTORS * lanes) * (COLUMN_VECTORS * lanes)
            for code, low, high, step in (
                (wide, f.constant(0, I64), whole, COLUMN_VECTORS * lanes),
                (narrow, whole, a.run, lanes),
            ):
                for c in f.loop(high, start=low, step=step):
                    data = (g.at(begin + c), x.at(begin + c), mean.at(first), rstd.at(first))
                    f.call(code, *data, share.at(c), last - first, a.run, a.run - c)
    with first_stage.otherwise():
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = piece(f, a.run, a.finish_block, item)
            _add_shares(f, a, t, first, last)


def _apply_gradient(m: Module, t: Type) -> Function:
    """dx of one row."""
    f = m.function("apply_gradient", {
        **{name: PointerTo(t, shared=True) for name in ("g", "x", "w", "y")}, "count": I64,
        "mean": t, "rstd": t, "k2": t, "k3": t,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(t)
    mean, rstd, k2, k3 = (f.splat(v, lanes) for v in (a.mean, a.rstd, a.k2, a.k3))

    def at(i: Value, mask: Value | None = None) -> None:
        g, x, w = (a.pointer(name).vec(i, lanes, mask) for name in ("g", "x", "w"))
        a.pointer("y").store(i, f.fma(g * w, rstd, f.fma(x - mean, k2, k3)), mask)

    whole = a.count // (UNROLL * lanes) * (UNROLL * lanes)
    for i in f.loop(whole, step=UNROLL * lanes):
        for v in range(UNROLL):
            at(i + v * lanes)
    for i in f.loop(a.count, start=whole, step=lanes):
        at(i, f.first_lanes(a.count - i, lanes))
    return f


def _weight_columns(m: Module, t: Type, vectors: int) -> Function:
    """Some rows' share of dw and db, for some vectors of weights."""
    f = m.function(f"weight_columns{vectors}", {
        **{name: PointerTo(t, shared=True) for name in ("g", "x", "mean", "rstd")},
        "share": PointerTo(F64), "rows": I64, "run": I64, "left": I64,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(t)
    share = a.pointer("share")
    mask = f.first_lanes(a.left, lanes) if vectors == 1 else None
    zero = f.constant(0.0, t.vector(lanes))
    slots = [(share.at(a.run * q + v * lanes), v, q) for q in range(2) for v in range(vectors)]
    for slot, _, _ in slots:
        slot.store(0, f.constant(0.0, F64.vector(lanes)), mask)
    sums = [[f.var(zero) for _ in range(2)] for _ in range(vectors)]
    for base in f.loop(a.rows, step=BLOCK):
        for r in f.loop(f.min(base + BLOCK, a.rows), start=base):
            mean, rstd = (a.pointer(name).splat(r, lanes) for name in ("mean", "rstd"))
            for v in range(vectors):
                at = r * a.run + v * lanes
                g, x = (a.pointer(name).vec(at, lanes, mask) for name in ("g", "x"))
                sums[v][0].set(f.fma(g, (x - mean) * rstd, sums[v][0]))
                sums[v][1].add(g)
        for slot, v, q in slots:
            before = slot.vec(0, lanes, mask)
            slot.store(0, before + widened(f, sums[v][q].get()), mask)
            sums[v][q].set(zero)
    return f


def _add_shares(f: Function, a: Arguments, t: Type, first: Value, last: Value) -> None:
    """dw and db of some weights."""
    lanes = f.module.target.lanes(F64)
    shares: Pointer = a.pointer("scratch")
    for c in f.loop(last, start=first, step=lanes):
        mask = f.first_lanes(last - c, lanes)
        for q, name in enumerate(("dw", "db")):
            total = f.var(f.constant(0.0, F64.vector(lanes)))
            for block in f.loop(a.blocks):
                total.add(shares.at((block * 2 + q) * a.run).vec(c, lanes, mask))
            a.pointer(name).store(c, narrowed(f, total.get(), t), mask)
