"""The methods of Tensor that pick elements by index tensors and masks, or put them there."""

from __future__ import annotations

import warnings
from typing import Any, Self, TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.methods.indexing import assign, looked_up
from tatamu.ops.array import Array
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned
from tatamu.ops.expand import expand
from tatamu.ops.index import cropped
from tatamu.ops.inplace import check_leaf, write
from tatamu.ops.layout import Ints, axis_order, broadcast_shapes, wrap_dim
from tatamu.ops.op import Op, apply
from tatamu.ops.picking import ALONG, filled_along, write_places
from tatamu.ops.reshape import reshape
from tatamu.ops.scatter_reduce import Reducing, scatter_reduce

__all__ = [
    "Gathering",
    "as_line",
    "check_apart",
    "check_inside",
    "check_mask",
    "put_or_write",
    "scalar_like",
]

T = TypeVar("T", bound=Array)
WHOLE = (dtypes.int64, dtypes.int32)
REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
OLD_REDUCTIONS = {"add": "sum", "multiply": "prod"}


# ---- what fits, and torch's sentences for what does not ------------------------------------------


def _whole(name: str, index: Array) -> Array:
    """An index tensor as int64."""
    if index.dtype not in WHOLE:
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index\n"
            f"  the index has dtype {index.dtype}: .long() makes whole numbers of it"
        )
    return cast(index, dtypes.int64)


def check_inside(
    index: Array, dim: int, size: int, negative: bool = False, kind: Any = None
) -> None:
    """Raise unless each number of an index counts a position along an axis."""
    numbers = index.array
    beyond = (numbers >= size) | (numbers < (-size if negative else 0))
    if beyond.any():
        raise (kind or RuntimeError)(
            f"index {numbers[beyond].flat[0]} is out of bounds for dimension {dim} with size {size}"
        )


def _fitted(name: str, x: Array, dim: int, index: Array, src: Array | None) -> Array:
    """The index of scatter, checked against the tensor it scatters into."""
    index = _whole(name, index)
    if len(index.shape) != len(x.shape) and index.shape.numel() and len(x.shape):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as self tensor\n"
            f"  the index has shape {list(index.shape)}, the tensor {list(x.shape)}"
        )
    if src is not None and len(index.shape) != len(src.shape) and index.shape.numel():
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as src tensor\n"
            f"  the index has shape {list(index.shape)}, src {list(src.shape)}"
        )
    own = zip(index.shape, x.shape, strict=False)
    wrong = any(n > m and axis != dim for axis, (n, m) in enumerate(own))
    if src is not None and (
        wrong or any(n > m for n, m in zip(index.shape, src.shape, strict=False))
    ):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart "
            f"from dimension {dim} and to be no larger size than src {list(src.shape)}"
        )
    if wrong:
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart "
            f"from dimension {dim}"
        )
    if src is not None and src.dtype is not x.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype\n"
            f"  self is {x.dtype}, src {src.dtype}"
        )
    check_inside(index, dim, x.shape[dim] if x.shape else 1)
    return index


def check_mask(name: str, mask: Array, spell: str) -> Array:
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"{name} only supports boolean masks, but got mask with dtype {spell}\n"
            "  a comparison gives one: x > 0"
        )
    return mask


def scalar_like(name: str, value: Any, like: Array) -> Array:
    """A number, or a 0-d tensor, in the dtype of ``like``."""
    if not isinstance(value, Array):
        return cast(constant(value, like.dtype), like.dtype)
    if value.shape:
        raise RuntimeError(
            f"{name} only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.shape)} dimension(s)."
        )
    return cast(value, like.dtype)


def as_line(x: T) -> T:
    """A 0-d tensor as one of a single element."""
    return x if x.shape else reshape(x, (1,))


def check_apart(x: Array, src: Array) -> None:
    """RuntimeError if a tensor that is written to shares elements with what is written."""
    check_leaf(x)
    if src.storage is not x.storage:
        return
    dense = [axis_order(y.shape, y.strides) is not None for y in (x, src)]
    first, last = max(x.offset, src.offset), min(_end(x), _end(src))
    if all(dense) and first < last:
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor "
            "refer to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def _end(x: Array) -> int:
    return x.offset + x.shape.numel()


