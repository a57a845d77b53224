"""The methods of Tensor that look at the same memory in another way."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Self

from tatamu import naming
from tatamu.dtypes import DType
from tatamu.methods.indexing import seen_at
from tatamu.ops.array import Array
from tatamu.ops.common import interned
from tatamu.ops.expand import expand
from tatamu.ops.index import unsqueeze
from tatamu.ops.layout import (
    Ints,
    Size,
    channels_last_strides,
    contiguous_strides,
    is_contiguous,
    reshaped,
    wrap_dim,
)
from tatamu.ops.op import Op, apply, view, view_kind
from tatamu.ops.permute import permute, t, transpose
from tatamu.ops.reshape import (
    SQUEEZED,
    SQUEEZED_IN_PLACE,
    clone,
    reshape,
    reshape_view,
)

__all__ = [
    "SQUEEZED_IN_PLACE",
    "Views",
    "channels_last",
    "contiguous_format",
    "exchanged",
    "named",
    "preserve_format",
    "sizes",
]


@naming.known_as("memory_format")
class MemoryFormat:
    """An order for the elements to lie in."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{naming.prefix}.{self.name}"


contiguous_format = MemoryFormat("contiguous_format")
channels_last = MemoryFormat("channels_last")
preserve_format = MemoryFormat("preserve_format")


def sizes(arguments: tuple[Any, ...]) -> Ints:
    """``f(2, 3)`` and ``f((2, 3))`` alike, as torch has it."""
    if len(arguments) == 1 and isinstance(arguments[0], Sequence):
        arguments = tuple(arguments[0])
    return tuple([operator.index(n) for n in arguments])


def named(arguments: tuple[Any, ...], keyword: Any) -> tuple[Any, ...]:
    """Sizes or axes that came one by one, or as a sequence under torch's name for them."""
    return arguments if keyword is None else (keyword,)


def exchanged(rank: int, dim0: int, dim1: int) -> Ints:
    """The order of axes in which two are exchanged."""
    first, second = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[first], order[second] = second, first
    return tuple(order)


