"""Tensor: a multi-dimensional array of one dtype, with torch's methods and torch's numbers."""

from __future__ import annotations

from typing import Self, TypeVar

from tatamu import missing, naming, printing
from tatamu.methods.algebra import Algebra
from tatamu.methods.altering import Altering
from tatamu.methods.differentiable import Differentiable
from tatamu.methods.interop import Interop
from tatamu.methods.maths import Maths
from tatamu.methods.ordering import Ordering
from tatamu.methods.random import Random
from tatamu.methods.statistics import Statistics
from tatamu.methods.types import Types
from tatamu.methods.views import MemoryFormat, channels_last, preserve_format
from tatamu.ops.array import Array, made
from tatamu.ops.common import interned
from tatamu.ops.inplace import refresh
from tatamu.ops.layout import axis_order
from tatamu.ops.op import apply
from tatamu.ops.reshape import clone

__all__ = ["Tensor"]

T = TypeVar("T", bound=Array)


@naming.known_as("Tensor")
class Tensor(
    Interop, Maths, Types, Ordering, Statistics, Algebra, Altering, Random, Differentiable
):
    """A shape over memory. Made by ``tatamu.tensor``, ``zeros``, ``from_numpy`` and their like.

    >>> import tatamu
    >>> x = tatamu.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = ()

    # ---- text ----

    def __format__(self, spec: str) -> str:
        if not self.shape and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self) -> str:
        refresh(self)
        return printing.describe(self)

    def __dir__(self) -> list[str]:
        return missing.present(type(self), object.__dir__(self))

    # ---- memory ----

    @property
    def data(self) -> Tensor:
        """The same memory outside the graph, whose writes autograd does not notice."""
        alias = self.storage.alias()
        return Tensor(alias, self.offset, self.shape, self.strides, self.dtype)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Array):
            raise TypeError(
                f"Variable data has to be a tensor, but got {type(value).__name__}\n"
                "  torch.tensor(...) makes one"
            )
        self.storage = value.storage
        self.offset = value.offset
        self.shape = value.shape
        self.strides = value.strides
        self.dtype = value.dtype
        self._array = value._array

    # ---- copies ----

    def clone(self, *, memory_format: MemoryFormat = preserve_format) -> Self:
        """A copy, in the same memory order unless another is asked for."""
        if memory_format is channels_last:
            copy = self.contiguous(channels_last)
            return copy if copy is not self else copied(self)
        if memory_format is preserve_format and axis_order(self.shape, self.strides) is not None:
            return copied(self)
        return apply(clone, None, self)


def copied(x: T) -> T:
    """A copy that lies as ``x`` does."""
    copy = apply(clone, interned(x.strides), x)
    copy.storage.reordered = x.storage.reordered
    return copy


made.type = Tensor
missing.mark(Tensor, "torch.Tensor")
