"""The methods of Tensor that put its elements, or its axes, elsewhere."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any, Self

import numpy as np

from tatamu import dtypes
from tatamu.methods.splitting import Splitting
from tatamu.methods.views import Views, named, sizes
from tatamu.ops.array import Array, wrap
from tatamu.ops.common import interned
from tatamu.ops.diagonal import (
    Diagonal,
    diag_embed,
    diagonal,
    diagonal_copy,
    diagonal_scatter,
)
from tatamu.ops.index import scattered, select_scatter, slice_scatter
from tatamu.ops.layout import Ints, Size, wrap_dim
from tatamu.ops.op import Op, apply, view
from tatamu.ops.permute import permute
from tatamu.ops.picking import ROWS
from tatamu.ops.reshape import clone
from tatamu.ops.strided import as_strided, strided_view
from tatamu.ops.turned import Roll, Turn, flip, repeat, roll, rot90, tril, triu
from tatamu.ops.windows import Windows, windows

__all__ = ["Shaping"]

FULL = slice(None)


class Shaping(Splitting, Views):
    """Diagonals, turns, repetitions, windows."""

    __slots__ = ()

    # ---- diagonals and triangles ----

    def _diagonal(self, offset: int, dim1: int, dim2: int, rank: int) -> Diagonal:
        first, second = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
        if first == second:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        return interned(Diagonal(operator.index(offset), first, second))

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Self:
        """A view of the diagonal between two axes, which becomes the last axis.

        >>> import tatamu
        >>> tatamu.arange(9).reshape(3, 3).diagonal(1)
        tensor([1, 5])
        """
        return view(diagonal, self._diagonal(offset, dim1, dim2, len(self.shape)), self)

    def diag_embed(self, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Self:
        """Matrices with the last axis on their diagonal, and 0 elsewhere."""
        d = self._diagonal(offset, dim1, dim2, len(self.shape) + 1)
        return apply(diag_embed, d, self)

    def diag(self, diagonal: int = 0) -> Self:
        """The diagonal of a matrix, or a matrix with a vector on its diagonal."""
        rank = len(self.shape)
        if rank == 1:
            return self.diag_embed(diagonal)
        if rank != 2:
            raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {rank}D")
        return apply(diagonal_copy, self._diagonal(diagonal, 0, 1, 2), self)

    def diagflat(self, offset: int = 0) -> Self:
        """A matrix with all elements on its diagonal."""
        return self.reshape(-1).diag_embed(offset)

    def _triangle(self, name: str) -> None:
        if len(self.shape) < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")

    def tril(self, diagonal: int = 0) -> Self:
        """Matrices with 0 above a diagonal."""
        self._triangle("tril")
        return apply(tril, operator.index(diagonal), self)

    def triu(self, diagonal: int = 0) -> Self:
        """Matrices with 0 below a diagonal."""
        self._triangle("triu")
        return apply(triu, operator.index(diagonal), self)

    # ---- turns and repetitions ----

    def flip(self, *axes: Any, dims: Any = None) -> Self:
        """A copy whose order along some axes is reversed.

        >>> import tatamu
        >>> tatamu.tensor([[1, 2], [3, 4]]).flip(1)
        tensor([[2, 1],
                [4, 3]])
        """
        given = sizes(named(axes, dims))
        places = tuple([wrap_dim(dim, len(self.shape)) for dim in given])
        for place in places:
            if places.count(place) > 1:
                raise RuntimeError(f"dim {place} appears multiple times in the list of dims")
        return apply(flip, interned(places if self.shape else ()), self)

    def __reversed__(self) -> Self:
        return self.flip(0) if self.shape else self

    def fliplr(self) -> Self:
        """A copy whose second axis is reversed."""
        if len(self.shape) < 2:
            raise RuntimeError("Input must be >= 2-d.")
        return self.flip(1)

    def flipud(self) -> Self:
        """A copy whose first axis is reversed."""
        if not self.shape:
            raise RuntimeError("Input must be >= 1-d.")
        return self.flip(0)

    def roll(self, shifts: Any, dims: Any = ()) -> Self:
        """A copy whose elements have moved along some axes, from the end to the beginning.

        Without ``dims`` they move through all axes as one row.
        """
        steps, axes = sizes((shifts,)), sizes((dims,))
        if len(steps) != len(axes) and (axes or len(steps) != 1):
            raise RuntimeError(
                f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(axes)}"
            )
        places = tuple([wrap_dim(dim, len(self.shape)) for dim in axes])
        return apply(roll, interned(Roll(steps, places or None)), self)

    def rot90(self, k: int = 1, dims: Sequence[int] = (0, 1)) -> Self:
        """A copy turned by ``k`` quarter turns from the first axis towards the second."""
        rank = len(self.shape)
        if len(dims) != 2:
            raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
        if rank < 2:
            raise RuntimeError(f"expected total dims >= 2, but got total dims = {rank}")
        first, second = dims
        if first % rank == second % rank:
            raise RuntimeError(
                "expected rotation dims to be different, but got dim0 = "
                f"{first} and dim1 = {second}"
            )
        axes = wrap_dim(first, rank), wrap_dim(second, rank)
        return apply(rot90, interned(Turn(operator.index(k), axes)), self)

    def repeat(self, *sizes_: Any, repeats: Any = None) -> Self:
        """Copies side by side, so many along each axis; more numbers than axes make new ones.

        >>> import tatamu
        >>> tatamu.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
        """
        times = sizes(named(sizes_, repeats))
        if len(times) < len(self.shape):
            raise RuntimeError(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions "
                f"of tensor\n  {len(times)} numbers for the shape {list(self.shape)}"
            )
        if min(times, default=0) < 0:
            own = (1,) * (len(times) - len(self.shape)) + self.shape
            found = [n * m for n, m in zip(times, own, strict=True)]
            negative = next(n for n in found if n < 0)
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {negative}: {found}"
            )
        return apply(repeat, interned(times), self)

    def tile(self, *times_: Any, dims: Any = None) -> Self:
        """As ``repeat``, also with fewer numbers than axes: they are for the last ones."""
        times = sizes(named(times_, dims))
        return self.repeat((1,) * (len(self.shape) - len(times)) + times)

    def repeat_interleave(
        self, repeats: Any, dim: int | None = None, *, output_size: int | None = None
    ) -> Self:
        """Each element (without ``dim``) or slice so many times in a row.

        >>> import tatamu
        >>> tatamu.tensor([1, 2]).repeat_interleave(2)
        tensor([1, 1, 2, 2])
        """
        x = self.reshape(-1) if dim is None else self
        place = 0 if dim is None else wrap_dim(dim, len(x.shape))
        size = x.shape[place]
        times = repeats.array if isinstance(repeats, Array) else np.asarray(repeats)
        if (times < 0).any():
            raise RuntimeError("Repeats must be non-negative")
        if times.ndim == 0:
            shape = (*x.shape[: place + 1], int(times), *x.shape[place + 1 :])
            copies = apply(clone, None, x.unsqueeze(place + 1).expand(shape))
            return copies.flatten(place, place + 1)
        if times.size not in (1, size):
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) = "
                f"{times.size} and input.size({place}) = {size}"
            )
        places = np.repeat(np.arange(size), times)
        return apply(ROWS.picked, place, x, wrap(places, dtypes.int64))

    # ---- axes ----

    def movedim(self, source: Any, destination: Any) -> Self:
        """Some axes put in other places; the others keep their order.

        >>> import tatamu
        >>> tatamu.zeros(2, 3, 4).movedim(0, -1).shape
        tatamu.Size([3, 4, 2])
        """
        rank = len(self.shape)
        given, wanted = sizes((source,)), sizes((destination,))
        if len(given) != len(wanted):
            raise RuntimeError(
                f"movedim: Invalid source or destination dims: source ({list(given)} dims) should "
                f"contain the same number of dims as destination ({list(wanted)} dims)"
            )
        pairs = {}
        for name, dims in (("source", given), ("destination", wanted)):
            pairs[name] = [wrap_dim(dim, rank) for dim in dims]
            if len(set(pairs[name])) != len(dims):
                raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
        moved = dict(zip(pairs["destination"], pairs["source"], strict=True))
        rest = iter([axis for axis in range(rank) if axis not in pairs["source"]])
        return permute(self, tuple([moved[a] if a in moved else next(rest) for a in range(rank)]))

    def moveaxis(self, source: Any, destination: Any) -> Self:
        """As ``movedim``."""
        return self.movedim(source, destination)

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Self:
        """One axis made several.

        >>> import tatamu
        >>> tatamu.zeros(2, 12).unflatten(1, (3, -1)).shape
        tatamu.Size([2, 3, 4])
        """
        place = wrap_dim(dim, len(self.shape))
        if not sizes:
            raise RuntimeError("unflatten: sizes must be non-empty")
        size, known = self.shape[place], prod(n for n in sizes if n != -1)
        unknown = list(sizes).count(-1)
        if size % known if unknown and known else known != size:
            raise RuntimeError(
                f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim "
                f"{place} ({size}) in the input tensor"
            )
        return self.view(*self.shape[:place], *sizes, *self.shape[place + 1 :])

    def unfold(self, dimension: int, size: int, step: int) -> Self:
        """A view of all windows of ``size`` elements, ``step`` apart, along an axis.

        >>> import tatamu
        >>> tatamu.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
        """
        x = self if self.shape else self.unsqueeze(0)
        place = wrap_dim(dimension, len(self.shape))
        total = x.shape[place]
        if size > total:
            raise RuntimeError(
                f"maximum size for tensor at dimension {place} is {total} but size is {size}"
            )
        if step <= 0:
            raise RuntimeError(f"step is {step} but must be > 0")
        found = view(windows, interned(Windows(place, size, step, total)), x)
        return found if self.shape else found[0]

    def as_strided(
        self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Self:
        """A view of the memory under any shape, strides and offset, counted from its beginning.

        Raises RuntimeError for what lies outside the memory.
        """
        return self._strided(as_strided, size, stride, storage_offset)

    def _strided(self, op: Op, size: Any, stride: Any, storage_offset: int | None) -> Self:
        shape, strides = sizes((size,)), sizes((stride,))
        offset = self.offset if storage_offset is None else storage_offset
        self._check_strided(shape, strides, offset)
        return strided_view(op, self, shape, strides, offset)

    def _check_strided(self, shape: Ints, strides: Ints, offset: int) -> None:
        if len(shape) != len(strides):
            raise RuntimeError("mismatch in length of strides and shape")
        if min(strides, default=0) < 0:
            raise RuntimeError(
                "as_strided: Negative strides are not supported at the moment, got strides: "
                f"{list(strides)}"
            )
        last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        needed = (offset + last + 1) * self.dtype.itemsize if 0 not in shape else 0
        if needed > self.storage.nbytes:
            raise RuntimeError(
                f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset "
                f"{offset}, and itemsize {self.dtype.itemsize} requiring a storage size of "
                f"{needed} are out of bounds for storage of size {self.storage.nbytes}"
            )

    # ---- a part replaced ----

    def select_scatter(self, src: Array, dim: int, index: int) -> Self:
        """A copy with ``src`` at one position along an axis."""
        place = wrap_dim(dim, len(self.shape))
        there = self.select(place, index)
        self._check_part(src, there.shape)
        at = index + self.shape[place] if index < 0 else index
        return scattered(select_scatter, self, src, (*(FULL,) * place, at, ...))

    def slice_scatter(
        self,
        src: Array,
        dim: int = 0,
        start: int | None = None,
        end: int | None = None,
        step: int = 1,
    ) -> Self:
        """A copy with ``src`` at some positions along an axis."""
        place = wrap_dim(dim, len(self.shape))
        where = (*(FULL,) * place, slice(*slice(start, end, step).indices(self.shape[place])), ...)
        self._check_part(src, self[where].shape)
        return scattered(slice_scatter, self, src, where)

    def diagonal_scatter(self, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Self:
        """A copy with ``src`` on a diagonal."""
        d = self._diagonal(offset, dim1, dim2, len(self.shape))
        self._check_part(src, view(diagonal, d, self).shape)
        return apply(diagonal_scatter, d, self, src)

    def _check_part(self, src: Array, shape: Size) -> None:
        if src.shape != shape:
            raise RuntimeError(
                "expected src to have a size equal to the slice of self. src size = "
                f"{list(src.shape)}, slice size = {list(shape)}"
            )
