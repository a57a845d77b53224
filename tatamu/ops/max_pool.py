"""Max pooling over two or three axes, in windows or in bins, with the places of the maxima.

    y[n, c, o] = max over what o reads of x            i[n, c, o] = where, counted in C order
    dx[n, c, i[n, c, o]] += g[n, c, o]                 max_pool_grad
    y[n, c, o] = x[n, c, i[n, c, o]]                   max_pool_at, the former's own gradient

The first of equal values is taken, and NaN is larger than anything (the last of several is taken),
as in torch. A window without any position in the picture, which only dilation can make, gives -inf
and the place -1. The places are all that backward needs; ``max_pool_values`` leaves them out, for
those who want no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu import dtypes
from tatamu.geometry import readers
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import interned, like_input, moved_bytes, none
from tatamu.ops.layout import Ints, is_contiguous
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply, apply_all
from tatamu.ops.planned import PlannedKernel
from tatamu.ops.pooled import (
    Spec,
    adaptive_cases,
    laid_like,
    planes,
    pool_problem,
    scatter_problem,
    taps,
    window_cases,
)

__all__ = [
    "MaxPoolGrad",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "gradient_of",
    "max_pool2d",
    "max_pool3d",
    "max_pool_at",
    "max_pool_grad",
    "max_pool_values",
]


class MaxPoolGrad(NamedTuple):
    """The input's shape, and the windows or bins; None where places may be anywhere."""

    shape: Ints
    spec: Spec | None = None


def gradient_of(shape: Ints, spec: Spec | None = None) -> MaxPoolGrad:
    """The one MaxPoolGrad of these two."""
    return interned(MaxPoolGrad(tuple(shape), spec))


Cases = Callable[[], Iterable[tuple[Any, Ints]]]


def _values_shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.out_shape(call.shape(0))
    return (Out(shape, call.dtype(0), like_input(call, shape)),)


def _shape(call: Call) -> tuple[Out, ...]:
    (values,) = _values_shape(call)
    return values, Out(values.shape, dtypes.int64, values.strides)


def _grad_shape(call: Call) -> tuple[Out, ...]:
    shape = call.attrs.shape
    return (Out(shape, call.dtype(0), like_input(call, shape, 1)),)


def _at_shape(call: Call) -> tuple[Out, ...]:
    shape = call.shape(1)
    return (Out(shape, call.dtype(0), like_input(call, shape, 1)),)


# ---- references ----------------------------------------------------------------------------------


def _lowest(dtype: Any) -> float | int:
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _reference(spec: Spec, x: Numpy) -> tuple[Numpy, Numpy]:
    sizes = x.shape[2:]
    best = np.full((*x.shape[:2], *spec.out_size(sizes)), _lowest(x.dtype), x.dtype)
    place = np.full(best.shape, -1, np.int64)
    positions = np.arange(prod(sizes)).reshape(sizes)
    for outs, ins in taps(spec, sizes):
        target: Any = (slice(None), slice(None), *np.ix_(*outs))
        source: Any = (slice(None), slice(None), *np.ix_(*ins))
        value = x[source]
        better = (value > best[target]) | (value != value) | (place[target] < 0)
        best[target] = np.where(better, value, best[target])
        place[target] = np.where(better, positions[np.ix_(*ins)], place[target])
    return best, place


def _grad_reference(attrs: MaxPoolGrad, g: Numpy, places: Numpy) -> Numpy:
    shape = attrs.shape
    out = np.zeros(shape, g.dtype)
    batch, channels = np.ogrid[: shape[0], : shape[1]]
    inside = (places >= 0) & (places < prod(shape[2:]))
    at, values = planes(np.where(inside, places, 0)), planes(np.where(inside, g, 0))
    np.add.at(planes(out), (batch[..., None], channels[..., None], at), values)
    return out


def _at_reference(_: MaxPoolGrad, x: Numpy, places: Numpy) -> Numpy:
    inside = (places >= 0) & (places < prod(x.shape[2:]))
    taken = np.take_along_axis(planes(x), planes(np.where(inside, places, 0)), 2)
    return np.where(inside, taken.reshape(places.shape), x.dtype.type(0))


# ---- gradients -----------------------------------------------------------------------------------


def _vjp(node: Node, g: Array) -> tuple[Array]:
    (places,) = node.recall()
    attrs = gradient_of(node.call.shape(0), node.call.attrs)
    return (apply(max_pool_grad, attrs, laid_like(g, places.strides), places),)


