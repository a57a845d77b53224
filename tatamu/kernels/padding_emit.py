"""Padding: each output row is put together from stretches of one input row, or of the constant.

    y[p, first + i] = x[row(p), source + i]        for i < count, for each stretch

Elements are moved as integers, whatever they stand for. A row is all of its pixels, channels
innermost; a plane of NCHW is a picture of one channel.
"""

from __future__ import annotations

from tatamu.kernels.copying import copy_function
from tatamu.kernels.reorder_emit import ELEMENTS
from tatamu.stage import I64, Function, Module, PointerTo, Target, Type

__all__ = ["NUMBERS", "RUN", "emit", "fields", "symbol"]

# What the kernel reads of each stretch, in elements; the source is -1 for the constant.
RUN = ("source", "first", "count")

NUMBERS = (
    # work item i is plane * row_blocks + block of rows
    "rows", "item_rows", "row_blocks", "runs", "row_elements", "x_plane", "x_row", "y_plane",
    "y_row", "value",
)  # fmt: skip


def symbol(itemsize: int, target: Target) -> str:
    """The kernel's name."""
    return f"padding_{8 * itemsize}_{target.tag}"


def fields(itemsize: int) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    t = PointerTo(ELEMENTS[itemsize])
    tables = dict.fromkeys(("row_at", "stretches"), PointerTo(I64))
    return {"x": t, "y": t, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(itemsize: int, target: Target, *, debug: bool = False) -> Module:
    """The kernel for elements of so many bytes."""
    t = ELEMENTS[itemsize]
    m = Module(symbol(itemsize, target), target, debug=debug)
    copy, fill = copy_function(m, t), _fill_function(m, t)
    f, a = m.task(fields(itemsize))
    value = a.value if t == I64 else f.convert("trunc", a.value, t)
    for item in f.loop(f.args.end, start=f.args.begin):
        block, plane = item % a.row_blocks, item // a.row_blocks
        x, y = a.pointer("x").at(plane * a.x_plane), a.pointer("y").at(plane * a.y_plane)
        first = block * a.item_rows
        for row in f.loop(f.min(first + a.item_rows, a.rows), start=first):
            to, at = y.at(row * a.y_row), a.pointer("row_at").load(row)
            with f.when(at < 0) as outside:
                f.call(fill, to, value, a.row_elements)
            with outside.otherwise():
                source = x.at(at * a.x_row)
                for i in f.loop(a.runs):
                    run = a.pointer("stretches").at(i * len(RUN))
                    start, begin, count = (run.load(k) for k in range(len(RUN)))
                    with f.when(start < 0) as constant:
                        f.call(fill, to.at(begin), value, count)
                    with constant.otherwise():
                        f.call(copy, source.at(start), to.at(begin), count)
    return m


def _fill_function(m: Module, t: Type) -> Function:
    """``fill(to, value, count)``."""
    f = m.function("fill", {"to": PointerTo(t), "value": t, "count": I64})
    to, count, lanes = f.args.pointer("to"), f.args.count, m.target.lanes(t)
    everywhere = f.splat(f.args.value, lanes)
    whole = count // lanes * lanes
    for i in f.loop(whole, step=lanes):
        to.store(i, everywhere)
    with f.when(count > whole):
        to.store(whole, everywhere, f.first_lanes(count - whole, lanes))
    return f
