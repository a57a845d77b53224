"""Variance and standard deviation over some axes.

v = sum (x - mean)² / (n - c)     dx = g 2 (x - mean) / (n - c)
s = sqrt(v)                       dx = g (x - mean) / (s (n - c)), 0 where s = 0

c is the correction: 1 for an estimate without bias. As in torch, n - c counts as 0 if it is less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import div, mul, sub
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import constant, interned, moved_bytes, samples, several
from tatamu.ops.comparison import eq, where
from tatamu.ops.expand import spread
from tatamu.ops.folding import Reduce, count, fold_kernel, reduced_out, reduction
from tatamu.ops.layout import Ints
from tatamu.ops.op import Call, Op, Out, Saves, apply
from tatamu.ops.reduce import mean

__all__ = ["BESIDE_MEAN", "Spread", "degrees", "spread_about", "std", "var"]


class Spread(NamedTuple):
    """The axes that go, in ascending order; whether they leave ones; what n is corrected by."""

    axes: Ints
    keepdim: bool
    correction: float


def spread_about(axes: Ints, keepdim: bool, correction: float) -> Spread:
    """The one Spread of these arguments."""
    return interned(Spread(axes, keepdim, float(correction)))


def degrees(shape: Ints, attrs: Spread) -> float:
    """n - c, what the sum of squares is divided by."""
    return max(0.0, count(shape, attrs.axes) - attrs.correction)


def _gone(attrs: Spread) -> Reduce:
    return reduction(attrs.axes, attrs.keepdim)


def _shape(call: Call) -> tuple[Out, ...]:
    dtype = call.dtype(0)
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"{call.op.name if call.op.name in BESIDE_MEAN else 'std and var'} only support "
            "floating point and complex dtypes\n"
            f"  the input is {dtype}: x.float() makes it float32"
        )
    return (reduced_out(call, _gone(call.attrs), dtype),)


def _var_reference(attrs: Spread, x: Numpy) -> Numpy:
    total = x.sum(axis=attrs.axes, keepdims=True)
    about = x - total / x.dtype.type(count(x.shape, attrs.axes))
    squares = (about * about).sum(axis=attrs.axes, keepdims=attrs.keepdim)
    return np.asarray(squares / x.dtype.type(degrees(x.shape, attrs)))


def _deviations(x: Array, attrs: Spread) -> Array:
    """2 (x - mean) / (n - c)."""
    middle = apply(mean, reduction(attrs.axes, True), x)
    slope = 2.0 / degrees(x.shape, attrs) if degrees(x.shape, attrs) else float("inf")
    return mul(sub(x, middle), constant(slope, x.dtype))


def _var_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    attrs: Spread = node.call.attrs
    return (mul(spread(g, x.shape, _gone(attrs)), _deviations(x, attrs)),)


def _std_vjp(node: Node, g: Array) -> tuple[Array]:
    x, s = node.recall()
    attrs: Spread = node.call.attrs
    flat = eq(s, constant(0.0, s.dtype))
    safe = where(flat, constant(1.0, s.dtype), s)
    g = where(flat, constant(0.0, s.dtype), div(g, mul(safe, constant(2.0, s.dtype))))
    return (mul(spread(g, x.shape, _gone(attrs)), _deviations(x, attrs)),)


_samples = several(
    samples((2, 3, 4), attrs=Spread((0, 1, 2), False, 1.0)),
    samples((2, 3, 4), attrs=Spread((1,), True, 0.0)),
    samples((5, 16, 15), attrs=Spread((0, 2), False, 1.0)),
)


def _options(rooted: bool) -> Any:
    def options(call: Call) -> dict[str, Any]:
        return {"divisor": degrees(call.shape(0), call.attrs), "rooted": rooted}

    return options


def _flops(call: Call) -> int:
    return 4 * call.shape(0).numel()


var = Op(
    name="var",
    title="Var",
    shape=_shape,
    reference=_var_reference,
    vjp=_var_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(fold_kernel("moments", _options(False)),),
)

std = Op(
    name="std",
    title="Std",
    shape=_shape,
    reference=lambda attrs, x: np.sqrt(_var_reference(attrs, x)),
    vjp=_std_vjp,
    saves=Saves(inputs=((0, 0),), outputs=(0,)),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(fold_kernel("moments", _options(True)),),
)

# Of ``var_mean`` and ``std_mean`` both results are made by a node of its name.
BESIDE_MEAN = {
    "var_mean": (
        replace(var, name="var_mean", title="VarMean"),
        replace(mean, name="mean_beside_var", title="VarMean"),
    ),
    "std_mean": (
        replace(std, name="std_mean", title="StdMean"),
        replace(mean, name="mean_beside_std", title="StdMean"),
    ),
}
