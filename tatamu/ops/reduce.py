"""Mean, largest and smallest, over some axes.

y = sum x / n           dx = g / n
y = max x               dx = g where x = y, shared evenly among equals (``maximal`` over all)
y, i = max x on axis    dx[i] = g, 0 elsewhere
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tatamu import dtypes
from tatamu.ops.arithmetic import div, mul
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.cast import cast
from tatamu.ops.common import constant, interned, moved_bytes, none, one_per_input, samples, several
from tatamu.ops.comparison import eq, ne
from tatamu.ops.expand import spread, sum_
from tatamu.ops.folding import Reduce, count, fold_kernel, reduced, reduced_out, reduction
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, Saves, apply

__all__ = [
    "Along", "along", "amax", "amin", "argextreme", "both_largest", "both_smallest", "max_along",
    "maximal", "mean", "min_along", "minimal", "put", "take",
]  # fmt: skip

_over_some = several(
    samples((2, 3, 4), attrs=Reduce((0, 1, 2), False)),
    samples((2, 3, 4), attrs=Reduce((1,), True)),
    samples((5, 16, 15), attrs=Reduce((0, 2), False)),
)


def _mean_shape(call: Call) -> tuple[Out, ...]:
    dtype = call.dtype(0)
    if not dtype.is_floating_point:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {dtype.legacy_name}\n  x.float().mean() takes it as float32"
        )
    return (reduced_out(call, call.attrs, dtype),)


def _mean_vjp(node: Node, g: Array) -> tuple[Array]:
    shape = node.call.shape(0)
    reduce: Reduce = node.call.attrs
    share = div(g, constant(count(shape, reduce.axes), g.dtype))
    return (spread(share, shape, reduce),)


def _divided_by_count(call: Call) -> dict[str, Any]:
    return {"divisor": float(count(call.shape(0), call.attrs.axes))}


mean = Op(
    name="mean",
    title="Mean",
    shape=_mean_shape,
    reference=lambda reduce, x: (
        x.sum(axis=reduce.axes, keepdims=reduce.keepdim) / x.dtype.type(count(x.shape, reduce.axes))
    ),
    vjp=_mean_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=_over_some,
    kernels=(fold_kernel("sum", _divided_by_count),),
)


def _extreme_shape(call: Call) -> tuple[Out, ...]:
    shape = call.shape(0)
    name = call.op.title.lower()
    for axis in call.attrs.axes:
        if shape[axis] == 0:
            if call.op in (both_largest, both_smallest) and len(call.attrs.axes) == len(shape):
                raise RuntimeError(
                    "aminmax(): cannot compute aminmax over an empty dimension as the operation "
                    f"has no identity.\n  the input is {list(shape)}"
                )
            if len(call.attrs.axes) < len(shape):
                raise IndexError(
                    f"{name}(): Expected reduction dim {axis} to have non-zero size.\n"
                    f"  the input is {list(shape)}: there is nothing to choose from"
                )
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
    return (reduced_out(call, call.attrs, call.dtype(0)),)


def _extreme_vjp(node: Node, g: Array) -> tuple[Array]:
    x, y = node.recall()
    reduce: Reduce = node.call.attrs
    same = eq(x, spread(y, x.shape, reduce))
    if reduce.overload and np.isnan(y.array).any():  # over all: a NaN is a largest one, too
        same = ne(x, x)
    chosen = cast(same, g.dtype)
    share = div(chosen, apply(sum_, reduction(reduce.axes, True), chosen))
    return (mul(spread(g, x.shape, reduce), share),)


def _extreme(name: str, ufunc: np.ufunc) -> Op:
    def reference(reduce: Reduce, x: Numpy) -> Any:
        return ufunc.reduce(x, axis=reduce.axes, keepdims=reduce.keepdim)

    return Op(
        name=name,
        title=name.capitalize(),
        shape=_extreme_shape,
        reference=reference,
        vjp=_extreme_vjp,
        saves=Saves(inputs=((0, 0),), outputs=(0,)),
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=_over_some,
        kernels=(fold_kernel(name[-3:]),),
    )


amax = _extreme("amax", np.maximum)
amin = _extreme("amin", np.minimum)
maximal = _extreme("max", np.maximum)
minimal = _extreme("min", np.minimum)
both_largest = replace(amax, name="aminmax_max", title="Aminmax")
both_smallest = replace(amin, name="aminmax_min", title="Aminmax")


class Along(NamedTuple):
    """One axis of a tensor whose extent there is ``size``; which extreme; whether it stays."""

    axis: int
    size: int
    largest: bool
    keepdim: bool


def along(axis: int, size: int, largest: bool = True, keepdim: bool = False) -> Along:
    """The one Along of these arguments."""
    return interned(Along(axis, size, largest, keepdim))


def _without(shape: Ints, attrs: Along) -> Ints:
    return reduced(shape, reduction((attrs.axis,), attrs.keepdim))


def _pick_shape(call: Call) -> tuple[Out, ...]:
    attrs: Along = call.attrs
    if call.shape(0)[attrs.axis] == 0:
        name = "max" if attrs.largest else "min"
        raise IndexError(f"{name}(): Expected reduction dim {attrs.axis} to have non-zero size.")
    shape = _without(call.shape(0), attrs)
    return Out(shape, call.dtype(0)), Out(shape, dtypes.int64)


def argextreme(attrs: Along, x: Numpy) -> tuple[Numpy, Numpy]:
    """Values and places of the extremes along one axis; NaN counts as the most extreme."""
    find = np.argmax if attrs.largest else np.argmin
    places = np.asarray(find(x, axis=attrs.axis, keepdims=True))
    values = np.take_along_axis(x, places, attrs.axis)
    if attrs.keepdim:
        return values, places
    return values.squeeze(attrs.axis), places.squeeze(attrs.axis)


def _pick_vjp(node: Node, g: Array) -> tuple[Array]:
    (places,) = node.recall()
    return (apply(put, node.call.attrs, g, places),)


def _extreme_along(name: str, title: str, largest: bool) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_pick_shape,
        reference=argextreme,
        vjp=_pick_vjp,
        saves=Saves(inputs=(), outputs=(1,)),
        aliases=False,
        flops=one_per_input,
        bytes=moved_bytes,
        samples=several(
            samples((2, 3, 4), attrs=Along(1, 3, largest, False)),
            samples((2, 3, 4), attrs=Along(2, 4, largest, True)),
        ),
        kernels=(),
    )


max_along = _extreme_along("max_along", "Max", True)
min_along = _extreme_along("min_along", "Min", False)


def _place_samples(shape: Ints, attrs: Along) -> Any:
    def generate(random: np.random.Generator) -> Any:
        places = random.integers(0, attrs.size, _without(shape, attrs))
        first = shape if attrs.largest else places.shape
        yield Sample(attrs, (random.uniform(size=first), places))

    return generate


def _kept(array: Numpy, attrs: Along) -> Numpy:
    return array if attrs.keepdim else np.expand_dims(array, attrs.axis)


def _put_shape(call: Call) -> tuple[Out, ...]:
    attrs: Along = call.attrs
    shape = list(call.shape(0))
    if attrs.keepdim:
        shape[attrs.axis] = attrs.size
    else:
        shape.insert(attrs.axis, attrs.size)
    return (Out(tuple(shape), call.dtype(0)),)


def _put_reference(attrs: Along, g: Numpy, places: Numpy) -> Numpy:
    g, places = _kept(g, attrs), _kept(places, attrs)
    out = np.zeros((*g.shape[: attrs.axis], attrs.size, *g.shape[attrs.axis + 1 :]), g.dtype)
    np.put_along_axis(out, places, g, attrs.axis)
    return out


def _put_vjp(node: Node, g: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(take, node.call.attrs, g, places), None


def _take_reference(attrs: Along, x: Numpy, places: Numpy) -> Numpy:
    values = np.take_along_axis(x, _kept(places, attrs), attrs.axis)
    return values if attrs.keepdim else values.squeeze(attrs.axis)


def _take_vjp(node: Node, g: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(put, node.call.attrs, g, places), None


put = Op(
    name="put",
    title="Put",
    shape=_put_shape,
    reference=_put_reference,
    vjp=_put_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_place_samples((2, 3, 4), Along(1, 3, False, False)),
    kernels=(),
)

take = Op(
    name="take",
    title="Take",
    shape=lambda call: (Out(call.shape(1), call.dtype(0)),),
    reference=_take_reference,
    vjp=_take_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_place_samples((2, 3, 4), Along(1, 3, True, False)),
    kernels=(),
)