def put_or_write(x: T, in_place: bool, op: Op, attrs: Any, index: Array, src: Array) -> T:
    if in_place:
        return write_places(op, attrs, x, index, src)
    return apply(op, attrs, x, index, src)


class Gathering(Array):
    """Everything that reads or writes elements by where they are."""

    __slots__ = ()

    def __getitem__(self, where: Any) -> Self:
        return looked_up(self, where)

    def __setitem__(self, where: Any, value: Any) -> None:
        assign(self, where, value)

    # ---- an index for every element ----

    def gather(self, dim: int, index: Array, *, sparse_grad: bool = False) -> Self:
        """``out[i][j] = self[index[i][j]][j]`` for ``dim`` 0, and so on.

        Raises RuntimeError where the index has another number of axes, is larger than the tensor
        along another axis than ``dim``, or points outside it.

        >>> import tatamu
        >>> x = tatamu.tensor([[1, 2], [3, 4]])
        >>> x.gather(1, tatamu.tensor([[0], [1]]))
        tensor([[1],
                [4]])
        """
        place = wrap_dim(dim, len(self.shape))
        index = _whole("gather", index)
        x = as_line(self)
        if len(index.shape) != len(self.shape) and index.shape.numel() and self.shape:
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as input tensor\n"
                f"  the index has shape {list(index.shape)}, the tensor {list(self.shape)}"
            )
        for axis, (n, m) in enumerate(zip(index.shape, x.shape, strict=False)):
            if n > m and axis != place and index.shape.numel():
                raise RuntimeError(
                    f"Size does not match at dimension {axis} expected index {list(index.shape)} "
                    f"to be no larger than self {list(x.shape)} apart from dimension {place}"
                )
        check_inside(index, place, x.shape[place])
        if len(index.shape) != len(x.shape):
            flat = reshape(index, (-1 if index.shape else 1,)) if index.shape.numel() else index
            if not flat.shape.numel():
                return cast(index, self.dtype)  # type: ignore[return-value]
            return reshape(apply(ALONG.picked, place, x, flat), index.shape)
        return apply(ALONG.picked, place, x, index)

    def take_along_dim(self, indices: Array, dim: int | None = None) -> Self:
        """``gather`` with the index broadcast; without ``dim`` from all elements as one row.

        >>> import tatamu
        >>> x = tatamu.tensor([[10, 30, 20], [60, 40, 50]])
        >>> x.take_along_dim(x.argmax(1, keepdim=True), 1)
        tensor([[30],
                [60]])
        """
        if indices.dtype is not dtypes.int64:
            raise RuntimeError(
                "torch.take_along_dim(): dtype of indices should be Long but got "
                f"{indices.dtype.legacy_name}"
            )
        if dim is None:
            return reshape(self, (-1,)).gather(0, reshape(indices, (-1,)))
        rank = len(self.shape)
        if rank != len(indices.shape):
            raise RuntimeError(
                "torch.take_along_dim(): input and indices should have the same number of "
                f"dimensions, but got {rank} dimensions for input, and {len(indices.shape)} "
                "dimensions for indices"
            )
        place = wrap_dim(dim, rank)

        def without(shape: Ints) -> Ints:
            return (*shape[:place], 1, *shape[place + 1 :])

        shared = broadcast_shapes(without(self.shape), without(indices.shape))

        def wide(x: T) -> T:
            return expand(x, (*shared[:place], x.shape[place], *shared[place + 1 :]))

        return wide(self).gather(place, wide(indices))

    def _scatter(
        self, dim: int, index: Array, src: Any, value: Any, reduce: str | None, in_place: bool
    ) -> Self:
        place = wrap_dim(dim, len(self.shape))
        given = src if value is None else value
        tensor = given if isinstance(given, Array) else None
        if tensor is None and not isinstance(given, (int, float, bool, np.number, np.bool_)):
            raise TypeError(
                "scatter() received an invalid combination of arguments - got "
                f"(int, Tensor, {type(given).__name__}), but expected one of:\n"
                "  (int dim, Tensor index, Tensor src), (int dim, Tensor index, Number value)"
            )
        index = _fitted("scatter", self, place, index, tensor)
        if reduce is not None and tensor is not None:
            warnings.warn(
                "The reduce argument of torch.scatter with Tensor src is deprecated and will be "
                "removed in a future PyTorch release. Use torch.scatter_reduce instead for more "
                "reduction options.",
                UserWarning,
                stacklevel=3,
            )
        if not index.shape.numel():
            return self if in_place else self.clone()  # type: ignore[attr-defined]
        if reduce is not None and reduce not in OLD_REDUCTIONS:
            raise RuntimeError("reduce argument must be either add or multiply.")
        number = tensor is None
        source = scalar_like("scatter", given, self) if tensor is None else tensor
        if number and reduce:
            source = expand(source, index.shape)
        elif not number:
            source = cropped(source, index.shape)
        if not self.shape:
            line = reshape(self if in_place else self.clone(), (1,))  # type: ignore[attr-defined]
            filled, number_ = (as_line(source), None) if tensor is not None else (None, given)
            line._scatter(0, as_line(index), filled, number_, reduce, True)
            return self if in_place else reshape(line, ())
        if reduce:
            how = interned(Reducing(place, OLD_REDUCTIONS[reduce], True))
            if in_place:
                return write(scatter_reduce, how, self, index, source)
            return apply(scatter_reduce, how, self, index, source)
        op = filled_along if number else ALONG.put
        return put_or_write(self, in_place, op, place, index, source)

    def scatter(
        self,
        dim: int,
        index: Array,
        src: Any = None,
        *,
        value: Any = None,
        reduce: str | None = None,
    ) -> Self:
        """A copy with ``src``, a tensor or a number, put where the index says.

        ``out[index[i][j]][j] = src[i][j]`` for ``dim`` 0, and so on; of an index that repeats the
        last one counts. Raises RuntimeError where index and tensors do not fit.

        >>> import tatamu
        >>> labels = tatamu.tensor([[2], [0]])
        >>> tatamu.zeros(2, 3).scatter(1, labels, 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
        """
        return self._scatter(dim, index, src, value, reduce, False)

    def scatter_(
        self,
        dim: int,
        index: Array,
        src: Any = None,
        *,
        value: Any = None,
        reduce: str | None = None,
    ) -> Self:
        """As ``scatter``, in place."""
        return self._scatter(dim, index, src, value, reduce, True)

    def _scatter_add(self, dim: int, index: Array, src: Array, in_place: bool) -> Self:
        place = wrap_dim(dim, len(self.shape))
        index = _fitted("scatter", self, place, index, src)
        source = cropped(src, index.shape)
        if not self.shape:
            total = reshape(source, (-1,)).sum()  # type: ignore[attr-defined]
            added: Self = self.add_(total) if in_place else self.add(total)  # type: ignore[attr-defined]
            return added
        return put_or_write(self, in_place, ALONG.added, place, index, source)

    def scatter_add(self, dim: int, index: Array, src: Array) -> Self:
        """As ``scatter``, but added to what lies there, also where an index repeats."""
        return self._scatter_add(dim, index, src, False)

    def scatter_add_(self, dim: int, index: Array, src: Array) -> Self:
        """As ``scatter_add``, in place."""
        return self._scatter_add(dim, index, src, True)

    def _scatter_reduce(
        self, dim: int, index: Array, src: Array, reduce: str, include_self: bool
    ) -> tuple[Reducing, Array, Array]:
        place = wrap_dim(dim, len(self.shape))
        if reduce not in REDUCTIONS:
            raise RuntimeError(
                "reduce argument must be either sum, prod, mean, amax or amin, got " + reduce
            )
        index = _fitted("scatter", self, place, index, src)
        return interned(Reducing(place, reduce, include_self)), index, cropped(src, index.shape)

    def scatter_reduce(
        self, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True
    ) -> Self:
        """As ``scatter``, reduced with what lies there: sum, prod, mean, amax or amin.

        >>> import tatamu
        >>> x, index = tatamu.tensor([1.0, 2.0, 3.0, 4.0]), tatamu.tensor([0, 1, 0, 1])
        >>> tatamu.zeros(2).scatter_reduce(0, index, x, "amax")
        tensor([3., 4.])
        """
        how, index, source = self._scatter_reduce(dim, index, src, reduce, include_self)
        return apply(scatter_reduce, how, self, index, source)

    def scatter_reduce_(
        self, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True
    ) -> Self:
        """As ``scatter_reduce``, in place."""
        how, index, source = self._scatter_reduce(dim, index, src, reduce, include_self)
        return write(scatter_reduce, how, self, index, source)