class Views(Array):
    """Shape, strides, and every view of them."""

    __slots__ = ()

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def dim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its extent along one axis.

        >>> import tatamu
        >>> tatamu.zeros(2, 3).size(), tatamu.zeros(2, 3).size(-1)
        (tatamu.Size([2, 3]), 3)
        """
        return self.shape if dim is None else self.shape[wrap_dim(dim, len(self.shape))]

    def numel(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours lie, along every axis or one.

        Outputs of operations count as lying in C order, as torch's do, in whatever order they lie.
        """
        strides = self.shown_strides()
        return strides if dim is None else strides[wrap_dim(dim, len(self.shape))]

    def storage_offset(self) -> int:
        """How many elements into its storage the tensor begins."""
        return self.offset

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.address

    def is_contiguous(self, memory_format: MemoryFormat = contiguous_format) -> bool:
        """Whether the elements lie in C order, or channels-last if that is asked for.

        >>> import tatamu
        >>> x = tatamu.zeros(1, 3, 4, 4).contiguous(memory_format=tatamu.channels_last)
        >>> x.stride(), x.is_contiguous(), x.is_contiguous(memory_format=tatamu.channels_last)
        ((48, 1, 12, 3), False, True)
        """
        wanted = contiguous_strides
        if memory_format is channels_last:
            if len(self.shape) != 4:
                return False
            wanted = channels_last_strides
        return is_contiguous(self.shape, self.shown_strides(), wanted(self.shape))

    def contiguous(self, memory_format: MemoryFormat = contiguous_format) -> Self:
        """The tensor itself if it lies so, else a copy that does.

        Raises RuntimeError for channels_last of anything but four axes.
        """
        if memory_format is not channels_last:
            # A turned view of what we laid out may lie in C order where torch's does not.
            plain = self.in_order() and self.is_contiguous()
            return self if plain else apply(clone, None, self)
        if self.is_contiguous(memory_format):
            return self
        if len(self.shape) != 4:
            raise RuntimeError(
                "required rank 4 tensor to use channels_last format\n"
                f"  the tensor has {len(self.shape)} axes: {list(self.shape)}"
            )
        copy = apply(clone, interned(channels_last_strides(self.shape)), self)
        copy.storage.reordered = False  # the user chose this layout, and knows
        return copy

    def view(self, *shape: Any) -> Self:
        """The same memory under another shape; one size may be -1.

        An operation's output may lie channels-last in memory, which not every view can express.
        Such a view copies, and from then on a write in place to either side raises RuntimeError,
        for it would be seen on one side only. RuntimeError too where sizes or strides do not fit.

        >>> import tatamu
        >>> tatamu.arange(6).view(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])

        Given a dtype, it shows the bytes as numbers of that dtype.
        """
        if shape and isinstance(shape[0], DType):
            return self._bytes_as(shape[0])
        wanted = reshaped(self.shape, sizes(shape))
        try:
            return view(reshape_view, wanted, self)
        except ValueError:
            pass
        if not self.storage.reordered:
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one "
                "dimension spans across two contiguous subspaces). Use .reshape(...) instead.\n"
                f"  shape {list(self.shape)} with strides {self.strides} cannot be seen as "
                f"{list(wanted)} without a copy"
            )
        copy = apply(clone, None, self)
        copy.storage.link(self.storage)
        return view(reshape_view, wanted, copy)

    def _bytes_as(self, dtype: DType) -> Self:
        """The same bytes as numbers of another dtype, outside the graph."""
        old, new = self.dtype.itemsize, dtype.itemsize
        shape, strides, offset = list(self.shape), list(self.strides), self.offset
        if old != new:
            if not shape:
                raise RuntimeError(
                    f"self.dim() cannot be 0 to view {self.dtype.legacy_name} as "
                    f"{dtype.legacy_name} (different element sizes)"
                )
            self._check_bytes(dtype)
            shape[-1] = shape[-1] * old // new
            strides = [n * old // new for n in strides[:-1]] + [1]
            offset = offset * old // new
        out = type(self)(self.storage, offset, Size(shape), tuple(strides), dtype)
        out.base = self if self.base is None else self.base
        out.view_version = self.storage.version
        out.view_kind = view_kind(self)
        return out

    def _check_bytes(self, dtype: DType) -> None:
        """RuntimeError unless the bytes of rows can be seen as numbers of another size."""
        names = f"{self.dtype.legacy_name} as {dtype.legacy_name} (different element sizes)"
        if self.strides[-1] != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {names}, but got {self.strides[-1]}"
            )
        times = dtype.itemsize // self.dtype.itemsize
        if not times:
            return
        if self.shape[-1] % times:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {times} to view {names}, but got "
                f"{self.shape[-1]}"
            )
        if self.offset % times:
            raise RuntimeError(
                f"self.storage_offset() must be divisible by {times} to view {names}, but got "
                f"{self.offset}"
            )
        for axis, step in enumerate(self.strides[:-1]):
            if step % times:
                raise RuntimeError(
                    f"self.stride({axis}) must be divisible by {times} to view {names}, but got "
                    f"{step}"
                )

    def reshape(self, *sizes_: Any, shape: Any = None) -> Self:
        """Another shape: a view where the strides allow it, else a copy.

        Raises RuntimeError if the number of elements does not fit.

        >>> import tatamu
        >>> tatamu.arange(6).reshape(3, 2).t().reshape(-1)
        tensor([0, 2, 4, 1, 3, 5])
        """
        return reshape(self, reshaped(self.shape, sizes(named(sizes_, shape))))

    def view_as(self, other: Array) -> Self:
        """``view`` with the shape of another tensor."""
        return self.view(*other.shape)

    def reshape_as(self, other: Array) -> Self:
        """``reshape`` to the shape of another tensor."""
        return self.reshape(*other.shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """The axes from one to another made one.

        >>> import tatamu
        >>> tatamu.zeros(2, 3, 4).flatten(1).shape
        tatamu.Size([2, 12])
        """
        rank = len(self.shape)
        start, end = wrap_dim(start_dim, rank), wrap_dim(end_dim, rank)
        if start > end:
            raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
        if rank == 0:
            return self.reshape(1)
        if start == end:
            return self
        shape = self.shape
        return self.reshape(*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])

    def ravel(self) -> Self:
        """All elements in one axis."""
        return self.contiguous().view(-1)

    def permute(self, *axes: Any, dims: Any = None) -> Self:
        """The axes in another order. Raises RuntimeError unless every axis is named once.

        >>> import tatamu
        >>> tatamu.zeros(2, 3, 4).permute(2, 0, 1).shape
        tatamu.Size([4, 2, 3])
        """
        rank = len(self.shape)
        order = sizes(named(axes, dims))
        if len(order) != rank:
            raise RuntimeError(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the "
                f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not "
                f"equal to len(dims) = {len(order)}"
            )
        order = tuple([wrap_dim(dim, rank) for dim in order])
        if len(set(order)) != rank:
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        return permute(self, order)

    def transpose(self, dim0: int, dim1: int) -> Self:
        """Two axes exchanged."""
        return view(transpose, exchanged(len(self.shape), dim0, dim1), self)

    def swapaxes(self, axis0: int, axis1: int) -> Self:
        """Two axes exchanged."""
        return self.transpose(axis0, axis1)

    def swapdims(self, dim0: int, dim1: int) -> Self:
        """Two axes exchanged."""
        return self.transpose(dim0, dim1)

    def t(self) -> Self:
        """The transpose of a matrix; fewer axes stay as they are."""
        if len(self.shape) > 2:
            raise RuntimeError(
                f"t() expects a tensor with <= 2 dimensions, but self is {len(self.shape)}D"
            )
        return view(t, tuple(reversed(range(len(self.shape)))), self)

    @property
    def T(self) -> Self:
        """The axes in reverse order. torch warns of it where there are not two."""
        rank = len(self.shape)
        if not rank:
            warnings.warn(
                "Tensor.T is deprecated on 0-D tensors. This function is the identity in these "
                "cases.",
                UserWarning,
                stacklevel=2,
            )
        elif rank != 2:
            warnings.warn(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
                "deprecated and it will throw an error in a future release. Consider `x.mT` to "
                "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` "
                "to reverse the dimensions of a tensor.",
                UserWarning,
                stacklevel=2,
            )
        return permute(self, tuple(reversed(range(rank))))

    @property
    def mT(self) -> Self:
        """The last two axes exchanged."""
        if len(self.shape) < 2:
            raise RuntimeError(
                "tensor.mT is only supported on matrices or batches of matrices. Got "
                f"{len(self.shape)}-D tensor."
            )
        return self.transpose(-2, -1)

    @property
    def mH(self) -> Self:
        """As ``mT``, for there are no complex numbers."""
        return self.transpose(-2, -1)

    @property
    def H(self) -> Self:
        """The transpose of a matrix."""
        if len(self.shape) != 2:
            raise RuntimeError(
                "tensor.H is only supported on matrices (2-D tensors). Got "
                f"{len(self.shape)}-D tensor. For batches of matrices, consider using tensor.mH"
            )
        return self.transpose(0, 1)

    def adjoint(self) -> Self:
        """As ``mT``, for there are no complex numbers."""
        return self.transpose(-2, -1)

    def squeeze(self, dim: int | Sequence[int] | None = None) -> Self:
        """Without axes of extent 1: all of them, or those named.

        >>> import tatamu
        >>> tatamu.zeros(1, 3, 1).squeeze(0).shape
        tatamu.Size([3, 1])
        """
        return self._squeezed(dim, SQUEEZED)

    def _squeezed(self, dim: int | Sequence[int] | None, ops: Sequence[Op]) -> Self:
        rank = len(self.shape)
        dims = range(rank) if dim is None else [dim] if isinstance(dim, int) else dim
        gone = {wrap_dim(d, rank) for d in dims}
        kept = tuple(n for axis, n in enumerate(self.shape) if n != 1 or axis not in gone)
        which = 0 if dim is None else 1 if isinstance(dim, int) else 2
        return view(ops[which], kept, self)

    def unsqueeze(self, dim: int) -> Self:
        """With a new axis of extent 1.

        >>> import tatamu
        >>> tatamu.zeros(3, 4).unsqueeze(0).shape
        tatamu.Size([1, 3, 4])
        """
        place = wrap_dim(dim, len(self.shape) + 1)
        return seen_at(self, unsqueeze, ((slice(None),) * place + (None, ...)))

    def expand(self, *shape: Any, size: Any = None, implicit: bool = False) -> Self:
        """Axes of extent 1 repeated without a copy; -1 leaves an axis as it is.

        Raises RuntimeError if an axis that is to change has another extent than 1.

        >>> import tatamu
        >>> tatamu.tensor([[1], [2]]).expand(-1, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
        """
        wanted = list(sizes(named(shape, size)))
        own: Sequence[int] = self.shape
        new = len(wanted) - len(own)
        if new < 0:
            raise RuntimeError(
                f"expand({naming.prefix}.{self.dtype.legacy_name}Tensor{{{list(own)}}}, "
                f"size={wanted}): the number of sizes provided ({len(wanted)}) "
                f"must be greater or equal to the number of dimensions in the tensor ({len(own)})"
            )
        for axis in reversed(range(new, len(wanted))):
            n = own[axis - new]
            if wanted[axis] == -1:
                wanted[axis] = n
            elif n not in (1, wanted[axis]):
                raise RuntimeError(
                    f"The expanded size of the tensor ({wanted[axis]}) must match the existing "
                    f"size ({n}) at non-singleton dimension {axis}.  Target sizes: {wanted}.  "
                    f"Tensor sizes: {list(own)}"
                )
        if min(wanted, default=0) < 0:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                f"dimension {wanted.index(-1)}"
            )
        return expand(self, tuple(wanted))

    def broadcast_to(self, *shape: Any, size: Any = None) -> Self:
        """As ``expand``."""
        return self.expand(*named(shape, size))

    def expand_as(self, other: Array) -> Self:
        """``expand`` to the shape of another tensor."""
        return self.expand(*other.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Self]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]
