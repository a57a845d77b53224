"""Average pooling over two or three axes, in windows or in bins.

    y[n, c, o] = (sum over what o reads of x) / divisor[o]
    dx[n, c, ...] += g[n, c, o] / divisor[o]             avg_pool_grad

The divisor is the number of taps in the picture, with its padding if ``count_include_pad``, but
never with what ``ceil_mode`` lets hang over the padded end; or ``divisor_override``. It is a
product over the axes, and so are the sums taken one axis after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.geometry import readers
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, like_input, moved_bytes
from tatamu.ops.layout import Ints, channels_last_strides
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, apply
from tatamu.ops.planned import PlannedKernel
from tatamu.ops.pooled import (
    Spec,
    adaptive_cases,
    laid_like,
    output_strides,
    pool_problem,
    window_cases,
)

__all__ = [
    "AvgPool",
    "AvgPoolGrad",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "averages",
    "avg_pool2d",
    "avg_pool3d",
    "avg_pool_grad",
    "divisors",
    "gradient_of",
]


class AvgPool(NamedTuple):
    """The windows or bins, and what a sum is divided by."""

    spec: Spec
    count_include_pad: bool = False
    divisor_override: int | None = None


class AvgPoolGrad(NamedTuple):
    """An average pooling, the shape of its input and its order in memory (None: C order)."""

    pool: AvgPool
    shape: Ints
    strides: Ints | None


def gradient_of(pool: AvgPool, call: Call) -> AvgPoolGrad:
    """The gradient of ``pool`` with respect to input 0 of a call."""
    shape = call.shape(0)
    return interned(AvgPoolGrad(pool, tuple(shape), like_input(call, shape)))


def _shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.spec.out_shape(call.shape(0))
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    return (Out(call.attrs.shape, call.dtype(0), call.attrs.strides),)


def divisors(pool: AvgPool, sizes: Ints) -> tuple[Ints, ...]:
    """What each output is divided by, a factor for each axis."""
    if pool.divisor_override is None:
        return pool.spec.counts(sizes, pool.count_include_pad)
    first, *rest = pool.spec.out_size(sizes)
    return ((pool.divisor_override,) * first, *((1,) * count for count in rest))


# ---- references ----------------------------------------------------------------------------------


def _all_divisors(pool: AvgPool, sizes: Ints, dtype: np.dtype[np.generic]) -> Numpy:
    product: Numpy = reduce(np.multiply.outer, map(np.array, divisors(pool, sizes)))
    return product.astype(dtype)


def averages(pool: AvgPool, x: Numpy) -> Numpy:
    """The averages of ``x``: one axis is summed up after the other."""
    sizes = x.shape[2:]
    sums = x
    for axis, reads in enumerate(pool.spec.reads(sizes), 2):
        along = np.moveaxis(sums, axis, -1)
        read = [along[..., r.start : r.stop : r.step].sum(-1, dtype=x.dtype) for r in reads]
        shape = (*along.shape[:-1], len(reads))
        sums = np.moveaxis(np.stack(read, -1) if read else np.zeros(shape, x.dtype), -1, axis)
    return np.asarray(sums / _all_divisors(pool, sizes, x.dtype))


def _grad_reference(attrs: AvgPoolGrad, g: Numpy) -> Numpy:
    sizes = attrs.shape[2:]
    spread = np.asarray(g / _all_divisors(attrs.pool, sizes, g.dtype))
    for axis, reads in enumerate(attrs.pool.spec.reads(sizes), 2):
        along = np.moveaxis(spread, axis, -1)
        wide = np.zeros((*along.shape[:-1], sizes[axis - 2]), g.dtype)
        for o, r in enumerate(reads):
            wide[..., r.start : r.stop : r.step] += along[..., o : o + 1]
        spread = np.moveaxis(wide, -1, axis)
    return spread


# ---- gradients -----------------------------------------------------------------------------------


def _vjp(node: Node, g: Array) -> tuple[Array]:
    laid = laid_like(g, output_strides(node.call))
    return (apply(avg_pool_grad, gradient_of(node.call.attrs, node.call), laid),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array]:
    op = avg_pool2d if len(node.call.attrs.shape) == 4 else avg_pool3d
    return (apply(op, node.call.attrs.pool, h),)


# ---- cost and samples ----------------------------------------------------------------------------


def _flops(call: Call) -> int:
    images, channels, *sizes = call.shape(0)
    reads = call.attrs.spec.reads(sizes)
    taps = prod(sum(map(len, axis)) for axis in reads)
    return images * channels * (taps + prod(map(len, reads)))


def _windows(dims: int) -> Iterable[tuple[AvgPool, Ints]]:
    for spec, shape in window_cases(dims, "avg"):
        if max(spec.dilation) == 1:
            yield AvgPool(spec, True), shape
            yield AvgPool(spec, False), shape
            yield AvgPool(spec, True, 3), shape


def _bins(dims: int) -> Iterable[tuple[AvgPool, Ints]]:
    for spec, shape in adaptive_cases(dims, "avg"):
        yield AvgPool(spec), shape


Cases = Callable[[int], Iterable[tuple[AvgPool, Ints]]]


def _samples(cases: Cases, dims: int) -> Callable[[np.random.Generator], Iterable[Sample]]:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for pool, shape in cases(dims):
            yield Sample(pool, (random.uniform(-1, 1, shape),))

    return generate


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for dims in (2, 3):
        for pool, shape in (*_windows(dims), *_bins(dims)):
            g = random.uniform(-1, 1, pool.spec.out_shape(shape))
            yield Sample(AvgPoolGrad(pool, shape, None), (g,))
            yield Sample(AvgPoolGrad(pool, shape, channels_last_strides(shape)), (g,))


# ---- records -------------------------------------------------------------------------------------


def _problem(call: Call) -> Any:
    pool, sizes = call.attrs, call.shape(0)[2:]
    return pool_problem(call, "mean", pool.spec.reads(sizes), divisors(pool, sizes))


def _grad_problem(call: Call) -> Any:
    pool, sizes = call.attrs.pool, call.attrs.shape[2:]
    axes = zip(pool.spec.reads(sizes), sizes, strict=True)
    reads = tuple(readers(axis, size) for axis, size in axes)
    return pool_problem(call, "spread", reads, divisors(pool, sizes))


def _average(name: str, title: str, cases: Cases, dims: int) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_shape,
        reference=averages,
        vjp=_vjp,
        saves=NOTHING,
        aliases=False,
        flops=_flops,
        bytes=moved_bytes,
        samples=_samples(cases, dims),
        kernels=(PlannedKernel("windows", "pooling", _problem, places=True),),
    )


avg_pool2d = _average("avg_pool2d", "AvgPool2D", _windows, 2)
avg_pool3d = _average("avg_pool3d", "AvgPool3D", _windows, 3)
adaptive_avg_pool2d = _average("adaptive_avg_pool2d", "AdaptiveAvgPool2D", _bins, 2)
adaptive_avg_pool3d = _average("adaptive_avg_pool3d", "AdaptiveAvgPool3D", _bins, 3)

avg_pool_grad = Op(
    name="avg_pool_grad",
    title="AvgPoolGrad",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=NOTHING,
    aliases=False,
    flops=lambda call: 2 * prod(call.attrs.shape),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(PlannedKernel("windows", "pooling", _grad_problem),),
)
