"""Group normalisation: each image's channels in groups, each by its own mean and variance.

    y = w (x - mean) rstd + b       rstd = 1 / sqrt(var + eps)

Weights are per channel (Y. Wu and K. He, *Group Normalization*, 2018). With as many groups as
channels it is instance normalisation. Outputs beside y: mean, rstd, var, each (images, groups). It
saves its input, mean and rstd; no normalised copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy, local
from tatamu.ops.common import interned, like_input, moved_bytes
from tatamu.ops.folding import folded
from tatamu.ops.layout import Ints, axis_order
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply_all
from tatamu.ops.planned import StagedKernel
from tatamu.ops.standard import (
    Sharing,
    alike,
    bias_gradient,
    check_dtypes,
    gradients,
    mismatch,
    statistics_dtype,
)

__all__ = ["Groups", "group_norm", "group_norm_grad", "groups_of"]


class Groups(NamedTuple):
    """How many groups, and what is added to variances."""

    groups: int
    eps: float


def groups_of(groups: int, eps: float) -> Groups:
    """The one Groups of these numbers."""
    return interned(Groups(groups, float(eps)))


def _sharing(shape: Ints, groups: int) -> Sharing:
    seen = (shape[0], groups, prod(shape[1:]) // groups)
    summed = tuple(axis for axis in range(len(shape)) if axis != 1)
    beside = tuple(n if axis == 1 else 1 for axis, n in enumerate(shape))
    return Sharing(seen, (2,), beside, summed)


def _shape(call: Call) -> tuple[Out, ...]:
    shape, groups = call.shape(0), call.attrs.groups
    check_dtypes(call, "GroupNormKernelImpl")
    kept = Out((shape[0], groups), statistics_dtype(call.dtype(0)))
    return Out(shape, call.dtype(0), like_input(call, shape)), kept, kept, kept


def _reference(attrs: Groups, x: Numpy, w: Numpy | None, b: Numpy | None) -> tuple[Numpy, ...]:
    sharing = _sharing(x.shape, attrs.groups)
    seen = x.astype(np.float64).reshape(sharing.seen)
    mean, var = seen.mean(2), seen.var(2)
    rstd = 1 / np.sqrt(var + attrs.eps)
    y = ((seen - mean[..., None]) * rstd[..., None]).reshape(x.shape)
    if w is not None:
        y = y * w.reshape(sharing.weight)
    if b is not None:
        y = y + b.reshape(sharing.weight)
    return y, mean, rstd, var


def _grad_reference(
    attrs: Groups, g: Numpy, x: Numpy, w: Numpy | None, mean: Numpy, rstd: Numpy
) -> tuple[Numpy, ...]:
    sharing = _sharing(x.shape, attrs.groups)
    g = g.astype(np.float64)
    s = (x.astype(np.float64).reshape(sharing.seen) - mean[..., None]) * rstd[..., None]
    ds = (g if w is None else g * w.reshape(sharing.weight)).reshape(sharing.seen)
    rest = ds - ds.mean(2, keepdims=True) - s * (ds * s).mean(2, keepdims=True)
    dw = (g * s.reshape(x.shape)).sum(sharing.summed)
    return (rest * rstd[..., None]).reshape(x.shape), dw, g.sum(sharing.summed)


def _vjp(node: Node, g: Array) -> tuple[Any, Any, Any]:
    for_x, for_w, w, mean, rstd = node.recall()
    x = for_w if for_x is None else for_x
    attrs: Groups = node.call.attrs
    sharing = _sharing(node.call.shape(0), attrs.groups)
    if x is None:
        return None, None, bias_gradient(node, g, sharing)
    if local.grad:
        return gradients(node, g, x, w, sharing, attrs.eps)
    found = apply_all(group_norm_grad, attrs, alike(g, x), x, w, mean, rstd)
    pairs = zip(found, node.edges, strict=True)
    return tuple(None if edge is None else d for d, edge in pairs)  # type: ignore[return-value]


def _kernel(what: str) -> StagedKernel:
    def problem(call: Call) -> Any:
        from tatamu.kernels.channel_norm import ChannelNormProblem

        shape, strides, attrs = call.shape(0), call.strides[0], call.attrs
        assert strides is not None
        seen = mismatch(call) or folded(call, tuple(range(2, len(shape))))
        if isinstance(seen, str):
            return seen
        order = axis_order(shape, strides)
        assert order is not None
        if 1 not in shape[:2] and order.index(1) < order.index(0):
            return "images must lie one after the other"
        members = shape[1] // attrs.groups
        return ChannelNormProblem(what, seen, shape[1], members, attrs.eps)

    return StagedKernel("channel norm", "channel_norm", problem)


CASES = (((2, 6, 2, 5), 3), ((3, 4), 2), ((2, 3, 7), 3), ((1, 4, 3, 3), 1))


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape, groups in CASES:
        x, w, b = (random.uniform(-1, 1, s) for s in (shape, shape[1:2], shape[1:2]))
        yield Sample(Groups(groups, 1e-3), (x, w, b))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape, groups in CASES:
        attrs = Groups(groups, 1e-3)
        x, w, g = (random.uniform(-1, 1, s) for s in (shape, shape[1:2], shape))
        _, mean, rstd, _ = _reference(attrs, x, None, None)
        yield Sample(attrs, (g, x, w, mean, rstd))


group_norm = Op(
    name="group_norm",
    title="NativeGroupNorm",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((0, 0), (0, 1), (1, 0)), outputs=(1, 2)),
    aliases=False,
    flops=lambda call: 7 * call.shape(0).numel(),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(_kernel("forward"),),
)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    shape = call.shape(1)
    kept = Out(shape[1:2], statistics_dtype(call.dtype(1)))
    return Out(shape, call.dtype(1), like_input(call, shape, 1)), kept, kept


group_norm_grad = Op(
    name="group_norm_grad",
    title="NativeGroupNormBackward",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=None,
    saves=Saves((), ()),
    aliases=False,
    flops=lambda call: 12 * call.shape(1).numel(),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(_kernel("backward"),),
)
