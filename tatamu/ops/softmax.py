"""Softmax along an axis, and its logarithm.

y = exp(x - m) / sum exp(x - m)        dx = y (g - sum g y)
y = x - m - log sum exp(x - m)         dx = g - exp(y) sum g

m is the largest number of the row. Both save their output alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import mul, neg, sub
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import like_input, moved_bytes, same_as_first, samples, several
from tatamu.ops.expand import sum_
from tatamu.ops.folding import folded, reduction
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.planned import PlannedKernel
from tatamu.ops.pointwise import exp
from tatamu.ops.standard import alike, mismatch

__all__ = ["Axis", "axis_of", "log_softmax", "log_softmax_grad", "softmax", "softmax_grad"]


class Axis(NamedTuple):
    """Along which axis."""

    axis: int


@lru_cache(maxsize=64)
def axis_of(axis: int) -> Axis:
    """The one Axis of this number."""
    return Axis(axis)


def _shape(call: Call) -> tuple[Out, ...]:
    shape, dtype = call.shape(0), call.dtype(0)
    if not dtype.is_floating_point:
        last = "lastdim_" if call.attrs.axis == len(shape) - 1 else ""
        raise NotImplementedError(
            f"\"{call.op.name}_{last}kernel_impl\" not implemented for '{dtype.legacy_name}'\n"
            "  the input holds integers: x.float() makes them float32"
        )
    return (Out(shape, dtype, like_input(call, shape)),)


def _shifted(x: Numpy, axis: int) -> Numpy:
    return np.asarray(x - x.max(axis=axis, keepdims=True)) if x.size else x


def _softmax_reference(attrs: Axis, x: Numpy) -> Numpy:
    e = np.exp(_shifted(x, attrs.axis))
    return np.asarray(e / e.sum(axis=attrs.axis, keepdims=True))


def _log_softmax_reference(attrs: Axis, x: Numpy) -> Numpy:
    shifted = _shifted(x, attrs.axis)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=attrs.axis, keepdims=True)))


def _total(x: Array, attrs: Axis) -> Array:
    return apply(sum_, reduction((attrs.axis,), True), x)


def _softmax_vjp(node: Node, g: Array) -> tuple[Array]:
    (y,) = node.recall()
    return (apply(softmax_grad, node.call.attrs, alike(g, y), y),)


def _log_softmax_vjp(node: Node, g: Array) -> tuple[Array]:
    (y,) = node.recall()
    return (apply(log_softmax_grad, node.call.attrs, alike(g, y), y),)


def _softmax_grad_vjp(node: Node, h: Array) -> tuple[Array | None, Array | None]:
    g, y, own = node.recall()
    attrs = node.call.attrs
    dg = dy = None
    if node.edges[0] is not None:
        dg = apply(softmax_grad, attrs, alike(h, own), own)
    if node.edges[1] is not None:
        centred = sub(g, _total(mul(g, y), attrs))
        dy = sub(mul(h, centred), mul(g, _total(mul(h, y), attrs)))
    return dg, dy


def _log_softmax_grad_vjp(node: Node, h: Array) -> tuple[Array | None, Array | None]:
    g, y, own = node.recall()
    attrs = node.call.attrs
    dg = dy = None
    if node.edges[0] is not None:
        dg = sub(h, _total(mul(h, exp(own)), attrs))
    if node.edges[1] is not None:
        dy = neg(mul(mul(h, exp(y)), _total(g, attrs)))
    return dg, dy


def _kernel(kind: str) -> PlannedKernel:
    def problem(call: Call) -> Any:
        from tatamu.kernels.softmax import SoftmaxProblem

        if not call.shape(0):
            return "a single number"
        seen = mismatch(call) or folded(call, (call.attrs.axis,))
        return seen if isinstance(seen, str) else SoftmaxProblem(kind, seen)

    return PlannedKernel(kind, "softmax", problem)


def _grad_samples(
    reference: Callable[[Axis, Numpy], Numpy],
) -> Callable[[np.random.Generator], Iterable[Sample]]:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for axis in (0, 1, 2):
            g, x = random.uniform(-1, 1, (2, 2, 3, 5))
            yield Sample(Axis(axis), (g, reference(Axis(axis), x)))

    return generate


_samples = several(*(samples((2, 3, 5), attrs=Axis(axis)) for axis in (0, 1, 2)))
_OWN = Saves(inputs=(), outputs=(0,))
_BOTH = Saves(inputs=((0, 1), (1, 1), (1, 0)), outputs=())

softmax = Op(
    name="softmax",
    title="Softmax",
    shape=_shape,
    reference=_softmax_reference,
    vjp=_softmax_vjp,
    saves=_OWN,
    aliases=False,
    flops=lambda call: 5 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(_kernel("softmax"),),
)

log_softmax = Op(
    name="log_softmax",
    title="LogSoftmax",
    shape=_shape,
    reference=_log_softmax_reference,
    vjp=_log_softmax_vjp,
    saves=_OWN,
    aliases=False,
    flops=lambda call: 5 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(_kernel("log_softmax"),),
)

softmax_grad = Op(
    name="softmax_grad",
    title="SoftmaxBackwardData",
    shape=same_as_first,
    reference=lambda attrs, g, y: y * (g - (g * y).sum(axis=attrs.axis, keepdims=True)),
    vjp=_softmax_grad_vjp,
    saves=_BOTH,
    aliases=False,
    flops=lambda call: 4 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_grad_samples(_softmax_reference),
    kernels=(_kernel("softmax_grad"),),
)

log_softmax_grad = Op(
    name="log_softmax_grad",
    title="LogSoftmaxBackwardData",
    shape=same_as_first,
    reference=lambda attrs, g, y: g - np.exp(y) * g.sum(axis=attrs.axis, keepdims=True),
    vjp=_log_softmax_grad_vjp,
    saves=_BOTH,
    aliases=False,
    flops=lambda call: 5 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_grad_samples(_log_softmax_reference),
    kernels=(_kernel("log_softmax_grad"),),
)
