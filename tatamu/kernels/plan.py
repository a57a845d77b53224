"""What a kernel's plan offers to those who launch it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.problem import ConvProblem
from tatamu.stage import Module, Target


class Plan(Protocol):
    """One problem worked out: the kernel and its arguments."""

    @property
    def target(self) -> Target:
        """For which processor."""

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""

    @property
    def items(self) -> int:
        """Work items, to be done in any order by any thread."""

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; its first fields are addresses for the call to fill."""


class ConvPlan(Plan, Protocol):
    """A convolution's plan: addresses to fill are x, w, b, r (the residual), y and scratch."""

    @property
    def problem(self) -> ConvProblem:
        """What is to be computed."""

    @property
    def scratch(self) -> int:
        """Elements of memory that each thread needs for itself."""

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """Images, channels, rows and pixels per row of the output."""

    @property
    def packing(self) -> tuple[object, ...]:
        """What the order of packed weights and bias depends on: plans that agree share them."""

    def pack_weight(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """Weights (out, in, rows, columns) in the order in which the kernel reads them."""

    def pack_bias(self, bias: NDArray[np.generic] | None) -> NDArray[np.generic]:
        """The bias, or zeros for none, filled up to whole panels."""
