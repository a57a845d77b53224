"""Batch normalisation: each channel by its own mean and variance.

    y = w (x - mean) rstd + b       rstd = 1 / sqrt(var + eps)

Training takes mean and biased variance over all but the channels, inference is given them
(S. Ioffe and C. Szegedy, *Batch Normalization*, 2015). Training saves its input, mean and rstd; no
normalised copy. Outputs beside y: mean, rstd, var, for running statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import add, mul, sub
from tatamu.ops.array import Array, Node, Numpy, local
from tatamu.ops.common import constant, interned, like_input, moved_bytes
from tatamu.ops.folding import folded
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply, apply_all
from tatamu.ops.planned import StagedKernel
from tatamu.ops.power import pow_, scalar
from tatamu.ops.reshape import reshape
from tatamu.ops.standard import (
    Sharing,
    alike,
    bias_gradient,
    check_dtypes,
    gradients,
    mismatch,
    statistics_dtype,
    weight_sum,
)

__all__ = ["Eps", "batch_norm", "batch_norm_grad", "batch_norm_inference", "eps_of"]


class Eps(NamedTuple):
    """What is added to variances."""

    eps: float


def eps_of(eps: float) -> Eps:
    """The one Eps of this number."""
    return interned(Eps(float(eps)))


def _others(shape: Ints) -> Ints:
    """All axes but the channels."""
    return tuple(axis for axis in range(len(shape)) if axis != 1)


def _beside(shape: Ints) -> Ints:
    """The shape of weights that broadcast against x."""
    return tuple(n if axis == 1 else 1 for axis, n in enumerate(shape))


def _sharing(shape: Ints) -> Sharing:
    return Sharing(shape, _others(shape), _beside(shape), _others(shape))


def _check(call: Call, names: tuple[str, ...]) -> int:
    """Raise torch's sentences; the number of channels."""
    shape = call.shape(0)
    channels = shape[1] if len(shape) > 1 else 0
    for name, own in zip(names, call.shapes[1:], strict=True):
        if own is not None and own.numel() != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {own.numel()}\n"
                f"  the input {list(shape)} has {channels} channels (its second axis)"
            )
    check_dtypes(call, "batch_norm")
    return channels


def _shape(call: Call) -> tuple[Out, ...]:
    channels = _check(call, ("weight", "bias"))
    shape = call.shape(0)
    kept = Out((channels,), statistics_dtype(call.dtype(0)))
    return Out(shape, call.dtype(0), like_input(call, shape)), kept, kept, kept


def _affine(s: Numpy, w: Numpy | None, b: Numpy | None, beside: Ints) -> Numpy:
    if w is not None:
        s = s * w.reshape(beside)
    return s if b is None else s + b.reshape(beside)


def _reference(attrs: Eps, x: Numpy, w: Numpy | None, b: Numpy | None) -> tuple[Numpy, ...]:
    wide, axes, beside = x.astype(np.float64), _others(x.shape), _beside(x.shape)
    mean, var = wide.mean(axes), wide.var(axes)
    rstd = 1 / np.sqrt(var + attrs.eps)
    s = (wide - mean.reshape(beside)) * rstd.reshape(beside)
    return _affine(s, w, b, beside), mean, rstd, var


def _inference_reference(
    attrs: Eps, x: Numpy, mean: Numpy, var: Numpy, w: Numpy | None, b: Numpy | None
) -> Numpy:
    beside = _beside(x.shape)
    rstd = 1 / np.sqrt(var.astype(np.float64) + attrs.eps)
    s = (x - mean.astype(np.float64).reshape(beside)) * rstd.reshape(beside)
    return _affine(s, w, b, beside)


def _grad_reference(
    attrs: Eps, g: Numpy, x: Numpy, w: Numpy | None, mean: Numpy, rstd: Numpy
) -> tuple[Numpy, ...]:
    axes, beside = _others(x.shape), _beside(x.shape)
    g, wide = g.astype(np.float64), x.astype(np.float64)
    s = (wide - mean.reshape(beside)) * rstd.reshape(beside)
    ds = g if w is None else g * w.reshape(beside)
    rest = ds - ds.mean(axes, keepdims=True) - s * (ds * s).mean(axes, keepdims=True)
    return rest * rstd.reshape(beside), (g * s).sum(axes), g.sum(axes)


