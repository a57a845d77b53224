"""as_strided: how a view finds its history again after somebody wrote to its memory.

A write to the view ``v`` of ``x`` is, for the graph, ``x = as_strided_scatter(x, v)``; every view
of ``x`` then is ``as_strided(x)``. Both describe the view by its place in memory alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import full, interned, moved_bytes, none, same_as_first, samples, several
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Op, Out, apply, view
from tatamu.ops.reshape import laid_out, with_strides

__all__ = ["Geometry", "as_strided", "as_strided_scatter"]


class Geometry(NamedTuple):
    """A view of ``shape``, ``strides`` and ``offset`` into a tensor that lies as ``root`` says."""

    shape: Ints
    strides: Ints
    offset: int
    root_shape: Ints
    root_strides: Ints


def _as_strided_reference(geometry: Geometry, x: Numpy) -> Numpy:
    size = x.itemsize
    return np.lib.stride_tricks.as_strided(
        index_flat(x, geometry.offset),
        geometry.shape,
        tuple(size * step for step in geometry.strides),
    )


def index_flat(x: Numpy, offset: int) -> Numpy:
    """The element of ``x`` that lies ``offset`` elements behind its first, as a 0-d view."""
    rest = offset * x.itemsize
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    found = dict.fromkeys(order, 0)
    for axis in order:
        if x.strides[axis] > 0 and x.shape[axis] > 1:
            found[axis], rest = divmod(rest, x.strides[axis])
    position: Any = (*[found[axis] for axis in range(x.ndim)], ...)
    element: Numpy = x[position]
    return element


def _scatter_reference(geometry: Geometry, x: Numpy, source: Numpy) -> Numpy:
    out = laid_out(geometry.root_shape, geometry.root_strides, x.dtype)
    out[...] = x
    _as_strided_reference(geometry, out)[...] = source
    return out


def _as_strided_vjp(node: Node, g: Array) -> tuple[Array]:
    geometry: Geometry = node.call.attrs
    ones = tuple(n if s else 1 for n, s in zip(geometry.shape, geometry.strides, strict=True))
    from_overlaps = interned(geometry._replace(shape=ones))
    zeros = full(geometry.root_shape, 0, g.dtype)
    return (apply(as_strided_scatter, from_overlaps, zeros, sum_to(g, ones)),)


def _scatter_vjp(node: Node, g: Array) -> tuple[Array, Array]:
    geometry: Geometry = node.call.attrs
    rest = apply(as_strided_scatter, geometry, g, full(geometry.shape, 0, g.dtype))
    there = view(as_strided, geometry, with_strides(g, geometry.root_strides))
    return rest, there


_GEOMETRY = Geometry((2, 2), (4, 1), 1, (3, 4), (4, 1))

as_strided_scatter = Op(
    name="as_strided_scatter",
    title="CopySlices",
    shape=same_as_first,
    reference=_scatter_reference,
    vjp=_scatter_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((3, 4), (2, 2), attrs=_GEOMETRY),
    kernels=(),
)

as_strided = Op(
    name="as_strided",
    title="AsStrided",
    shape=lambda call: (Out(call.attrs.shape, call.dtype(0)),),
    reference=_as_strided_reference,
    vjp=_as_strided_vjp,
    saves=NOTHING,
    aliases=True,
    flops=none,
    bytes=none,
    samples=several(
        samples((3, 4), attrs=_GEOMETRY),
        samples((3, 4), attrs=Geometry((2, 5, 2), (4, 0, 1), 2, (3, 4), (4, 1))),
    ),
    kernels=(),
)
