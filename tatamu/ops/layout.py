"""Shapes and strides: the orders that data lies in. Pure arithmetic on tuples of ints."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, SupportsIndex, overload

from tatamu import naming
from tatamu.pitfalls import hint

__all__ = [
    "Size",
    "broadcast_shapes",
    "channels_last_strides",
    "contiguous_strides",
    "dense_strides",
    "is_contiguous",
    "sized",
    "wrap_dim",
]

Ints = tuple[int, ...]


def _whole(place: int, n: Any) -> int:
    try:
        return operator.index(n)
    except TypeError:
        raise TypeError(
            f"{naming.prefix}.Size() takes an iterable of 'int' (item {place} is "
            f"'{type(n).__name__}')"
        ) from None


@naming.known_as("Size")
class Size(tuple[int, ...]):
    """A tensor's shape: a tuple that prints as torch's does and can count its elements.

    >>> Size((2, 3)).numel(), Size((2, 3, 4))[1:]
    (6, tatamu.Size([3, 4]))
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        """Of whole numbers, or tensors of one. TypeError, with torch's sentence, for others."""
        made = tuple.__new__(cls, sizes)
        for n in made:
            if type(n) is not int:
                return tuple.__new__(cls, map(_whole, range(len(made)), made))
        return made

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return prod(self)

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...
    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if type(index) is slice else found

    def __add__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to "
                f"{naming.prefix}.Size\n  tuple(...) makes one"
            )
        return Size((*self, *other))

    def __radd__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size((*other, *self))

    def __mul__(self, count: SupportsIndex) -> Size:
        return Size(tuple.__mul__(self, count))

    def __rmul__(self, count: SupportsIndex) -> Size:
        return Size(tuple.__mul__(self, count))

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)

    def __repr__(self) -> str:
        return f"{naming.prefix}.Size({list(self)})"


_new = tuple.__new__


def sized(shape: Ints) -> Size:
    """``shape``, known to hold whole numbers, as a Size: checking takes longer than making."""
    return _new(Size, shape)


def dense_strides(shape: Ints, order: Iterable[int]) -> Ints:
    """Strides of a gapless layout whose axes, from the fastest to the slowest, are ``order``."""
    strides = [0] * len(shape)
    step = 1
    for axis in order:
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


@lru_cache(maxsize=4096)
def contiguous_strides(shape: Ints) -> Ints:
    """Strides of C order.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    return dense_strides(shape, reversed(range(len(shape))))


@lru_cache(maxsize=4096)
def channels_last_strides(shape: Ints) -> Ints:
    """Strides that put axis 1 innermost (axis 0 where there is no batch: three axes).

    >>> channels_last_strides((1, 3, 4, 5))
    (60, 1, 15, 3)
    """
    rank = len(shape)
    channel = 0 if rank == 3 else 1
    order = [channel, *(axis for axis in reversed(range(rank)) if axis != channel)]
    return dense_strides(shape, order)


def is_contiguous(shape: Ints, strides: Ints, wanted: Ints) -> bool:
    """Whether ``strides`` lay ``shape`` out as ``wanted`` does; axes of one do not count."""
    if strides == wanted or 0 in shape:
        return True
    axes = zip(shape, strides, wanted, strict=True)
    return all(n == 1 or stride == want for n, stride, want in axes)


@lru_cache(maxsize=4096)
def channels_innermost_strides(shape: Ints) -> Ints:
    """Strides of a batch of pictures of any number of axes that put axis 1 innermost.

    >>> channels_innermost_strides((2, 3, 5))
    (15, 1, 3)
    """
    order = [1, *(axis for axis in reversed(range(len(shape))) if axis != 1)]
    return dense_strides(shape, order)


@lru_cache(maxsize=4096)
def axis_order(shape: Ints, strides: Ints) -> Ints | None:
    """The axes from the slowest to the fastest if the elements lie without gaps, else None.

    Axes of one are put where C order has them.

    >>> axis_order((2, 3, 4), (12, 1, 3)), axis_order((2, 3), (4, 1))
    ((0, 2, 1), None)
    """
    order = sorted(range(len(shape)), key=lambda axis: (-strides[axis], axis))
    step = 1
    for axis in reversed([axis for axis in order if shape[axis] != 1]):
        if strides[axis] != step:
            return None
        step *= shape[axis]
    counted = iter([axis for axis in order if shape[axis] != 1])
    return tuple([axis if n == 1 else next(counted) for axis, n in enumerate(shape)])


def out_of_order(shape: Ints, strides: Ints) -> bool:
    """Whether elements lie in another order than C's, or with gaps."""
    return not is_contiguous(shape, strides, contiguous_strides(shape))


