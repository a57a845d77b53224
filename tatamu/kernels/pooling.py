"""Pooling's plan: windows or bins as tables, and who works on what. `pooling_emit` follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.pooling_emit import KINDS, emit, fields, operands, serves, symbol, widths
from tatamu.kernels.problem import DTYPES
from tatamu.stage import Layout, Module, Target

Three = tuple[int, int, int]
Five = tuple[int, int, int, int, int]

# Positions are counted in 32 bits.
MOST_POSITIONS = 2**31 - 1
# Bytes that a work item reads, where there is enough to share.
NOTING = ("argmax", "route")
ITEM_BYTES = 48 * 1024
LEAST_ITEMS = 16
# Flops of direct convolution that take as long as a byte moved, a tap of a vector, a tap alone.
BYTE_FLOPS, TAP_FLOPS, SCALAR_TAP_FLOPS = 5, 3, 60


# What a tile holds, as people are told of it.
SAID = {
    "channels": "{lanes} channels",
    "row1": "{lanes} neighbours",
    "row2": "{lanes} neighbours",
    "run": "{lanes} taps",
    "one": "one number",
}


@dataclass(frozen=True, slots=True)
class PoolProblem:
    """One pooling of (n, c, depth, height, width); two axes are three, the first of one.

    ``reads`` are the input positions of each output, axis by axis; ``divisors`` what averages
    divide by, a factor an axis. Where gradients are spread, "input" is the gradient, and the
    divisors are those of the positions that are read, not of those written. ``window`` is how
    many numbers an LP pooling adds up.
    """

    kind: str
    dtype: str
    x_shape: Five
    x_strides: Five
    y_strides: Five
    reads: tuple[tuple[range, ...], ...]
    divisors: tuple[tuple[int, ...], ...]
    window: int = 1

    @property
    def out(self) -> Three:
        """Depth, rows and columns of the output."""
        depth, rows, columns = map(len, self.reads)
        return depth, rows, columns

    @property
    def taps(self) -> int:
        """How often an input is read, of one channel of one image."""
        return prod(sum(map(len, axis)) for axis in self.reads)


def accepts(problem: PoolProblem, target: Target) -> str | None:
    """None if this kernel can run the problem, else why it cannot."""
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if problem.kind not in KINDS:
        return f"there is no kernel for {problem.kind}"
    if problem.kind == "route" and not side_by_side(problem):
        return "channels must lie next to one another; elsewhere it is quicker to go by the places"
    if max(prod(problem.x_shape[2:]), prod(problem.out)) > MOST_POSITIONS:
        return "positions are counted in 32 bits"
    return None


@dataclass(frozen=True, eq=False)
class PoolPlan:
    """Everything about one problem that a call need not work out again."""

    problem: PoolProblem
    way: str
    target: Target
    tables: dict[str, NDArray[np.generic]]
    numbers: dict[str, int]
    items: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        lanes = self.target.lanes(DTYPES[self.problem.dtype])
        return f"pooling, {SAID[self.way].format(lanes=lanes)} at once"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.problem.kind, self.problem.dtype, self.way, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        problem = self.problem
        images, channels, *sizes = problem.x_shape
        size = np.dtype(problem.dtype).itemsize
        moved = size * (prod(sizes) + prod(problem.out))
        if problem.kind in NOTING:
            moved += 8 * prod(problem.out if problem.kind == "argmax" else sizes)
        tap = SCALAR_TAP_FLOPS if self.way == "one" else TAP_FLOPS
        return images * channels * (BYTE_FLOPS * moved + tap * problem.taps)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.problem.kind, self.problem.dtype, self.way, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; the operands' addresses come first, for the call to fill."""
        layout = fields(self.problem.kind, DTYPES[self.problem.dtype])
        addresses = {name: table.ctypes.data for name, table in self.tables.items()}
        empty = dict.fromkeys(operands(self.problem.kind), 0)
        return Layout.of(layout).pack(**empty, **addresses, **self.numbers)


