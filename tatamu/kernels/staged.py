"""A kernel that works in stages: all items of one are done before the next begins.

Its module is one function, compiled once; the argument ``stage`` says which part of it runs. What
one stage leaves for the next lies in memory that belongs to the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tatamu.stage import Layout, Module, PointerTo, Target, Type

# What an operation that waits for memory is counted as: flops of convolution in a byte's time.
WORK_PER_BYTE = 5


@dataclass(frozen=True, eq=False)
class Stage:
    """One launch. ``numbers`` has all of ``fields`` that are not pointers.

    ``scratch`` is bytes for each worker, of a kernel that has this one stage.
    """

    target: Target
    label: str
    symbol: str
    write: Callable[[], Module]
    fields: Mapping[str, Type | PointerTo]
    numbers: Mapping[str, int]
    items: int
    work: int
    scratch: int = 0

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return self.write()

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; the pointers, which stand first, are for the call to fill."""
        pointers = (name for name, t in self.fields.items() if isinstance(t, PointerTo))
        return Layout.of(self.fields).pack(**dict.fromkeys(pointers, 0), **self.numbers)


@dataclass(frozen=True, eq=False)
class StagedPlan:
    """The launches of one problem, in their order, and the bytes that they share.

    ``absent`` holds what stands in for an input that is not there.
    """

    stages: tuple[Stage, ...]
    scratch: int
    absent: Mapping[int, NDArray[np.generic]] = field(default_factory=dict)


def double_bits(x: float) -> int:
    """A float64 as the integer of the same bits: how arguments, all integers, carry it."""
    return int(np.float64(x).view(np.int64))
