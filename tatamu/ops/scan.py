"""What runs along an axis: sums, products, largest and smallest so far.

y_i = sum_{j<=i} x_j        dx_j = sum_{i>=j} g_i
y_i = prod_{j<=i} x_j       dx_j = sum_{i>=j} g_i prod_{k<=i, k≠j} x_k
y_i = log sum_{j<=i} e^x_j  dx_j = sum_{i>=j} g_i e^(x_j - y_i)
y_i, p_i = max_{j<=i} x_j   dx_j = sum of g_i where p_i = j

Floats are summed in float64, as torch does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tatamu import dtypes
from tatamu.ops.arithmetic import add, div, mul, neg, sub
from tatamu.ops.array import Array, Node, Numpy, local, wrap
from tatamu.ops.common import (
    constant,
    full,
    interned,
    moved_bytes,
    one_per_input,
    same_as_first,
    samples,
    several,
)
from tatamu.ops.comparison import gt, where
from tatamu.ops.index import Placed, index, place
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, Saves, apply
from tatamu.ops.pointwise import exp, log

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "logcumsumexp", "scan"]


class Scan(NamedTuple):
    """Along which axis, and whether from its end."""

    axis: int
    reverse: bool


def scan(axis: int, reverse: bool = False) -> Scan:
    """The one Scan of these arguments."""
    return interned(Scan(axis, reverse))


def _accumulated(ufunc: np.ufunc) -> Callable[[Scan, Numpy], Numpy]:
    def reference(attrs: Scan, x: Numpy) -> Numpy:
        if not x.ndim:
            return np.array(x)
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        along = np.flip(wide, attrs.axis) if attrs.reverse else wide
        y = ufunc.accumulate(along, axis=attrs.axis)
        return (np.flip(y, attrs.axis) if attrs.reverse else y).astype(x.dtype)

    return reference


def _running(
    name: str, ufunc: np.ufunc, vjp: Callable[[Node, Array], tuple[Array]], saves: Saves
) -> Op:
    return Op(
        name=name,
        title=name.capitalize(),
        shape=same_as_first,
        reference=_accumulated(ufunc),
        vjp=vjp,
        saves=saves,
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=several(
            samples((2, 3, 4), attrs=Scan(1, False)), samples((2, 3), attrs=Scan(1, True))
        ),
        kernels=(),
    )


def _turned(attrs: Scan) -> Scan:
    return scan(attrs.axis, not attrs.reverse)


def _cumsum_vjp(node: Node, g: Array) -> tuple[Array]:
    return (apply(cumsum, _turned(node.call.attrs), g),)


def _cumprod_vjp(node: Node, g: Array) -> tuple[Array]:
    x, y = node.recall()
    attrs: Scan = node.call.attrs
    back = _turned(attrs)
    if not x.shape:
        return (g,)
    if np.all(x.array):
        return (div(apply(cumsum, back, mul(g, y)), x),)
    # Beside a zero nothing can be divided by: each number in turn is left out of the products.
    total = full(x.shape, 0, g.dtype)
    one = constant(1.0, x.dtype)
    for at in range(x.shape[attrs.axis]):
        where_to: tuple[Any, ...] = (*(slice(None),) * attrs.axis, slice(at, at + 1), ...)
        left = np.zeros(x.shape, np.bool_)
        left[where_to] = True
        without = apply(cumprod, attrs, where(wrap(left, dtypes.bool_), one, x))
        share = index(apply(cumsum, back, mul(g, without)), where_to)
        total = add(total, apply(place, Placed(x.shape, where_to), share))
    return (total,)


def _logcumsumexp_vjp(node: Node, g: Array) -> tuple[Array]:
    """The sum's logarithm again, of what is positive and of what is negative.

    Where the gradient is to be differentiated itself, in the plain form, for the logarithm of
    what is not there has no derivative.
    """
    x, y = node.recall()
    back = _turned(node.call.attrs)
    if local.grad:
        return (mul(exp(x), apply(cumsum, back, mul(g, exp(neg(y))))),)
    nothing = constant(-np.inf, g.dtype)
    zero = constant(0.0, g.dtype)
    one = constant(1.0, g.dtype)
    parts = []
    for part in (g, neg(g)):
        there = gt(part, zero)
        logs = where(there, log(where(there, part, one)), nothing)
        parts.append(exp(add(apply(logcumsumexp, back, sub(logs, y)), x)))
    return (sub(*parts),)


cumsum = _running("cumsum", np.add, _cumsum_vjp, NOTHING)
cumprod = _running("cumprod", np.multiply, _cumprod_vjp, Saves(((0, 0),), (0,)))
logcumsumexp = _running("logcumsumexp", np.logaddexp, _logcumsumexp_vjp, Saves(((0, 0),), (0,)))


def _extreme_so_far(name: str, ufunc: np.ufunc, wins: np.ufunc) -> Op:
    def reference(attrs: Scan, x: Numpy) -> tuple[Numpy, Numpy]:
        """Of equals the last is taken; a NaN stays, and each next one is taken."""
        if not x.ndim:
            return np.array(x), np.array(0)
        values = ufunc.accumulate(x, axis=attrs.axis)
        steps = [1] * x.ndim
        steps[attrs.axis] = -1
        counted = np.arange(x.shape[attrs.axis]).reshape(steps)
        chosen = wins(x, values) | (x != x)
        places = np.maximum.accumulate(np.where(chosen, counted, 0), axis=attrs.axis)
        return values, places

    def vjp(node: Node, g: Array) -> tuple[Array]:
        (places,) = node.recall()
        return (apply(collected, node.call.attrs, g, places),)

    return Op(
        name=name,
        title=name.capitalize(),
        shape=lambda call: (*same_as_first(call), Out(call.shape(0), dtypes.int64)),
        reference=reference,
        vjp=vjp,
        saves=Saves(inputs=(), outputs=(1,)),
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=samples((2, 5, 3), attrs=Scan(1, False)),
        kernels=(),
    )


cummax = _extreme_so_far("cummax", np.maximum, np.greater_equal)
cummin = _extreme_so_far("cummin", np.minimum, np.less_equal)


def _collected_reference(attrs: Scan, g: Numpy, places: Numpy) -> Numpy:
    if not g.ndim:
        return np.array(g)
    out = np.zeros_like(g)
    where_to: list[Any] = list(np.ogrid[tuple(slice(n) for n in g.shape)])
    where_to[attrs.axis] = places
    np.add.at(out, tuple(where_to), g)
    return out


def _picked_reference(attrs: Scan, x: Numpy, places: Numpy) -> Numpy:
    return np.take_along_axis(x, places, attrs.axis) if x.ndim else np.array(x)


def _places_samples(random: np.random.Generator) -> Any:
    yield Sample(Scan(1, False), (random.uniform(size=(2, 4)), random.integers(0, 4, (2, 4))))


def _moving(name: str, reference: Callable[..., Numpy], other: Callable[[], Op]) -> Op:
    def vjp(node: Node, g: Array) -> tuple[Array, None]:
        (places,) = node.recall()
        return apply(other(), node.call.attrs, g, places), None

    return Op(
        name=name,
        title=name.capitalize(),
        shape=_like_places,
        reference=reference,
        vjp=vjp,
        saves=Saves(inputs=((1, 0),), outputs=()),
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=_places_samples,
        kernels=(),
    )


def _like_places(call: Call) -> tuple[Out, ...]:
    return (Out(call.shape(1), call.dtype(0)),)


# Numbers added up where they came from, and fetched from there: each the other's gradient.
fetched: Op
collected = _moving("collected", _collected_reference, lambda: fetched)
fetched = _moving("fetched", _picked_reference, lambda: collected)
