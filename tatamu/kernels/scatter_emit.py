"""Numbers put where indices say, and taken from there: what max pooling's places are for.

    add    y[c, i[c, p]] += g[c, p], y zero before       the gradient of max pooling
    put    y[c, i[c, p]] = g[c, p], the last one stays   max unpooling
    take   y[c, p] = x[c, i[c, p]]                       the gradient of either

A work item is a block of channels of one image, in the order of p: nobody else writes there, and
sums are the same for any number of threads. An index outside the picture is left out (0 is taken).
"""

from __future__ import annotations

from tatamu.kernels.problem import DTYPES
from tatamu.stage import I64, Arguments, Function, Module, Pointer, PointerTo, Target, Type, Value

KINDS = ("add", "put", "take")

NUMBERS = (
    # item image * blocks + block
    "blocks", "block", "channels",
    # positions with an index; positions of the picture
    "count", "plane",
    # strides in elements of what has the shape of the indices, of the indices, of the picture
    "g_n", "g_c", "g_p", "i_n", "i_c", "i_p", "y_n", "y_c", "y_p",
    # whether channels lie next to one another in the picture: they are the inner loop then
    "channels_inner",
)  # fmt: skip


def symbol(kind: str, dtype: str, target: Target) -> str:
    """The name of a kernel."""
    return f"scatter_{kind}_{dtype}_{target.tag}"


def fields(kind: str, t: Type) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types: inputs, then the output."""
    first, last = ("picture", "values") if kind == "take" else ("values", "picture")
    pointers: dict[str, Type | PointerTo] = {
        first: PointerTo(t), "places": PointerTo(I64), last: PointerTo(t),
    }  # fmt: skip
    return {**pointers, **dict.fromkeys(NUMBERS, I64)}


def emit(kind: str, dtype: str, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one kind."""
    t = DTYPES[dtype]
    m = Module(symbol(kind, dtype, target), target, debug=debug)
    f, a = m.task(fields(kind, t))
    for item in f.loop(f.args.end, start=f.args.begin):
        image, channel = item // a.blocks, item % a.blocks * a.block
        count = f.min(a.channels - channel, a.block)
        values = a.pointer("values").at(image * a.g_n + channel * a.g_c)
        places = a.pointer("places").at(image * a.i_n + channel * a.i_c)
        picture = a.pointer("picture").at(image * a.y_n + channel * a.y_c)
        with f.when(a.channels_inner > 0) as inner:
            if kind != "take":
                for p in f.loop(a.plane):
                    _zero(f, picture.at(p * a.y_p), count, t)
            for p in f.loop(a.count):
                row, where = values.at(p * a.g_p), places.at(p * a.i_p)
                for c in f.loop(count):
                    _one(f, a, kind, row.at(c * a.g_c), where.load(c * a.i_c), picture, c * a.y_c)
        with inner.otherwise():
            for c in f.loop(count):
                row, where = values.at(c * a.g_c), places.at(c * a.i_c)
                to = picture.at(c * a.y_c)
                if kind != "take":
                    _zero(f, to, a.plane, t)
                for p in f.loop(a.count):
                    _one(f, a, kind, row.at(p * a.g_p), where.load(p * a.i_p), to, 0)
    return m


def _zero(f: Function, to: Pointer, count: Value, t: Type) -> None:
    lanes = f.module.target.lanes(t)
    zeros = f.constant(0.0, t.vector(lanes))
    whole = count // lanes * lanes
    for i in f.loop(whole, step=lanes):
        to.store(i, zeros)
    with f.when(count > whole):
        to.store(whole, zeros, f.first_lanes(count - whole, lanes))


def _one(
    f: Function, a: Arguments, kind: str, value: Pointer, place: Value, picture: Pointer, c: object
) -> None:
    """One number and the place that belongs to it."""
    inside = (place >= 0) & (place < a.plane)
    if kind == "take":
        there = f.select(inside, place, 0)
        found = picture.load(there * a.y_p + c)
        value.store(0, f.select(inside, found, 0.0))
        return
    with f.when(inside):
        at = place * a.y_p + c
        taken = value.load()
        picture.store(at, picture.load(at) + taken if kind == "add" else taken)
