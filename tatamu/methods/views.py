"""The methods of Tensor that look at the same memory in another way."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Self

from tatamu import naming
from tatamu.ops.array import Array
from tatamu.ops.expand import expand
from tatamu.ops.index import index
from tatamu.ops.layout import Ints, channels_last_strides, reshaped, wrap_dim
from tatamu.ops.op import apply, view
from tatamu.ops.permute import permute
from tatamu.ops.reshape import clone, reshape, reshape_view, with_strides

__all__ = ["Views", "channels_last", "contiguous_format", "preserve_format", "sizes"]


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
        """How many elements apart neighbours lie, along every axis or one."""
        return self.strides if dim is None else self.strides[wrap_dim(dim, len(self.shape))]

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
        if memory_format is channels_last:
            return len(self.shape) == 4 and self.channels_last()
        return self.in_order()

    def contiguous(self, memory_format: MemoryFormat = contiguous_format) -> Self:
        """The tensor itself if it lies so, else a copy that does.

        Raises RuntimeError for channels_last of anything but four axes.
        """
        if self.is_contiguous(memory_format):
            return self
        if memory_format is not channels_last:
            return apply(clone, None, self)
        if len(self.shape) != 4:
            raise RuntimeError(
                "required rank 4 tensor to use channels_last format\n"
                f"  the tensor has {len(self.shape)} axes: {list(self.shape)}"
            )
        copy = with_strides(self, channels_last_strides(self.shape))
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
        """
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

    def reshape(self, *shape: Any) -> Self:
        """Another shape: a view where the strides allow it, else a copy.

        Raises RuntimeError if the number of elements does not fit.

        >>> import tatamu
        >>> tatamu.arange(6).reshape(3, 2).t().reshape(-1)
        tensor([0, 2, 4, 1, 3, 5])
        """
        return reshape(self, reshaped(self.shape, sizes(shape)))

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
        shape = self.shape
        return self.reshape(*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])

    def ravel(self) -> Self:
        """All elements in one axis."""
        return self.reshape(-1)

    def permute(self, *dims: Any) -> Self:
        """The axes in another order. Raises RuntimeError unless every axis is named once.

        >>> import tatamu
        >>> tatamu.zeros(2, 3, 4).permute(2, 0, 1).shape
        tatamu.Size([4, 2, 3])
        """
        rank = len(self.shape)
        order = sizes(dims)
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
        rank = len(self.shape)
        first, second = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
        order = list(range(rank))
        if rank:
            order[first], order[second] = second, first
        return permute(self, tuple(order))

    def t(self) -> Self:
        """The transpose of a matrix; fewer axes stay as they are."""
        if len(self.shape) > 2:
            raise RuntimeError(
                f"t() expects a tensor with <= 2 dimensions, but self is {len(self.shape)}D"
            )
        return permute(self, tuple(reversed(range(len(self.shape)))))

    @property
    def T(self) -> Self:
        """The axes in reverse order."""
        return permute(self, tuple(reversed(range(len(self.shape)))))

    @property
    def mT(self) -> Self:
        """The last two axes exchanged."""
        return self.transpose(-2, -1)

    def squeeze(self, dim: int | Sequence[int] | None = None) -> Self:
        """Without axes of extent 1: all of them, or those named.

        >>> import tatamu
        >>> tatamu.zeros(1, 3, 1).squeeze(0).shape
        tatamu.Size([3, 1])
        """
        rank = len(self.shape)
        dims = range(rank) if dim is None else [dim] if isinstance(dim, int) else dim
        gone = {wrap_dim(d, rank) for d in dims}
        kept = tuple(n for axis, n in enumerate(self.shape) if n != 1 or axis not in gone)
        return view(reshape_view, kept, self)

    def unsqueeze(self, dim: int) -> Self:
        """With a new axis of extent 1.

        >>> import tatamu
        >>> tatamu.zeros(3, 4).unsqueeze(0).shape
        tatamu.Size([1, 3, 4])
        """
        place = wrap_dim(dim, len(self.shape) + 1)
        shape = (*self.shape[:place], 1, *self.shape[place:])
        return view(reshape_view, shape, self)

    def expand(self, *shape: Any) -> Self:
        """Axes of extent 1 repeated without a copy; -1 leaves an axis as it is.

        Raises RuntimeError if an axis that is to change has another extent than 1.

        >>> import tatamu
        >>> tatamu.tensor([[1], [2]]).expand(-1, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
        """
        wanted = list(sizes(shape))
        own: Sequence[int] = self.shape
        new = len(wanted) - len(own)
        if new < 0:
            raise RuntimeError(
                f"expand({naming.prefix}.{self.dtype.legacy_name}Tensor{{{list(own)}}}, "
                f"size={wanted}): the number of sizes provided ({len(wanted)}) "
                f"must be greater or equal to the number of dimensions in the tensor ({len(own)})"
            )
        for axis, n in enumerate(own, new):
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

    def expand_as(self, other: Array) -> Self:
        """``expand`` to the shape of another tensor."""
        return self.expand(*other.shape)

    def __getitem__(self, where: Any) -> Self:
        return index(self, self._index(where))

    def _index(self, where: Any) -> tuple[Any, ...]:
        """An index checked against the shape, in the form that NumPy answers with a view."""
        parts = where if isinstance(where, tuple) else (where,)
        checked: list[Any] = []
        spent = sum(1 for part in parts if part is not None and part is not ...)
        rank = len(self.shape)
        if spent > rank:
            raise IndexError(f"too many indices for tensor of dimension {rank}")
        axis = 0
        for part in parts:
            if part is None or part is ...:
                checked.append(part)
                axis += rank - spent if part is ... else 0
                continue
            checked.append(self._position(part, axis))
            axis += 1
        if ... not in checked:
            checked.append(...)
        return tuple(checked)

    def _position(self, part: Any, axis: int) -> int | slice:
        if isinstance(part, slice):
            if part.step is not None and operator.index(part.step) < 1:
                raise ValueError("step must be greater than zero")
            return part
        try:
            if isinstance(part, (bool, Array)):
                raise TypeError
            at = operator.index(part)
        except TypeError:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables "
                f"are valid indices (got {type(part).__name__})\n"
                "  tatamu has no indexing by lists, masks or tensors: x.numpy()[...] does"
            ) from None
        size = self.shape[axis]
        if not -size <= at < size:
            raise IndexError(f"index {at} is out of bounds for dimension {axis} with size {size}")
        return at

    def select(self, dim: int, index: int) -> Self:
        """One position along an axis, which goes."""
        place = wrap_dim(dim, len(self.shape))
        return self[(slice(None),) * place + (index,)]

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """``length`` positions along an axis from ``start``."""
        place = wrap_dim(dim, len(self.shape))
        return self[(slice(None),) * place + (slice(start, start + length),)]

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """Every position along an axis."""
        place = wrap_dim(dim, len(self.shape))
        return tuple(self.select(place, i) for i in range(self.shape[place]))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Self]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))
