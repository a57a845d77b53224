"""Max unpooling over two or three axes: values go back to where max pooling found them.

    y[n, c, i[n, c, o]] = x[n, c, o], 0 elsewhere      dx[n, c, o] = g[n, c, i[n, c, o]]

Where several values go to one place, the last of them stays (in torch any may, with its threads);
all of them get its gradient, as in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import like_input, moved_bytes, none
from tatamu.ops.layout import Ints
from tatamu.ops.max_pool import gradient_of, max_pool_at
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.planned import PlannedKernel
from tatamu.ops.pooled import planes, scatter_problem

__all__ = ["max_unpool2d", "max_unpool3d"]


def _shape(call: Call) -> tuple[Out, ...]:
    return (Out(call.attrs, call.dtype(0), like_input(call, call.attrs)),)


def _reference(shape: Ints, x: Numpy, places: Numpy) -> Numpy:
    out = np.zeros(shape, x.dtype)
    rows = zip(planes(out), planes(x), planes(places), strict=True)
    for pictures, values, where in rows:
        for picture, value, place in zip(pictures, values, where, strict=True):
            picture[place] = value
    return out


def _vjp(node: Node, g: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(max_pool_at, gradient_of(node.call.attrs), g, places), None


_CASES: tuple[tuple[Ints, Ints], ...] = (
    ((2, 3, 2, 3), (2, 3, 5, 6)),
    ((1, 1, 1, 1), (1, 1, 2, 2)),
    ((1, 2, 2, 1, 2), (1, 2, 4, 3, 4)),
)


def _samples(dims: int) -> Callable[[np.random.Generator], Iterable[Sample]]:
    def generate(random: np.random.Generator) -> Iterable[Sample]:
        for small, shape in _CASES:
            if len(shape) == dims + 2:
                order = random.permuted(
                    np.tile(np.arange(prod(shape[2:])), (*shape[:2], 1)), axis=2
                )
                places = order[..., : prod(small[2:])].reshape(small)
                yield Sample(shape, (random.uniform(size=small), places))

    return generate


def _unpool(dims: int) -> Op:
    return Op(
        name=f"max_unpool{dims}d",
        title=f"MaxUnpool{dims}D",
        shape=_shape,
        reference=_reference,
        vjp=_vjp,
        saves=Saves(inputs=((1, 0),), outputs=()),
        aliases=False,
        flops=none,
        bytes=moved_bytes,
        samples=_samples(dims),
        kernels=(PlannedKernel("places", "scatter", lambda call: scatter_problem(call, "put")),),
    )


max_unpool2d = _unpool(2)
max_unpool3d = _unpool(3)