def is_channels_last(shape: Ints, strides: Ints) -> bool:
    """Whether elements lie channels-last (four or five axes), and not in C order as well."""
    return (
        len(shape) in (4, 5)
        and is_contiguous(shape, strides, channels_last_strides(shape))
        and out_of_order(shape, strides)
    )


def as_if_in_order(shape: Ints, strides: Ints, offset: int, whole: Ints, steps: Ints) -> Ints:
    """The strides of a view of a tensor of shape ``whole``, as if that tensor lay in C order.

    Really it lies without gaps with strides ``steps``; the view begins ``offset`` into it. Here
    is channel 1 of (2, 3, 4) with the channels innermost:

    >>> as_if_in_order((2, 4), (12, 3), 1, (2, 3, 4), (12, 1, 3))
    (12, 1)
    """
    wanted = contiguous_strides(whole)
    if shape == whole and strides == steps:
        return wanted
    slowest_first = sorted(range(len(whole)), key=lambda axis: (-steps[axis], axis))

    def place(at: int) -> int:
        found = 0
        for axis in slowest_first:
            if whole[axis] != 1:
                number, at = divmod(at, steps[axis])
                found += number * wanted[axis]
        return found

    start = place(offset)
    of_axes = {step: want for n, step, want in zip(whole, steps, wanted, strict=True) if n == 1}
    of_axes = {**dict(zip(steps, wanted, strict=True)), **of_axes}
    return tuple(
        [
            of_axes.get(step, step) if n == 1 else place(offset + step) - start
            for n, step in zip(shape, strides, strict=True)
        ]
    )


def ordered_like(shape: Ints, strides: Ints, out: Ints) -> Ints | None:
    """Strides for ``out`` that order its axes as ``strides`` order those of ``shape``.

    None if they have gaps, or are in C order anyway. The shapes have the same number of axes.

    >>> ordered_like((1, 3, 4, 5), (60, 1, 15, 3), (1, 3, 2, 2))
    (12, 1, 6, 3)
    """
    if 0 in shape or is_contiguous(shape, strides, contiguous_strides(shape)):
        return None
    if len(shape) in (4, 5) and is_contiguous(shape, strides, channels_last_strides(shape)):
        return channels_last_strides(out)  # also where an axis of one makes it one of many orders
    order = axis_order(shape, strides)
    return None if order is None else dense_strides(out, reversed(order))


@lru_cache(maxsize=4096)
def broadcast_strides(shape: Ints, strides: Ints, wanted: Ints) -> Ints:
    """Strides with which an operand of ``shape`` is read as one of the shape ``wanted``.

    >>> broadcast_strides((3, 1), (1, 1), (2, 3, 4))
    (0, 1, 0)
    """
    missing = len(wanted) - len(shape)
    pairs = zip(shape, strides, wanted[missing:], strict=True)
    return (0,) * missing + tuple([0 if n != m else step for n, step, m in pairs])


