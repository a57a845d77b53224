"""What activations share: each is two records, the function and its gradient, with a kernel each.

    y = a(x)        dx = g a'(x)        (some know a' from y: they save y and not x)
    z = g a'(s)     dg = h a'(s)        ds = h g a''(s), 0 where a is made of straight pieces

At a corner the gradient is torch's choice. A NaN stays NaN in every activation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, Node, Numpy, detached
from tatamu.ops.common import (
    constant,
    like_first_floating,
    moved_bytes,
    one_each,
    same_as_first,
)
from tatamu.ops.elementwise import elementwise
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply

__all__ = ["Activation", "activation", "floats_only", "plus", "times"]

Bend = Callable[[Array, tuple[float, ...]], Array]


class Activation(NamedTuple):
    """The records of a function and of its gradient."""

    op: Op
    grad: Op


def plus(x: Any, number: float) -> Any:
    """``x + number``."""
    from tatamu.ops.arithmetic import add

    return add(x, constant(number, x.dtype))


def times(x: Any, number: float) -> Any:
    """``x * number``."""
    return mul(x, constant(number, x.dtype))


def floats_only(call: Call) -> tuple[Out, ...]:
    """Shape rule: like input 0, which must be of a floating point dtype."""
    dtype = call.dtype(0)
    if not dtype.is_floating_point:
        raise NotImplementedError(
            f"\"{call.op.name}_cpu\" not implemented for '{dtype.legacy_name}'\n"
            "  it is a function of floating point numbers: x.float() makes them"
        )
    return same_as_first(call)


def activation(
    name: str,
    title: str,
    *,
    function: Callable[..., Numpy],
    gradient: Callable[..., Numpy],
    bend: Bend | None = None,
    by_output: bool = False,
    attrs: tuple[float, ...] | None = None,
    ranges: Iterable[tuple[float, float]] = ((-2.0, 2.0),),
    integers: str = "refused",
    kind: str = "",
    grad_kind: str = "",
) -> Activation:
    """The two records. ``function(x, *attrs)`` and ``gradient(g, s, *attrs)`` are NumPy's.

    ``bend(s, attrs)`` is the slope's derivative in operations (None: straight pieces). ``ranges``
    are where samples are drawn from, clear of corners. Integers are "refused", "kept", or "turned"
    to float32. ``kind`` and ``grad_kind`` name the formulas where the names do not.
    """
    shapes = {"refused": floats_only, "kept": same_as_first, "turned": like_first_floating}
    kind = kind or name

    def vjp(node: Node, g: Array) -> tuple[Array]:
        (saved,) = node.recall()
        if bend is None:
            saved = detached(saved)  # where the slope is flat, its own slope plays no part
        return (apply(grad, node.call.attrs, g, saved),)

    def grad_vjp(node: Node, h: Array) -> tuple[Array | None, Array | None]:
        attrs = node.call.attrs
        if bend is None:
            (saved,) = node.recall()
            return apply(grad, attrs, h, saved), None
        for_g, g, for_saved = node.recall()
        return (
            None if for_g is None else apply(grad, attrs, h, for_g),
            None if g is None else mul(mul(h, g), bend(for_saved, attrs or ())),
        )

    def draw(random: np.random.Generator) -> Iterable[Sample]:
        for low, high in ranges:
            yield Sample(attrs, (random.uniform(low, high, (2, 3, 4)),))

    def draw_pairs(random: np.random.Generator) -> Iterable[Sample]:
        for low, high in ranges:
            pair = random.uniform(-2, 2, (2, 3)), random.uniform(low, high, (2, 3))
            yield Sample(attrs, pair)

    op = Op(
        name=name,
        title=title,
        shape=shapes[integers],
        reference=lambda attrs, x: _typed(function(x, *(attrs or ())), x),
        vjp=vjp,
        saves=Saves((), (0,)) if by_output else Saves(((0, 0),), ()),
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=draw,
        kernels=(elementwise(kind),),
    )
    grad = Op(
        name=f"{name}_grad",
        title=f"{title}Backward",
        shape=same_as_first,
        reference=lambda attrs, g, s: _typed(gradient(g, s, *(attrs or ())), g),
        vjp=grad_vjp,
        saves=Saves(((1, 0),) if bend is None else ((1, 0), (0, 1), (1, 1)), ()),
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=draw_pairs,
        kernels=(elementwise(grad_kind or f"{kind}_grad"),),
    )
    return Activation(op, grad)


def _typed(result: Numpy, like: Numpy) -> Numpy:
    """The result in the precision that was given; integers are left to the shape rule."""
    return result.astype(like.dtype, copy=False) if like.dtype.kind == "f" else result
