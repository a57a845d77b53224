"""A function of the C library for each number of a float64 array.

For results that must be the C library's own, to the last bit. Its address is an argument: objects
name no symbol of another library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tatamu.stage import F64, I64, Layout, Module, PointerTo, Target, Type

__all__ = ["CFunctionPlan", "accepts", "plan"]

ITEM = 8192

FIELDS: dict[str, Type | PointerTo] = {
    "x": PointerTo(F64),
    "y": PointerTo(F64),
    "function": I64,
    "count": I64,
}


def accepts(count: int, target: Target) -> str | None:
    """None: it runs everywhere."""
    return None


@dataclass(frozen=True, slots=True)
class CFunctionPlan:
    """So many numbers."""

    count: int
    target: Target

    label = "C function"

    @property
    def items(self) -> int:
        """Parts of the numbers."""
        return -(-self.count // ITEM)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return 1000 * self.count

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return f"c_function_{self.target.tag}"

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; x, y and function (fields 0 to 2) are for the call to fill."""
        return Layout.of(FIELDS).pack(x=0, y=0, function=0, count=self.count)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.target)


def plan(count: int, target: Target) -> CFunctionPlan:
    """Work out the plan."""
    return CFunctionPlan(count, target)


def emit(target: Target, *, debug: bool = False) -> Module:
    """``y[i] = function(x[i])``."""
    m = Module(f"c_function_{target.tag}", target, debug=debug)
    f, a = m.task(FIELDS)
    x, y = a.pointer("x"), a.pointer("y")
    last = f.min(f.args.end * ITEM, a.count)
    for place in f.loop(last, start=f.args.begin * ITEM):
        result = f.call_address(a.function, F64, x.load(place))
        assert result is not None
        y.store(place, result)
    return m
