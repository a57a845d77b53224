"""Functions of three numbers.

y = x + v a b      dx = g          da = v g b       db = v g a
y = x + v a / b    dx = g          da = v g / b     db = -v g a / b²
y = a + w (b - a)  da = (1 - w) g  db = w g         dw = g (b - a)

Each gradient is then summed over the axes that broadcasting made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import div, mul, neg, sub
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import broadcast_all, moved_bytes, one_each, samples
from tatamu.ops.expand import sum_to
from tatamu.ops.op import Call, Op, Out, Sample, Saves

__all__ = ["addcdiv", "addcmul", "lerp", "lerp_number"]


def _scaled(x: Any, value: float) -> Any:
    return x if value == 1 else times(x, value)


def _addcmul(attrs: tuple[float], x: Numpy, a: Numpy, b: Numpy) -> Any:
    return x + x.dtype.type(attrs[0]) * a * b


def _addcmul_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    b, a = node.recall()
    (value,) = node.call.attrs
    call = node.call
    return (
        None if node.edges[0] is None else sum_to(g, call.shape(0)),
        None if b is None else sum_to(_scaled(mul(g, b), value), call.shape(1)),
        None if a is None else sum_to(_scaled(mul(g, a), value), call.shape(2)),
    )


def _addcdiv(attrs: tuple[float], x: Numpy, a: Numpy, b: Numpy) -> Any:
    return x + x.dtype.type(attrs[0]) * a / b


def _addcdiv_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_a, for_b, a = node.recall()
    b = for_b if for_a is None else for_a
    (value,) = node.call.attrs
    call = node.call
    da: Any = None if b is None else _scaled(div(g, b), value)
    return (
        None if node.edges[0] is None else sum_to(g, call.shape(0)),
        None if node.edges[1] is None else sum_to(da, call.shape(1)),
        None if a is None else sum_to(neg(mul(da, div(a, b))), call.shape(2)),
    )


def _draw_three(random: np.random.Generator) -> Iterable[Sample]:
    for value in (1, 0.5):
        shapes = ((2, 1, 3), (4, 1), (3,))
        yield Sample((value,), tuple(random.uniform(0.5, 2.0, shape) for shape in shapes))


addcmul = Op(
    name="addcmul",
    title="Addcmul",
    shape=broadcast_all,
    reference=_addcmul,
    vjp=_addcmul_vjp,
    saves=Saves(((2, 1), (1, 2)), ()),
    aliases=False,
    flops=lambda call: 3 * one_each(call),
    bytes=moved_bytes,
    samples=_draw_three,
    kernels=(),
)
addcdiv = Op(
    name="addcdiv",
    title="Addcdiv",
    shape=broadcast_all,
    reference=_addcdiv,
    vjp=_addcdiv_vjp,
    saves=Saves(((2, 1), (2, 2), (1, 2)), ()),
    aliases=False,
    flops=lambda call: 3 * one_each(call),
    bytes=moved_bytes,
    samples=_draw_three,
    kernels=(),
)


def _lerp_shape(call: Call) -> tuple[Out, ...]:
    names = ("input", "end", "weight")
    for place, dtype in enumerate(call.dtypes):
        if dtype is not None and dtype is not call.dtype(0):
            raise RuntimeError(
                f"expected dtype {call.dtype(0).c_name} for `{names[place]}` but got dtype "
                f"{dtype.c_name}"
            )
    if not call.dtype(0).is_floating_point:
        kernel = "tensor" if len(call.dtypes) > 2 else "scalar"
        raise NotImplementedError(
            f"\"lerp_kernel_{kernel}\" not implemented for '{call.dtype(0).legacy_name}'\n"
            "  it is a function of floating point numbers: x.float() makes them"
        )
    return broadcast_all(call)


def _between(a: Numpy, b: Numpy, weight: Any) -> Any:
    """From the nearer end, so that weights of 0 and 1 give the ends themselves."""
    near = a + weight * (b - a)
    return np.where(np.abs(weight) < 0.5, near, b - (b - a) * (1 - weight))


def _lerp_number_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    (weight,) = node.call.attrs
    return (
        None if node.edges[0] is None else sum_to(times(g, 1 - weight), node.call.shape(0)),
        None if node.edges[1] is None else sum_to(times(g, weight), node.call.shape(1)),
    )


def _lerp_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_a, for_b, a, b = node.recall()
    call = node.call
    return (
        None if for_a is None else sum_to(mul(g, plus(neg(for_a), 1.0)), call.shape(0)),
        None if for_b is None else sum_to(mul(g, for_b), call.shape(1)),
        None if a is None else sum_to(mul(g, sub(b, a)), call.shape(2)),
    )


lerp_number = Op(
    name="lerp_number",
    title="Lerp",
    shape=_lerp_shape,
    reference=lambda attrs, a, b: _between(a, b, a.dtype.type(attrs[0])),
    vjp=_lerp_number_vjp,
    saves=Saves((), ()),
    aliases=False,
    flops=lambda call: 3 * one_each(call),
    bytes=moved_bytes,
    samples=samples((2, 1, 3), (4, 1), attrs=(0.3,)),
    kernels=(),
)
lerp = Op(
    name="lerp",
    title="LerpBackward1",
    shape=_lerp_shape,
    reference=lambda _, a, b, weight: _between(a, b, weight),
    vjp=_lerp_vjp,
    saves=Saves(((2, 0), (2, 1), (0, 2), (1, 2)), ()),
    aliases=False,
    flops=lambda call: 3 * one_each(call),
    bytes=moved_bytes,
    samples=samples((2, 1, 3), (4, 1), (3,), low=0.1, high=0.4),
    kernels=(),
)
