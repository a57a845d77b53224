"""Clamp, and the larger and the smaller of two tensors.

y = min(max(x, a), b)    dx = g where a <= x <= b
y = max(a, b)            da = g where a > b, half of it where a = b (min likewise)

A NaN on either side gives NaN; the gradient then reaches both, as in torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tatamu.ops.activation import times
from tatamu.ops.array import Array, Node, Numpy, detached
from tatamu.ops.common import (
    broadcast,
    broadcast_all,
    constant,
    moved_bytes,
    one_each,
    same_as_first,
    samples,
)
from tatamu.ops.comparison import eq, gt, lt, where
from tatamu.ops.elementwise import Choice, elementwise, elementwise_by
from tatamu.ops.expand import sum_to
from tatamu.ops.op import Call, Op, Sample, Saves, apply

__all__ = [
    "clamp", "clamp_above", "clamp_below", "clamp_between", "clamp_grad", "clamp_max", "clamp_min",
    "maximum", "minimum",
]  # fmt: skip

Bounds = tuple[Any, Any]
"""The least and the greatest number, None for no bound."""


def _reference(bounds: Bounds, x: Numpy) -> Numpy:
    low, high = bounds
    return np.clip(x, low, high).astype(x.dtype, copy=False)


def _grad_reference(bounds: Bounds, g: Numpy, x: Numpy) -> Any:
    low, high = bounds
    inside = np.ones(x.shape, bool) if low is None else x >= low
    if high is not None:
        inside &= x <= high
    return np.where(inside, g, g.dtype.type(0))


def _bounded(kind: str) -> Any:
    """The kernel of a formula whose parameters are the bounds."""

    def choose(call: Call) -> Choice | str:
        from tatamu.kernels.pointwise_emit import single

        low, high = call.attrs
        numbers = (-math.inf if low is None else low, math.inf if high is None else high)
        names = [d.name for d in call.dtypes if d is not None]
        if names[0] not in ("float32", "float64") or any(math.isnan(n) for n in numbers):
            return f"it bounds floats by numbers, not {names[0]} by {numbers}"
        return single(kind, names, names[0]), numbers

    return elementwise_by(choose)


def _vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    return (apply(clamp_grad, node.call.attrs, g, detached(x)),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array, None]:
    (x,) = node.recall()
    return apply(clamp_grad, node.call.attrs, h, x), None


_CASES = (((-2.0, -1.1), (-1.0, 0.5)), ((-0.9, 0.4), (-1.0, 0.5)), ((0.6, 2.0), (None, 0.5)))


def _draw(random: np.random.Generator) -> Iterable[Sample]:
    for (low, high), bounds in _CASES:
        yield Sample(bounds, (random.uniform(low, high, (2, 3)),))


def _draw_pairs(random: np.random.Generator) -> Iterable[Sample]:
    for (low, high), bounds in _CASES:
        yield Sample(bounds, (random.uniform(-1, 1, (2, 3)), random.uniform(low, high, (2, 3))))


def _record(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=same_as_first,
        reference=_reference,
        vjp=_vjp,
        saves=Saves(((0, 0),), ()),
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=_draw,
        kernels=(_bounded("hardtanh"),),
    )


clamp = _record("clamp", "ClampBackward1")
clamp_min = _record("clamp_min", "ClampMin")
clamp_max = _record("clamp_max", "ClampMax")

clamp_grad = Op(
    name="clamp_grad",
    title="ClampBackward",
    shape=same_as_first,
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=Saves(((1, 0),), ()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_draw_pairs,
    kernels=(_bounded("clamp_grad"),),
)


def _extreme(name: str, ufunc: np.ufunc, loses: Op) -> Op:
    """``loses(a, b)`` is whether ``a`` is not the one chosen."""

    def vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        saved = node.recall()
        a, b = saved[:2] if saved[0] is not None else saved[2:]
        zero = constant(0.0, g.dtype)
        shared = where(eq(a, b), times(g, 0.5), g)
        da = db = None
        if node.edges[0] is not None:
            da = sum_to(where(loses(a, b), zero, shared), node.call.shape(0))
        if node.edges[1] is not None:
            db = sum_to(where(loses(b, a), zero, shared), node.call.shape(1))
        return da, db

    return Op(
        name=name,
        title=name.capitalize(),
        shape=broadcast,
        reference=lambda _, a, b: ufunc(a, b),
        vjp=vjp,
        saves=Saves(((0, 0), (1, 0), (0, 1), (1, 1)), ()),
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=samples((2, 1, 3), (4, 1)),
        kernels=(elementwise(name, "float32", "float64", "int64"),),
    )


maximum = _extreme("maximum", np.maximum, lt)
minimum = _extreme("minimum", np.minimum, gt)


# ---- bounds that are tensors ----


def _between(_: None, x: Numpy, low: Numpy | None = None, high: Numpy | None = None) -> Any:
    y = x if low is None else np.maximum(x, low)
    return np.array(y if high is None else np.minimum(y, high))


def _between_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    """A bound has the gradient where it took effect; the upper one goes before the lower."""
    wanted = [index for index, target in enumerate(node.edges) if target is not None]
    x, low, high = node.recall()[3 * wanted[0] : 3 * wanted[0] + 3]
    zero = constant(0.0, g.dtype)
    call = node.call
    inside, lifted = g, None
    if low is not None:
        inside = where(lt(x, low), zero, inside)
        lifted = where(lt(x, low), g, zero)
        if high is not None:
            lifted = where(lt(low, high), lifted, zero)
    lowered = None
    if high is not None:
        inside = where(gt(x, high), zero, inside)
        lowered = where(gt(x, high), g, zero)
        if low is not None:
            lowered = where(gt(low, high), g, lowered)
    grads = (inside, lifted, lowered)
    places = zip(grads, node.edges, call.shapes, strict=True)
    return tuple(
        [None if y is None or e is None or s is None else sum_to(y, s) for y, e, s in places]
    )


def _draw_bounds(random: np.random.Generator) -> Iterable[Sample]:
    x = random.uniform(-2, 2, (2, 1, 3))
    low, high = np.full((4, 1), -0.7), np.full((3,), 0.6)
    for bounds in ((low, high), (low, None), (None, high), (high, low)):
        yield Sample(None, (x, *bounds))


def _between_record(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=broadcast_all,
        reference=_between,
        vjp=_between_vjp,
        saves=Saves(tuple([(place, wanted) for wanted in range(3) for place in range(3)]), ()),
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=_draw_bounds,
        kernels=(),
    )


clamp_between = _between_record("clamp_between", "Clamp")
clamp_above = _between_record("clamp_above", "ClampMinBackward1")
clamp_below = _between_record("clamp_below", "ClampMaxBackward1")
