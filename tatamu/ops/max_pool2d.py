"""Max pooling over two axes, with the places of the maxima.

    y[n, c, p, q] = max over the window's taps of x     i[n, c, p, q] = where: row width + column
    dx[n, c, i[n, c, p, q]] += g[n, c, p, q]               max_pool2d_grad
    y[n, c, p, q] = x[n, c, i[n, c, p, q]]                 max_pool2d_at, the former's own gradient

The first of equal values is taken, and NaN is larger than anything, as in torch. The places are all
that backward needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.geometry import PoolSpec
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import like_input, moved_bytes, none
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply

__all__ = ["max_pool2d", "max_pool2d_at", "max_pool2d_grad"]


def _shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.out_shape(call.shape(0))
    strides = like_input(call, shape)
    return Out(shape, call.dtype(0), strides), Out(shape, dtypes.int64, strides)


def _lowest(dtype: Any) -> float | int:
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _reference(spec: PoolSpec, x: Numpy) -> tuple[Numpy, Numpy]:
    batch, channels, height, width = x.shape
    out = spec.out_size((height, width))
    best = np.full((batch, channels, *out), _lowest(x.dtype), x.dtype)
    place = np.full(best.shape, -1, np.int64)
    rows, columns = spec.windows
    for i in range(rows.kernel):
        row = np.array([rows.taps(p)[i] for p in range(out[0])])
        for j in range(columns.kernel):
            column = np.array([columns.taps(q)[j] for q in range(out[1])])
            ps = np.flatnonzero((row >= 0) & (row < height))
            qs = np.flatnonzero((column >= 0) & (column < width))
            target: Any = (slice(None), slice(None), *np.ix_(ps, qs))
            source: Any = (slice(None), slice(None), *np.ix_(row[ps], column[qs]))
            value = x[source]
            better = (value > best[target]) | (value != value) | (place[target] < 0)
            here = row[ps][:, None] * width + column[qs]
            best[target] = np.where(better, value, best[target])
            place[target] = np.where(better, here, place[target])
    return best, place


def _planes(x: Numpy) -> Numpy:
    return x.reshape(*x.shape[:2], -1)


def _grad_reference(shape: Ints, g: Numpy, places: Numpy) -> Numpy:
    out = np.zeros(shape, g.dtype)
    batch, channels = np.ogrid[: shape[0], : shape[1]]
    np.add.at(_planes(out), (batch[..., None], channels[..., None], _planes(places)), _planes(g))
    return out


def _at_reference(_: Ints, x: Numpy, places: Numpy) -> Numpy:
    return np.take_along_axis(_planes(x), _planes(places), 2).reshape(places.shape)


def _vjp(node: Node, g: Array) -> tuple[Array]:
    (places,) = node.recall()
    return (apply(max_pool2d_grad, node.call.shape(0), g, places),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(max_pool2d_at, node.call.attrs, h, places), None


def _at_vjp(node: Node, h: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(max_pool2d_grad, node.call.attrs, h, places), None


def _flops(call: Call) -> int:
    spec: PoolSpec = call.attrs
    return prod(spec.kernel) * prod(_shape(call)[0].shape)


CASES = (
    (PoolSpec.make(2), (2, 3, 6, 4)),
    (PoolSpec.make(3, stride=2, padding=1), (1, 2, 7, 6)),
    (PoolSpec.make(2, stride=3, dilation=2), (1, 2, 8, 9)),
    (PoolSpec.make(3, stride=2, ceil_mode=True), (2, 1, 6, 8)),
    (PoolSpec.make((2, 3), stride=(1, 2), padding=(1, 0)), (1, 1, 4, 7)),
)


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for spec, shape in CASES:
        distinct = random.permutation(prod(shape)).reshape(shape) / prod(shape)
        yield Sample(spec, (distinct,))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for spec, shape in CASES:
        _, places = _reference(spec, random.uniform(size=shape))
        yield Sample(shape, (random.uniform(size=places.shape), places))


def _at_samples(random: np.random.Generator) -> Iterable[Sample]:
    for spec, shape in CASES:
        _, places = _reference(spec, random.uniform(size=shape))
        yield Sample(shape, (random.uniform(size=shape), places))


max_pool2d = Op(
    name="max_pool2d",
    title="MaxPool2DWithIndices",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=(), outputs=(1,)),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(),
)

max_pool2d_grad = Op(
    name="max_pool2d_grad",
    title="MaxPool2DGrad",
    shape=lambda call: (Out(call.attrs, call.dtype(0)),),
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=lambda call: prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(),
)

max_pool2d_at = Op(
    name="max_pool2d_at",
    title="MaxPool2DAt",
    shape=lambda call: (Out(call.shape(1), call.dtype(0)),),
    reference=_at_reference,
    vjp=_at_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_at_samples,
    kernels=(),
)
