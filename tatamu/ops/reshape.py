"""Reshape and clone. The gradient of a reshaped tensor is its gradient, shaped back."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from tatamu.ops.array import Array, Numpy
from tatamu.ops.common import interned, moved_bytes, none, samples, several
from tatamu.ops.elementwise import copying
from tatamu.ops.layout import Ints, reshaped
from tatamu.ops.op import NOTHING, Call, Op, Out, apply, view

__all__ = [
    "SQUEEZED",
    "SQUEEZED_IN_PLACE",
    "clone",
    "laid_out",
    "reshape",
    "reshape_view",
    "unsafe_view",
    "with_strides",
]

T = TypeVar("T", bound=Array)


def _clone_reference(strides: Ints | None, x: Numpy) -> Numpy:
    if strides is None:
        return np.array(x, order="C")
    out = laid_out(x.shape, strides, x.dtype)
    out[...] = x
    return out


def laid_out(shape: Ints, strides: Ints, dtype: np.dtype[Any]) -> Numpy:
    """A zeroed array of these strides (in elements), which may leave gaps but not overlap."""
    steps = zip(shape, strides, strict=True)
    extent = 1 + sum((n - 1) * step for n, step in steps) if 0 not in shape else 0
    return strided(np.zeros(extent, dtype), shape, strides)


def strided(flat: Numpy, shape: Ints, strides: Ints) -> Numpy:
    """``flat`` seen with a shape and strides (in elements), checked against its bounds."""
    size = flat.itemsize
    return np.ndarray(shape, flat.dtype, flat, 0, tuple(size * step for step in strides))


def _clone_shape(call: Call) -> tuple[Out, ...]:
    return (Out(call.shape(0), call.dtype(0), call.attrs),)


clone = Op(
    name="clone",
    title="Clone",
    shape=_clone_shape,
    reference=_clone_reference,
    vjp=lambda node, g: (g,),
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=several(samples((2, 3)), samples((2, 3, 4), attrs=(12, 1, 3))),
    kernels=(copying(),),
)


def with_strides(x: T, strides: Ints) -> T:
    """``x`` if it lies like that, else a copy that does."""
    return x if x.strides == strides else apply(clone, interned(strides), x)


def _reshape_reference(shape: Ints, x: Numpy) -> Numpy:
    return x.reshape(shape, copy=False)


def _reshape_shape(call: Call) -> tuple[Out, ...]:
    return (Out(reshaped(call.shape(0), call.attrs), call.dtype(0)),)


def _reshaping(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_reshape_shape,
        reference=_reshape_reference,
        vjp=lambda node, g: (reshape(g, node.call.shape(0)),),
        saves=NOTHING,
        aliases=True,
        flops=none,
        bytes=none,
        samples=samples((2, 3, 4), attrs=(6, 4)),
        kernels=(),
    )


reshape_view = _reshaping("view", "View")
unsafe_view = _reshaping("unsafe_view", "UnsafeView")

# Of all axes, of one, of some, as torch numbers them; then in place.
_squeezes = [_reshaping(f"squeeze_{number}", f"SqueezeBackward{number}") for number in range(6)]
SQUEEZED, SQUEEZED_IN_PLACE = _squeezes[:3], _squeezes[3:]


def reshape(x: T, shape: Ints) -> T:
    """A view if the strides allow it, else a copy in C order."""
    try:
        return view(reshape_view, shape, x)
    except ValueError:
        # Where an operation chose the layout, torch would have found C order and seen a view.
        op = reshape_view if x.storage.reordered else unsafe_view
        return view(op, shape, apply(clone, None, x))
