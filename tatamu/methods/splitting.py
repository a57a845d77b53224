"""The methods of Tensor that cut it into parts, all of them views."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

from tatamu.methods.rows import Rows
from tatamu.ops.array import Array
from tatamu.ops.common import interned
from tatamu.ops.index import index, select
from tatamu.ops.layout import wrap_dim
from tatamu.ops.op import Op, view, views
from tatamu.ops.parts import Parts, split, split_with_sizes, unbind

__all__ = ["Splitting"]

FULL = slice(None)


class Splitting(Rows):
    """One position, some positions, or all positions of an axis."""

    __slots__ = ()

    def select(self, dim: int, index: int) -> Self:
        """One position along an axis, which goes."""
        if not self.shape:
            raise IndexError("select() cannot be applied to a 0-dim tensor.")
        place = wrap_dim(dim, len(self.shape))
        at = operator.index(index)
        size = self.shape[place]
        if not -size <= at < size:
            raise IndexError(
                f"select(): index {at} out of range for tensor of size {list(self.shape)} at "
                f"dimension {place}"
            )
        return view(select, (*(FULL,) * place, at, ...), self)

    def narrow(self, dim: int, start: Any, length: int) -> Self:
        """``length`` positions along an axis from ``start``."""
        if not self.shape:
            raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
        place = wrap_dim(dim, len(self.shape))
        size = self.shape[place]
        begin = operator.index(start)
        if length < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        if not -size <= begin <= size:
            raise IndexError(
                f"start out of range (expected to be in range of [{-size}, {size}], but got "
                f"{begin})"
            )
        begin += size if begin < 0 else 0
        if begin + length > size:
            raise RuntimeError(
                f"start ({begin}) + length ({length}) exceeds dimension size ({size})."
            )
        return self._between(place, begin, begin + length)

    def _between(self, place: int, start: int, end: int) -> Self:
        return index(self, (*(FULL,) * place, slice(start, end), ...))

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """Every position along an axis."""
        if not self.shape:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        place = wrap_dim(dim, len(self.shape))
        return views(unbind, interned(Parts(place, (1,) * self.shape[place])), self)

    def _parts(self, op: Op, place: int, lengths: Sequence[int]) -> tuple[Self, ...]:
        return views(op, interned(Parts(place, tuple(lengths))), self)

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Parts of one size (the last may be smaller), or of the sizes that a list gives.

        Raises RuntimeError where the sizes do not add up to the axis's.

        >>> import tatamu
        >>> [part.tolist() for part in tatamu.arange(5).split(2)]
        [[0, 1], [2, 3], [4]]
        """
        if not isinstance(split_size, (int, Array)) and isinstance(split_size, Sequence):
            return self.split_with_sizes(split_size, dim)
        if not self.shape:
            raise RuntimeError("split expects at least a 1-dimensional tensor")
        place = wrap_dim(dim, len(self.shape))
        size, each = self.shape[place], operator.index(split_size)
        if each < 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={each}"
            )
        if not each and size:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}"
            )
        return self._parts(split, place, _pieces(size, each))

    def split_with_sizes(self, split_sizes: Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Parts of the sizes that a list gives."""
        place = wrap_dim(dim, len(self.shape))
        sizes = [operator.index(n) for n in split_sizes]
        if any(n < 0 for n in sizes):
            raise RuntimeError(
                "split_with_sizes expects split_sizes have only non-negative entries, but got "
                f"split_sizes={sizes}"
            )
        if sum(sizes) != self.shape[place]:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {self.shape[place]} "
                f"(input tensor's size at dimension {place}), but got split_sizes={sizes}"
            )
        return self._parts(split_with_sizes, place, sizes)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """At most so many parts of one size, of which the last may be smaller.

        >>> import tatamu
        >>> [part.tolist() for part in tatamu.arange(10).chunk(4)]
        [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
        """
        if not self.shape:
            raise RuntimeError("chunk expects at least a 1-dimensional tensor")
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        place = wrap_dim(dim, len(self.shape))
        size = self.shape[place]
        if not size:
            return self._parts(split_with_sizes, place, [0] * chunks)
        return self._parts(split, place, _pieces(size, -(-size // chunks)))

    def tensor_split(self, indices_or_sections: Any, dim: int = 0) -> tuple[Self, ...]:
        """So many parts that differ in size by one at most, or cuts at given positions."""
        if not self.shape:
            raise RuntimeError(
                "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 "
                "dims"
            )
        place = wrap_dim(dim, len(self.shape))
        size = self.shape[place]
        given = indices_or_sections
        if isinstance(given, Array):
            given = given.array.tolist()
        if not isinstance(given, Sequence):
            sections = operator.index(given)
            if sections <= 0:
                raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
            least, more = divmod(size, sections)
            sizes = [least + (i < more) for i in range(sections)]
            given = [sum(sizes[:i]) for i in range(1, sections)]
        cuts = [0, *[min(max(n + size if n < 0 else n, 0), size) for n in given], size]
        pairs = pairwise(cuts)
        return tuple([self._between(place, start, max(start, end)) for start, end in pairs])

    def _split_evenly(self, name: str, given: Any, dim: int, least: int) -> tuple[Self, ...]:
        rank = len(self.shape)
        if rank < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
                f"with {rank} dimensions!"
            )
        if not isinstance(given, Sequence) and self.shape[dim] % given:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the "
                f"dimension {self.shape[dim]} is not divisible by the split_size {given}!"
            )
        return self.tensor_split(given, dim)

    def hsplit(self, split_size_or_sections: Any) -> tuple[Self, ...]:
        """Equal parts, or cuts, along the second axis (the first of a vector)."""
        return self._split_evenly("hsplit", split_size_or_sections, int(len(self.shape) > 1), 1)

    def vsplit(self, split_size_or_sections: Any) -> tuple[Self, ...]:
        """Equal parts, or cuts, along the first axis."""
        return self._split_evenly("vsplit", split_size_or_sections, 0, 2)

    def dsplit(self, split_size_or_sections: Any) -> tuple[Self, ...]:
        """Equal parts, or cuts, along the third axis."""
        return self._split_evenly("dsplit", split_size_or_sections, 2, 3)


def _pieces(size: int, each: int) -> list[int]:
    """``size`` in pieces of ``each``, of which the last may be smaller."""
    if not size:
        return [0]
    return [min(each, size - start) for start in range(0, size, each)]
