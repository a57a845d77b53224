"""Addition, subtraction, multiplication, division and negation, with broadcasting.

y = a + b   da = g          db = g
y = a - b   da = g          db = -g
y = a b     da = g b        db = g a
y = a / b   da = g / b      db = -g a / b²

Each gradient is then summed over the axes that broadcasting made.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.array import Array, Node
from tatamu.ops.common import (
    broadcast,
    broadcast_floating,
    moved_bytes,
    one_each,
    same_as_first,
    samples,
    several,
)
from tatamu.ops.elementwise import elementwise
from tatamu.ops.expand import sum_to
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, Saves

__all__ = ["add", "div", "far_from_zero", "mul", "neg", "refuse_bools", "sub", "sub_shape"]

_pairs = several(samples((2, 3), (2, 3)), samples((2, 1, 3), (4, 1)), samples((), (2,)))


def far_from_zero(random: np.random.Generator) -> Iterable[Sample]:
    """Samples for quotients and powers."""
    for shapes in (((2, 3), (2, 3)), ((2, 1, 3), (4, 1))):
        a, b = (random.uniform(0.5, 2.0, shape) for shape in shapes)
        yield Sample(None, (a, b))


def _add_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    a, b = node.edges
    return (
        None if a is None else sum_to(g, node.call.shape(0)),
        None if b is None else sum_to(g, node.call.shape(1)),
    )


neg: Op


def _sub_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    a, b = node.edges
    return (
        None if a is None else sum_to(g, node.call.shape(0)),
        None if b is None else sum_to(neg(g), node.call.shape(1)),
    )


def _mul_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    b, a = node.recall()
    return (
        None if b is None else sum_to(mul(g, b), node.call.shape(0)),
        None if a is None else sum_to(mul(g, a), node.call.shape(1)),
    )


def _div_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_a, for_b, a = node.recall()
    b = for_b if for_a is None else for_a
    da = div(g, b)
    return (
        None if node.edges[0] is None else sum_to(da, node.call.shape(0)),
        None if a is None else sum_to(neg(mul(da, div(a, b))), node.call.shape(1)),
    )


add = Op(
    name="add",
    title="Add",
    shape=broadcast,
    reference=lambda _, a, b: np.add(a, b),
    vjp=_add_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_pairs,
    kernels=(elementwise("add", "float32", "float64", "int64"),),
)


def refuse_bools(a: DType, b: DType) -> None:
    """Raise torch's sentences for differences of truth values."""
    if a is dtypes.bool_ and b is dtypes.bool_:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    if dtypes.bool_ in (a, b):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
            "trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


def sub_shape(call: Call) -> tuple[Out, ...]:
    """Shape rule of differences: as ``broadcast``, but not for truth values."""
    refuse_bools(call.dtype(0), call.dtype(1))
    return broadcast(call)


sub = Op(
    name="sub",
    title="Sub",
    shape=sub_shape,
    reference=lambda _, a, b: np.subtract(a, b),
    vjp=_sub_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_pairs,
    kernels=(elementwise("sub", "float32", "float64", "int64"),),
)

mul = Op(
    name="mul",
    title="Mul",
    shape=broadcast,
    reference=lambda _, a, b: np.multiply(a, b),
    vjp=_mul_vjp,
    saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_pairs,
    kernels=(elementwise("mul", "float32", "float64", "int64"),),
)

div = Op(
    name="div",
    title="Div",
    shape=broadcast_floating,
    reference=lambda _, a, b: np.divide(a, b),
    vjp=_div_vjp,
    saves=Saves(inputs=((1, 0), (1, 1), (0, 1)), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=far_from_zero,
    kernels=(elementwise("div"),),
)


def _neg_shape(call: Call) -> tuple[Out, ...]:
    if call.dtype(0) is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return same_as_first(call)


neg = Op(
    name="neg",
    title="Neg",
    shape=_neg_shape,
    reference=lambda _, x: np.negative(x),
    vjp=lambda node, g: (neg(g),),
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=samples((2, 3)),
    kernels=(elementwise("neg"),),
)
