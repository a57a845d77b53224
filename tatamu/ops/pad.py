"""Padding the last axes: by a constant, mirrored, with the edge repeated, or around in a circle.

y[o] = x[source(o)], or the constant where there is no source
dx[source(o)] += g[o]                                     pad_grad
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, moved_bytes, none
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, apply

__all__ = ["Pad", "PadGrad", "pad_grad", "pad_op"]

Mode = Literal["constant", "reflect", "edge", "wrap"]


class Pad(NamedTuple):
    """(before, after) for each of the last axes; negative crops, which only a constant may."""

    widths: tuple[tuple[int, int], ...]
    mode: str
    value: float


class PadGrad(NamedTuple):
    """A padding and the shape of its input."""

    pad: Pad
    shape: Ints


def _sources(size: int, width: tuple[int, int], mode: str) -> Numpy:
    """For each padded position along an axis the input position that it repeats, or -1."""
    before, after = width
    grown = (max(before, 0), max(after, 0))
    positions = np.arange(size)
    if mode == "constant":
        sources = np.pad(positions, grown, constant_values=-1)
    else:
        sources = np.pad(positions, grown, mode=cast(Any, mode))
    return sources[max(-before, 0) : len(sources) - max(-after, 0)]


def _shape(call: Call) -> tuple[Out, ...]:
    shape = list(call.shape(0))
    pad: Pad = call.attrs
    first = len(shape) - len(pad.widths)
    for axis, (before, after) in enumerate(pad.widths, first):
        size = shape[axis]
        wide = size + before + after
        limit = {"reflect": size - 1, "wrap": size}.get(pad.mode)
        if limit is not None and max(before, after) > limit:
            sentence = (
                "Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({before}, {after}) at dimension {axis} of input {list(shape)}"
                if pad.mode == "reflect"
                else "Padding value causes wrapping around more than once."
            )
            raise RuntimeError(
                f"{sentence}\n  a size of {size} can be padded by at most {limit} on each side"
            )
        if size + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError(
                "narrow(): length must be non-negative.\n"
                f"  a size of {size} cannot be cropped by {-min(before, 0)} and {-min(after, 0)}"
            )
        shape[axis] = wide
    return (Out(tuple(shape), call.dtype(0)),)


def _reference(pad: Pad, x: Numpy) -> Numpy:
    y = x
    first = x.ndim - len(pad.widths)
    for axis, width in enumerate(pad.widths, first):
        sources = _sources(x.shape[axis], width, pad.mode)
        y = np.take(y, sources, axis)
        outside = (slice(None),) * axis + (sources < 0,)
        y[outside] = pad.value
    return y.copy() if y is x else y


def _grad_reference(attrs: PadGrad, g: Numpy) -> Numpy:
    pad, shape = attrs
    first = len(shape) - len(pad.widths)
    for axis, width in enumerate(pad.widths, first):
        sources = _sources(shape[axis], width, pad.mode)
        inside = np.flatnonzero(sources >= 0)
        folded = np.zeros((*g.shape[:axis], shape[axis], *g.shape[axis + 1 :]), g.dtype)
        at: Any = (slice(None),) * axis + (sources[inside],)
        np.add.at(folded, at, np.take(g, inside, axis))
        g = folded
    return np.array(g)


def _vjp(node: Node, g: Array) -> tuple[Array]:
    return (apply(pad_grad, interned(PadGrad(node.call.attrs, node.call.shape(0))), g),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array]:
    pad: Pad = node.call.attrs.pad
    return (apply(pad_op, interned(pad._replace(value=0.0)), h),)


_CASES = (
    Pad(((1, 2), (0, 3)), "constant", 0.5),
    Pad(((-1, 2), (1, -2)), "constant", 0.0),
    Pad(((1, 2), (3, 0)), "reflect", 0.0),
    Pad(((1, 2), (0, 5)), "edge", 0.0),
    Pad(((4, 2), (0, 3)), "wrap", 0.0),
)


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for pad in _CASES:
        yield Sample(pad, (random.uniform(-1, 1, (2, 4, 5)),))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for pad in _CASES:
        g = _reference(pad, random.uniform(-1, 1, (2, 4, 5)))
        yield Sample(PadGrad(pad, (2, 4, 5)), (random.uniform(-1, 1, g.shape),))


pad_op = Op(
    name="pad",
    title="Pad",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(),
)

pad_grad = Op(
    name="pad_grad",
    title="PadGrad",
    shape=lambda call: (Out(call.attrs.shape, call.dtype(0)),),
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=NOTHING,
    aliases=False,
    flops=lambda call: int(np.prod(call.shape(0))),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(),
)
