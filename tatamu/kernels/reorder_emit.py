"""Copying into another order of axes: small squares are transposed in registers.

    y[.., c, r] = x[.., r, c]        both read and written along whole vectors

A square of as many rows as a vector has lanes is loaded, turned and stored. Turning takes two
steps: inside each 128 bits by unpacking, then 128 bits at a time between vectors that are 1, 2, 4
groups apart. Elements are moved as integers, whatever they stand for. Squares at the edges are
loaded and stored under a mask.
"""

from __future__ import annotations

from collections.abc import Sequence

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
)

__all__ = ["ELEMENTS", "NUMBERS", "TOGETHER", "emit", "fields", "symbol"]

ELEMENTS: dict[int, Type] = {4: I32, 8: I64}

# Squares side by side: their rows are read for so many vectors on end.
TOGETHER = 4

NUMBERS = (
    # rows lie side by side in the output, columns in the input; of each item, and blocks of them
    "rows", "columns", "item_rows", "item_columns", "row_blocks", "column_blocks",
    "x_row", "y_column",
    # two more axes: the size of the inner one, and strides
    "n1", "x_0", "x_1", "y_0", "y_1",
)  # fmt: skip


def symbol(itemsize: int, target: Target) -> str:
    """The kernel's name."""
    return f"reorder_{8 * itemsize}_{target.tag}"


def fields(itemsize: int) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    t = PointerTo(ELEMENTS[itemsize])
    return {"x": t, "y": t, **dict.fromkeys(NUMBERS, I64)}


def emit(itemsize: int, target: Target, *, debug: bool = False) -> Module:
    """The kernel for elements of so many bytes."""
    t = ELEMENTS[itemsize]
    m = Module(symbol(itemsize, target), target, debug=debug)
    whole, part = _square(m, t, whole=True), _square(m, t, whole=False)
    f, a = m.task(fields(itemsize))
    for item in f.loop(f.args.end, start=f.args.begin):
        _item(f, a, item, target.lanes(t), whole, part)
    return m


def _item(
    f: Function, a: Arguments, item: Value, lanes: int, whole: Function, part: Function
) -> None:
    """One block of rows and columns."""
    column_block, rest = item % a.column_blocks, item // a.column_blocks
    row_block, outer = rest % a.row_blocks, rest // a.row_blocks
    place_1, place_0 = outer % a.n1, outer // a.n1
    x = a.pointer("x").at(place_0 * a.x_0 + place_1 * a.x_1)
    y = a.pointer("y").at(place_0 * a.y_0 + place_1 * a.y_1)
    first_row, first_column = row_block * a.item_rows, column_block * a.item_columns
    last_row = f.min(first_row + a.item_rows, a.rows)
    last_column = f.min(first_column + a.item_columns, a.columns)
    for strip in f.loop(last_column, start=first_column, step=TOGETHER * lanes):
        end = f.min(strip + TOGETHER * lanes, last_column)
        for row in f.loop(last_row, start=first_row, step=lanes):
            for column in f.loop(end, start=strip, step=lanes):
                source = x.at(row * a.x_row + column)
                to = y.at(column * a.y_column + row)
                rows, columns = last_row - row, end - column
                with f.when((rows >= lanes) & (columns >= lanes)) as inside:
                    f.call(whole, source, to, a.x_row, a.y_column, rows, columns)
                with inside.otherwise():
                    f.call(part, source, to, a.x_row, a.y_column, rows, columns)


def _square(m: Module, t: Type, *, whole: bool) -> Function:
    """Turn one square, or what there is of it."""
    f = m.function("square" if whole else "edge", {
        "x": PointerTo(t), "y": PointerTo(t), "x_row": I64, "y_column": I64, "rows": I64,
        "columns": I64,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(t)
    x, y = a.pointer("x"), a.pointer("y")
    if whole:
        for i, vector in enumerate(_turned(f, [x.vec(a.x_row * i, lanes) for i in range(lanes)])):
            y.store(a.y_column * i, vector)
        return f
    across, along = f.first_lanes(a.columns, lanes), f.first_lanes(a.rows, lanes)
    last = a.rows - 1
    # Rows that are not there are read from the last one, and not stored.
    places = [f.min(f.constant(i, I64), last) * a.x_row for i in range(lanes)]
    rows = [x.vec(place, lanes, across) for place in places]
    for i, vector in enumerate(_turned(f, rows)):
        with f.when(a.columns > i):
            y.store(a.y_column * i, vector, along)
    return f


def _turned(f: Function, rows: list[Value]) -> list[Value]:
    """The columns of a square given by its rows."""
    lanes = len(rows)
    inside = 16 // rows[0].type.size  # elements of 128 bits
    if inside == 2:
        rows = _unpacked(f, rows, (0, 1), 1)
    else:
        rows = _unpacked(f, _unpacked(f, rows, (0, 2, 1, 3), 1), (0, 1, 2, 3), 2)
    apart = inside
    while apart < lanes:
        rows = _exchanged(f, rows, apart)
        apart *= 2
    return rows


def _unpacked(f: Function, rows: list[Value], order: Sequence[int], width: int) -> list[Value]:
    """Neighbours interleaved by units of ``width`` lanes, inside each 128 bits.

    Each pair gives two: from the lower halves and from the upper ones. Of every few vectors, the
    lower ones come first then: ``order`` says from where, so that pairs are neighbours again.
    """
    lanes, inside = len(rows), len(order)
    pairs = []
    for low in range(0, lanes, 2):
        for half in (0, 1):
            picks = []
            for base in range(half * inside // 2, lanes, inside):
                for at in range(base, base + inside // 2, width):
                    picks += [*range(at, at + width), *range(lanes + at, lanes + at + width)]
            pairs.append(f.shuffle(rows[low], rows[low + 1], picks))
    return [pairs[base + k] for base in range(0, lanes, inside) for k in order]


def _exchanged(f: Function, rows: list[Value], apart: int) -> list[Value]:
    """Vectors ``apart`` rows apart exchange their groups of ``apart`` lanes, as a matrix would."""
    lanes, found = len(rows), list(rows)
    for low in range(lanes):
        if low & apart:
            continue
        high = low + apart
        keep = [i if not i & apart else lanes + i - apart for i in range(lanes)]
        give = [i + apart if not i & apart else lanes + i for i in range(lanes)]
        found[low] = f.shuffle(rows[low], rows[high], keep)
        found[high] = f.shuffle(rows[low], rows[high], give)
    return found
