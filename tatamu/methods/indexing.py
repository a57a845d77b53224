"""``x[...]``, read and written: which axes are looked at in another way, which are picked from.

As in torch, an index is worked off in two steps. Numbers, slices, None and ``...`` give a view;
from that, index tensors, lists and masks then pick elements, or have them put there. So a number
never counts among the index tensors, as it does in NumPy.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from tatamu import dtypes, naming
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.cast import cast, overwrite
from tatamu.ops.common import constant, interned
from tatamu.ops.index import alias, select, slice_, unsqueeze
from tatamu.ops.inplace import write
from tatamu.ops.layout import Ints
from tatamu.ops.masked import masked_fill
from tatamu.ops.op import Op, apply, view
from tatamu.ops.picking import AT, at_shape, write_places, writes_alone
from tatamu.ops.reshape import reshape, reshape_view

__all__ = [
    "assign",
    "check_index",
    "is_mask",
    "looked_up",
    "picking_index",
    "put_checked",
    "seen_at",
]

T = TypeVar("T", bound=Array)
INDEX_DTYPES = (dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool_)
NUMBERS = (int, float, bool, np.number, np.bool_)
FULL = slice(None)


class Looked(NamedTuple):
    """The view that an index asks for, and what is then picked from it, by axis."""

    where: tuple[Any, ...]
    op: Op
    picks: list[tuple[int, Array]]


def _refuse(part: Any) -> NoReturn:
    kind = type(part)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {name})"
    )


def _parts(where: Any) -> tuple[Any, ...]:
    """The parts of an index; some lists count as tuples, as they did in old NumPy."""
    if isinstance(where, tuple):
        return where
    if isinstance(where, (list, str)) and len(where) < 32:
        nested = (Array, Sequence, np.ndarray, slice, type(None), type(...))
        if any(isinstance(part, nested) for part in where):
            warnings.warn(
                "Using a non-tuple sequence for multidimensional indexing is deprecated and will "
                "be changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 "
                "this will be interpreted as tensor index, x[torch.tensor(seq)], which will "
                "result either in an error or a different result",
                UserWarning,
                stacklevel=4,
            )
            return tuple(where)
    return (where,)


def _converted(part: Any) -> Any:
    """A list, range or NumPy array as an index tensor; 0-d integer tensors as numbers."""
    if isinstance(part, str):
        raise TypeError(f"new(): invalid data type '{type(part).__name__}'")
    if isinstance(part, (Sequence, np.ndarray)) and not isinstance(part, Array):
        part = _index_tensor(part)
    if isinstance(part, Array):
        check_index(part)
        if not part.shape:
            number = part.array.item()
            return number if part.dtype in (dtypes.int64, dtypes.int32) else bool(number)
    return part


def check_index(part: Array) -> None:
    """IndexError unless a tensor can be an index."""
    if part.dtype not in INDEX_DTYPES:
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors\n"
            f"  this one has dtype {part.dtype}: .long() makes whole numbers of it"
        )


def _index_tensor(data: Any) -> Array:
    plain = data if isinstance(data, np.ndarray) else [_plain(item) for item in data]
    array = np.asarray(plain)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"new(): invalid data type '{type(array.reshape(-1)[0]).__name__}'")
    if array.dtype == np.bool_ and array.size:
        return wrap(np.array(array), dtypes.bool_)
    if array.dtype == np.uint8:
        return wrap(np.array(array), dtypes.uint8)
    return wrap(array.astype(np.int64), dtypes.int64)


def _plain(item: Any) -> Any:
    if isinstance(item, Array):
        return item.array.tolist()
    return [_plain(inner) for inner in item] if isinstance(item, (list, tuple)) else item


def is_mask(part: Any) -> bool:
    """Whether a part of an index says of each element whether it is wanted."""
    return isinstance(part, Array) and part.dtype in (dtypes.bool_, dtypes.uint8)


def _axes(part: Any) -> int:
    """How many axes of the tensor a part of an index takes up."""
    if part is None or part is ... or isinstance(part, bool):
        return 0
    return len(part.shape) if is_mask(part) else 1


def _bounded(part: slice, size: int) -> slice:
    step = 1 if part.step is None else operator.index(part.step)
    if step < 0:
        raise ValueError("step must be greater than zero\n  x.flip(0) turns an axis round")
    start, stop, step = part.indices(size)
    return slice(start, max(start, stop), step)


def _number(part: Any, place: int, size: int) -> int:
    if isinstance(part, np.bool_):
        _refuse(part)
    try:
        at = operator.index(part)
    except TypeError:
        _refuse(part)
    if not -size <= at < size:
        if abs(at) >= 2**63:
            raise ValueError("Overflow when unpacking long long")
        raise IndexError(f"index {at} is out of bounds for dimension {place} with size {size}")
    return at


def _looked(x: Array, where: Any) -> Looked:
    """An index worked out against a shape."""
    shape = x.shape
    parts = [_converted(part) for part in _parts(where)]
    rank, spent = len(shape), sum(map(_axes, parts))
    if spent > rank:
        if not rank and not isinstance(where, tuple):
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    basic: list[Any] = []
    picks: list[tuple[int, Array]] = []
    op = alias
    axis = numbers = 0
    for place, part in enumerate(parts):
        if part is ...:
            gap = min(rank - spent, rank - axis)
            basic += [FULL] * gap
            axis += gap
        elif part is None or isinstance(part, bool):
            if part is not None:
                index = np.zeros(int(part), np.int64)
                picks.append((len(basic) - numbers, wrap(index, dtypes.int64)))
            basic.append(None)
            op = unsqueeze
        elif isinstance(part, Array):
            count = _axes(part)
            picks.append((len(basic) - numbers, part))
            basic += [FULL] * count
            axis += count
        elif isinstance(part, slice):
            given = _bounded(part, shape[axis])
            if given != slice(0, shape[axis], 1) or not isinstance(where, tuple):
                op = slice_
            basic.append(given)
            axis += 1
        else:
            basic.append(_number(part, place, shape[axis]))
            numbers += 1
            op = select
            axis += 1
    return Looked((*basic, ...), op, picks)


def seen_at(x: T, op: Op, where: tuple[Any, ...]) -> T:
    """The view ``x[where]``, with torch's strides for new axes."""
    out = view(op, where, x)
    if any(part is None for part in where):
        out.strides = _with_new_axes(x, where, out.strides)
    return out


