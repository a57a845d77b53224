"""LP pooling: the norm of each window.

    s[n, c, o] = (sum over the window of x^p) / divisor[o] * K        y = (sign(s) |s|)^(1/p)
    dx = x^(p-1) * (sum over the windows that read x of  g y^(1-p) K / divisor)

K is the number of taps of a whole window, so that only windows that ``ceil_mode`` cuts short are
weighted otherwise than by a plain sum; torch composes it like that of an average pooling. As there,
the gradient is 0 where y is.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.geometry import PoolSpec
from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.avg_pool import AvgPool, averages, avg_pool_grad, divisors, gradient_of
from tatamu.ops.common import constant, like_input, moved_bytes
from tatamu.ops.comparison import eq, where
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.planned import PlannedKernel
from tatamu.ops.pooled import pool_problem, window_cases
from tatamu.ops.power import pow_, scalar

__all__ = ["KERNEL_NORMS", "LPPool", "lp_pool"]

KERNEL_NORMS = {1.0: "norm1", 2.0: "norm2"}


class LPPool(NamedTuple):
    """The windows, without padding, and the norm."""

    spec: PoolSpec
    norm: float


def _shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.spec.out_shape(call.shape(0))
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


def _reference(attrs: LPPool, x: Numpy) -> Numpy:
    window = x.dtype.type(prod(attrs.spec.kernel))
    sums = averages(AvgPool(attrs.spec), np.power(x, attrs.norm)) * window
    return np.asarray(np.power(sums, 1 / attrs.norm))


def _vjp(node: Node, g: Array) -> tuple[Array]:
    x, y = node.recall()
    spec, norm = node.call.attrs
    one, zero = constant(1.0, g.dtype), constant(0.0, g.dtype)
    nothing = eq(y, zero)
    slope = apply(pow_, scalar(1 - norm), where(nothing, one, y))
    share = mul(mul(where(nothing, zero, g), slope), constant(prod(spec.kernel), g.dtype))
    spread = apply(avg_pool_grad, gradient_of(AvgPool(spec), node.call), share)
    return (spread if norm == 1 else mul(spread, apply(pow_, scalar(norm - 1), x)),)


def _flops(call: Call) -> int:
    spec: PoolSpec = call.attrs.spec
    return 2 * prod(spec.kernel) * prod(_shape(call)[0].shape)


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for norm in (1.0, 2.0, 3.0):
        for dims in (2, 3):
            for spec, shape in window_cases(dims, "avg"):
                if max(spec.padding) == 0 and max(spec.dilation) == 1:
                    yield Sample(LPPool(spec, norm), (random.uniform(0.5, 1.5, shape),))


def _problem(call: Call) -> Any:
    spec, norm = call.attrs
    if norm not in KERNEL_NORMS:
        return f"it takes the norms 1 and 2, not {norm:g}"
    sizes = call.shape(0)[2:]
    counts = divisors(AvgPool(spec), sizes)
    return pool_problem(call, KERNEL_NORMS[norm], spec.reads(sizes), counts, prod(spec.kernel))


lp_pool = Op(
    name="lp_pool",
    title="Pow",  # the last of those that torch composes it of
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((0, 0),), outputs=(0,)),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(PlannedKernel("windows", "pooling", _problem),),
)
