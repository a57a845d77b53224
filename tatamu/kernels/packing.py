"""The plans of laying weights out as convolution kernels read them.

`packing_emit` is the code that follows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.packing_emit import (
    CHANNELS,
    DIRECT_NUMBERS,
    STRIDES,
    WINOGRAD_NUMBERS,
    direct_symbol,
    emit_direct,
    emit_winograd,
    fields,
    winograd_symbol,
)
from tatamu.kernels.problem import DTYPES
from tatamu.stage import Layout, Module, Target

__all__ = ["PackingPlan", "strides_of"]


@dataclass(frozen=True, eq=False)
class PackingPlan:
    """What a call need not work out again: only addresses and the weights' strides are missing.

    ``outputs`` is that of Winograd's tiles, 0 for direct convolution, ``kernel`` their window's
    side; ``size`` the elements of packed weights.
    """

    target: Target
    dtype: str
    outputs: int
    numbers: dict[str, int]
    items: int
    size: int
    kernel: int = 3

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return "packing"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        if self.outputs:
            return winograd_symbol(self.dtype, self.outputs, self.kernel, self.target)
        return direct_symbol(self.dtype, self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution: some forty for each number."""
        return 40 * self.size

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        if self.outputs:
            return emit_winograd(self.dtype, self.outputs, self.kernel, self.target)
        return emit_direct(self.dtype, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; the call fills w, packed and the strides (fields 0 to 6)."""
        names = WINOGRAD_NUMBERS if self.outputs else DIRECT_NUMBERS
        block = Layout.of(fields(DTYPES[self.dtype], names))
        return block.pack(**dict.fromkeys(("w", "packed", *STRIDES), 0), **self.numbers)


def strides_of(weight: NDArray[np.generic]) -> tuple[int, ...]:
    """Elements from one output, input and kernel position to the next, for three kernel axes."""
    steps = [step // weight.itemsize for step in weight.strides]
    return (*steps[:2], *(0,) * (5 - len(steps)), *steps[2:])


def chunks(inputs: int) -> int:
    """Work items of one panel."""
    return -(-inputs // CHANNELS)
