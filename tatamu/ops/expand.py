"""Expand and sum, each the other's gradient: what was copied along an axis is summed along it.

y[i, j] = x[i]          dx[i] = sum_j g[i, j]
y[i] = sum_j x[i, j]    dx[i, j] = g[i]
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Array, Numpy
from tatamu.ops.common import (
    moved_bytes,
    none,
    one_per_input,
    samples,
    several,
    view_shape,
)
from tatamu.ops.folding import Reduce, fold_kernel, reduced, reduced_out, reduction
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, apply, view
from tatamu.ops.reshape import reshape

__all__ = ["expand", "expand_view", "spread", "sum_", "sum_to"]

T = TypeVar("T", bound=Array)


def spread(g: T, shape: Ints, reduce: Reduce) -> T:
    """``g``, the result of a reduction of a tensor of ``shape``, broadcast back to it."""
    return expand(reshape(g, reduced(shape, reduction(reduce.axes, True))), shape)


@lru_cache(maxsize=1024)
def _summed_axes(shape: Ints, wanted: Ints) -> Reduce:
    extra = len(shape) - len(wanted)
    pairs = enumerate(zip(shape[extra:], wanted, strict=True), extra)
    grown = tuple([axis for axis, (n, want) in pairs if n != want])
    return reduction(tuple(range(extra)) + grown)


def sum_to(g: T, shape: Ints) -> T:
    """A gradient summed over the axes that broadcasting made, so that it has ``shape``."""
    if g.shape == shape:
        return g
    return reshape(apply(sum_, _summed_axes(g.shape, shape), g), shape)


def _sum_shape(call: Call) -> tuple[Out, ...]:
    dtype = call.dtype(0)
    wide = dtype if dtype.is_floating_point else dtypes.int64
    return (reduced_out(call, call.attrs, wide),)


def _sum_reference(reduce: Reduce, x: Numpy) -> Numpy:
    total: Numpy = x.sum(axis=reduce.axes, keepdims=reduce.keepdim)
    return total


sum_ = Op(
    name="sum",
    title="Sum",
    shape=_sum_shape,
    reference=_sum_reference,
    vjp=lambda node, g: (spread(g, node.call.shape(0), node.call.attrs),),
    saves=NOTHING,
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=several(
        samples((2, 3, 4), attrs=Reduce((0, 1, 2), False)),
        samples((2, 3, 4), attrs=Reduce((1,), True)),
        samples((40, 30), attrs=Reduce((0,), False)),
    ),
    kernels=(fold_kernel("sum"),),
)


def expand(x: T, shape: Ints) -> T:
    """``x`` broadcast to ``shape`` with strides of 0; axes that keep their extent keep theirs."""
    out = view(expand_view, shape, x)
    if 1 in shape and 1 in x.shape:  # NumPy gives every axis of extent 1 a stride of 0
        new = len(shape) - len(x.shape)
        kept = zip(shape[new:], x.shape, x.strides, out.strides[new:], strict=True)
        out.strides = out.strides[:new] + tuple([a if n == m else b for n, m, a, b in kept])
        out._array = None
    return out


expand_view = Op(
    name="expand",
    title="Expand",
    shape=view_shape,
    reference=lambda shape, x: np.broadcast_to(x, shape),
    vjp=lambda node, g: (sum_to(g, node.call.shape(0)),),
    saves=NOTHING,
    aliases=True,
    flops=none,
    bytes=none,
    samples=samples((3, 1), attrs=(2, 3, 4)),
    kernels=(),
)
