"""Pooling kernels as tests call them, and what is right, found one output at a time in float64.

Windows and bins are worked out here by their definition; nothing is shared with the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from direct_cases import GUARD, RUNNABLE, SENTINEL

from tatamu.kernels import pooling, scatter
from tatamu.kernels.pooling import PoolProblem
from tatamu.runtime.launch import Launch

Numpy = Any
Axis = list[list[int]]


@dataclass(frozen=True)
class Window:
    """One axis of a pooling by windows."""

    kernel: int = 1
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    def reads(self, size: int) -> Axis:
        """The positions in the picture that each output reads."""
        reach = self.dilation * (self.kernel - 1) + 1
        starts = range(-self.pad, size + self.pad - reach + 1, self.stride)
        taps = [[s + i * self.dilation for i in range(self.kernel)] for s in starts]
        return [[p for p in found if 0 <= p < size] for found in taps]


@dataclass(frozen=True)
class Bins:
    """One axis of an adaptive pooling."""

    count: int

    def reads(self, size: int) -> Axis:
        """Bin o goes from floor(o n / m) to ceil((o + 1) n / m)."""
        n, m = size, self.count
        return [list(range(o * n // m, ((o + 1) * n + m - 1) // m)) for o in range(m)]


Way = tuple[Window | Bins, Window | Bins, Window | Bins]
ONE = Window()
WAYS: dict[str, Way] = {
    "2x2": (ONE, Window(2, 2), Window(2, 2)),
    "3x3 padded": (ONE, Window(3, 2, 1), Window(3, 2, 1)),
    "5x2": (ONE, Window(5, 1, 2), Window(2, 3)),
    "dilated": (ONE, Window(2, 1, 1, 3), Window(3, 2, 1, 2)),
    "volume": (Window(2, 1, 1), Window(2, 2), Window(3, 1, 1)),
    "global": (Bins(1), Bins(1), Bins(1)),
    "bins": (Bins(1), Bins(3), Bins(5)),
    "more bins than rows": (Bins(2), Bins(11), Bins(4)),
    "more bins than columns": (Bins(1), Bins(2), Bins(17)),
}


def reads_of(way: Way, sizes: tuple[int, ...]) -> list[Axis]:
    """What each output reads, axis by axis."""
    return [rule.reads(size) for rule, size in zip(way, sizes, strict=True)]


def ranges(axis: Axis) -> tuple[range, ...]:
    """The same as the kernels take it."""
    steps = [b - a for found in axis for a, b in pairwise(found)]
    step = steps[0] if steps else 1
    return tuple(range(f[0], f[-1] + 1, step) if f else range(0, 0, step) for f in axis)


def turned(axis: Axis, size: int) -> Axis:
    """The outputs that read each position."""
    return [[o for o, found in enumerate(axis) if p in found] for p in range(size)]


def outputs(reads: list[Axis]) -> list[tuple[int, ...]]:
    """All outputs, in order."""
    return list(product(*(range(len(axis)) for axis in reads)))


def windows(reads: list[Axis], sizes: tuple[int, ...]) -> list[Numpy]:
    """For each output the positions it reads, counted in C order."""
    places = np.arange(int(np.prod(sizes))).reshape(sizes)
    picks = [[axis[o] for axis, o in zip(reads, out, strict=True)] for out in outputs(reads)]
    return [places[np.ix_(*pick)].reshape(-1) if all(pick) else np.zeros(0, int) for pick in picks]


def exact(
    kind: str, x: Numpy, reads: list[Axis], divisors: Numpy, window: int = 1
) -> tuple[Numpy, Numpy]:
    """Values in float64 and the places of the largest, (n, c, *out) each."""
    shape = (*x.shape[:2], *map(len, reads))
    flat = x.astype(np.float64).reshape(*x.shape[:2], -1)
    values = np.full((*x.shape[:2], len(outputs(reads))), -np.inf)
    places = np.full(values.shape, -1)
    for o, at in enumerate(windows(reads, x.shape[2:])):
        taps = flat[:, :, at]
        if kind in ("max", "argmax"):
            for n, c in np.ndindex(*x.shape[:2]):
                for place in at:
                    v = flat[n, c, place]
                    if places[n, c, o] < 0 or v > values[n, c, o] or np.isnan(v):
                        values[n, c, o], places[n, c, o] = v, place
            continue
        total = (taps**2).sum(-1) if kind == "norm2" else taps.sum(-1)
        mean = total / divisors.reshape(-1)[o]
        scaled = mean * window if kind.startswith("norm") else mean
        values[:, :, o] = np.sqrt(scaled) if kind == "norm2" else scaled
    return values.reshape(shape), places.reshape(shape)


# ---- memory --------------------------------------------------------------------------------------

ORDERS = {"channels last": (0, 2, 3, 4, 1), "planes": (0, 1, 2, 3, 4)}


def empty(shape: tuple[int, ...], dtype: Any, order: str, gaps: bool = False) -> Numpy:
    """Room for an array in an order of axes, with guards around it and, if asked, gaps inside."""
    axes = ORDERS[order]
    room = [shape[a] + (3 if gaps and i > 0 else 0) for i, a in enumerate(axes)]
    flat = np.full(int(np.prod(room)) + 2 * GUARD, SENTINEL, dtype)
    view = flat[GUARD : flat.size - GUARD].reshape(room)
    if gaps:
        view = view[(slice(None), *(slice(1, -2) for _ in axes[1:]))]
    return view.transpose(np.argsort(axes))


def laid(x: Numpy, order: str, gaps: bool = False) -> Numpy:
    """A copy of ``x`` in an order of axes."""
    room = empty(x.shape, x.dtype, order, gaps)
    room[...] = x
    return room


def whole(view: Numpy) -> Numpy:
    """The memory behind a view, guards and gaps included."""
    while view.base is not None:
        view = view.base
    return view


def untouched(view: Numpy) -> bool:
    """Whether nothing beside the view was written."""
    flat = whole(view).copy()
    inside = np.ndarray(
        view.shape, view.dtype, flat,
        view.__array_interface__["data"][0] - whole(view).ctypes.data, view.strides,
    )  # fmt: skip
    inside[...] = SENTINEL
    return bool((flat == np.asarray(SENTINEL, view.dtype)).all())


def steps(x: Numpy) -> Any:
    """Strides in elements."""
    return tuple(s // x.itemsize for s in x.strides)


# ---- kernels -------------------------------------------------------------------------------------


def pool(
    isa: str,
    kind: str,
    x: Numpy,
    reads: list[Axis],
    order: str,
    *,
    counts: list[list[int]] | None = None,
    window: int = 1,
    places: Numpy = None,
    gaps: bool = False,
) -> tuple[Numpy, ...]:
    """What the kernel makes of ``x`` as it lies: the outputs, in (n, c, d, h, w)."""
    shape = (*x.shape[:2], *map(len, reads))
    y = empty(shape, x.dtype, order, gaps)
    if counts is None:
        counts = [
            [1] * (x.shape[2 + i] if kind == "spread" else len(a)) for i, a in enumerate(reads)
        ]
    problem = PoolProblem(
        kind, x.dtype.name, x.shape, steps(x), steps(y), tuple(map(ranges, reads)),
        tuple(map(tuple, counts)), window,
    )  # fmt: skip
    target = RUNNABLE[isa]
    assert pooling.accepts(problem, target) is None
    plan = pooling.plan(problem, target)
    assert (plan.way == "channels") == (steps(x)[1] == steps(y)[1] == 1 and x.shape[1] > 1)
    found = empty(shape, np.int64, order, gaps)
    operands = {"argmax": [x, y, found], "route": [x, places, y]}.get(kind, [x, y])
    before = [whole(a).tobytes() for a in (x, places) if a is not None]
    Launch(plan)(tuple(a.__array_interface__["data"][0] for a in operands), 1)
    assert [whole(a).tobytes() for a in (x, places) if a is not None] == before
    assert untouched(y)
    assert untouched(found)
    return (y, found) if kind == "argmax" else (y,)


def scattered(isa: str, kind: str, values: Numpy, places: Numpy, plane: int, order: str) -> Numpy:
    """What the kernel makes of (n, c, positions): the picture, or for "take" what lay there."""
    problem_of = scatter.ScatterProblem
    n, c, count = places.shape
    wide = (n, c, 1, 1, count if kind == "take" else plane)
    out = empty(wide, values.dtype, order)
    strides = [steps(a)[:2] + steps(a)[-1:] for a in (values, places, out)]
    if kind == "take":
        strides = [strides[2], strides[1], strides[0]]
    problem = problem_of(kind, values.dtype.name, n, c, count, plane, *strides)  # type: ignore[arg-type]
    target = RUNNABLE[isa]
    assert scatter.accepts(problem, target) is None
    addresses = [a.__array_interface__["data"][0] for a in (values, places, out)]
    Launch(scatter.plan(problem, target))(tuple(addresses), 1)
    assert untouched(out)
    return out[:, :, 0, 0]