@lru_cache(maxsize=4096)
def broadcast_order(shapes: tuple[Ints, ...], strides: tuple[Ints, ...], out: Ints) -> Ints | None:
    """Strides for the result of operands that are broadcast to ``out``; None for C order.

    torch's rule (TensorIterator): operands in C order give C order, channels-last ones
    channels-last; else axes are ordered as the first operand that can tell two of them apart has
    them, and axes that none can tell apart as in C order.

    >>> broadcast_order(((1, 3, 4, 5), (1, 3, 1, 1)), ((60, 1, 15, 3), (3, 1, 1, 1)), (1, 3, 4, 5))
    (60, 1, 15, 3)
    """
    whole = [st for sh, st in zip(shapes, strides, strict=True) if sh == out]
    plain = contiguous_strides(out)
    if 0 in out or not whole or all(is_contiguous(out, st, plain) for st in whole):
        return None
    if len(out) in (4, 5):
        last = channels_last_strides(out)
        if all(is_contiguous(out, st, last) for st in whole):
            return last
    spread = [broadcast_strides(sh, st, out) for sh, st in zip(shapes, strides, strict=True) if sh]

    def compared(a: int, b: int) -> int:
        """Above 0 if axis ``a``, inside of ``b`` so far, must lie outside it; below 0 if not."""
        for st in spread:
            if st[a] and st[b] and st[a] != st[b]:
                return st[a] - st[b]
            if st[a] and st[b] and out[a] > out[b]:
                return 1
        return 0

    order = list(reversed(range(len(out))))  # from the fastest to the slowest
    for at in range(1, len(out)):
        for place in reversed(range(at)):
            turn = compared(order[place], order[at])
            if turn < 0:
                break
            if turn > 0:
                order[place], order[at] = order[at], order[place]
                at = place
    found = dense_strides(out, order)
    return None if is_contiguous(out, found, plain) else found


def extent(shape: Ints, strides: Ints) -> int:
    """Elements of memory from the first to behind the last one.

    >>> extent((2, 3), (3, 1)), extent((2, 3), (10, 2)), extent((2, 0), (1, 1))
    (6, 15, 0)
    """
    if 0 in shape:
        return 0
    return 1 + sum([(n - 1) * step for n, step in zip(shape, strides, strict=True)])


def overlaps(shape: Ints, strides: Ints) -> bool:
    """Whether two elements may share an address, as in an expanded tensor."""
    pairs = zip(shape, strides, strict=True)
    return 0 not in shape and any(stride == 0 and n > 1 for n, stride in pairs)


def wrap_dim(dim: int, rank: int) -> int:
    """``dim`` counted from the front; ``IndexError`` with torch's sentence if there is no such one.

    >>> wrap_dim(-1, 4)
    3
    """
    span = max(rank, 1)
    if not -span <= dim < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], "
            f"but got {dim})"
        )
    return dim % span


def off_by_one(a: Ints, b: Ints) -> str:
    """A line on rounding down where feature maps of two sizes meet, as skip connections do."""
    pairs = [(m, n) for m, n in zip(a, b, strict=False) if m != n]
    near = all(abs(m - n) == 1 for m, n in pairs) and a[:2] == b[:2]
    return f"\n  {hint('floored')}" if near and len(a) == len(b) >= 3 else ""


def broadcast_shapes(a: Ints, b: Ints) -> Ints:
    """The shape that two operands share, by NumPy's and torch's rule.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    if a == b:
        return a
    rank = max(len(a), len(b))
    left = (1,) * (rank - len(a)) + a
    right = (1,) * (rank - len(b)) + b
    for axis in reversed(range(rank)):  # as torch compares them
        m, n = left[axis], right[axis]
        if m != n and 1 not in (m, n):
            raise RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) "
                f"at non-singleton dimension {axis}\n"
                f"  a is {list(a)}, b is {list(b)}: counted from the right, two sizes must be "
                "equal or one of them 1" + off_by_one(a, b)
            )
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


def reshaped(shape: Ints, wanted: Sequence[int]) -> Ints:
    """``wanted`` with its -1 filled in; ``RuntimeError`` with torch's sentence if it cannot fit."""
    count = prod(shape)
    unknown = [axis for axis, n in enumerate(wanted) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    negative = [n for n in wanted if n < -1]
    if negative:
        raise RuntimeError(
            f"invalid shape dimension {negative[0]} at index {list(wanted).index(negative[0])} "
            f"of shape {list(wanted)}"
        )
    known = prod(n for n in wanted if n != -1)
    if unknown and known == 0 and count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(wanted)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    if known != count if not unknown else known == 0 or count % known:
        raise RuntimeError(
            f"shape '{list(wanted)}' is invalid for input of size {count}\n"
            f"  the input {list(shape)} has {count} elements; the sizes asked for make {known}"
        )
    return tuple(count // known if n == -1 else n for n in wanted)
