"""The methods of Tensor that compute: arithmetic, functions, comparisons, products."""

from __future__ import annotations

from typing import Any, Self

from tatamu.methods.elementary import Elementary
from tatamu.methods.logic import Logic
from tatamu.methods.reductions import Reductions
from tatamu.ops import pointwise, products
from tatamu.ops.arithmetic import neg
from tatamu.ops.array import Array
from tatamu.ops.matmul import matmul

__all__ = ["Maths"]


class Maths(Logic, Elementary, Reductions):
    """Everything that makes new numbers, or writes them in place."""

    __slots__ = ()

    def __neg__(self) -> Self:
        return neg(self)

    def __pos__(self) -> Self:
        return self.positive()

    def __abs__(self) -> Self:
        return pointwise.abs_(self)

    def __matmul__(self, other: Array) -> Self:
        if not isinstance(other, Array):
            return NotImplemented
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return NotImplemented

    def matmul(self, other: Array) -> Self:
        """The matrix product, over the last two axes, broadcast over the others."""
        return matmul(self, other)

    def mm(self, mat2: Array) -> Self:
        """The product of two matrices."""
        return products.mm(self, mat2)

    def bmm(self, mat2: Array) -> Self:
        """The products of two stacks of as many matrices."""
        return products.bmm(self, mat2)

    def mv(self, vec: Array) -> Self:
        """A matrix times a vector."""
        return products.mv(self, vec)

    def dot(self, tensor: Array) -> Self:
        """The sum of two vectors' products."""
        return products.dot(self, tensor)

    def outer(self, vec2: Array) -> Self:
        """All products of two vectors' numbers."""
        return products.outer(self, vec2)

    def addmm(self, mat1: Array, mat2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * (mat1 @ mat2)``."""
        return products.addmm(self, mat1, mat2, beta=beta, alpha=alpha)

    def addmv(self, mat: Array, vec: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * (mat @ vec)``."""
        return products.addmv(self, mat, vec, beta=beta, alpha=alpha)

    def baddbmm(self, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * bmm(batch1, batch2)``."""
        return products.baddbmm(self, batch1, batch2, beta=beta, alpha=alpha)
