"""Order along an axis: sorted, the first few, one of a rank, the middle, the most frequent.

y, p = x in order along an axis      dx[p] = g, 0 elsewhere
y = the middle of all                dx = g where x = y, shared evenly among equals

NaN counts as larger than any number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tatamu import dtypes
from tatamu.ops.arithmetic import div, mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.cast import cast
from tatamu.ops.common import interned, moved_bytes, one_per_input, samples
from tatamu.ops.comparison import eq, ne
from tatamu.ops.expand import spread, sum_
from tatamu.ops.folding import Reduce, reduced, reduction
from tatamu.ops.op import Call, Op, Out, Saves, apply
from tatamu.ops.reduce import along, put

__all__ = [
    "Pick", "kthvalue", "median", "median_along", "mode", "nanmedian", "nanmedian_along", "order",
    "pick", "sort", "topk",
]  # fmt: skip


class Pick(NamedTuple):
    """What is taken along an axis: ``number`` in order (None: all), or one, which may go with it.

    ``keepdim`` is False where the axis goes; ``overload`` is the number of torch's node.
    """

    axis: int
    number: int | None = None
    descending: bool = False
    keepdim: bool = True
    overload: int = 0


def pick(
    axis: int,
    number: int | None = None,
    descending: bool = False,
    keepdim: bool = True,
    overload: int = 0,
) -> Pick:
    """The one Pick of these arguments."""
    return interned(Pick(axis, number, descending, keepdim, overload))


def order(x: Numpy, axis: int, descending: bool) -> Numpy:
    """The places of the numbers in order; equals stay as they were."""
    if not descending:
        return np.asarray(np.argsort(x, axis=axis, kind="stable"))
    back = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.asarray(x.shape[axis] - 1 - np.flip(back, axis))


def _first(x: Numpy, axis: int, count: int) -> Numpy:
    return np.asarray(x[(*(slice(None),) * axis, slice(count))])


def _sorted_places(attrs: Pick, x: Numpy) -> Numpy:
    places = order(x, attrs.axis, attrs.descending)
    return places if attrs.number is None else _first(places, attrs.axis, attrs.number)


def _ranked_places(attrs: Pick, x: Numpy) -> Numpy:
    assert attrs.number is not None
    return np.take(order(x, attrs.axis, False), [attrs.number - 1], attrs.axis)


def _middle(x: Numpy, axis: int, without_nan: bool) -> Numpy:
    """The place of the lower middle: of the numbers, or of all, among which a NaN is taken."""
    places = order(x, axis, False)
    numbers = np.sum(x == x, axis=axis, keepdims=True)
    rank = np.maximum(numbers - 1, 0) // 2
    if not without_nan:
        rank = np.where(numbers < x.shape[axis], numbers, rank)
    return np.take_along_axis(places, rank, axis)


def _most_frequent(attrs: Pick, x: Numpy) -> Numpy:
    """The smallest of the most frequent, and the last place where it stands."""
    axis = attrs.axis
    places = np.moveaxis(order(x, axis, False), axis, -1)
    values = np.take_along_axis(np.moveaxis(x, axis, -1), places, -1)
    fresh = np.ones(values.shape, np.bool_)
    fresh[..., 1:] = values[..., 1:] != values[..., :-1]
    counted = np.arange(values.shape[-1])
    began = np.maximum.accumulate(np.where(fresh, counted, 0), axis=-1)
    last = np.argmax(counted - began, axis=-1)
    return np.moveaxis(np.take_along_axis(places, last[..., None], -1), -1, axis)


def _shape(call: Call) -> tuple[Out, ...]:
    attrs: Pick = call.attrs
    shape = call.shape(0)
    size = shape[attrs.axis]
    count = size if attrs.number is None else attrs.number
    if call.op in (sort, topk):
        if not 0 <= count <= size:
            raise RuntimeError(
                f"selected index k out of range\n  k is {count}; the axis has {size} numbers"
            )
        out = (*shape[: attrs.axis], count, *shape[attrs.axis + 1 :])
    else:
        name = call.op.title.lower()
        if call.op is kthvalue and not 0 < count <= size:
            raise RuntimeError(
                f"kthvalue(): selected number k out of range for dimension {attrs.axis}\n"
                f"  k is {count}; it counts from 1, and the axis has {size} numbers"
            )
        if not size:
            raise IndexError(
                f"{name}(): Expected reduction dim {attrs.axis} to have non-zero size.\n"
                f"  the input is {list(shape)}: there is nothing to choose from"
            )
        out = reduced(shape, reduction((attrs.axis,), attrs.keepdim))
    return Out(out, call.dtype(0)), Out(out, dtypes.int64)


def _vjp(node: Node, g: Array) -> tuple[Array]:
    (places,) = node.recall()
    attrs: Pick = node.call.attrs
    size = node.call.shape(0)[attrs.axis]
    return (apply(put, along(attrs.axis, size, True, attrs.keepdim), g, places),)


def _taking(name: str, title: str, find: Callable[[Pick, Numpy], Numpy], sample: Pick) -> Op:
    def reference(attrs: Pick, x: Numpy) -> tuple[Numpy, Numpy]:
        places = find(attrs, x)
        values = np.take_along_axis(x, places, attrs.axis)
        if attrs.keepdim:
            return values, places
        return values.squeeze(attrs.axis), places.squeeze(attrs.axis)

    return Op(
        name=name,
        title=title,
        shape=_shape,
        reference=reference,
        vjp=_vjp,
        saves=Saves(inputs=(), outputs=(1,)),
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=samples((3, 5, 2), attrs=sample),
        kernels=(),
    )


sort = _taking("sort", "Sort", _sorted_places, Pick(1, None, True))
topk = _taking("topk", "Topk", _sorted_places, Pick(1, 2, True))
kthvalue = _taking("kthvalue", "Kthvalue", _ranked_places, Pick(1, 2, False, False))
mode = _taking("mode", "Mode", _most_frequent, Pick(1, keepdim=False))
median_along = _taking(
    "median_along", "Median", lambda attrs, x: _middle(x, attrs.axis, False), Pick(1, keepdim=False)
)
nanmedian_along = _taking(
    "nanmedian_along", "Nanmedian", lambda attrs, x: _middle(x, attrs.axis, True), Pick(1)
)


def _all_vjp(node: Node, g: Array) -> tuple[Array]:
    x, y = node.recall()
    reduce: Reduce = node.call.attrs
    same = ne(x, x) if np.isnan(y.array).any() else eq(x, spread(y, x.shape, reduce))
    chosen = cast(same, g.dtype)
    share = div(chosen, apply(sum_, reduction(reduce.axes, True), chosen))
    return (mul(spread(g, x.shape, reduce), share),)


def _of_all(name: str, without_nan: bool) -> Op:
    def reference(_: Reduce, x: Numpy) -> Numpy:
        flat = x.reshape(-1)
        if not flat.size:
            return np.asarray(np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).min, x.dtype)
        return np.asarray(flat[_middle(flat, 0, without_nan)[0]])

    return Op(
        name=name,
        title=name.capitalize(),
        shape=lambda call: (Out((), call.dtype(0)),),
        reference=reference,
        vjp=_all_vjp,
        saves=Saves(inputs=((0, 0),), outputs=(0,)),
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=samples((3, 4), attrs=Reduce((0, 1), False)),
        kernels=(),
    )


median = _of_all("median", False)
nanmedian = _of_all("nanmedian", True)
