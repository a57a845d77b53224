"""Index by ints, slices, None and Ellipsis. The gradient is put at the index into zeros.

One operation, y = x[where], under the names that torch gives it by what was done last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import full, moved_bytes, none, same_as_first, samples, view_shape
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Op, Out, apply, view

__all__ = [
    "Placed",
    "alias",
    "cropped",
    "index",
    "place",
    "scattered",
    "select",
    "select_scatter",
    "slice_",
    "slice_scatter",
    "unsqueeze",
    "unsqueeze_",
]

T = TypeVar("T", bound=Array)


class Placed(NamedTuple):
    """Where in a tensor of ``shape`` an index points."""

    shape: Ints
    where: tuple[Any, ...]


def index(x: T, where: tuple[Any, ...]) -> T:
    """``x[where]``; ``where`` ends in an Ellipsis, for NumPy gives no view of a single element."""
    return view(slice_, where, x)


def cropped(x: T, shape: Ints) -> T:
    """The first of ``x`` along every axis, as many as ``shape`` says; ``x`` itself if that is all.

    >>> import tatamu
    >>> cropped(tatamu.ones(2, 5), (2, 3)).shape
    tatamu.Size([2, 3])
    """
    if x.shape == shape:
        return x
    return index(x, (*(slice(0, n) for n in shape), ...))


@lru_cache(maxsize=1024)
def _placed(shape: Ints, where: tuple[Any, ...]) -> Placed:
    """The one Placed of these; slices come as tuples, for before Python 3.12 they have no hash."""
    return Placed(shape, tuple([slice(*at) if type(at) is tuple else at for at in where]))


def _index_vjp(node: Node, g: Array) -> tuple[Array]:
    hashable = ((at.start, at.stop, at.step) if type(at) is slice else at for at in node.call.attrs)
    return (apply(place, _placed(node.call.shape(0), tuple(hashable)), g),)


def _place_reference(attrs: Placed, g: Numpy) -> Numpy:
    out = np.zeros(attrs.shape, g.dtype)
    out[attrs.where] = g
    return out


place = Op(
    name="place",
    title="Place",
    shape=lambda call: (Out(call.attrs.shape, call.dtype(0)),),
    reference=_place_reference,
    vjp=lambda node, g: (index(g, node.call.attrs.where),),
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((2, 1), attrs=Placed((3, 4), (slice(1, 3), None, 2, ...))),
    kernels=(),
)


def _index_op(name: str, title: str, sample: tuple[Any, ...]) -> Op:
    return Op(
        name=name,
        title=title,
        shape=view_shape,
        reference=lambda where, x: x[where],
        vjp=_index_vjp,
        saves=NOTHING,
        aliases=True,
        flops=none,
        bytes=none,
        samples=samples((3, 4, 5), attrs=sample),
        kernels=(),
    )


alias = _index_op("alias", "Alias", (...,))
select = _index_op("select", "Select", (slice(None), 1, ...))
slice_ = _index_op("slice", "Slice", (1, slice(0, 4, 2), None, ...))
unsqueeze = _index_op("unsqueeze", "Unsqueeze", (slice(None), None, ...))
unsqueeze_ = _index_op("unsqueeze_", "UnsqueezeBackward1", (slice(None), None, ...))


def _scattering(name: str, title: str, where: tuple[Any, ...]) -> Op:
    """(x, src) -> x with src at a place."""

    def reference(attrs: Placed, x: Numpy, src: Numpy) -> Numpy:
        out = np.array(x, order="K")
        out[attrs.where] = src
        return out

    def vjp(node: Node, g: Array) -> tuple[Array, Array]:
        zeros = full(node.call.shape(1), 0, g.dtype)
        return apply(node.call.op, node.call.attrs, g, zeros), index(g, node.call.attrs.where)

    return Op(
        name=name,
        title=title,
        shape=same_as_first,
        reference=reference,
        vjp=vjp,
        saves=NOTHING,
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=samples((3, 4), np.empty((3, 4))[where].shape, attrs=Placed((3, 4), where)),
        kernels=(),
    )


select_scatter = _scattering("select_scatter", "SelectScatter", (1, ...))
slice_scatter = _scattering("slice_scatter", "SliceScatter", (slice(None), slice(0, 4, 2), ...))


def scattered(op: Op, x: T, src: Array, where: tuple[Any, ...]) -> T:
    """``x`` with ``src`` at ``where``, by one of the two operations above."""
    hashable = ((at.start, at.stop, at.step) if type(at) is slice else at for at in where)
    return apply(op, _placed(x.shape, tuple(hashable)), x, src)