def _values_vjp(node: Node, g: Array) -> tuple[Array]:
    """The places were not noted, and must be found again."""
    (x,) = node.recall()
    op = max_pool2d if len(x.shape) == 4 else max_pool3d
    _, places = apply_all(op, node.call.attrs, x)
    return (apply(max_pool_grad, gradient_of(x.shape, node.call.attrs), g, places),)


def _grad_vjp(node: Node, h: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(max_pool_at, node.call.attrs, h, places), None


def _at_vjp(node: Node, h: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(max_pool_grad, node.call.attrs, h, places), None


# ---- cost and samples ----------------------------------------------------------------------------


def _flops(call: Call) -> int:
    images, channels, *sizes = call.shape(0)
    reads = call.attrs.reads(sizes)
    return images * channels * prod(sum(map(len, axis)) for axis in reads)


def _distinct(random: np.random.Generator, shape: Ints) -> Numpy:
    return random.permutation(prod(shape)).reshape(shape) / prod(shape)


def _samples(cases: Cases) -> Callable[[np.random.Generator], Iterable[Sample]]:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for spec, shape in cases():
            yield Sample(spec, (_distinct(random, shape),))

    return generate


def _every_case() -> Iterable[tuple[Any, Ints]]:
    for dims in (2, 3):
        yield from window_cases(dims, "max")
        yield from adaptive_cases(dims, "max")


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for spec, shape in _every_case():
        _, places = _reference(spec, _distinct(random, shape))
        yield Sample(gradient_of(shape, spec), (random.uniform(size=places.shape), places))


def _at_samples(random: np.random.Generator) -> Iterable[Sample]:
    for spec, shape in _every_case():
        _, places = _reference(spec, _distinct(random, shape))
        yield Sample(gradient_of(shape, spec), (random.uniform(size=shape), places))


# ---- records -------------------------------------------------------------------------------------


def _problem(call: Call, kind: str) -> Any:
    reads = call.attrs.reads(call.shape(0)[2:])
    return pool_problem(call, kind, reads, tuple((1,) * len(axis) for axis in reads))


def _grad_problem(call: Call) -> Any:
    shape, spec = call.attrs
    if spec is None:
        return "places may be anywhere"
    values, places = call.strides
    assert values is not None
    assert places is not None
    if not is_contiguous(call.shape(0), values, places):
        return "gradients and places lie in different orders"
    reads = spec.reads(shape[2:])
    if any(found.step > 1 for axis in reads for found in axis):
        return "windows are dilated"
    sides = zip(reads, shape[2:], strict=True)
    turned = tuple(readers(axis, size) for axis, size in sides)
    return pool_problem(call, "route", turned, tuple((1,) * len(axis) for axis in turned))


def _with_places(name: str, title: str, cases: Cases) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_shape,
        reference=_reference,
        vjp=_vjp,
        saves=Saves(inputs=(), outputs=(1,)),
        aliases=False,
        flops=_flops,
        bytes=moved_bytes,
        samples=_samples(cases),
        kernels=(PlannedKernel("windows", "pooling", lambda call: _problem(call, "argmax")),),
    )


max_pool2d = _with_places("max_pool2d", "MaxPool2DWithIndices", lambda: window_cases(2, "max"))
max_pool3d = _with_places("max_pool3d", "MaxPool3DWithIndices", lambda: window_cases(3, "max"))
adaptive_max_pool2d = _with_places(
    "adaptive_max_pool2d", "AdaptiveMaxPool2D", lambda: adaptive_cases(2, "max")
)
adaptive_max_pool3d = _with_places(
    "adaptive_max_pool3d", "AdaptiveMaxPool3D", lambda: adaptive_cases(3, "max")
)

max_pool_values = Op(
    name="max_pool_values",
    title="MaxPoolValues",
    shape=_values_shape,
    reference=lambda spec, x: _reference(spec, x)[0],
    vjp=_values_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=_samples(_every_case),
    kernels=(PlannedKernel("windows", "pooling", lambda call: _problem(call, "max"), places=True),),
)

max_pool_grad = Op(
    name="max_pool_grad",
    title="MaxPoolGrad",
    shape=_grad_shape,
    reference=_grad_reference,
    vjp=_grad_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=lambda call: prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_grad_samples,
    kernels=(
        PlannedKernel("windows", "pooling", _grad_problem),
        PlannedKernel("places", "scatter", lambda call: scatter_problem(call, "add")),
    ),
)

max_pool_at = Op(
    name="max_pool_at",
    title="MaxPoolAt",
    shape=_at_shape,
    reference=_at_reference,
    vjp=_at_vjp,
    saves=Saves(inputs=((1, 0),), outputs=()),
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_at_samples,
    kernels=(PlannedKernel("places", "scatter", lambda call: scatter_problem(call, "take")),),
)
