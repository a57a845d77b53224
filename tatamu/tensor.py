"""Tensor: a multi-dimensional array of one dtype, with torch's methods and torch's numbers."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from tatamu import dtypes, naming, printing
from tatamu.dtypes import DType
from tatamu.methods.algebra import Algebra
from tatamu.methods.altering import Altering
from tatamu.methods.differentiable import Differentiable
from tatamu.methods.interop import Interop
from tatamu.methods.maths import Maths
from tatamu.methods.ordering import Ordering
from tatamu.methods.random import Random
from tatamu.methods.statistics import Statistics
from tatamu.methods.views import MemoryFormat, channels_last, preserve_format
from tatamu.ops.array import Array, made
from tatamu.ops.cast import cast
from tatamu.ops.inplace import refresh
from tatamu.ops.op import apply
from tatamu.ops.reshape import clone

__all__ = ["Tensor"]

T = TypeVar("T", bound=Array)


@naming.known_as("Tensor")
class Tensor(Interop, Maths, Ordering, Statistics, Algebra, Altering, Random, Differentiable):
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

    # ---- memory ----

    @property
    def data(self) -> Tensor:
        """The same memory outside the graph, whose writes autograd does not notice."""
        alias = self.storage.alias()
        return Tensor(alias, self.offset, self.shape, self.strides, self.dtype)

    @data.setter
    def data(self, value: Tensor) -> None:
        if value.dtype is not self.dtype:
            raise RuntimeError(
                "data set to a tensor that has another dtype: "
                f"{value.dtype} for a tensor of {self.dtype}"
            )
        self.storage = value.storage
        self.offset = value.offset
        self.shape = value.shape
        self.strides = value.strides
        self._array = value._array

    # ---- copies and dtypes ----

    def clone(self, *, memory_format: MemoryFormat = preserve_format) -> Self:
        """A copy, in the same memory order unless another is asked for."""
        if memory_format is channels_last:
            copy = self.contiguous(channels_last)
            return copy if copy is not self else copied(self)
        if memory_format is preserve_format and self.channels_last():
            return copied(self)
        return apply(clone, None, self)

    def to(self, *targets: Any, **options: Any) -> Self:
        """Another dtype or memory order. The device can only be the CPU.

        >>> import tatamu
        >>> tatamu.tensor([1.7]).to(tatamu.int32)
        tensor([1], dtype=tatamu.int32)
        """
        x = self
        for target in (*targets, options.get("dtype"), options.get("device")):
            if isinstance(target, DType):
                x = cast(x, target)
            elif isinstance(target, Array):
                x = cast(x, target.dtype)
            elif target is not None and not isinstance(target, bool) and str(target) != "cpu":
                raise RuntimeError(
                    f"Expected device 'cpu', but got {target!r}\n"
                    "  tatamu computes on the CPU only: .to('cpu'), or leave it out"
                )
        memory_format = options.get("memory_format", preserve_format)
        return x if memory_format is preserve_format else x.contiguous(memory_format)

    def type(self, dtype: DType) -> Self:
        """Another dtype."""
        return cast(self, dtype)

    def type_as(self, other: Array) -> Self:
        """The dtype of another tensor."""
        return cast(self, other.dtype)

    def float(self) -> Self:
        """As float32."""
        return cast(self, dtypes.float32)

    def double(self) -> Self:
        """As float64."""
        return cast(self, dtypes.float64)

    def half(self) -> Self:
        """As float16."""
        return cast(self, dtypes.float16)

    def bfloat16(self) -> Self:
        """As bfloat16."""
        return cast(self, dtypes.bfloat16)

    def long(self) -> Self:
        """As int64."""
        return cast(self, dtypes.int64)

    def int(self) -> Self:
        """As int32."""
        return cast(self, dtypes.int32)

    def bool(self) -> Self:
        """As truth values."""
        return cast(self, dtypes.bool_)

    def cpu(self) -> Self:
        """The tensor itself: there is no other device."""
        return self

    def is_floating_point(self) -> Any:
        """Whether the dtype is a floating-point one."""
        return self.dtype.is_floating_point

    def element_size(self) -> Any:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def itemsize(self) -> Any:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        """Bytes of all elements."""
        return self.shape.numel() * self.dtype.itemsize


def copied(x: T) -> T:
    """A copy that lies as ``x`` does."""
    copy = apply(clone, x.strides, x)
    copy.storage.reordered = x.storage.reordered
    return copy


made.type = Tensor
