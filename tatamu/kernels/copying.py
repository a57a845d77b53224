"""Small loops that move memory, for kernels to call: objects may not call libc's."""

from __future__ import annotations

from tatamu.stage import I64, Function, Module, PointerTo, Type, Value


def copy_function(m: Module, t: Type) -> Function:
    """``copy(from, to, count)``: whole vectors, then what is left under a mask."""
    f = m.function("copy", {"source": PointerTo(t), "to": PointerTo(t), "count": I64})
    source, to, count = f.args.pointer("source"), f.args.pointer("to"), f.args.count
    lanes = m.target.lanes(t)
    whole = count // lanes * lanes
    for i in f.loop(whole, step=lanes):
        to.store(i, source.vec(i, lanes))
    with f.when(count > whole):
        rest = f.first_lanes(count - whole, lanes)
        to.store(whole, source.vec(whole, lanes, rest), rest)
    return f


def zero_function(m: Module, t: Type) -> Function:
    """``zero(to, count)``, likewise."""
    f = m.function("zero", {"to": PointerTo(t), "count": I64})
    to, count = f.args.pointer("to"), f.args.count
    lanes = m.target.lanes(t)
    whole = count // lanes * lanes
    for i in f.loop(whole, step=lanes):
        to.store(i, f.constant(0.0, t.vector(lanes)))
    with f.when(count > whole):
        rest = f.first_lanes(count - whole, lanes)
        to.store(whole, f.constant(0.0, t.vector(lanes)), rest)
    return f


def transposed(f: Function, rows: list[Value]) -> list[Value]:
    """As many vectors as each has lanes, a power of two, as the rows of a matrix: its columns.

    Blocks of 1, 2, 4 ... lanes change places between rows that lie as far apart.
    """
    lanes = rows[0].type.lanes
    size = 1
    while size < lanes:
        low, high = [], []
        for start in range(0, lanes, 2 * size):
            own = range(start, start + size)
            low += [*own, *(lanes + i for i in own)]
            high += [*(i + size for i in own), *(lanes + size + i for i in own)]
        for i in (i for i in range(lanes) if not i & size):
            a, b = rows[i], rows[i + size]
            rows[i], rows[i + size] = f.shuffle(a, b, low), f.shuffle(a, b, high)
        size *= 2
    return rows
