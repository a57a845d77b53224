"""The methods of Tensor that sort, search and run along an axis."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tatamu import return_types
from tatamu.dtypes import DType, bool_, int64, narrow, widen
from tatamu.methods.axes import along_axis, reduction_of
from tatamu.ops import scan, sorting
from tatamu.ops.arithmetic import sub
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.comparison import ne
from tatamu.ops.index import index
from tatamu.ops.inplace import write
from tatamu.ops.layout import wrap_dim
from tatamu.ops.op import Op, apply, apply_all
from tatamu.ops.reshape import reshape
from tatamu.ops.sorting import Pick, pick
from tatamu.ops.totals import joined

__all__ = ["Ordering"]


class Ordering(Array):
    """Order along an axis, and sums and extremes so far."""

    __slots__ = ()

    def _taken(self, op: Op, attrs: Pick) -> tuple[Any, ...]:
        """``op`` along an axis; a tensor without axes is one number along one."""
        if self.shape:
            return apply_all(op, attrs, self)
        if op in (sorting.sort, sorting.topk):
            flat = apply_all(op, attrs, reshape(self, (1,)))
            return tuple(reshape(part, ()) for part in flat)
        return apply_all(op, attrs._replace(keepdim=False), reshape(self, (1,)))

    def _axis(self, dim: int) -> int:
        return wrap_dim(dim, len(self.shape))

    @along_axis
    def sort(self, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
        """The elements in order along an axis, and where they stood. Equals keep their order.

        >>> import tatamu
        >>> values, indices = tatamu.tensor([3, 1, 2]).sort(descending=True)
        >>> values, indices
        (tensor([3, 2, 1]), tensor([0, 2, 1]))
        """
        attrs = pick(self._axis(dim), None, descending, overload=int(stable is not None))
        return return_types.sort(*self._taken(sorting.sort, attrs))

    @along_axis
    def argsort(self, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Self:
        """Where the elements stand that come first, second and so on along an axis."""
        found = self.sort(dim, descending)[1]
        return found  # type: ignore[no-any-return]

    def msort(self) -> Self:
        """The elements in order along the first axis."""
        return self.sort(0)[0]  # type: ignore[no-any-return]

    @along_axis
    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
        """The ``k`` largest or smallest along an axis, in order, and where they stand.

        RuntimeError if there are fewer.

        >>> import tatamu
        >>> tatamu.tensor([3.0, 1.0, 2.0]).topk(2).indices
        tensor([0, 2])
        """
        attrs = pick(self._axis(dim), int(k), largest)
        return return_types.topk(*self._taken(sorting.topk, attrs))

    @along_axis
    def kthvalue(self, k: int, dim: int = -1, keepdim: bool = False) -> Any:
        """The ``k``-th smallest (from 1) along an axis, and where it stands."""
        attrs = pick(self._axis(dim), int(k), keepdim=keepdim)
        return return_types.kthvalue(*self._taken(sorting.kthvalue, attrs))

    @along_axis
    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The middle number, of two the lower: of all, or along an axis with its place.

        NaN if there is one; ``nanmedian`` leaves them out.

        >>> import tatamu
        >>> tatamu.tensor([4, 1, 3, 2]).median()
        tensor(2)
        """
        if dim is None:
            return apply(sorting.median, reduction_of(self.shape, None, False), self)
        attrs = pick(self._axis(dim), keepdim=keepdim, overload=1)
        return return_types.median(*self._taken(sorting.median_along, attrs))

    @along_axis
    def nanmedian(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The middle of all that is not NaN."""
        if dim is None:
            return apply(sorting.nanmedian, reduction_of(self.shape, None, False), self)
        attrs = pick(self._axis(dim), keepdim=keepdim, overload=1)
        return return_types.nanmedian(*self._taken(sorting.nanmedian_along, attrs))

    @along_axis
    def mode(self, dim: int = -1, keepdim: bool = False) -> Any:
        """The most frequent number along an axis, of several the smallest, and its last place."""
        attrs = pick(self._axis(dim), keepdim=keepdim)
        return return_types.mode(*self._taken(sorting.mode, attrs))

    # ---- along an axis ----

    @along_axis
    def cumsum(self, dim: int, *, dtype: DType | None = None) -> Self:
        """The sums so far along an axis. Integers and truth values sum to int64.

        >>> import tatamu
        >>> tatamu.tensor([1, 2, 3]).cumsum(0)
        tensor([1, 3, 6])
        """
        return self._running(scan.cumsum, dim, dtype)

    @along_axis
    def cumprod(self, dim: int, *, dtype: DType | None = None) -> Self:
        """The products so far along an axis."""
        return self._running(scan.cumprod, dim, dtype)

    def cumsum_(self, dim: int, *, dtype: DType | None = None) -> Self:
        """As ``cumsum``, in place."""
        return self._running_in_place(scan.cumsum, dim, dtype)

    def cumprod_(self, dim: int, *, dtype: DType | None = None) -> Self:
        """As ``cumprod``, in place."""
        return self._running_in_place(scan.cumprod, dim, dtype)

    def _running_in_place(self, op: Op, dim: int, dtype: DType | None) -> Self:
        if dtype not in (None, self.dtype):
            assert dtype is not None
            raise RuntimeError(
                f"Bad in-place call: input tensor dtype {self.dtype.c_name} and output tensor "
                f"dtype {dtype.c_name} should match\n  leave dtype= out"
            )
        return write(op, scan.scan(self._axis(dim)), self)

    @along_axis
    def logcumsumexp(self, dim: int) -> Self:
        """The logarithm of the sums so far of e to the power of each element."""
        if not self.dtype.is_floating_point:
            raise NotImplementedError(
                f"\"logcumsumexp_out_cpu\" not implemented for '{self.dtype.legacy_name}'\n"
                "  x.float() makes it float32"
            )
        return self._running(scan.logcumsumexp, dim, None)

    def _running(self, op: Op, dim: int, dtype: DType | None) -> Self:
        wide = self.dtype if self.dtype.is_floating_point else int64
        return apply(op, scan.scan(self._axis(dim)), cast(self, dtype or wide))

    @along_axis
    def cummax(self, dim: int) -> Any:
        """The largest so far along an axis, and where it stands (of equals the last).

        >>> import tatamu
        >>> tatamu.tensor([1, 3, 2]).cummax(0).values
        tensor([1, 3, 3])
        """
        return return_types.cummax(*apply_all(scan.cummax, scan.scan(self._axis(dim)), self))

    @along_axis
    def cummin(self, dim: int) -> Any:
        """The smallest so far along an axis, and where it stands (of equals the last)."""
        return return_types.cummin(*apply_all(scan.cummin, scan.scan(self._axis(dim)), self))

    @along_axis
    def diff(
        self, n: int = 1, dim: int = -1, prepend: Array | None = None, append: Array | None = None
    ) -> Self:
        """The differences of neighbours along an axis, ``n`` times over.

        ``prepend`` and ``append`` are joined to the axis before. RuntimeError without an axis.

        >>> import tatamu
        >>> tatamu.tensor([1, 4, 9]).diff()
        tensor([3, 5])
        """
        if not self.shape:
            raise RuntimeError(
                "diff expects input to be at least one-dimensional\n  one number has no neighbour"
            )
        if n < 0:
            raise RuntimeError(f"order must be non-negative but got {n}")
        axis = self._axis(dim)
        x = self if prepend is None and append is None else self._joined(prepend, append, axis)
        before = (slice(None),) * axis
        for _ in range(n):
            later, sooner = (*before, slice(1, None), ...), (*before, slice(0, -1), ...)
            x = (ne if x.dtype is bool_ else sub)(index(x, later), index(x, sooner))
        return x

    def _joined(self, prepend: Array | None, append: Array | None, axis: int) -> Self:
        x: Any = self
        for part, first in ((prepend, True), (append, False)):
            if part is not None:
                x = joined(part, x, axis) if first else joined(x, part, axis)
        return x  # type: ignore[no-any-return]

    # ---- finding ----

    def unique(
        self,
        sorted: bool = True,
        return_inverse: bool = False,
        return_counts: bool = False,
        dim: int | None = None,
    ) -> Any:
        """Each number once, in order; along ``dim`` each slice once.

        With it, if asked for, which of them each element is, and how often each stands.

        >>> import tatamu
        >>> tatamu.tensor([3, 1, 3]).unique(return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
        """
        x = widen(self.array, self.dtype)
        found, inverse, counts = np.unique(
            x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False
        )
        if dim is not None:
            inverse = inverse.reshape(-1)
        return self._unique(found, inverse, counts, return_inverse, return_counts)

    def _unique(
        self, found: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool
    ) -> Any:
        parts: list[Any] = [_stored(found, self.dtype)]
        if return_inverse:
            parts.append(_stored(inverse, int64))
        if return_counts:
            parts.append(_stored(counts, int64))
        return parts[0] if len(parts) == 1 else tuple(parts)

    def unique_consecutive(
        self, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
    ) -> Any:
        """Each run of equal numbers once; along ``dim`` each run of equal slices.

        >>> import tatamu
        >>> tatamu.tensor([1, 1, 2, 1]).unique_consecutive()
        tensor([1, 2, 1])
        """
        x = widen(self.array, self.dtype)
        axis = 0 if dim is None else self._axis(dim)
        along = x.reshape(-1) if dim is None else np.moveaxis(x, axis, 0)
        rows = along.reshape(len(along), -1)
        fresh = np.ones(len(rows), np.bool_)
        fresh[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        starts = np.flatnonzero(fresh)
        counts = np.diff(np.append(starts, len(rows)))
        inverse = np.cumsum(fresh) - 1
        found = along[starts]
        if dim is None:
            inverse = inverse.reshape(x.shape)
        else:
            found = np.moveaxis(found, 0, axis)
        return self._unique(found, inverse, counts, return_inverse, return_counts)


def _stored(array: Any, dtype: DType) -> Array:
    return wrap(narrow(np.ascontiguousarray(array), dtype), dtype)
