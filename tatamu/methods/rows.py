"""The methods of Tensor that pick or put whole slices, elements by number, and under masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tatamu import dtypes
from tatamu.methods.gathering import (
    Gathering,
    as_line,
    check_apart,
    check_inside,
    check_mask,
    put_or_write,
    scalar_like,
)
from tatamu.methods.indexing import check_index, is_mask, picking_index, put_checked
from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import constant
from tatamu.ops.expand import expand
from tatamu.ops.inplace import write
from tatamu.ops.layout import broadcast_shapes, wrap_dim
from tatamu.ops.masked import mask_places, masked_fill, masked_fill_by, masked_scatter
from tatamu.ops.op import apply
from tatamu.ops.permute import permute
from tatamu.ops.picking import AT, FLAT, ROWS, filled_rows, filled_rows_by, picked_mask
from tatamu.ops.reshape import reshape

__all__ = ["Rows"]


def _vector(name: str, index: Array) -> Array:
    if len(index.shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    return cast(as_line(index), dtypes.int64)


class Rows(Gathering):
    """Slices by number, elements by number, elements under a mask."""

    __slots__ = ()

    # ---- whole slices ----

    def _unlined(self, result: Any, in_place: bool) -> Self:
        """The result of what was done to this tensor as a line, in this tensor's shape."""
        if in_place:
            return self
        return result if self.shape else reshape(result, ())  # type: ignore[no-any-return]

    def index_select(self, dim: int, index: Array) -> Self:
        """The slices along an axis that a 1-d index names.

        >>> import tatamu
        >>> tatamu.tensor([[1, 2, 3], [4, 5, 6]]).index_select(1, tatamu.tensor([2, 0]))
        tensor([[3, 1],
                [6, 4]])
        """
        place = wrap_dim(dim, len(self.shape))
        if index.dtype not in (dtypes.int64, dtypes.int32):
            raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
        vector = _vector("index_select", index)
        x = as_line(self)
        numbers = vector.array
        if ((numbers < 0) | (numbers >= x.shape[place])).any():
            raise IndexError(
                "index out of range in self\n"
                f"  axis {place} has {x.shape[place]} slices; the index goes from "
                f"{numbers.min()} to {numbers.max()}"
            )
        picked = apply(ROWS.picked, place, x, vector)
        return picked if self.shape else reshape(picked, ())

    def _index_add(
        self, dim: int, index: Array, source: Array, alpha: float, in_place: bool
    ) -> Self:
        place = wrap_dim(dim, len(self.shape))
        if index.dtype not in (dtypes.int64, dtypes.int32):
            raise RuntimeError(
                "index_add_(): Expected dtype int32/int64 for index but got: "
                + index.dtype.legacy_name
            )
        vector, x, added = _vector("index_add_", index), as_line(self), as_line(source)
        if source.dtype is not self.dtype:
            raise RuntimeError(
                f"index_add_(): self ({self.dtype.legacy_name}) and source "
                f"({source.dtype.legacy_name}) must have the same scalar type"
            )
        count = added.shape[place] if place < len(added.shape) else 1
        if count != vector.shape[0]:
            raise RuntimeError(
                f"index_add_(): Number of indices ({vector.shape[0]}) should be equal to "
                f"source.size(dim): ({count}), for dim: {place}"
            )
        if (*x.shape[:place], count, *x.shape[place + 1 :]) != added.shape:
            raise RuntimeError(
                "source tensor shape must match self tensor shape, excluding the specified "
                f"dimension. Got self.shape = {list(self.shape)} source.shape = "
                f"{list(source.shape)}"
            )
        check_inside(vector, place, x.shape[place])
        if in_place:
            check_apart(x, added)
        if alpha != 1:
            added = mul(added, constant(alpha, added.dtype))
        result = put_or_write(x, in_place, ROWS.added, place, vector, added)
        return self._unlined(result, in_place)

    def index_add(self, dim: int, index: Array, source: Array, *, alpha: float = 1) -> Self:
        """A copy with ``alpha * source`` added to the slices that a 1-d index names."""
        return self._index_add(dim, index, source, alpha, False)

    def index_add_(self, dim: int, index: Array, source: Array, *, alpha: float = 1) -> Self:
        """As ``index_add``, in place."""
        return self._index_add(dim, index, source, alpha, True)

    def _index_copy(self, dim: int, index: Array, source: Array, in_place: bool) -> Self:
        place = wrap_dim(dim, len(self.shape))
        if index.dtype is not dtypes.int64:
            raise RuntimeError(
                "index_copy_(): Expected a long tensor for index, but got "
                + index.dtype.legacy_name
            )
        if source.dtype is not self.dtype:
            raise RuntimeError(
                "index_copy_(): self and source expected to have the same dtype, but got (self) "
                f"{self.dtype.legacy_name} and (source) {source.dtype.legacy_name}"
            )
        vector, x, given = _vector("index_copy_", index), as_line(self), as_line(source)
        own, other = list(x.shape), list(given.shape)
        count = other.pop(place) if place < len(other) else 1
        size = own.pop(place)
        if own != other:
            raise RuntimeError(
                "index_copy_(): Source/destination tensor must have same slice shapes. "
                f"Destination slice shape: {' '.join(map(str, own))} at dimension {place} and "
                f"source slice shape: {' '.join(map(str, other))} at dimension {place}."
            )
        if count != vector.shape[0]:
            raise IndexError(
                f"index_copy_(): Number of indices ({vector.shape[0]}) should be equal to "
                f"source.size(dim) ({count})"
            )
        beyond = (vector.array >= size) | (vector.array < 0)
        if beyond.any():
            raise IndexError(
                f"index_copy_(): index {vector.array[beyond][0]} is out of bounds for dimension "
                f"{place} with size {size}"
            )
        if in_place:
            check_apart(x, given)
        result = put_or_write(x, in_place, ROWS.put, place, vector, given)
        return self._unlined(result, in_place)

    def index_copy(self, dim: int, index: Array, source: Array) -> Self:
        """A copy with the slices that a 1-d index names taken from ``source``."""
        return self._index_copy(dim, index, source, False)

    def index_copy_(self, dim: int, index: Array, source: Array) -> Self:
        """As ``index_copy``, in place."""
        return self._index_copy(dim, index, source, True)

    def _index_fill(self, dim: int, index: Array, value: Any, in_place: bool) -> Self:
        place = wrap_dim(dim, len(self.shape))
        if index.dtype is not dtypes.int64:
            raise IndexError("index_fill_(): Expected dtype int64 for index.")
        filling = scalar_like("index_fill_", value, self)
        vector, x = _vector("index_fill_", index), as_line(self)
        check_inside(vector, place, x.shape[place], negative=True, kind=IndexError)
        op = filled_rows_by if isinstance(value, Array) else filled_rows
        result = put_or_write(x, in_place, op, place, vector, filling)
        return self._unlined(result, in_place)

    def index_fill(self, dim: int, index: Array, value: Any) -> Self:
        """A copy with the slices that a 1-d index names filled with one number."""
        return self._index_fill(dim, index, value, False)

    def index_fill_(self, dim: int, index: Array, value: Any) -> Self:
        """As ``index_fill``, in place."""
        return self._index_fill(dim, index, value, True)

    # ---- elements by number ----

    def _numbered(self, name: str, index: Array) -> Array:
        if index.dtype is not dtypes.int64:
            raise RuntimeError(
                f"{name}(): Expected a long tensor for index, but got {index.dtype.legacy_name}"
            )
        count = self.shape.numel()
        beyond = (index.array >= count) | (index.array < -count)
        if beyond.any():
            raise IndexError(
                f"out of range: tried to access index {index.array[beyond].flat[0]} on a tensor "
                f"of {count} elements."
            )
        return index

    def take(self, index: Array) -> Self:
        """Elements by their number, counted over all axes, in the shape of the index.

        >>> import tatamu
        >>> tatamu.tensor([[4, 3, 5], [6, 7, 8]]).take(tatamu.tensor([0, 2, 5]))
        tensor([4, 5, 8])
        """
        return apply(FLAT.picked, None, as_line(self), self._numbered("take", index))

    def _put_numbered(self, index: Array, source: Array, accumulate: bool, in_place: bool) -> Self:
        if source.dtype is not self.dtype:
            raise RuntimeError(
                "put_(): self and source expected to have the same dtype, but got self.dtype = "
                f"{self.dtype.legacy_name} and source.dtype = {source.dtype.legacy_name}"
            )
        if index.shape.numel() != source.shape.numel():
            raise IndexError(
                "put_(): Expected source and index to have the same number of elements, but got "
                f"source.numel() = {source.shape.numel()}, index.numel() = {index.shape.numel()}"
            )
        op = FLAT.added if accumulate else FLAT.put
        index = self._numbered("put_", index)
        values = reshape(source, index.shape)
        result = put_or_write(as_line(self), in_place, op, None, index, values)
        return self._unlined(result, in_place)

    def put(self, index: Array, source: Array, accumulate: bool = False) -> Self:
        """A copy with elements put, or added, by their number, counted over all axes."""
        return self._put_numbered(index, source, accumulate, False)

    def put_(self, index: Array, source: Array, accumulate: bool = False) -> Self:
        """As ``put``, in place."""
        return self._put_numbered(index, source, accumulate, True)

    def _index_put(
        self, indices: Sequence[Array], values: Array, accumulate: bool, in_place: bool
    ) -> Self:
        for place, given in enumerate(indices):
            if not isinstance(given, Array):
                raise TypeError(
                    f"expected Tensor as element {place} in argument 0, but got "
                    f"{type(given).__name__}"
                )
        picks: list[tuple[int, Array]] = []
        axis = 0
        for given in indices:
            check_index(given)
            picks.append((axis, given))
            axis += len(given.shape) if is_mask(given) else 1
        if axis > len(self.shape):
            raise IndexError(
                f"too many indices for tensor of dimension {len(self.shape)} (got {axis})"
            )
        dims, index = picking_index(self.shape, picks)
        op = AT.added if accumulate else AT.put
        return put_or_write(self, in_place, op, dims, index, put_checked(self, dims, index, values))

    def index_put(self, indices: Sequence[Array], values: Array, accumulate: bool = False) -> Self:
        """A copy in which ``[indices] = values``, or ``+= values`` with ``accumulate``."""
        return self._index_put(indices, values, accumulate, False)

    def index_put_(self, indices: Sequence[Array], values: Array, accumulate: bool = False) -> Self:
        """As ``index_put``, in place."""
        return self._index_put(indices, values, accumulate, True)

    # ---- masks ----

    def masked_fill(self, mask: Array, value: Any) -> Self:
        """One number where the mask holds, else what was there; the two are broadcast.

        >>> import tatamu
        >>> x = tatamu.tensor([1.0, -2.0, 3.0])
        >>> x.masked_fill(x < 0, 0)
        tensor([1., 0., 3.])
        """
        check_mask("masked_fill_", mask, mask.dtype.c_name)
        op = masked_fill_by if isinstance(value, Array) else masked_fill
        return apply(op, None, self, mask, scalar_like("masked_fill_", value, self))

    def masked_fill_(self, mask: Array, value: Any) -> Self:
        """As ``masked_fill``, in place."""
        check_mask("masked_fill_", mask, mask.dtype.c_name)
        op = masked_fill_by if isinstance(value, Array) else masked_fill
        return write(op, None, self, mask, scalar_like("masked_fill_", value, self))

    def masked_select(self, mask: Array) -> Self:
        """The elements where the mask holds, as one row; tensor and mask are broadcast."""
        if mask.dtype is not dtypes.bool_:
            raise RuntimeError("masked_select: expected BoolTensor for mask")
        shape = broadcast_shapes(mask.shape, self.shape)
        places = mask_places(np.broadcast_to(mask.array, shape))
        return apply(picked_mask, None, as_line(expand(self, shape)), places)

    def _masked_scatter(self, mask: Array, source: Array) -> tuple[Array, Array]:
        check_mask("masked_scatter_", mask, mask.dtype.legacy_name)
        if source.dtype is not self.dtype:
            raise RuntimeError(
                "masked_scatter: expected self and source to have same dtypes but got"
                f"{self.dtype.legacy_name} and {source.dtype.legacy_name}"
            )
        wide = expand(mask, broadcast_shapes(mask.shape, self.shape))
        if np.count_nonzero(wide.array) > source.shape.numel():
            raise RuntimeError("Number of elements of source < number of ones in mask")
        return wide, source

    def masked_scatter(self, mask: Array, source: Array) -> Self:
        """A copy with the elements of ``source``, in order, put where the mask holds."""
        wide, source = self._masked_scatter(mask, source)
        return apply(masked_scatter, None, expand(self, wide.shape), wide, source)

    def masked_scatter_(self, mask: Array, source: Array) -> Self:
        """As ``masked_scatter``, in place."""
        return write(masked_scatter, None, self, *self._masked_scatter(mask, source))

    # ---- where ----

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """The positions of all elements that are not 0: one a row, or an index for each axis.

        >>> import tatamu
        >>> tatamu.tensor([[0, 3], [5, 0]]).nonzero()
        tensor([[0, 1],
                [1, 0]])
        """
        found = np.atleast_1d(self.array).nonzero()
        if as_tuple:
            return tuple([wrap(np.array(index), dtypes.int64) for index in found])
        stacked = np.array(found if self.shape else (), np.int64)
        if not self.shape:
            stacked = np.empty((0, len(found[0])), np.int64)
        return permute(wrap(stacked, dtypes.int64), (1, 0)).detach()  # type: ignore[attr-defined]

    def argwhere(self) -> Any:
        """The positions of all elements that are not 0, one a row."""
        return self.nonzero()
