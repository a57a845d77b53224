"""What the plans of all matrix product kernels have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.gemm_emit import ProductTile
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.product import ProductProblem
from tatamu.stage import Layout, Module, Target

__all__ = ["ProductPlan"]


@dataclass(frozen=True, eq=False)
class ProductPlan:
    """Everything about one problem that a call need not work out again.

    ``kernel`` is the module of the code that follows the plan, ``kind`` the kernel's name in
    symbols, ``title`` among people; ``unknown`` are the arguments that the call fills in, the first
    of the block.
    """

    kernel: ClassVar[Any]
    kind: ClassVar[str]
    title: ClassVar[str]
    unknown: ClassVar[tuple[str, ...]] = ("a", "b", "bias", "c")

    problem: ProductProblem
    tile: ProductTile
    target: Target
    offsets: NDArray[np.int64]
    numbers: dict[str, int]
    items: int

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return self.title

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return self.tile.symbol(self.target, self.kind)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return self.problem.work

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        module: Module = self.kernel.emit(self.tile, self.target)
        return module

    def tables(self) -> dict[str, int]:
        """The addresses of the tables that the kernel reads."""
        return {"offsets": self.offsets.ctypes.data}

    def arguments(self) -> NDArray[np.int64]:
        """The argument block, with 0 for what the call fills in."""
        layout = Layout.of(self.kernel.fields(DTYPES[self.tile.dtype]))
        return layout.pack(**dict.fromkeys(self.unknown, 0), **self.tables(), **self.numbers)