def _with_new_axes(x: Array, where: tuple[Any, ...], strides: Ints) -> Ints:
    """torch's strides for axes that None has made, for which NumPy writes 0."""
    found = list(strides)
    axis = place = 0
    for part in where[:-1]:
        if part is None:
            found[place] = x.shape[axis] * x.strides[axis] if axis < len(x.shape) else 1
        axis += part is not None
        place += not isinstance(part, int)
    return tuple(found)


def looked_up(x: T, where: Any) -> T:
    """``x[where]``."""
    kind = type(where)
    if kind is int and x.shape:
        return view(select, (_number(where, 0, x.shape[0]), ...), x)
    if kind is slice and x.shape:
        return view(slice_, (_bounded(where, x.shape[0]), ...), x)
    looked = _looked(x, where)
    if not looked.picks:
        return seen_at(x, looked.op, looked.where)
    seen = x if looked.op is alias else seen_at(x, looked.op, looked.where)
    place, mask = looked.picks[0]
    if len(looked.picks) == 1 and is_mask(mask) and len(mask.shape) > 1 and seen.in_order():
        # The axes under the mask as one: a single index instead of one for each of them.
        _check_mask(seen.shape, place, mask)
        before, behind = seen.shape[:place], seen.shape[place + len(mask.shape) :]
        seen = reshape(seen, (*before, mask.shape.numel(), *behind))
        looked.picks[0] = place, wrap(np.flatnonzero(mask.array), dtypes.int64)
    dims, index = picking_index(seen.shape, looked.picks)
    return apply(AT.picked, dims, seen, index)


def _check_mask(shape: Ints, place: int, mask: Array) -> None:
    """IndexError unless a mask has the sizes of the axes that it stands for."""
    if mask.dtype is dtypes.uint8:
        warnings.warn(
            f"indexing with dtype {naming.prefix}.uint8 is now deprecated, please use a dtype "
            f"{naming.prefix}.bool instead.",
            UserWarning,
            stacklevel=5,
        )
    for axis, n in enumerate(mask.shape):
        if place + axis >= len(shape) or shape[place + axis] != n:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {axis} does not match the "
                f"shape of the indexed tensor {list(shape)} at index {place + axis}"
            )


def _expanded(shape: Ints, place: int, mask: Array) -> list[tuple[int, Numpy]]:
    """A mask as the places where it holds, one index for each of its axes."""
    _check_mask(shape, place, mask)
    return list(enumerate(mask.array.nonzero(), place))


