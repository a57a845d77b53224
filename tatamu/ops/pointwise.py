"""Functions of one number.

y = |x|      dx = g sign(x)
y = exp x    dx = g y
y = log x    dx = g / x
y = sqrt x   dx = g / (2 y)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu.ops.arithmetic import div, mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import (
    as_floats,
    constant,
    like_first_floating,
    moved_bytes,
    one_each,
    same_as_first,
    samples,
    several,
)
from tatamu.ops.elementwise import elementwise
from tatamu.ops.op import NOTHING, Call, Op, Out, Saves

__all__ = ["abs_", "erf_reference", "exp", "log", "sign", "sqrt"]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf_reference(x: Numpy) -> Any:
    """The error function, in the precision given."""
    return _erf(x).astype(x.dtype)


sign = Op(
    name="sign",
    title="Sign",
    shape=same_as_first,
    reference=lambda _, x: (np.greater(x, 0) * 1 - np.less(x, 0) * 1).astype(x.dtype),
    vjp=lambda node, g: (mul(g, constant(0.0, g.dtype)),),
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(samples((2, 3), low=0.1), samples((2, 3), high=-0.1)),
    kernels=(elementwise("sign"),),
)


def _abs_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    return (mul(g, sign(x)),)


def _abs_shape(call: Call) -> tuple[Out, ...]:
    if call.dtype(0).name == "bool":
        raise NotImplementedError(
            "\"abs_cpu\" not implemented for 'Bool'\n  x.int() makes numbers of truth values"
        )
    return same_as_first(call)


abs_ = Op(
    name="abs",
    title="Abs",
    shape=_abs_shape,
    reference=lambda _, x: np.abs(x),
    vjp=_abs_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(samples((2, 3), low=0.1), samples((2, 3), high=-0.1)),
    kernels=(elementwise("abs"),),
)


def _exp_vjp(node: Node, g: Array) -> tuple[Array]:
    (y,) = node.recall()
    return (mul(g, y),)


exp = Op(
    name="exp",
    title="Exp",
    shape=like_first_floating,
    reference=lambda _, x: np.exp(as_floats(x)),
    vjp=_exp_vjp,
    saves=Saves(inputs=(), outputs=(0,)),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=samples((2, 3)),
    kernels=(elementwise("exp"),),
)


def _log_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    return (div(g, x),)


log = Op(
    name="log",
    title="Log",
    shape=like_first_floating,
    reference=lambda _, x: np.log(as_floats(x)),
    vjp=_log_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=samples((2, 3), low=0.5),
    kernels=(elementwise("log"),),
)


def _sqrt_vjp(node: Node, g: Array) -> tuple[Array]:
    (y,) = node.recall()
    return (div(g, mul(y, constant(2.0, g.dtype))),)


sqrt = Op(
    name="sqrt",
    title="Sqrt",
    shape=like_first_floating,
    reference=lambda _, x: np.sqrt(as_floats(x)),
    vjp=_sqrt_vjp,
    saves=Saves(inputs=(), outputs=(0,)),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=samples((2, 3), low=0.5),
    kernels=(elementwise("sqrt"),),
)
