"""Losses of each element by itself, folded to their mean or sum or left as they are.

squared         z = (x - t)²                                         dx = 2 (x - t)
smooth L1       z = d²/(2 b) where |d| < b, else |d| - b/2           dx = d/b held within ±1
Huber           z = d²/2 where |d| <= δ, else δ (|d| - δ/2)          dx = d held within ±δ
soft margin     z = log(1 + e^(-t x))                                dx = -t σ(-t x)
cross entropy   z = -w (t log x + (1 - t) log(1 - x))                dx = w (x - t) / (x (1 - x))
  of logits     z = w ((1 - t) x - (1 + (p - 1) t) log σ(x))         dx = w ((pt + 1 - t) σ(x) - pt)

d = x - t. All gradients are multiplied by the output's, over the number of elements for a mean.
Logarithms in cross entropy are held at -100 or above, as torch does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import div, mul, neg, sub
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.clamp import clamp
from tatamu.ops.common import constant, interned, like_input, moved_bytes
from tatamu.ops.elementary import log1p
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.pointwise import log
from tatamu.ops.sigmoid import logsigmoid, sigmoid
from tatamu.pitfalls import hint

__all__ = [
    "Reduced", "binary_cross_entropy", "fold", "folded_out", "huber_loss", "logits_cross_entropy",
    "mse_loss", "share", "smooth_l1_loss", "soft_margin_loss",
]  # fmt: skip

REDUCTIONS = ("none", "mean", "sum")


class Reduced(NamedTuple):
    """What becomes of the elements, and the loss's own number (beta, delta)."""

    reduction: str
    number: float = 1.0


def fold(z: Numpy, reduction: str) -> Any:
    """The elements' mean or sum, or themselves."""
    if reduction == "none":
        return z
    total = z.sum()
    return total / total.dtype.type(z.size) if reduction == "mean" else total


def folded_out(call: Call) -> tuple[Out, ...]:
    """Shape rule: a number, or as input 0."""
    shape, dtype = call.shape(0), call.dtype(0)
    if call.attrs.reduction != "none":
        return (Out((), dtype),)
    return (Out(shape, dtype, like_input(call, shape)),)


def share(g: Array, reduction: str, count: int) -> Array:
    """The gradient of each element, given the result's."""
    return div(g, constant(count, g.dtype)) if reduction == "mean" else g


Slope = Callable[..., Array]


def _loss(
    name: str,
    title: str,
    integers: str,
    each: Callable[..., Numpy],
    slope: Slope,
    by_target: Slope | None = None,
    constants: int = 0,
    numbers: tuple[float, ...] = (1.0,),
    low: float = -2.0,
    high: float = 2.0,
) -> Op:
    """``each(number, x, t, *constants)`` is NumPy's; slopes by x and by t are in operations.

    ``integers`` is what torch calls the function that is not there for integers.
    """
    count = 2 + constants

    def shape(call: Call) -> tuple[Out, ...]:
        dtype = call.dtype(0)
        if not dtype.is_floating_point:
            raise NotImplementedError(
                f"\"{integers}\" not implemented for '{dtype.legacy_name}'\n"
                "  input and target hold integers: x.float() makes them float32"
            )
        return folded_out(call)

    def vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        saved = node.recall()
        attrs: Reduced = node.call.attrs
        values = saved[:count] if node.edges[0] is not None else saved[count:]
        portion = share(g, attrs.reduction, node.call.shape(0).numel())
        gradients: list[Array | None] = [None] * count
        for place, function in enumerate((slope, by_target)):
            if function is not None and node.edges[place] is not None:
                gradients[place] = mul(function(attrs.number, *values), portion)
        return tuple(gradients)

    def draw(random: np.random.Generator) -> Iterable[Sample]:
        for number in numbers:
            for reduction in REDUCTIONS:
                arrays = [random.uniform(low, high, (3, 4)) for _ in range(count)]
                yield Sample(Reduced(reduction, number), tuple(arrays))

    targets = tuple((i, 1) for i in range(count)) if by_target else ()
    return Op(
        name=name,
        title=title,
        shape=shape,
        reference=lambda attrs, x, *rest: fold(each(attrs.number, x, *rest), attrs.reduction),
        vjp=vjp,
        saves=Saves(tuple((i, 0) for i in range(count)) + targets, ()),
        aliases=False,
        flops=lambda call: 4 * call.shape(0).numel(),
        bytes=moved_bytes,
        samples=draw,
        kernels=(),
    )


def _held(x: Array, low: float | None, high: float | None) -> Array:
    return apply(clamp, interned((low, high)), x)


