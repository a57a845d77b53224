"""The negative log likelihood: of each row of log probabilities, that of the class it belongs to.

y[n] = -w[t] x[n, t]       dx[n, t] = -w[t] g[n]        t = target[n]

The mean is over the sum of the weights, as in torch. A target that is ``ignore_index`` has weight 0
and may lie outside the classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import div
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, moved_bytes, none
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply

__all__ = ["Nll", "nll_loss", "nll_loss2d"]


class Nll(NamedTuple):
    """The classes, counted along ``axis``, and what is made of the rows' losses."""

    reduction: str
    ignored: int
    classes: int
    axis: int


def _labels(attrs: Nll, target: Numpy, weight: Numpy | None, dtype: Any) -> tuple[Numpy, Numpy]:
    """A class for every target, and its weight: 0 where it is ignored."""
    kept = target != attrs.ignored
    wrong = kept & ((target < 0) | (target >= attrs.classes))
    if wrong.any():
        raise IndexError(
            f"Target {target[wrong].flat[0]} is out of bounds.\n"
            f"  the input has {attrs.classes} classes, so targets are 0 to {attrs.classes - 1}"
        )
    labels = np.where(kept, target, 0).astype(np.int64)
    shares = kept.astype(dtype) if weight is None else np.where(kept, weight[labels], 0)
    return labels, np.asarray(shares, dtype)


def _reference(
    attrs: Nll, x: Numpy, target: Numpy, weight: Numpy | None = None
) -> tuple[Numpy, Numpy]:
    labels, shares = _labels(attrs, target, weight, x.dtype)
    picked = np.take_along_axis(x, np.expand_dims(labels, attrs.axis), attrs.axis)
    each = np.where(shares == 0, x.dtype.type(0), -picked.reshape(target.shape) * shares)
    total = np.asarray(shares.sum())
    if attrs.reduction == "none":
        return each, total
    loss = each.sum()
    return np.asarray(loss / total if attrs.reduction == "mean" else loss), total


def _grad_reference(
    attrs: Nll, g: Numpy, target: Numpy, weight: Numpy | None, total: Numpy
) -> Numpy:
    labels, shares = _labels(attrs, target, weight, g.dtype)
    portion = g / total if attrs.reduction == "mean" else g
    axis = attrs.axis
    out = np.zeros((*target.shape[:axis], attrs.classes, *target.shape[axis:]), g.dtype)
    values = np.where(shares == 0, g.dtype.type(0), -shares * portion)
    np.put_along_axis(out, np.expand_dims(labels, axis), np.expand_dims(values, axis), axis)
    return out


def _shape(call: Call) -> tuple[Out, ...]:
    dtype = call.dtype(0)
    if not dtype.is_floating_point:
        raise NotImplementedError(
            f"\"nll_loss_out_frame\" not implemented for '{dtype.legacy_name}'\n"
            "  the input holds integers: log probabilities are wanted, as log_softmax gives them"
        )
    each: Ints = call.shape(1) if call.attrs.reduction == "none" else ()
    return Out(each, dtype), Out((), dtype)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    target, axis = call.shape(1), call.attrs.axis
    return (Out((*target[:axis], call.attrs.classes, *target[axis:]), call.dtype(0)),)


def _draw(shape: Ints, axis: int) -> Any:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        classes = shape[axis]
        for reduction in ("none", "mean", "sum"):
            target = random.integers(0, classes, (*shape[:axis], *shape[axis + 1 :]))
            weight = random.uniform(0.5, 1.5, classes)
            attrs = Nll(reduction, 2, classes, axis)
            yield Sample(attrs, (random.uniform(-2, 2, shape), target, weight))

    return generate


def _draw_grad(shape: Ints, axis: int) -> Any:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for attrs, (_, target, weight) in _draw(shape, axis)(random):
            g = random.uniform(-2, 2, target.shape if attrs.reduction == "none" else ())
            yield Sample(attrs, (g, target, weight, np.array(3.5)))

    return generate


def _loss(name: str, title: str, shape: Ints) -> Op:
    def vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        target, weight, total = node.recall()
        return apply(grad, node.call.attrs, g, target, weight, total), None, None

    def grad_vjp(node: Node, h: Array) -> tuple[Array | None, ...]:
        target, weight, total = node.recall()
        attrs: Nll = node.call.attrs
        if attrs.reduction != "mean":
            return apply(op, attrs, h, target, weight), None, None, None
        whole = apply(op, interned(attrs._replace(reduction="sum")), h, target, weight)
        return div(whole, total), None, None, None

    op = Op(
        name=name,
        title=title,
        shape=_shape,
        reference=_reference,
        vjp=vjp,
        saves=Saves(((1, 0), (2, 0)), (1,)),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=_draw(shape, 1),
        kernels=(),
    )
    grad = Op(
        name=f"{name}_grad",
        title=f"{title}Backward",
        shape=_grad_shape,
        reference=_grad_reference,
        vjp=grad_vjp,
        saves=Saves(((1, 0), (2, 0), (3, 0)), ()),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=_draw_grad(shape, 1),
        kernels=(),
    )
    return op


nll_loss = _loss("nll_loss", "NllLoss", (4, 3))
nll_loss2d = _loss("nll_loss2d", "NllLoss2D", (2, 3, 2, 2))
