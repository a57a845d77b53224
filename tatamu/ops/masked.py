"""Filling and scattering where a mask says so.

y = v where m, else x      dx = 0 where m, else g;  dv = sum of g where m
y[m] = s[0], s[1], ...     dx likewise;             ds[i] = g at the i-th place where m
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.common import constant, full, like_input, moved_bytes, none
from tatamu.ops.comparison import where
from tatamu.ops.elementwise import Choice, elementwise_by
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.picking import FLAT, picked_mask

__all__ = ["mask_places", "masked_fill", "masked_fill_by", "masked_scatter"]


def mask_places(mask: Numpy) -> Array:
    """Where a mask holds: places in the tensor seen as one row."""
    return wrap(np.flatnonzero(mask), dtypes.int64)


def _fill_shape(call: Call) -> tuple[Out, ...]:
    shape = broadcast_shapes(call.shape(1), call.shape(0))
    return (Out(shape, call.dtype(0)),)


def _fill_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_x, for_value = node.recall()
    zero = constant(0.0, g.dtype)
    call = node.call
    return (
        None if for_x is None else sum_to(apply(masked_fill, None, g, for_x, zero), call.shape(0)),
        None,
        None if for_value is None else sum_to(where(for_value, g, zero), call.shape(2)),
    )


def _fill_choice(call: Call) -> Choice | str:
    from tatamu.kernels.pointwise_emit import Expression, Step

    name = call.dtype(0).name
    if name not in ("float32", "float64") or call.dtype(2).name != name:
        return f"it fills float32 and float64, not {name} with {call.dtype(2).name}"
    return Expression((name, "bool", name), (Step("where", (1, 2, 0)),), name), ()


def _fill_samples(random: np.random.Generator) -> Iterable[Sample]:
    mask = random.uniform(size=(4, 3)) > 0.5
    yield Sample(None, (random.uniform(size=(2, 4, 3)), mask, random.uniform(size=())))


def _fill_op(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_fill_shape,
        reference=lambda _, x, mask, value: np.asarray(np.where(mask, value, x), order="C"),
        vjp=_fill_vjp,
        saves=Saves(((1, 0), (1, 2)), ()),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=_fill_samples,
        kernels=(elementwise_by(_fill_choice),),
    )


masked_fill = _fill_op("masked_fill", "MaskedFill")
masked_fill_by = _fill_op("masked_fill_by", "MaskedFillBackward1")


def _scatter_reference(_: None, x: Numpy, mask: Numpy, source: Numpy) -> Numpy:
    out = np.array(x, order="K")
    out[mask] = source.reshape(-1)[: np.count_nonzero(mask)]
    return out


def _scatter_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_x, for_source = node.recall()
    back = None
    if for_source is not None:
        found = apply(picked_mask, None, g, mask_places(for_source.array))
        first = wrap(np.arange(found.shape[0]), dtypes.int64)
        nothing = full(node.call.shape(2), 0, g.dtype)
        back = apply(FLAT.put, None, nothing, first, found)
    zero = constant(0.0, g.dtype)
    return None if for_x is None else apply(masked_fill, None, g, for_x, zero), None, back


def _scatter_samples(random: np.random.Generator) -> Iterable[Sample]:
    mask = random.uniform(size=(4, 3)) > 0.5
    yield Sample(None, (random.uniform(size=(4, 3)), mask, random.uniform(size=(3, 5))))


masked_scatter = Op(
    name="masked_scatter",
    title="MaskedScatter",
    shape=lambda call: (Out(call.shape(0), call.dtype(0), like_input(call, call.shape(0))),),
    reference=_scatter_reference,
    vjp=_scatter_vjp,
    saves=Saves(((1, 0), (1, 2)), ()),
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_scatter_samples,
    kernels=(),
)
