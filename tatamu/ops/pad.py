"""Padding the last axes: by a constant, mirrored, with the edge repeated, or around in a circle.

y[o] = x[source(o)], or the constant where there is no source
dx[source(o)] += g[o]                                     pad_grad
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from tatamu.dtypes import narrow
from tatamu.geometry import Padded
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, like_input, moved_bytes, none
from tatamu.ops.elementwise import FEWEST
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, apply
from tatamu.ops.pictures import pictures
from tatamu.ops.planned import PlannedKernel
from tatamu.ops.resize import ResizeKernel

if TYPE_CHECKING:
    from tatamu.kernels.padding import PaddingProblem

__all__ = ["Pad", "PadGrad", "pad_grad", "pad_op"]

Mode = Literal["constant", "reflect", "edge", "wrap"]


class Pad(NamedTuple):
    """(before, after) for each of the last axes; negative crops, which only a constant may."""

    widths: tuple[tuple[int, int], ...]
    mode: str
    value: float

    @property
    def node_title(self) -> str:
        """torch has an operation for each mode and number of axes."""
        names = {"reflect": "ReflectionPad", "edge": "ReplicationPad"}
        if self.mode in names:
            return f"{names[self.mode]}{len(self.widths)}D"
        return "CopySlices" if self.mode == "wrap" else "ConstantPadNd"


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
    for back, (before, after) in enumerate(reversed(pad.widths)):
        axis = len(shape) - 1 - back
        size = shape[axis]
        wide = size + before + after
        limit = {"reflect": size - 1, "wrap": size}.get(pad.mode)
        if limit is not None and max(before, after) > limit:
            sentence = (
                f"Argument #{4 + 2 * back}: Padding size should be less than the corresponding "
                f"input dimension, but got: padding ({before}, {after}) at dimension {axis} of "
                f"input {list(call.shape(0))}"
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
    return (Out(tuple(shape), call.dtype(0), like_input(call, tuple(shape))),)


def _reference(pad: Pad, x: Numpy) -> Numpy:
    y = x
    first = x.ndim - len(pad.widths)
    for axis, width in enumerate(pad.widths, first):
        sources = _sources(x.shape[axis], width, pad.mode)
        if not y.shape[axis]:
            shape = (*y.shape[:axis], len(sources), *y.shape[axis + 1 :])
            y = np.full(shape, pad.value, y.dtype)
            continue
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
    pad: Pad = node.call.attrs
    if pad.mode == "constant":
        cropped = tuple((-before, -after) for before, after in pad.widths)
        return (apply(pad_op, interned(Pad(cropped, "constant", 0.0)), g),)
    return (apply(pad_grad, interned(PadGrad(node.call.attrs, node.call.shape(0))), g),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array]:
    pad: Pad = node.call.attrs.pad
    return (apply(pad_op, interned(pad._replace(value=0.0)), h),)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.shape
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


def _axes(pad: Pad, shape: Ints) -> tuple[Padded, ...] | str:
    """The padded axes of a tensor of ``shape``; or why they are not for a kernel."""
    if not 1 <= len(pad.widths) <= 3:
        return f"{len(pad.widths)} axes are padded; it pads up to 3"
    sizes = shape[len(shape) - len(pad.widths) :]
    pairs = zip(sizes, pad.widths, strict=True)
    return tuple(Padded(pad.mode, size, *width) for size, width in pairs)


def _problem(call: Call) -> PaddingProblem | str:
    from tatamu.kernels.padding import PaddingProblem

    pad: Pad = call.attrs
    dtype = call.dtype(0)
    axes = _axes(pad, call.shape(0))
    if isinstance(axes, str):
        return axes
    count = prod(_shape(call)[0].shape)
    if count < FEWEST:
        return f"NumPy is as fast for fewer than {FEWEST} elements"
    found = pictures(call, len(axes))
    if isinstance(found, str):
        return found
    stored = narrow(np.array(pad.value).astype(dtype.compute), dtype).tobytes()
    bits = int.from_bytes(stored, sys.byteorder, signed=True)
    return PaddingProblem(dtype.itemsize, found.planes, found.channels, axes, bits)


def _grad_axes(call: Call) -> tuple[Padded, ...] | str:
    if call.attrs.pad.mode == "constant":
        return "the gradient of a constant's padding is a crop"
    return _axes(call.attrs.pad, call.attrs.shape)


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
    kernels=(PlannedKernel("padding", "padding", _problem),),
)

pad_grad = Op(
    name="pad_grad",
    title="PadGrad",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=NOTHING,
    aliases=False,
    flops=lambda call: int(np.prod(call.shape(0))),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(ResizeKernel(_grad_axes, backwards=True),),
)
