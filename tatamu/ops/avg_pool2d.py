"""Average pooling over two axes.

    y[n, c, p, q] = (sum over the window's taps of x) / divisor[p, q]
    dx[n, c, ...] += g[n, c, p, q] / divisor[p, q]             avg_pool2d_grad

The divisor is the number of taps in the picture, with its padding if ``count_include_pad``, but
never with what ``ceil_mode`` lets hang over the padded end; or ``divisor_override``.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

import numpy as np

from tatamu.geometry import PoolSpec
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, like_input, moved_bytes
from tatamu.ops.layout import Ints
from tatamu.ops.max_pool2d import CASES
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, apply

__all__ = ["AvgPool", "AvgPoolGrad", "avg_pool2d", "avg_pool2d_grad"]


class AvgPool(NamedTuple):
    """The windows, and what a sum is divided by."""

    spec: PoolSpec
    count_include_pad: bool
    divisor_override: int | None


class AvgPoolGrad(NamedTuple):
    """An average pooling and the shape of its input."""

    pool: AvgPool
    shape: Ints


def _shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.spec.out_shape(call.shape(0))
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


def _weights(attrs: AvgPool, axis: int, size: int, count: int) -> Numpy:
    """How often each output along an axis (rows) reads each input (columns)."""
    window = attrs.spec.windows[axis]
    reads = np.zeros((count, size))
    for o in range(count):
        for tap in window.taps(o):
            if 0 <= tap < size:
                reads[o, tap] += 1
    return reads


def _divisors(attrs: AvgPool, sizes: Ints, out: Ints) -> Numpy:
    if attrs.divisor_override is not None:
        return np.full(out, float(attrs.divisor_override))
    counts = []
    for window, size, count in zip(attrs.spec.windows, sizes, out, strict=True):
        counts.append([window.counted(o, size, attrs.count_include_pad) for o in range(count)])
    divisors: Numpy = np.outer(counts[0], counts[1]).astype(float)
    return divisors


def _parts(attrs: AvgPool, sizes: Ints, dtype: np.dtype[np.generic]) -> tuple[Numpy, ...]:
    out = attrs.spec.out_size(sizes)
    rows, columns = (_weights(attrs, axis, sizes[axis], out[axis]) for axis in (0, 1))
    divisors = _divisors(attrs, sizes, out)
    return rows.astype(dtype), columns.astype(dtype), divisors.astype(dtype)


def _reference(attrs: AvgPool, x: Numpy) -> Numpy:
    rows, columns, divisors = _parts(attrs, x.shape[2:], x.dtype)
    sums = rows @ x @ columns.T
    return np.asarray(sums / divisors)


def _grad_reference(attrs: AvgPoolGrad, g: Numpy) -> Numpy:
    rows, columns, divisors = _parts(attrs.pool, attrs.shape[2:], g.dtype)
    return np.asarray(rows.T @ (g / divisors) @ columns)


def _vjp(node: Node, g: Array) -> tuple[Array]:
    attrs = interned(AvgPoolGrad(node.call.attrs, node.call.shape(0)))
    return (apply(avg_pool2d_grad, attrs, g),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array]:
    return (apply(avg_pool2d, node.call.attrs.pool, h),)


def _flops(call: Call) -> int:
    pool: AvgPool = call.attrs
    return (prod(pool.spec.kernel) + 1) * prod(_shape(call)[0].shape)


def _pools() -> Iterable[tuple[AvgPool, Ints]]:
    for spec, shape in CASES:
        if spec.dilation == (1, 1):
            yield AvgPool(spec, True, None), shape
            yield AvgPool(spec, False, None), shape
    yield AvgPool(CASES[0][0], True, 3), CASES[0][1]


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for pool, shape in _pools():
        yield Sample(pool, (random.uniform(-1, 1, shape),))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for pool, shape in _pools():
        yield Sample(AvgPoolGrad(pool, shape), (random.uniform(-1, 1, pool.spec.out_shape(shape)),))


avg_pool2d = Op(
    name="avg_pool2d",
    title="AvgPool2D",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=NOTHING,
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(),
)

avg_pool2d_grad = Op(
    name="avg_pool2d_grad",
    title="AvgPool2DGrad",
    shape=lambda call: (Out(call.attrs.shape, call.dtype(0)),),
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=NOTHING,
    aliases=False,
    flops=lambda call: 2 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(),
)
