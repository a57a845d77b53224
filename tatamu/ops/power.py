"""Powers: of a number known beforehand (``pow_``), and of another tensor (``power``).

y = x ^ n   dx = g n x^(n-1)                      (0 where n = 0)
y = a ^ b   da = g b a^(b-1)   (0 where b = 0)    db = g y log a   (0 where a = 0)
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.ops.arithmetic import far_from_zero, mul, sub
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import (
    as_floats,
    broadcast,
    constant,
    fitting,
    like_input,
    moved_bytes,
    one_each,
    samples,
    several,
)
from tatamu.ops.comparison import eq, where
from tatamu.ops.elementwise import Choice, elementwise_by
from tatamu.ops.expand import sum_to
from tatamu.ops.op import Call, Op, Out, Saves, apply
from tatamu.ops.pointwise import log

__all__ = ["pow_", "power", "power_of_number", "scalar"]


def _power_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    saved = node.recall()
    a, b = saved[:2] if node.edges[0] is not None else saved[2:]
    zero = constant(0.0, g.dtype)
    da = db = None
    if node.edges[0] is not None:
        slope = mul(b, power(a, sub(b, constant(1.0, b.dtype))))
        da = sum_to(mul(g, where(eq(b, zero), zero, slope)), a.shape)
    if node.edges[1] is not None:
        growth = mul(power(a, b), log(a))
        db = sum_to(mul(g, where(eq(a, zero), zero, growth)), b.shape)
    return da, db


def _power_shape(call: Call) -> tuple[Out, ...]:
    out = broadcast(call)
    if out[0].dtype is dtypes.bool_:
        raise NotImplementedError(
            "\"pow\" not implemented for 'Bool'\n  x.int() makes numbers of truth values"
        )
    return out


def _power_reference(_: None, a: Numpy, b: Numpy) -> Any:
    """Of integers to negative powers only those of 1 and -1 are whole; torch gives 0 for others."""
    if np.result_type(a, b).kind == "f" or not (b < 0).any():
        return np.power(a, b)
    inverse = np.where(np.abs(a) == 1, np.power(a, np.abs(b)), 0)
    return np.where(b < 0, inverse, np.power(a, np.maximum(b, 0)))


def _power_record(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_power_shape,
        reference=_power_reference,
        vjp=_power_vjp,
        saves=Saves(inputs=((0, 0), (1, 0), (0, 1), (1, 1)), outputs=()),
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=far_from_zero,
        kernels=(),
    )


power = _power_record("power", "PowBackward1")
power_of_number = _power_record("power_of_number", "PowBackward2")


@lru_cache(maxsize=256, typed=True)
def scalar(value: Any) -> Any:
    """The one object that stands for an exponent in ``pow_``'s attrs."""
    return (value,)


def _pow_shape(call: Call) -> tuple[Out, ...]:
    (exponent,) = call.attrs
    dtype = call.dtype(0)
    if not dtype.is_floating_point:
        if isinstance(exponent, (int, np.integer)) and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        dtype = constant(exponent, dtype).dtype
        if not dtype.is_floating_point and dtype is not dtypes.bool_:
            fitting(exponent, dtype)
    return (Out(call.shape(0), dtype, like_input(call, call.shape(0))),)


def _pow_reference(attrs: tuple[float], x: Numpy) -> Numpy:
    (exponent,) = attrs
    if x.dtype.kind != "f":
        x = as_floats(x) if isinstance(exponent, float) else x
        x = x.astype(np.int64) if x.dtype.kind == "b" else x
    return np.asarray(np.power(x, exponent))


def _pow_vjp(node: Node, g: Array) -> tuple[Array]:
    (exponent,) = node.call.attrs
    (x,) = node.recall()
    if exponent == 0:
        return (mul(g, constant(0.0, g.dtype)),)
    slope = apply(pow_, scalar(exponent - 1), x)
    return (mul(g, mul(slope, constant(exponent, g.dtype))),)


# What common exponents are, in formulas that follow one another.
_COMMON = {
    2: ("square",),
    3: ("cube",),
    0.5: ("sqrt",),
    -0.5: ("rsqrt",),
    -1: ("reciprocal",),
    -2: ("square", "reciprocal"),
}


def _pow_expression(call: Call) -> Choice | str:
    from tatamu.kernels.pointwise_emit import Expression, Step

    (exponent,) = call.attrs
    dtype = call.dtype(0).name
    if exponent not in _COMMON or dtype not in ("float32", "float64"):
        return f"it raises floats to {', '.join(map(str, _COMMON))}, not {dtype} to {exponent}"
    steps = tuple(Step(kind, (place,)) for place, kind in enumerate(_COMMON[exponent]))
    return Expression((dtype,), steps, dtype), ()


pow_ = Op(
    name="pow",
    title="Pow",
    shape=_pow_shape,
    reference=_pow_reference,
    vjp=_pow_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(
        samples((2, 3), attrs=(3,)),
        samples((2, 3), attrs=(0,)),
        samples((2, 3), attrs=(0.5,), low=0.5),
        samples((2, 3), attrs=(-1,), low=0.5),
    ),
    kernels=(elementwise_by(_pow_expression),),
)
