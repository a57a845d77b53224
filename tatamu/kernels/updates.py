"""An optimizer's step over a whole list of parameters, in one launch.

For each parameter a row of ``addresses`` (weights, gradient, then what is remembered of it) and a
row of ``numbers`` (float64, rounded to the weights' precision as NumPy rounds them). A work item is
a piece of one parameter: its row, its first element, how many elements. Every product and sum is
rounded by itself, so that the bits are those of the rule on NumPy's arrays.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.formulas import FORMULAS
from tatamu.kernels.rules import RULES
from tatamu.stage import F32, F64, I64, Function, Layout, Module, Pointer, PointerTo, Target, Value

__all__ = ["PIECE", "Update", "UpdatePlan", "emit", "pieces"]

# Elements of a work item: weights, gradient and what is remembered lie in the second cache.
PIECE = 16384

# A byte moved takes as long as this many flops of direct convolution.
BYTE_FLOPS = 5

FIELDS = {"addresses": PointerTo(I64), "numbers": PointerTo(F64), "pieces": PointerTo(I64)}


@dataclass(frozen=True, slots=True)
class Update:
    """A rule with its options, and the names in the order of a row's columns."""

    rule: str
    options: frozenset[str]
    memory: tuple[str, ...]
    numbers: tuple[str, ...]


def pieces(counts: Sequence[int]) -> NDArray[np.int64]:
    """The work items of parameters of so many elements.

    >>> pieces([5, 20000]).tolist()
    [[0, 0, 5], [1, 0, 16384], [1, 16384, 3616]]
    """
    rows = [
        (row, start, min(PIECE, count - start))
        for row, count in enumerate(counts)
        for start in range(0, count, PIECE)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class UpdatePlan:
    """One update of parameters that are so many elements together, in so many pieces."""

    update: Update
    target: Target
    items: int
    elements: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return f"{self.update.rule} over all parameters"

    @property
    def work(self) -> int:
        """In flops of direct convolution: weights and memory are read and written."""
        return self.elements * BYTE_FLOPS * 4 * (3 + 2 * len(self.update.memory))

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.update, self.target)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.update, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; all of it is for the call to fill."""
        return Layout.of(FIELDS).pack(**dict.fromkeys(FIELDS, 0))


def symbol(update: Update, target: Target) -> str:
    """The kernel's name: its rule, and everything else about it as a checksum."""
    key = repr((sorted(update.options), update.memory, update.numbers))
    return f"update_{update.rule}_{zlib.crc32(key.encode()):08x}_{target.tag}"


class _Maths:
    """NumPy's functions that rules use, as instructions."""

    def __init__(self, f: Function) -> None:
        self.f = f

    def sqrt(self, x: Value) -> Value:
        return FORMULAS["sqrt"].write(self.f, x)

    def absolute(self, x: Value) -> Value:
        return FORMULAS["abs"].write(self.f, x)

    def maximum(self, a: Value, b: Value) -> Value:
        return FORMULAS["maximum"].write(self.f, a, b)


def emit(update: Update, target: Target, *, debug: bool = False) -> Module:
    """The kernel of one rule with these options."""
    m = Module(symbol(update, target), target, debug=debug)
    f, a = m.task(FIELDS)
    lanes = target.lanes(F32)
    names = ("w", "g", *update.memory)
    for item in f.loop(f.args.end, start=f.args.begin):
        piece = a.pointer("pieces").at(item * 3)
        row, start, count = (piece.load(i) for i in range(3))
        places = a.pointer("addresses").at(row * len(names))
        pointers = {name: f.pointer(places.load(i), F32).at(start) for i, name in enumerate(names)}
        given = a.pointer("numbers").at(row * len(update.numbers))
        numbers = SimpleNamespace(
            **{
                name: f.splat(f.convert("fptrunc", given.load(i), F32), lanes)
                for i, name in enumerate(update.numbers)
            }
        )
        whole = count - count % lanes
        for at in f.loop(whole, step=lanes):
            _vector(f, update, pointers, numbers, at, lanes, None)
        with f.when(count > whole):
            mask = f.first_lanes(count - whole, lanes)
            _vector(f, update, pointers, numbers, whole, lanes, mask)
    return m


def _vector(
    f: Function,
    update: Update,
    pointers: dict[str, Pointer],
    numbers: SimpleNamespace,
    at: Value,
    lanes: int,
    mask: Value | None,
) -> None:
    """One vector of weights and all that belongs to it: read, changed, written."""
    w, g = (pointers[name].vec(at, lanes, mask) for name in ("w", "g"))
    memory: dict[str, Any] = {name: pointers[name].vec(at, lanes, mask) for name in update.memory}
    changed = RULES[update.rule](_Maths(f), update.options, w, g, memory, numbers)
    pointers["w"].store(at, changed, mask)
    for name in update.memory:
        pointers[name].store(at, memory[name], mask)
