"""Windows along an axis, as a view with one more axis at the end.

y[.., i, .., k] = x[.., i * step + k, ..]        dx = the sum of g where windows meet
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, moved_bytes, none, samples, view_shape
from tatamu.ops.op import NOTHING, Op, Out, apply, view

__all__ = ["Windows", "windows", "windows_sum"]


class Windows(NamedTuple):
    """Windows of ``size`` elements, ``step`` apart, along an axis of so many elements."""

    axis: int
    size: int
    step: int
    total: int


def _look(w: Windows, x: Numpy) -> Numpy:
    every = np.lib.stride_tricks.sliding_window_view(x, w.size, w.axis, writeable=x.flags.writeable)
    return every[(*[slice(None)] * w.axis, slice(None, None, w.step))]


def _sum(w: Windows, g: Numpy) -> Numpy:
    out = np.zeros((*g.shape[: w.axis], w.total, *g.shape[w.axis + 1 : -1]), g.dtype)
    count = g.shape[w.axis]
    before = (slice(None),) * w.axis
    for place in range(w.size):
        out[(*before, slice(place, None, w.step))][(*before, slice(0, count))] += g[..., place]
    return out


def _windows_vjp(node: Node, g: Array) -> tuple[Array]:
    return (apply(windows_sum, node.call.attrs, g),)


windows = Op(
    name="windows",
    title="Unfold",
    shape=view_shape,
    reference=_look,
    vjp=_windows_vjp,
    saves=NOTHING,
    aliases=True,
    flops=none,
    bytes=none,
    samples=samples((2, 7, 3), attrs=interned(Windows(1, 3, 2, 7))),
    kernels=(),
)

windows_sum = Op(
    name="windows_sum",
    title="UnfoldBackward",
    shape=lambda call: (Out(_sum_shape(call.attrs, call.shape(0)), call.dtype(0)),),
    reference=_sum,
    vjp=lambda node, g: (view(windows, node.call.attrs, g),),
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((2, 3, 3, 3), attrs=interned(Windows(1, 3, 2, 7))),
    kernels=(),
)


def _sum_shape(w: Windows, g: tuple[int, ...]) -> tuple[int, ...]:
    return (*g[: w.axis], w.total, *g[w.axis + 1 : -1])