@lru_cache(maxsize=1024)
def plan(problem: PoolProblem, target: Target) -> PoolPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    if not side_by_side(problem):
        problem = flattened(problem)
    way = way_of(problem, target)
    images, channels, *sizes = problem.x_shape
    depth, rows, columns = problem.out
    tables = tables_of(problem)
    inner, _ = alike(problem)
    group = channels_together(problem, way, target)
    groups = -(-channels // group)
    units = images * groups * depth * rows
    size = np.dtype(problem.dtype).itemsize
    read = max(1, size * group * problem.taps // max(1, depth * rows))
    chunk = max(1, min(units // LEAST_ITEMS, ITEM_BYTES // read))
    x, y = problem.x_strides, problem.y_strides
    taps = [step(axis) for axis in problem.reads]
    high, wide = problem.out[1:] if problem.kind == "route" else sizes[1:]
    plane = (high * wide, wide, 1)
    numbers = {
        "units": units, "chunk": chunk, "groups": groups, "group": group, "channels": channels,
        "depth": depth, "rows": rows, "columns": columns,
        "x_n": x[0], "x_c": x[1], "x_d": x[2], "x_h": x[3], "x_w": x[4],
        "y_n": y[0], "y_c": y[1], "y_d": y[2], "y_h": y[3], "y_w": y[4],
        **{f"tap_{a}": s * t for a, s, t in zip("dhw", x[2:], taps, strict=True)},
        **{f"at_{a}": n for a, n in zip("dhw", plane, strict=True)},
        **{f"go_{a}": n * t for a, n, t in zip("dhw", plane, taps, strict=True)},
        "inner_first": inner.start, "inner_last": inner.stop, "window": problem.window,
    }  # fmt: skip
    items = -(-units // chunk)
    return PoolPlan(problem, way, target, tables, numbers, items)


def flattened(problem: PoolProblem) -> PoolProblem:
    """Rows that are read whole, one after the other, as one long row."""
    while (merged := _merged(problem)) is not None:
        problem = merged
    return problem


def _merged(problem: PoolProblem) -> PoolProblem | None:
    (deep, high, wide), (by_d, by_h, by_w) = problem.reads, problem.divisors
    images, channels, depth, height, width = problem.x_shape
    x, y = problem.x_strides, problem.y_strides
    whole = tuple(wide) == (range(width),) and x[3] == width * x[4]
    if not whole or height == 1 or step(high) != 1 or problem.kind in ("spread", "route"):
        return None
    return replace(
        problem,
        x_shape=(images, channels, 1, depth, height * width),
        x_strides=(*x[:2], 0, x[2], x[4]),
        y_strides=(*y[:2], 0, y[2], y[3]),
        reads=((range(1),), deep, tuple(range(r.start * width, r.stop * width) for r in high)),
        divisors=((1,), by_d, tuple(n * by_w[0] for n in by_h)),
    )


def way_of(problem: PoolProblem, target: Target) -> str:
    """What the lanes are."""
    if side_by_side(problem):
        return "channels"
    lanes = target.lanes(DTYPES[problem.dtype])
    columns = problem.reads[2]
    if problem.x_strides[4] == 1 and columns:
        taps = sum(map(len, columns)) // len(columns)
        if taps >= lanes // 2 and step(columns) == 1 and serves(problem.kind, "run"):
            return "run"
        _, apart = alike(problem)
        if problem.y_strides[4] == 1 and apart in (1, 2):
            return f"row{apart}"
    return "one"


def alike(problem: PoolProblem) -> tuple[range, int]:
    """Outputs of a row whose windows are whole, and how far apart these start (0: unevenly)."""
    columns, divisors = problem.reads[2], problem.divisors[2]
    if problem.kind == "spread":
        divisors = (1,) * len(columns)
    most = max(map(len, columns), default=0)
    found = [
        o for o, read in enumerate(columns) if len(read) == most and divisors[o] == max(divisors)
    ]
    if len(found) < 2 or found != list(range(found[0], found[-1] + 1)):
        return range(0), 0
    steps = {columns[o + 1].start - columns[o].start for o in found[:-1]}
    return range(found[0], found[-1] + 1), steps.pop() if len(steps) == 1 else 0


def side_by_side(problem: PoolProblem) -> bool:
    """Whether channels lie next to one another, in what is read and in what is written."""
    return problem.x_shape[1] > 1 and problem.x_strides[1] == problem.y_strides[1] == 1


def channels_together(problem: PoolProblem, way: str, target: Target) -> int:
    """How many channels a work item takes: all, unless that would leave too few items."""
    images, channels = problem.x_shape[:2]
    if way != "channels":
        return 1
    tile = target.lanes(DTYPES[problem.dtype]) * widths(target)[0]
    tiles = -(-channels // tile)
    depth, rows, _ = problem.out
    parts = min(tiles, -(-LEAST_ITEMS // max(1, images * depth * rows)))
    return -(-tiles // parts) * tile if tiles > 1 else channels


def step(axis: Sequence[range]) -> int:
    """How far apart the positions that an output reads lie along an axis."""
    return axis[0].step if axis else 1


def tables_of(problem: PoolProblem) -> dict[str, NDArray[np.generic]]:
    """What the kernel reads of each output, axis by axis: first position, taps, divisor."""
    tables: dict[str, NDArray[np.generic]] = {}
    spreads = problem.kind == "spread"
    for axis, reads, divisors in zip("dhw", problem.reads, problem.divisors, strict=True):
        each = [1] * len(reads) if spreads else divisors
        rows = [(r.start, len(r), d) for r, d in zip(reads, each, strict=True)]
        tables[f"reads_{axis}"] = np.array(rows, np.int64).reshape(-1, 3)
        if spreads:
            tables[f"weights_{axis}"] = (1 / np.array(divisors, float)).astype(problem.dtype)
    return tables
