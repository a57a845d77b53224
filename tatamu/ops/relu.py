"""ReLU, and the threshold that it is a case of.

y = max(x, 0)                      dx = g where y > 0, else 0
y = x where x > t, else a number   dx = g where x > t, else 0

ReLU saves its output, which the next layer saves too, and not its input. NaN stays NaN, and lets
the gradient through, as in torch.
"""

from __future__ import annotations

import numpy as np

from tatamu.ops.activation import activation
from tatamu.ops.array import Array, Node, Numpy, detached
from tatamu.ops.common import moved_bytes, one_each, same_as_first, samples, several
from tatamu.ops.elementwise import elementwise
from tatamu.ops.op import Call, Op, Out, Saves

__all__ = ["relu", "relu_grad", "threshold"]

_samples = several(samples((2, 3, 4), low=0.1), samples((2, 3, 4), high=-0.1))


def _reference(_: None, x: Numpy) -> Numpy:
    return np.where(x < 0, x.dtype.type(0), x)


def _shape(call: Call) -> tuple[Out, ...]:
    if call.dtype(0).name == "bool":
        raise RuntimeError("Boolean inputs not supported for relu")
    return same_as_first(call)


def _relu_vjp(node: Node, g: Array) -> tuple[Array]:
    (y,) = node.recall()
    return (relu_grad(g, detached(y)),)  # where it is flat, y's own slope plays no part


def _relu_grad_vjp(node: Node, g: Array) -> tuple[Array, None]:
    (y,) = node.recall()
    return relu_grad(g, y), None


relu = Op(
    name="relu",
    title="Relu",
    shape=_shape,
    reference=_reference,
    vjp=_relu_vjp,
    saves=Saves(inputs=(), outputs=(0,)),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(elementwise("relu"),),
)

relu_grad = Op(
    name="relu_grad",
    title="ThresholdBackward",
    shape=same_as_first,
    reference=lambda _, g, y: np.where(y <= 0, g.dtype.type(0), g),
    vjp=_relu_grad_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(samples((2, 3), (2, 3), low=0.1), samples((2, 3), (2, 3), high=-0.1)),
    kernels=(elementwise("relu_grad"),),
)

threshold = activation(
    "threshold",
    "Threshold",
    function=lambda x, bound, value: np.where(x <= bound, x.dtype.type(value), x),
    gradient=lambda g, x, bound, value: np.where(x <= bound, 0, g),
    attrs=(0.5, -3.0),
    ranges=((-2.0, 0.4), (0.6, 2.0)),
    integers="kept",
).op