def picking_index(shape: Ints, picks: Sequence[tuple[int, Array]]) -> tuple[Ints, Array]:
    """The axes that are picked from, and their indices stacked; IndexError where they do not fit.

    >>> dims, index = picking_index((2, 3), [(1, wrap(np.array([2, 0]), dtypes.int64))])
    >>> dims, index.array.tolist()
    ((1,), [[2, 0]])
    """
    found: list[tuple[int, Numpy]] = []
    for place, part in picks:
        found += _expanded(shape, place, part) if is_mask(part) else [(place, part.array)]
    try:
        taken = np.broadcast_shapes(*[index.shape for _, index in found])
    except ValueError:
        shapes = ", ".join(str(list(index.shape)) for _, index in found)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    stacked = np.empty((len(found), *taken), np.int64)
    for number, (place, index) in enumerate(found):
        stacked[number] = index
        size = shape[place]
        if not size and index.size:
            raise IndexError("index is out of bounds for dimension with size 0")
        beyond = (index >= size) | (index < -size)
        if beyond.any():
            raise IndexError(
                f"index {index[beyond].flat[0]} is out of bounds for dimension {number} with "
                f"size {size}"
            )
    return interned(tuple([place for place, _ in found])), wrap(stacked, dtypes.int64)


def put_checked(x: T, dims: Ints, index: Array, value: Array, accumulate: bool = False) -> Array:
    """``value`` as it can be put at an index of ``x``; RuntimeError with torch's sentences."""
    if value.dtype is not x.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{x.dtype.legacy_name} for the destination and {value.dtype.legacy_name} for the "
            f"source.\n  .to({x.dtype}) on the source makes them match"
        )
    shape = at_shape(dims, x.shape, index.shape)
    pairs = zip(reversed(value.shape), reversed(shape), strict=False)
    if len(value.shape) > len(shape) or any(n not in (1, m) for n, m in pairs):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    return value


def assign(x: Array, where: Any, value: Any) -> None:
    """``x[where] = value``."""
    if where is False:
        return
    looked = _looked(x, where)
    whole = looked.op is alias or not _narrows(looked, x.shape)
    target = x if whole else seen_at(x, looked.op, looked.where)
    source = value if isinstance(value, Array) else _as_value(value, x)
    source = _without_leading_ones(source)
    if not looked.picks:
        rank, own = len(target.shape), len(source.shape)
        if own > rank:
            raise RuntimeError(
                f"expand({naming.prefix}.{source.dtype.legacy_name}Tensor{{{list(source.shape)}}}, "
                f"size={list(target.shape)}): the number of sizes provided ({rank}) must be "
                f"greater or equal to the number of dimensions in the tensor ({own})"
            )
        write(overwrite, None, target, source)
        return
    place, mask = looked.picks[0]
    if len(looked.picks) == 1 and is_mask(mask) and not source.shape:
        source = cast(source, x.dtype)
        if writes_alone(target, mask, source):
            _check_mask(target.shape, place, mask)
            if mask.shape == target.shape and mask.dtype is dtypes.bool_:
                write(masked_fill, None, target, mask, source)  # which has a kernel
                return
            holds = mask.array.astype(bool, copy=False)
            behind = (1,) * (len(target.shape) - place - holds.ndim)
            np.copyto(target.array, source.array, where=holds.reshape(*holds.shape, *behind))
            target.storage.touch()
            return
    dims, index = picking_index(target.shape, looked.picks)
    write_places(AT.put, dims, target, index, put_checked(target, dims, index, source))


def _narrows(looked: Looked, shape: Ints) -> bool:
    """Whether a view is anything but the whole tensor as it is."""
    whole = [part == slice(0, n, 1) for part, n in zip(looked.where, shape, strict=False)]
    return looked.op is not slice_ or not all(whole[: len(looked.where) - 1])


def _as_value(value: Any, x: Array) -> Array:
    if isinstance(value, complex):
        raise RuntimeError(f"value cannot be converted to type {x.dtype.c_name} without overflow")
    if not isinstance(value, NUMBERS):
        kind = type(value)
        name = (
            kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        )
        raise TypeError(
            f"can't assign a {name} to a {naming.prefix}.{x.dtype.legacy_name}Tensor\n"
            "  a number or a tensor can be assigned: torch.tensor(...) makes one"
        )
    return cast(constant(value, x.dtype), x.dtype)


def _without_leading_ones(source: Array) -> Array:
    shape = source.shape
    first = next((axis for axis, n in enumerate(shape) if n != 1), len(shape))
    return source if not first else view(reshape_view, shape[first:], source)
