"""Index by ints, slices, None and Ellipsis. The gradient is put at the index into zeros."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import moved_bytes, none, samples, view_shape
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Op, Out, apply, view

__all__ = ["Placed", "cropped", "index", "index_view", "place"]

T = TypeVar("T", bound=Array)


class Placed(NamedTuple):
    """Where in a tensor of ``shape`` an index points."""

    shape: Ints
    where: tuple[Any, ...]


def index(x: T, where: tuple[Any, ...]) -> T:
    """``x[where]``; ``where`` ends in an Ellipsis, for NumPy gives no view of a single element."""
    return view(index_view, where, x)


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

index_view = Op(
    name="index",
    title="Slice",
    shape=view_shape,
    reference=lambda where, x: x[where],
    vjp=_index_vjp,
    saves=NOTHING,
    aliases=True,
    flops=none,
    bytes=none,
    samples=samples((3, 4, 5), attrs=(1, slice(0, 4, 2), None, ...)),
    kernels=(),
)
