"""Layer normalisation: the last axes of each sample by their own mean and variance.

    y = w (x - mean) rstd + b       rstd = 1 / sqrt(var + eps)

Weights have the shape of what is normalised (J. L. Ba, J. R. Kiros and G. E. Hinton, *Layer
Normalization*, 2016). Outputs beside y: mean and rstd, one for each sample. It saves its input,
mean and rstd; no normalised copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy, local
from tatamu.ops.common import interned, like_input, moved_bytes
from tatamu.ops.folding import folded
from tatamu.ops.layout import Ints, axis_order, contiguous_strides
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply_all
from tatamu.ops.planned import StagedKernel
from tatamu.ops.reshape import with_strides
from tatamu.ops.standard import (
    Sharing,
    bias_gradient,
    check_dtypes,
    gradients,
    mismatch,
    statistics_dtype,
)

__all__ = ["Normalized", "layer_norm", "layer_norm_grad", "normalized_over"]


class Normalized(NamedTuple):
    """The shape of what is normalised, the last axes; what is added to variances."""

    shape: Ints
    eps: float


def normalized_over(shape: Ints, eps: float) -> Normalized:
    """The one Normalized of these."""
    return interned(Normalized(shape, float(eps)))


def _axes(shape: Ints, attrs: Normalized) -> Ints:
    return tuple(range(len(shape) - len(attrs.shape), len(shape)))


def _sharing(shape: Ints, attrs: Normalized) -> Sharing:
    axes = _axes(shape, attrs)
    return Sharing(shape, axes, attrs.shape, tuple(range(axes[0])))


def _check(call: Call) -> None:
    shape, wanted = call.shape(0), call.attrs.shape
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
            "one element, but got normalized_shape = []"
        )
    for name, own in zip(("weight", "bias"), call.shapes[1:], strict=True):
        if own is not None and own != wanted:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of "
                f"shape {list(own)} and normalized_shape = {list(wanted)}"
            )
    if shape[len(shape) - len(wanted) :] != wanted or len(shape) < len(wanted):
        listed = ", ".join(map(str, wanted))
        raise RuntimeError(
            f"Given normalized_shape=[{listed}], expected input with shape [*, {listed}], but got "
            f"input of size{list(shape)}\n"
            f"  normalized_shape={list(shape[-len(wanted) :])} would fit its last axes"
        )
    check_dtypes(call, "LayerNormKernelImpl")


def _shape(call: Call) -> tuple[Out, ...]:
    _check(call)
    shape = call.shape(0)
    samples = shape[: len(shape) - len(call.attrs.shape)]
    ones = (1,) * len(call.attrs.shape)
    strides = like_input(call, (*samples, *ones))
    kept = Out((*samples, *ones), statistics_dtype(call.dtype(0)), strides)
    return Out(shape, call.dtype(0), like_input(call, shape)), kept, kept


def _reference(attrs: Normalized, x: Numpy, w: Numpy | None, b: Numpy | None) -> tuple[Numpy, ...]:
    axes, wide = _axes(x.shape, attrs), x.astype(np.float64)
    mean, var = wide.mean(axes, keepdims=True), wide.var(axes, keepdims=True)
    rstd = 1 / np.sqrt(var + attrs.eps)
    y = (wide - mean) * rstd
    y = y if w is None else y * w
    return y if b is None else y + b, mean, rstd


def _grad_reference(
    attrs: Normalized, g: Numpy, x: Numpy, w: Numpy | None, mean: Numpy, rstd: Numpy
) -> tuple[Numpy, ...]:
    axes, summed = _axes(x.shape, attrs), _sharing(x.shape, attrs).summed
    g, s = g.astype(np.float64), (x.astype(np.float64) - mean) * rstd
    ds = g if w is None else g * w
    rest = ds - ds.mean(axes, keepdims=True) - s * (ds * s).mean(axes, keepdims=True)
    return rest * rstd, (g * s).sum(summed), g.sum(summed)


def _in_order(x: Array) -> Array:
    return x if x.in_order() else with_strides(x, contiguous_strides(x.shape))


def _vjp(node: Node, g: Array) -> tuple[Any, Any, Any]:
    for_x, for_w, w, mean, rstd = node.recall()
    x = for_w if for_x is None else for_x
    attrs: Normalized = node.call.attrs
    sharing = _sharing(node.call.shape(0), attrs)
    if x is None:
        return None, None, bias_gradient(node, g, sharing)
    if local.grad:
        return gradients(node, g, x, w, sharing, attrs.eps)
    others = (w, _in_order(mean), _in_order(rstd))
    found = apply_all(layer_norm_grad, attrs, _in_order(g), _in_order(x), *others)
    pairs = zip(found, node.edges, strict=True)
    return tuple(None if edge is None else d for d, edge in pairs)  # type: ignore[return-value]


def _kernel(what: str) -> StagedKernel:
    def problem(call: Call) -> Any:
        from tatamu.kernels.layer_norm import LayerNormProblem

        shape, strides = call.shape(0), call.strides[0]
        assert strides is not None
        axes = _axes(shape, call.attrs)
        seen = mismatch(call) or folded(call, axes)
        if isinstance(seen, str):
            return seen
        order = [axis for axis in axis_order(shape, strides) or () if axis in axes]
        if len([n for n in call.attrs.shape if n > 1]) > 1 and order != sorted(order):
            return "what is normalised must lie in the order of its weights"
        return LayerNormProblem(what, seen, call.attrs.eps)

    return StagedKernel("layer norm", "layer_norm", problem)


CASES = (((2, 3, 5), (5,)), ((2, 3, 4), (3, 4)), ((7,), (7,)), ((2, 2, 6, 3), (3,)))


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape, over in CASES:
        x, w, b = (random.uniform(-1, 1, s) for s in (shape, over, over))
        yield Sample(Normalized(over, 1e-3), (x, w, b))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape, over in CASES:
        attrs = Normalized(over, 1e-3)
        x, w, g = (random.uniform(-1, 1, s) for s in (shape, over, shape))
        _, mean, rstd = _reference(attrs, x, None, None)
        yield Sample(attrs, (g, x, w, mean, rstd))


def _grad_shape(call: Call) -> tuple[Out, ...]:
    shape, dtype = call.shape(1), call.dtype(1)
    kept = Out(call.attrs.shape, statistics_dtype(dtype))
    return Out(shape, dtype, like_input(call, shape, 1)), kept, kept


layer_norm = Op(
    name="layer_norm",
    title="NativeLayerNorm",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((0, 0), (0, 1), (1, 0)), outputs=(1, 2)),
    aliases=False,
    flops=lambda call: 7 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(_kernel("forward"),),
)

layer_norm_grad = Op(
    name="layer_norm_grad",
    title="NativeLayerNormBackward",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=None,
    saves=Saves((), ()),
    aliases=False,
    flops=lambda call: 12 * prod(call.shape(1)),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(_kernel("backward"),),
)
