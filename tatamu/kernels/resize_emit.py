"""Resizing two axes at once: rows are mixed into a buffer, the buffer's pixels into the output.

    buffer[w, c] = sum over k of  v[p, k] * x[r[p, k], w, c]
    y[p, q, c] = sum over k of  u[q, k] * buffer[s[q, k], c]

A row is all of its pixels, channels innermost; a plane of NCHW is a picture of one channel. How
many taps each position has is compiled in where it is the same everywhere (1 means a copy); 0 is
for counts that differ. Lanes are neighbouring elements of a row in the first step and channels in
the second, which goes element by element where there are too few of those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tatamu.stage import (
    F32,
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
)

__all__ = ["NUMBERS", "TABLES", "Shape", "emit", "fields", "symbol"]

Vector = Callable[[Value, Value | None], None]

DTYPES: dict[str, Type] = {"float32": F32, "float64": F64}

# Of rows and of pixels: taps' positions, their weights, and where each position's taps begin.
TABLES = ("row_at", "row_weight", "row_first", "pixel_at", "pixel_weight", "pixel_first")

NUMBERS = (
    # work item i is plane * row_blocks + block of rows
    "rows", "item_rows", "row_blocks", "pixels", "channels", "row_elements",
    "x_plane", "x_row", "x_pixel", "y_plane", "y_row", "y_pixel",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """What is compiled in: taps of rows and of pixels, and whether lanes are channels."""

    dtype: str
    row_taps: int
    pixel_taps: int
    wide: bool


def symbol(shape: Shape, target: Target) -> str:
    """The kernel's name."""
    taps = f"{shape.row_taps}x{shape.pixel_taps}"
    return f"resize_{shape.dtype}_{taps}_{'wide' if shape.wide else 'narrow'}_{target.tag}"


def fields(dtype: str) -> dict[str, Type | PointerTo]:
    """The kernel's arguments with their types."""
    t = PointerTo(DTYPES[dtype])
    tables = {name: t if "weight" in name else PointerTo(I64) for name in TABLES}
    return {"x": t, "y": t, "scratch": t, **tables, **dict.fromkeys(NUMBERS, I64)}


def emit(shape: Shape, target: Target, *, debug: bool = False) -> Module:
    """The kernel for one shape."""
    t = DTYPES[shape.dtype]
    m = Module(symbol(shape, target), target, debug=debug)
    lanes = target.lanes(t)
    f, a = m.task(fields(shape.dtype))
    for item in f.loop(f.args.end, start=f.args.begin):
        block, plane = item % a.row_blocks, item // a.row_blocks
        x, y = a.pointer("x").at(plane * a.x_plane), a.pointer("y").at(plane * a.y_plane)
        first = block * a.item_rows
        for row in f.loop(f.min(first + a.item_rows, a.rows), start=first):
            source = _mixed_row(f, a, shape, x, row, lanes)
            _pixels(f, a, shape, source, y.at(row * a.y_row), lanes)
    return m


def _span(f: Function, a: Arguments, name: str, taps: int, at: Value) -> tuple[Value, Value]:
    """Where the taps of a position stand in the tables."""
    if taps:
        return at * taps, at * taps + taps
    firsts = a.pointer(f"{name}_first")
    return firsts.load(at), firsts.load(at + 1)


def _mixed_row(
    f: Function, a: Arguments, shape: Shape, x: Pointer, row: Value, lanes: int
) -> Pointer:
    """The rows that an output row is made of, mixed; the row itself where there is but one."""
    first, last = _span(f, a, "row", shape.row_taps, row)
    places, weights = a.pointer("row_at"), a.pointer("row_weight")
    if shape.row_taps == 1:
        return x.at(places.load(first) * a.x_row)
    buffer = a.pointer("scratch").at(f.args.worker * a.row_elements)
    taps = [
        (x.at(places.load(first + k) * a.x_row), weights.splat(first + k, lanes))
        for k in range(shape.row_taps)
    ]

    def vector(at: Value, mask: Value | None) -> None:
        if taps:
            total = taps[0][0].vec(at, lanes, mask) * taps[0][1]
            for source, weight in taps[1:]:
                total = f.fma(source.vec(at, lanes, mask), weight, total)
            buffer.store(at, total, mask)
            return
        running = f.var(f.constant(0.0, buffer.element.vector(lanes)))
        for k in f.loop(last, start=first):
            source = x.at(places.load(k) * a.x_row)
            weight = weights.splat(k, lanes)
            running.set(f.fma(source.vec(at, lanes, mask), weight, running))
        buffer.store(at, running.get(), mask)

    _each_vector(f, a.row_elements, lanes, vector)
    return buffer


def _pixels(
    f: Function, a: Arguments, shape: Shape, source: Pointer, to: Pointer, lanes: int
) -> None:
    """The pixels of one output row from those of the mixed row."""
    places, weights = a.pointer("pixel_at"), a.pointer("pixel_weight")
    count = lanes if shape.wide else 0
    for pixel in f.loop(a.pixels):
        first, last = _span(f, a, "pixel", shape.pixel_taps, pixel)
        out = to.at(pixel * a.y_pixel)
        taps = [
            (source.at(places.load(first + k) * a.x_pixel), _weight(f, weights, first + k, count))
            for k in range(shape.pixel_taps)
        ]

        def vector(
            at: Value,
            mask: Value | None,
            first: Value = first,
            last: Value = last,
            taps: list[tuple[Pointer, Value]] = taps,
            out: Pointer = out,
        ) -> None:
            if shape.pixel_taps == 1:
                out.store(at, _read(taps[0][0], at, count, mask), mask)
                return
            if taps:
                total = _read(taps[0][0], at, count, mask) * taps[0][1]
                for tap, weight in taps[1:]:
                    total = f.fma(_read(tap, at, count, mask), weight, total)
                out.store(at, total, mask)
                return
            zero = out.element.vector(count) if count else out.element
            running = f.var(f.constant(0.0, zero))
            for k in f.loop(last, start=first):
                tap = source.at(places.load(k) * a.x_pixel)
                value = _read(tap, at, count, mask)
                running.set(f.fma(value, _weight(f, weights, k, count), running))
            out.store(at, running.get(), mask)

        if shape.wide:
            _each_vector(f, a.channels, lanes, vector)
        else:
            for channel in f.loop(a.channels):
                vector(channel, None)


def _weight(f: Function, weights: Pointer, at: Value, lanes: int) -> Value:
    return weights.splat(at, lanes) if lanes else weights.load(at)


def _read(p: Pointer, at: Value, lanes: int, mask: Value | None) -> Value:
    return p.vec(at, lanes, mask) if lanes else p.load(at)


def _each_vector(f: Function, count: Value, lanes: int, write: Vector) -> None:
    """Whole vectors of so many elements, then what is left under a mask."""
    whole = count - count % lanes
    for at in f.loop(whole, step=lanes):
        write(at, None)
    with f.when(count > whole):
        write(whole, f.first_lanes(count - whole, lanes))
