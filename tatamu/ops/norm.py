"""The p-norm of all numbers along some axes.

y = (sum |x|^p)^(1/p)    dx = g sign(x) |x|^(p-1) / y^(p-1), 0 where y or x is 0
y = max |x|, min |x|     dx = g sign(x), shared among those that are it
y = how many are not 0   no derivative
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tatamu.ops.arithmetic import div, mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned, moved_bytes, one_per_input, samples, several
from tatamu.ops.comparison import eq, where
from tatamu.ops.expand import spread, sum_
from tatamu.ops.folding import Reduce, reduced_out, reduction
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Op, Out, Saves, apply
from tatamu.ops.pointwise import abs_, sign
from tatamu.ops.power import pow_, scalar

__all__ = ["Norm", "cdist", "dist", "norm_of", "vector_norm"]


class Norm(NamedTuple):
    """Of which order, over which axes, and whether they leave ones."""

    p: float
    axes: Ints
    keepdim: bool


def norm_of(p: float, gone: Reduce) -> Norm:
    """The one Norm of these arguments."""
    return interned(Norm(float(p), gone.axes, gone.keepdim))


def _gone(attrs: Norm) -> Reduce:
    return reduction(attrs.axes, attrs.keepdim)


def _shape(call: Call) -> tuple[Out, ...]:
    shape, attrs = call.shape(0), call.attrs
    empty = [axis for axis in attrs.axes if shape[axis] == 0]
    if empty and math.isinf(attrs.p):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {attrs.p:g} norm on the dimension {empty[0]}"
            "because this dimension is empty and the operation does not have an identity\n"
            f"  the input is {list(shape)}"
        )
    return (reduced_out(call, _gone(attrs), call.dtype(0)),)


def _reference(attrs: Norm, x: Numpy) -> Numpy:
    p, axes, keep = attrs
    size = np.abs(x.astype(np.float64))
    if math.isinf(p):
        y = (np.max if p > 0 else np.min)(size, axis=axes, keepdims=keep)
    elif p == 0:
        y = (size != 0).sum(axis=axes, keepdims=keep)
    else:
        y = (size**p).sum(axis=axes, keepdims=keep) ** (1 / p)
    return np.asarray(y, x.dtype)


def _vjp(node: Node, g: Array) -> tuple[Array | None]:
    x, y = node.recall()
    attrs: Norm = node.call.attrs
    p = attrs.p
    zero, one = constant(0.0, x.dtype), constant(1.0, x.dtype)
    if p == 0:
        return (None,)
    g = spread(g, x.shape, _gone(attrs))
    if p == 1:
        return (mul(g, sign(x)),)
    y = spread(y, x.shape, _gone(attrs))
    if math.isinf(p):
        chosen = cast(eq(abs_(x), y), g.dtype)
        equal = apply(sum_, reduction(attrs.axes, True), chosen)
        return (mul(mul(g, sign(x)), div(chosen, equal)),)
    if p == 2:
        flat = eq(y, zero)
        return (where(flat, zero, mul(g, div(x, where(flat, one, y)))),)
    flat = eq(x, zero)
    ratio = div(abs_(where(flat, one, x)), where(flat, one, y))
    slope = mul(sign(x), apply(pow_, scalar(p - 1), ratio))
    return (where(flat, zero, mul(g, slope)),)


vector_norm = Op(
    name="vector_norm",
    title="LinalgVectorNorm",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((0, 0),), outputs=(0,)),
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=several(
        samples((2, 3, 4), attrs=Norm(2.0, (0, 1, 2), False)),
        samples((2, 3, 4), attrs=Norm(1.0, (1,), True)),
        samples((2, 3, 4), attrs=Norm(3.0, (0, 2), False)),
        samples((3, 4), attrs=Norm(math.inf, (1,), False)),
    ),
    kernels=(),
)
# The same of differences, under the names that torch's nodes have.
dist = replace(vector_norm, name="dist", title="Dist")
cdist = replace(vector_norm, name="cdist", title="Cdist")
