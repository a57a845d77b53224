"""The methods of Tensor that change its shape in place, and those that make others like it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tatamu.dtypes import DType
from tatamu.methods.gathering import scalar_like
from tatamu.methods.indexing import seen_at
from tatamu.methods.shaping import Shaping
from tatamu.methods.views import SQUEEZED_IN_PLACE, exchanged, sizes
from tatamu.ops.array import Array
from tatamu.ops.cast import overwrite
from tatamu.ops.common import full
from tatamu.ops.index import unsqueeze_
from tatamu.ops.inplace import check_leaf, write
from tatamu.ops.layout import Ints, Size, contiguous_strides, wrap_dim
from tatamu.ops.op import view
from tatamu.ops.permute import t_, transpose_
from tatamu.ops.strided import as_strided_
from tatamu.ops.turned import tril, triu
from tatamu.runtime.storage import Storage

__all__ = ["Altering"]


class Altering(Shaping):
    """Another shape for this very tensor, and new tensors of its dtype."""

    __slots__ = ()

    # ---- triangles and diagonals in place ----

    def tril_(self, diagonal: int = 0) -> Self:
        """As ``tril``, in place."""
        self._triangle("tril")
        return write(tril, diagonal, self)

    def triu_(self, diagonal: int = 0) -> Self:
        """As ``triu``, in place."""
        self._triangle("triu")
        return write(triu, diagonal, self)

    def fill_diagonal_(self, fill_value: Any, wrap: bool = False) -> Self:
        """One number on the main diagonal; with ``wrap`` again below it in a tall matrix.

        >>> import tatamu
        >>> tatamu.zeros(2, 3).fill_diagonal_(5)
        tensor([[5., 0., 0.],
                [0., 5., 0.]])
        """
        rank = len(self.shape)
        if rank < 2:
            raise RuntimeError("dimensions must larger than 1")
        if rank > 2 and len(set(self.shape)) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")
        value = scalar_like("fill_diagonal_", fill_value, self)
        step, size = sum(self.strides), min(self.shape)
        write(overwrite, None, self.as_strided((size,), (step,)), value)
        height, width = self.shape[:2]
        if wrap and rank == 2 and height > width + 1:
            below = self.offset + (width + 1) * self.strides[0]
            more = -(-height * width // (width + 1)) - size
            write(overwrite, None, self.as_strided((more,), (step,), below), value)
        return self

    # ---- other shapes in place ----

    def _become(self, other: Array) -> Self:
        """This very tensor with the shape and strides of a view of it."""
        check_leaf(self)
        self.shape, self.strides, self.offset = other.shape, other.strides, other.offset
        self._array = other._array
        self.storage.touch()
        self.view_version = self.storage.version
        if other.node is not None:
            self.node = other.node
            self.output_nr = other.output_nr
        return self

    def t_(self) -> Self:
        """Transpose a matrix, in place."""
        if len(self.shape) > 2:
            raise RuntimeError(
                f"t_() expects a tensor with <= 2 dimensions, but self is {len(self.shape)}D"
            )
        return self._become(view(t_, tuple(reversed(range(len(self.shape)))), self))

    def transpose_(self, dim0: int, dim1: int) -> Self:
        """Exchange two axes, in place."""
        order = exchanged(len(self.shape), dim0, dim1)
        return self._become(view(transpose_, order, self))

    def swapaxes_(self, axis0: int, axis1: int) -> Self:
        """Exchange two axes, in place."""
        return self.transpose_(axis0, axis1)

    def swapdims_(self, dim0: int, dim1: int) -> Self:
        """Exchange two axes, in place."""
        return self.transpose_(dim0, dim1)

    def squeeze_(self, dim: int | Sequence[int] | None = None) -> Self:
        """Leave axes of one out, in place."""
        return self._become(self._squeezed(dim, SQUEEZED_IN_PLACE))

    def unsqueeze_(self, dim: int) -> Self:
        """Add an axis of one, in place."""
        place = wrap_dim(dim, len(self.shape) + 1)
        return self._become(seen_at(self, unsqueeze_, ((slice(None),) * place + (None, ...))))

    def as_strided_(
        self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Self:
        """As ``as_strided``, in place."""
        return self._become(self._strided(as_strided_, size, stride, storage_offset))

    def resize_(self, *sizes_: Any, memory_format: Any = None) -> Self:
        """Another shape in C order over the same memory; where that is too small, over more of it.

        Raises RuntimeError for a tensor that requires grad.
        """
        if self.requires_grad:  # type: ignore[attr-defined]
            raise RuntimeError("cannot resize variables that require grad")
        shape = Size(sizes(sizes_))
        if min(shape, default=0) < 0:
            raise RuntimeError("numel: integer multiplication overflow")
        needed = (self.offset + shape.numel()) * self.dtype.itemsize
        if needed > self.storage.nbytes:
            larger = Storage(needed)
            np.asarray(larger)[: self.storage.nbytes] = np.asarray(self.storage)
            self.storage = larger
        self.shape, self.strides = shape, contiguous_strides(shape)
        self._array = None
        return self

    def resize_as_(self, the_template: Array, *, memory_format: Any = None) -> Self:
        """As ``resize_``, to the shape of another tensor."""
        return self.resize_(the_template.shape)

    # ---- new tensors of the same dtype ----

    def _new(self, shape: Ints, value: Any, dtype: DType | None, requires_grad: bool) -> Any:
        out = full(shape, value, dtype or self.dtype)
        return out.requires_grad_() if requires_grad else out  # type: ignore[attr-defined]

    def new_zeros(
        self,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Self:
        """Zeros of this dtype, in another shape."""
        return self._new(sizes(size), 0, dtype, requires_grad)  # type: ignore[no-any-return]

    def new_ones(
        self,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Self:
        """Ones of this dtype, in another shape."""
        return self._new(sizes(size), 1, dtype, requires_grad)  # type: ignore[no-any-return]

    def new_empty(
        self,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Self:
        """A tensor of this dtype, in another shape, with nothing particular in it."""
        return self._new(sizes(size), 0, dtype, requires_grad)  # type: ignore[no-any-return]

    def new_full(
        self,
        size: Sequence[int],
        fill_value: Any,
        *,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Self:
        """One number in this dtype, in another shape."""
        return self._new(sizes((size,)), fill_value, dtype, requires_grad)  # type: ignore[no-any-return]

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Self:
        """A tensor with a copy of ``data``, in this dtype."""
        from tatamu.filled import leaf
        from tatamu.from_data import made_of

        if isinstance(data, Array):
            warnings.warn(
                "To copy construct from a tensor, it is recommended to use "
                "sourceTensor.detach().clone() or "
                "sourceTensor.detach().clone().requires_grad_(True), rather than "
                "tensor.new_tensor(sourceTensor).",
                UserWarning,
                stacklevel=2,
            )
        out: Any = leaf(made_of(data, dtype or self.dtype), requires_grad)
        return out  # type: ignore[no-any-return]