mse_loss = _loss(
    "mse_loss",
    "MseLoss",
    "mse_cpu",
    lambda _, x, t: np.square(x - t),
    lambda _, x, t: times(sub(x, t), 2.0),
    lambda _, x, t: times(sub(t, x), 2.0),
)


def _smooth_l1(beta: float, x: Numpy, t: Numpy) -> Numpy:
    d = np.abs(x - t)
    kind = d.dtype.type
    inside = kind(0.5) * d * d / kind(beta)
    return np.asarray(np.where(d < beta, inside, d - kind(0.5 * beta)))


def _smooth_l1_slope(beta: float, x: Array, t: Array) -> Array:
    return _held(times(sub(x, t), 1 / beta), -1.0, 1.0)


smooth_l1_loss = _loss(
    "smooth_l1_loss",
    "SmoothL1Loss",
    "smooth_l1_cpu",
    _smooth_l1,
    _smooth_l1_slope,
    lambda beta, x, t: _smooth_l1_slope(beta, t, x),
    numbers=(0.5, 1.0),
)


def _huber(delta: float, x: Numpy, t: Numpy) -> Numpy:
    d = np.abs(x - t)
    kind = d.dtype.type
    outside = kind(delta) * (d - kind(0.5 * delta))
    return np.asarray(np.where(d <= delta, kind(0.5) * d * d, outside))


huber_loss = _loss(
    "huber_loss",
    "HuberLoss",
    "huber_cpu",
    _huber,
    lambda delta, x, t: _held(sub(x, t), -delta, delta),
    lambda delta, x, t: _held(sub(t, x), -delta, delta),
    numbers=(0.5, 1.0),
)

soft_margin_loss = _loss(
    "soft_margin_loss",
    "SoftMarginLoss",
    "exp_vml_cpu",
    lambda _, x, t: np.log1p(np.exp(-t * x)),
    lambda _, x, t: neg(mul(t, sigmoid(neg(mul(t, x))))),
)


def _check_probabilities(name: str, x: Numpy) -> None:
    wrong = ~((x >= 0) & (x <= 1))
    if wrong.any():
        raise RuntimeError(
            f"all elements of {name} should be between 0 and 1\n"
            f"  one is {x[wrong].flat[0]:.6g}. {hint('probabilities')}"
        )


def _entropy(_: float, x: Numpy, t: Numpy, w: Numpy | None) -> Numpy:
    _check_probabilities("input", x)
    _check_probabilities("target", t)
    floor = x.dtype.type(-100)
    z = (t - 1) * np.maximum(np.log1p(-x), floor) - t * np.maximum(np.log(x), floor)
    return np.asarray(z if w is None else z * w)


def _weighted(z: Array, w: Array | None) -> Array:
    return z if w is None else mul(z, w)


def _entropy_slope(_: float, x: Array, t: Array, w: Array | None) -> Array:
    spread = _held(mul(plus(neg(x), 1.0), x), 1e-12, None)
    return _weighted(div(sub(x, t), spread), w)


def _entropy_by_target(_: float, x: Array, t: Array, w: Array | None) -> Array:
    no, yes = _held(log1p(neg(x)), -100.0, None), _held(log(x), -100.0, None)
    return _weighted(sub(no, yes), w)


binary_cross_entropy = _loss(
    "binary_cross_entropy",
    "BinaryCrossEntropy",
    "binary_cross_entropy",
    _entropy,
    _entropy_slope,
    _entropy_by_target,
    constants=1,
    low=0.1,
    high=0.9,
)


def _logits(_: float, x: Numpy, t: Numpy, w: Numpy | None, p: Numpy | None) -> Numpy:
    log_sigmoid = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    if p is not None:
        log_sigmoid = log_sigmoid * ((p - 1) * t + 1)
    z = (1 - t) * x - log_sigmoid
    return np.asarray(z if w is None else z * w)


def _logits_slope(_: float, x: Array, t: Array, w: Array | None, p: Array | None) -> Array:
    y = sigmoid(x)
    if p is None:
        return _weighted(sub(y, t), w)
    positive = mul(p, t)
    return _weighted(sub(mul(sub(plus(positive, 1.0), t), y), positive), w)


def _logits_by_target(_: float, x: Array, t: Array, w: Array | None, p: Array | None) -> Array:
    if p is None:
        return _weighted(neg(x), w)
    return _weighted(sub(logsigmoid(neg(x)), mul(p, logsigmoid(x))), w)


logits_cross_entropy = _loss(
    "logits_cross_entropy",
    "BinaryCrossEntropyWithLogits",
    "log_sigmoid_cpu",
    _logits,
    _logits_slope,
    _logits_by_target,
    constants=2,
)
