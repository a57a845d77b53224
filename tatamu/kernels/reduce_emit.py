"""Sum, mean, largest, smallest, variance and standard deviation over any axes."""

from __future__ import annotations

from tatamu.kernels.fold_emit import KINDS, NUMBERS, Fold, merged_moments, sources
from tatamu.kernels.lanes import double, narrowed, piece, root
from tatamu.stage import F64, I64, Arguments, Function, Module, PointerTo, Target, Type, Value

# `divisor` is a float64's bits; `rooted` asks for the square root of the quotient.
OWN = ("stage", "finish_block", "divisor", "rooted")


def symbol(kind: str, t: Type, target: Target, *, rows: bool) -> str:
    """The name of the kernel."""
    return f"reduce_{kind}_{'rows' if rows else 'columns'}_{t.kind[0]}{t.bits}_{target.tag}"


def fields(t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    pointers: dict[str, Type | PointerTo] = {
        "x": PointerTo(t), "y": PointerTo(t), "scratch": PointerTo(F64),
    }  # fmt: skip
    return {**pointers, **dict.fromkeys((*NUMBERS, *OWN), I64)}


def emit(kind: str, t: Type, target: Target, *, rows: bool, debug: bool = False) -> Module:
    """Stage 0 folds parts; stage 1 puts them together, or stage 0 itself if there is one part."""
    m = Module(symbol(kind, t, target, rows=rows), target, debug=debug)
    assert list(sources(KINDS[kind], t)) == ["x"]
    fold = Fold(m, KINDS[kind], t, rows=rows)
    finish = _finish(m, kind, t)
    f, a = m.task(fields(t))
    state = f.stack(F64, 2 * fold.lanes)
    given = [a.pointer("scratch"), a.pointer("y"), a.parts, a.outputs, a.divisor, a.rooted]
    with f.when(a.stage == 0) as folding:
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = fold.item(f, a, item, state)
            with f.when(a.parts == 1):
                f.call(finish, *given, first, last)
    with folding.otherwise():
        for item in f.loop(f.args.end, start=f.args.begin):
            first, last = piece(f, a.outputs, a.finish_block, item)
            f.call(finish, *given, first, last)
    return m


def _finish(m: Module, kind: str, t: Type) -> Function:
    """All parts of the outputs from ``first`` to ``last`` put together."""
    f = m.function("finish", {
        "scratch": PointerTo(F64), "y": PointerTo(t), "parts": I64, "outputs": I64,
        "divisor": I64, "rooted": I64, "first": I64, "last": I64,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(F64)
    divisor = f.splat(double(f, a.divisor), lanes)
    for at in f.loop(a.last, start=a.first, step=lanes):
        mask = f.first_lanes(a.last - at, lanes)
        if kind == "moments":
            _, _, squares = merged_moments(f, a.pointer("scratch"), a, at, lanes, mask)
            value = squares / divisor
            value = f.select(a.rooted != 0, root(f, value), value)
        else:
            value = _combined(f, a, kind, at, lanes, mask)
            value = value / divisor if kind == "sum" else value
        a.pointer("y").store(at, narrowed(f, value, t), mask)
    return f


def _combined(f: Function, a: Arguments, kind: str, at: Value, lanes: int, mask: Value) -> Value:
    """The parts' sums or extremes combined, for a vector of outputs."""
    how = KINDS[kind]
    total = f.var(f.constant(how.start, F64.vector(lanes)))
    for p in f.loop(a.parts):
        own = a.pointer("scratch").at(p * a.outputs).vec(at, lanes, mask)
        total.set(how.combine(f, total.get(), own))
    return total.get()
