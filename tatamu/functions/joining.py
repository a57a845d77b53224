"""Tensors joined: along an axis, along a new one, as all combinations of their elements."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType, promote
from tatamu.functions.function import function, must_be_tensor, type_name
from tatamu.ops import joining
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.layout import Size, wrap_dim
from tatamu.ops.layout import broadcast_shapes as shape_of_two
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "cat",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "kron",
    "meshgrid",
    "row_stack",
    "stack",
    "tril_indices",
    "triu_indices",
    "vstack",
]


def _checked(name: str, tensors: Any) -> list[Any]:
    """The tensors of a list or tuple; TypeError with torch's sentences for what is none."""
    if isinstance(tensors, Array) or not isinstance(tensors, Sequence):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type_name(tensors)}\n  a list of tensors is wanted: {name}([a, b])"
        )
    for place, tensor in enumerate(tensors):
        if not isinstance(tensor, Array):
            raise TypeError(
                f"expected Tensor as element {place} in argument 0, but got {type_name(tensor)}"
            )
    return list(tensors)


def _some(name: str, tensors: Any) -> list[Any]:
    """One tensor at least, else RuntimeError."""
    given = _checked(name, tensors)
    if not given:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return given


def _promoted(tensors: list[Any]) -> list[Any]:
    """All in the one dtype that holds them."""
    dtype: DType = tensors[0].dtype
    for tensor in tensors:
        dtype = promote(dtype, tensor.dtype)
    return [cast(tensor, dtype) for tensor in tensors]


def _into(out: Any, result: Any) -> Any:
    return result if out is None else out.copy_(result)


def cat(tensors: Any, dim: int = 0, *, axis: int | None = None, out: Any = None) -> Tensor:
    """Tensors one behind the other along an axis; all other sizes must be equal.

    Raises RuntimeError where they are not, TypeError for what is no list of tensors.

    >>> import tatamu
    >>> cat([tatamu.ones(1, 2), tatamu.zeros(2, 2)])
    tensor([[1., 1.],
            [0., 0.],
            [0., 0.]])
    """
    given = _checked("cat", tensors)
    if not given:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for place, tensor in enumerate(given):
        if not tensor.shape:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {place}) cannot be concatenated\n"
                "  stack joins numbers along a new axis"
            )
    parts = _promoted(given)
    # Empty vectors could always be joined to anything.
    full = [part for part in parts if part.shape != (0,)] or parts[:1]
    place = wrap_dim(dim if axis is None else axis, len(full[0].shape))
    joined = apply(joining.cat, place, *full)
    if len(full) < len(parts):
        joined = joined.contiguous()  # an empty vector has no order of its own but C order
    return _into(out, joined)  # type: ignore[no-any-return]


concat = concatenate = cat


def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Tensor:
    """Tensors of one shape along a new axis.

    Raises RuntimeError where the shapes differ.

    >>> import tatamu
    >>> stack([tatamu.tensor([1, 2]), tatamu.tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """
    given = _some("stack", tensors)
    place = wrap_dim(dim, len(given[0].shape) + 1)
    return _into(out, apply(joining.stack, place, *_promoted(given)))  # type: ignore[no-any-return]


def _atleast(rank: int, x: Any) -> Any:
    """torch's rule: new axes in front, but behind for the third."""
    own = len(x.shape)
    if own == 0 and rank:
        x = x.reshape(1) if rank == 1 else x.reshape(*(1,) * rank)
    elif own == 1 and rank > 1:
        x = x.unsqueeze(0)
    if rank == 3 and len(x.shape) == 2:
        x = x.unsqueeze(-1)
    return x


def _each_atleast(rank: int) -> Callable[..., Any]:
    def atleast(*tensors: Any) -> Any:
        many = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors
        for x in many:
            must_be_tensor(atleast.__name__, x)
        found = tuple([_atleast(rank, x) for x in many])
        return found[0] if many is tensors and len(tensors) == 1 else found

    atleast.__name__ = atleast.__qualname__ = f"atleast_{rank}d"
    atleast.__doc__ = f"Tensors, or one, with new axes of one so that they have {rank} at least."
    return atleast


atleast_1d = _each_atleast(1)
atleast_2d = _each_atleast(2)
atleast_3d = _each_atleast(3)


def hstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors side by side: along the second axis, vectors along their only one."""
    given = [_atleast(1, x) for x in _some("hstack", tensors)]
    return cat(given, int(len(given[0].shape) > 1), out=out)


def vstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors one below the other; vectors are rows."""
    return cat([_atleast(2, x) for x in _some("vstack", tensors)], 0, out=out)


row_stack = vstack


def dstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors one behind the other, along the third axis."""
    return cat([_atleast(3, x) for x in _some("dstack", tensors)], 2, out=out)


def column_stack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors side by side; vectors are columns."""
    given = _some("column_stack", tensors)
    return hstack([x.reshape(-1, 1) if len(x.shape) < 2 else x for x in given], out=out)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes are broadcast to together.

    >>> broadcast_shapes((3, 1), (2, 1, 4))
    tatamu.Size([2, 3, 4])
    """
    found: tuple[int, ...] = ()
    for place, shape in enumerate(shapes):
        given = (shape,) if isinstance(shape, int) else tuple(shape)
        try:
            found = shape_of_two(found, given)
        except RuntimeError:
            pairs = zip(reversed(found), reversed(given), strict=False)
            axis, wrong = next(
                (i, n) for i, (m, n) in enumerate(pairs, 1) if m != n and 1 not in (m, n)
            )
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {wrong} at -{axis}! Mismatching "
                f"argument at index {place} had {given}; but expected shape should be "
                f"broadcastable to {list(found)}"
            ) from None
    return Size(found)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of one shape, to which all tensors are broadcast."""
    many = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors
    shape: tuple[int, ...] = ()
    for x in many:
        shape = shape_of_two(shape, x.shape)
    return tuple([x if x.shape == shape else x.expand(shape) for x in many])


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid: each vector spread over an axis of its own.

    With ``indexing="xy"`` the first two axes change places. Raises RuntimeError for another
    ``indexing`` and for tensors of more than one axis.

    >>> import tatamu
    >>> rows, columns = meshgrid(tatamu.tensor([1, 2]), tatamu.tensor([3, 4]), indexing="ij")
    >>> rows
    tensor([[1, 1],
            [2, 2]])
    """
    many = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors)
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    for x in many:
        if len(x.shape) > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x!r}"
            )
        if x.dtype is not many[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + indexing
        )
    swaps = indexing == "xy" and len(many) > 1
    if swaps:
        many[:2] = many[1], many[0]  # and the results back again
    shape = [x.shape.numel() for x in many]
    grids = []
    for axis, x in enumerate(many):
        alone = [1] * len(many)
        alone[axis] = shape[axis]
        grids.append(x.view(*alone).expand(shape))
    if swaps:
        grids[:2] = grids[1], grids[0]
    return tuple(grids)


def _vector(x: Any) -> None:
    if len(x.shape) != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")


def cartesian_prod(*tensors: Any) -> Tensor:
    """All ways to take one element of each vector, one a row.

    >>> import tatamu
    >>> cartesian_prod(tatamu.tensor([1, 2]), tatamu.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    many = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors)
    for x in many:
        _vector(x)
    if len(many) == 1:
        return many[0]  # type: ignore[no-any-return]
    return stack([grid.flatten() for grid in meshgrid(*many, indexing="ij")], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take ``r`` elements of a vector, in their order, one a row.

    >>> import tatamu
    >>> combinations(tatamu.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    _vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return input.new_empty(0)  # type: ignore[no-any-return]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = np.array(list(choose(range(len(input)), r)), np.int64).reshape(-1, r)
    picked = [input[wrap(np.array(column), dtypes.int64)] for column in chosen.T]
    return stack(picked, 1)


def block_diag(*tensors: Any) -> Tensor:
    """A matrix with matrices along its diagonal, and 0 elsewhere.

    >>> import tatamu
    >>> block_diag(tatamu.tensor([[1, 2]]), tatamu.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    for place, x in enumerate(tensors):
        if len(x.shape) > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {place} has {len(x.shape)} dimensions"
            )
    if not tensors:
        empty: Any = wrap(np.zeros((1, 0), np.float32), dtypes.float32)
        return empty  # type: ignore[no-any-return]
    parts = [_atleast(2, x) for x in _promoted(list(tensors))]
    return apply(joining.block_diag, None, *parts)  # type: ignore[no-any-return]


kron = function(Tensor.kron)


def _triangle_indices(name: str, upper: bool) -> Callable[..., Tensor]:
    def indices(
        row: int, col: int, offset: int = 0, *, dtype: DType = dtypes.int64, device: Any = None
    ) -> Tensor:
        for side, n in (("row", row), ("col", col)):
            if n < 0:
                raise RuntimeError(f"{side} must be non-negative, got{n}")
        take = np.triu_indices if upper else np.tril_indices
        found: Any = wrap(np.stack(take(row, offset, col)).astype(np.int64), dtypes.int64)
        return found.to(dtype)  # type: ignore[no-any-return]

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = (
        f"The places of the {'upper' if upper else 'lower'} triangle of a matrix: a row of row "
        "numbers, a row of column numbers."
    )
    return indices


tril_indices = _triangle_indices("tril_indices", upper=False)
triu_indices = _triangle_indices("triu_indices", upper=True)
