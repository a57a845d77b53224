"""ReLUs that leak: negative numbers are scaled, not dropped.

leaky_relu   y = x where x > 0, else a x            dx = g where x > 0, else a g
rrelu        the same, with the mean of the random a that training draws, as in evaluation
rrelu_noise  y = x a, with the a that were drawn, 1 where x > 0         dx = g a
prelu        the same, with a tensor a              da = g x where x <= 0, summed to its shape
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tatamu.ops.activation import activation
from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, Node
from tatamu.ops.common import broadcast, constant, moved_bytes, one_each
from tatamu.ops.comparison import gt, where
from tatamu.ops.elementwise import elementwise
from tatamu.ops.expand import sum_to
from tatamu.ops.op import Op, Sample, Saves

__all__ = ["leaky_relu", "prelu", "rrelu", "rrelu_noise"]


def _leaky(name: str, title: str) -> Op:
    return activation(
        name,
        title,
        function=lambda x, slope: np.where(x > 0, x, x * slope),
        gradient=lambda g, x, slope: np.where(x > 0, g, g * slope),
        attrs=(0.25,),
        ranges=((-2.0, -0.1), (0.1, 2.0)),
        kind="leaky_relu",
    ).op


leaky_relu = _leaky("leaky_relu", "LeakyRelu")
rrelu = _leaky("rrelu", "RreluWithNoise")
rrelu_noise = replace(mul, name="rrelu_noise", title="RreluWithNoise")


def _prelu_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_x, slope, x = node.recall()
    inputs = for_x if x is None else x
    above = gt(inputs, constant(0.0, g.dtype))
    dx = None if for_x is None else where(above, g, mul(g, slope))
    zero = constant(0.0, g.dtype)
    da = None if x is None else sum_to(where(above, zero, mul(g, x)), node.call.shape(1))
    return dx, da


def _prelu_samples(random: np.random.Generator) -> Iterable[Sample]:
    for low, high in ((-2.0, -0.1), (0.1, 2.0)):
        yield Sample(None, (random.uniform(low, high, (2, 3, 4)), random.uniform(0, 1, (3, 1))))


prelu = Op(
    name="prelu",
    title="PreluKernel",
    shape=broadcast,
    reference=lambda _, x, slope: np.where(x > 0, x, x * slope),
    vjp=_prelu_vjp,
    saves=Saves(inputs=((0, 0), (1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_prelu_samples,
    kernels=(elementwise("prelu"),),
)