def _vjp(node: Node, g: Array) -> tuple[Any, Any, Any]:
    for_x, for_w, w, mean, rstd = node.recall()
    x = for_w if for_x is None else for_x
    sharing = _sharing(node.call.shape(0))
    if x is None:
        return None, None, bias_gradient(node, g, sharing)
    if local.grad:
        return gradients(node, g, x, w, sharing, node.call.attrs.eps)
    found = apply_all(batch_norm_grad, node.call.attrs, alike(g, x), x, w, mean, rstd)
    pairs = zip(found, node.edges, strict=True)
    return tuple(None if edge is None else d for d, edge in pairs)  # type: ignore[return-value]


def _inference_vjp(node: Node, g: Array) -> tuple[Any, ...]:
    x, mean, for_x, for_w, w = node.recall()
    var = for_w if for_x is None else for_x
    sharing = _sharing(node.call.shape(0))
    beside = sharing.weight
    rstd: Any = None
    dx = dw = db = None
    if var is not None:
        rstd = apply(pow_, scalar(-0.5), add(var, constant(node.call.attrs.eps, var.dtype)))
    if node.edges[0] is not None:
        scale = rstd if w is None else mul(w, rstd)
        dx = mul(g, reshape(scale, beside))
    if node.edges[3] is not None:
        s = mul(sub(x, reshape(mean, beside)), reshape(rstd, beside))
        dw = weight_sum(mul(g, s), sharing, node.call.shape(3))
    if node.edges[4] is not None:
        db = weight_sum(g, sharing, node.call.shape(4))
    return dx, None, None, dw, db


def _kernel(what: str) -> StagedKernel:
    def problem(call: Call) -> Any:
        from tatamu.kernels.channel_norm import ChannelNormProblem

        shape = call.shape(0)
        if len(shape) < 2:
            return "there are no channels"
        seen = mismatch(call) or folded(call, _others(shape))
        if isinstance(seen, str):
            return seen
        return ChannelNormProblem(what, seen, shape[1], 1, call.attrs.eps)

    return StagedKernel("channel norm", "channel_norm", problem)


def _flops(each: int) -> Callable[[Call], int]:
    return lambda call: each * call.shape(0).numel()


SHAPES = ((2, 3, 4, 5), (4, 3), (2, 2, 7))


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape in SHAPES:
        x, w, b = (random.uniform(-1, 1, s) for s in (shape, shape[1:2], shape[1:2]))
        yield Sample(Eps(1e-3), (x, w, b))


def _inference_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape in SHAPES:
        one = shape[1:2]
        x, mean, w, b = (random.uniform(-1, 1, s) for s in (shape, one, one, one))
        yield Sample(Eps(1e-3), (x, mean, random.uniform(0.5, 2, one), w, b))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape in SHAPES:
        x, w, g = (random.uniform(-1, 1, s) for s in (shape, shape[1:2], shape))
        _, mean, rstd, _ = _reference(Eps(1e-3), x, None, None)
        yield Sample(Eps(1e-3), (g, x, w, mean, rstd))


batch_norm = Op(
    name="batch_norm",
    title="NativeBatchNorm",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((0, 0), (0, 1), (1, 0)), outputs=(1, 2)),
    aliases=False,
    flops=_flops(7),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(_kernel("forward"),),
)


def _inference_shape(call: Call) -> tuple[Out, ...]:
    _check(call, ("running_mean", "running_var", "weight", "bias"))
    shape = call.shape(0)
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


batch_norm_inference = Op(
    name="batch_norm_inference",
    title="NativeBatchNorm",
    shape=_inference_shape,
    reference=_inference_reference,
    vjp=_inference_vjp,
    saves=Saves(inputs=((0, 3), (1, 3), (2, 0), (2, 3), (3, 0)), outputs=()),
    aliases=False,
    flops=_flops(3),
    bytes=moved_bytes,
    samples=_inference_samples,
    kernels=(_kernel("inference"),),
)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    shape = call.shape(1)
    kept = Out(shape[1:2], statistics_dtype(call.dtype(1)))
    return Out(shape, call.dtype(1), like_input(call, shape, 1)), kept, kept


batch_norm_grad = Op(
    name="batch_norm_grad",
    title="NativeBatchNormBackward",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=None,
    saves=Saves((), ()),
    aliases=False,
    flops=_flops(12),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(_kernel("backward"),),
)
