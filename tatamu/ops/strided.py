"""as_strided: how a view finds its history again after somebody wrote to its memory.

A write to the view ``v`` of ``x`` is, for the graph, ``x = as_strided_scatter(x, v)``; every view
of ``x`` then is ``as_strided(x)``. Both describe the view by its place in memory alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np

from tatamu.ops.array import Array, Node, Numpy, local, made
from tatamu.ops.common import full, interned, moved_bytes, none, same_as_first, samples, several
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import Ints, Size
from tatamu.ops.op import NOTHING, Call, Op, Out, apply, view, view_kind
from tatamu.ops.reshape import laid_out, strided, with_strides
from tatamu.ops.saving import edge, places_of

__all__ = ["Geometry", "as_strided", "as_strided_", "as_strided_scatter", "strided_view"]

T = TypeVar("T", bound=Array)


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
    if _meets_itself(geometry):
        return (apply(as_strided_sum, geometry, g),)
    ones = tuple(n if s else 1 for n, s in zip(geometry.shape, geometry.strides, strict=True))
    from_overlaps = interned(geometry._replace(shape=ones))
    zeros = full(geometry.root_shape, 0, g.dtype)
    return (apply(as_strided_scatter, from_overlaps, zeros, sum_to(g, ones)),)


def _scatter_vjp(node: Node, g: Array) -> tuple[Array, Array]:
    geometry: Geometry = node.call.attrs
    rest = apply(as_strided_scatter, geometry, g, full(geometry.shape, 0, g.dtype))
    there = view(as_strided, geometry, with_strides(g, geometry.root_strides))
    return rest, there


def _extent(shape: Ints, strides: Ints) -> int:
    """From the first element to the last."""
    return sum((n - 1) * step for n, step in zip(shape, strides, strict=True))


def _meets_itself(geometry: Geometry) -> bool:
    """Whether elements of the view meet in memory (but along axes of stride 0), or leave the root.

    The gradient then has to be added element by element.
    """
    pairs = zip(geometry.strides, geometry.shape, strict=True)
    reach = 0
    for step, n in sorted((step, n) for step, n in pairs if step and n > 1):
        if step <= reach:
            return True
        reach += (n - 1) * step
    last = geometry.offset + reach
    return geometry.offset < 0 or last > _extent(geometry.root_shape, geometry.root_strides)


def _sum_reference(geometry: Geometry, g: Numpy) -> Numpy:
    root = _extent(geometry.root_shape, geometry.root_strides)
    start = min(0, geometry.offset)
    end = max(root, geometry.offset + _extent(geometry.shape, geometry.strides))
    flat = np.zeros(end - start + 1, g.dtype)
    places = np.full(geometry.shape, geometry.offset - start)
    for axis, step in enumerate(geometry.strides):
        steps = step * np.arange(geometry.shape[axis])
        places += steps.reshape(-1, *[1] * (len(geometry.shape) - axis - 1))
    np.add.at(flat, places, g)
    return strided(flat[-start:], geometry.root_shape, geometry.root_strides)


def strided_view(op: Op, x: T, shape: Ints, strides: Ints, offset: int) -> T:
    """The memory of ``x`` under another shape, strides and offset, all counted from its start."""
    geometry = interned(Geometry(shape, strides, offset - x.offset, x.shape, x.strides))
    out = made.type(x.storage, offset, Size(shape), strides, x.dtype)
    out.base = x if x.base is None else x.base
    out.view_version = x.storage.version
    out.view_kind = view_kind(x)
    source = edge(x) if local.grad else None
    if source is not None:
        call = Call(op, geometry, (x,))
        out.node = op.node(call, (source,), (), (), places_of((x,)))
        out._requires_grad = True
    return out  # type: ignore[return-value]


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


def _as_strided_op(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=lambda call: (Out(call.attrs.shape, call.dtype(0)),),
        reference=_as_strided_reference,
        vjp=_as_strided_vjp,
        saves=NOTHING,
        aliases=True,
        flops=none,
        bytes=none,
        samples=several(
            samples((3, 4), attrs=_GEOMETRY),
            samples((3, 4), attrs=Geometry((3, 2), (1, 1), 2, (3, 4), (4, 1))),
            samples((3, 4), attrs=Geometry((2, 5, 2), (4, 0, 1), 2, (3, 4), (4, 1))),
        ),
        kernels=(),
    )


as_strided = _as_strided_op("as_strided", "AsStrided")
as_strided_ = _as_strided_op("as_strided_", "AsStridedBackward1")

as_strided_sum = Op(
    name="as_strided_sum",
    title="AsStridedSum",
    shape=lambda call: (Out(call.attrs.root_shape, call.dtype(0)),),
    reference=_sum_reference,
    vjp=lambda node, g: (
        view(as_strided, node.call.attrs, with_strides(g, node.call.attrs.root_strides)),
    ),
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((3, 2), attrs=Geometry((3, 2), (1, 1), 2, (3, 4), (4, 1))),
    kernels=(),
)
