"""Elements scattered to places where others lie, and reduced with them.

y[index] = x[index] * s * s' ...    dx = g y / x,  ds = g[index] y[index] / s   (at 0: by products
                                    of the others, as autograd gives them for one 0)
y[index] = max(x[index], s ...)     g shared evenly among all that equal y
y[index] = (x[index] + s ...) / n   g / n
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import div, mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, full, interned, moved_bytes, none, same_as_first
from tatamu.ops.comparison import eq, where
from tatamu.ops.op import Op, Sample, Saves, apply
from tatamu.ops.picking import ALONG, filled_along

__all__ = ["Reducing", "scatter_reduce"]


class Reducing(NamedTuple):
    """Along which axis, how, and whether what lies there counts."""

    dim: int
    reduce: str
    include_self: bool


UFUNCS: dict[str, tuple[np.ufunc, Any]] = {
    "sum": (np.add, 0),
    "mean": (np.add, 0),
    "prod": (np.multiply, 1),
    "amax": (np.maximum, None),
    "amin": (np.minimum, None),
}


def _start(how: Reducing, x: Numpy) -> Any:
    """What changes nothing in a reduction."""
    ufunc, neutral = UFUNCS[how.reduce]
    if neutral is not None:
        return neutral
    if x.dtype.kind == "f":
        return -np.inf if ufunc is np.maximum else np.inf
    if x.dtype == np.bool_:
        return ufunc is np.minimum
    info = np.iinfo(x.dtype)
    return info.min if ufunc is np.maximum else info.max


def _reference(how: Reducing, x: Numpy, index: Numpy, src: Numpy) -> Numpy:
    places: list[Any] = list(np.indices(index.shape, sparse=True))
    places[how.dim] = index
    where_ = tuple(places)
    out = np.array(x, order="K")
    if not how.include_self:
        out[where_] = _start(how, x)
    UFUNCS[how.reduce][0].at(out, where_, src)
    if how.reduce != "mean":
        return out
    counts = np.full(x.shape, int(how.include_self))
    np.add.at(counts, where_, 1)
    counts[counts == 0] = 1
    divided: Numpy = out // counts if x.dtype.kind in "iu" else out / counts
    return divided.astype(x.dtype)


def _counts(how: Reducing, x: Array, index: Array) -> Array:
    """How many numbers each mean is made of."""
    ones = full(x.shape, 1, x.dtype)
    if not how.include_self:
        ones = apply(filled_along, how.dim, ones, index, constant(0.0, x.dtype))
    counts = apply(ALONG.added, how.dim, ones, index, full(index.shape, 1, x.dtype))
    some: Array = where(eq(counts, constant(0.0, x.dtype)), constant(1.0, x.dtype), counts)
    return some


def _vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    how: Reducing = node.call.attrs
    *kept, y = node.recall()
    x, index, src = (a if a is not None else b for a, b in zip(kept[::2], kept[1::2], strict=True))
    zero = constant(0.0, g.dtype)
    if how.reduce in ("sum", "mean"):
        share = g if how.reduce == "sum" else div(g, _counts(how, x, index))
        for_x, for_src = share, apply(ALONG.picked, how.dim, share, index)
    elif how.reduce == "prod":
        for_x, for_src = _prod_vjp(how, x, index, src, y, g)
    else:
        mine = cast(eq(x, y), g.dtype)
        theirs = cast(eq(src, apply(ALONG.picked, how.dim, y, index)), g.dtype)
        counts = apply(ALONG.added, how.dim, mine, index, theirs)
        counts = where(eq(counts, zero), constant(1.0, g.dtype), counts)
        share = div(g, counts)
        for_x = mul(share, mine)
        for_src = mul(apply(ALONG.picked, how.dim, share, index), theirs)
    if not how.include_self:
        for_x = apply(filled_along, how.dim, for_x, index, zero)
    return for_x, None, for_src


def _prod_vjp(
    how: Reducing, x: Array, index: Array, src: Array, y: Array, g: Array
) -> tuple[Array, Array]:
    """g times the product of the others: by division, but where the one 0 of a product stands."""
    zero, one = constant(0.0, g.dtype), constant(1.0, g.dtype)

    def rest_of(values: Array, product: Array, without: Array) -> Array:
        none_ = eq(values, zero)
        rest: Array = where(none_, without, div(product, where(none_, one, values)))
        return rest

    picked = ALONG.picked
    x_zero, src_zero = cast(eq(x, zero), g.dtype), cast(eq(src, zero), g.dtype)
    x_one, src_one = where(eq(x, zero), one, x), where(eq(src, zero), one, src)
    if not how.include_self:
        x_zero = apply(filled_along, how.dim, x_zero, index, zero)
        x_one = apply(filled_along, how.dim, x_one, index, one)
    zeros = apply(ALONG.added, how.dim, x_zero, index, src_zero)
    product = apply(
        scatter_reduce, interned(how._replace(include_self=True)), x_one, index, src_one
    )
    single = where(eq(zeros, one), product, zero)
    for_x = mul(g, rest_of(x, y, single))
    for_src = mul(
        apply(picked, how.dim, g, index),
        rest_of(src, apply(picked, how.dim, y, index), apply(picked, how.dim, single, index)),
    )
    return for_x, for_src


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    index = np.array([[4, 0, 4], [3, 1, 2]])
    for how in ("sum", "mean", "prod", "amax", "amin"):
        for include in (True, False):
            arrays = (random.uniform(0.5, 2, (2, 5)), index, random.uniform(0.5, 2, (2, 3)))
            yield Sample(interned(Reducing(1, how, include)), arrays)


scatter_reduce = Op(
    name="scatter_reduce",
    title="ScatterReduce",
    shape=same_as_first,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(tuple((place, by) for place in range(3) for by in (0, 2)), (0,)),
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(),
)
