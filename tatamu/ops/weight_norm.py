"""Weights of a given length: a direction scaled to it.

w = g v / |v|      dg = <h, v> / |v|      dv = g / |v| (h - v <h, v> / |v|²)

Lengths and products <,> are of each slice along one axis, or of the whole (dim -1).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from tatamu.ops.arithmetic import div, mul, sub
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import like_input, moved_bytes
from tatamu.ops.expand import sum_
from tatamu.ops.folding import Reduce, reduction
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.pointwise import sqrt

__all__ = ["length", "slices", "weight_norm"]


class Slices(NamedTuple):
    """The axis whose slices have a length each; -1: one length for all."""

    dim: int


@lru_cache(maxsize=64)
def slices(dim: int) -> Slices:
    """The one Slices of this axis."""
    return Slices(dim)


def _over(dim: int, rank: int) -> Reduce:
    return reduction(tuple(axis for axis in range(rank) if axis != dim), dim != -1)


def length(v: Array, dim: int) -> Array:
    """|v| of each slice, its axis kept; of the whole for -1."""
    return sqrt(apply(sum_, _over(dim, len(v.shape)), mul(v, v)))


def _reference(attrs: Slices, v: Numpy, g: Numpy) -> Numpy:
    axes, keepdims, _ = _over(attrs.dim, v.ndim)
    return np.asarray(v * (g / np.sqrt((v * v).sum(axis=axes, keepdims=keepdims))), v.dtype)


def _vjp(node: Node, h: Array) -> tuple[Array | None, Array]:
    for_v, for_g, scale, _ = node.recall()
    v = for_g if for_v is None else for_v
    dim = node.call.attrs.dim
    norm = length(v, dim)
    dg = div(apply(sum_, _over(dim, len(v.shape)), mul(h, v)), norm)
    if scale is None:
        return None, dg
    return mul(div(scale, norm), sub(h, mul(v, div(dg, norm)))), dg


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    for dim, own in ((0, (3, 1, 1)), (1, (1, 2, 1)), (-1, ())):
        yield Sample(Slices(dim), (random.uniform(1, 2, (3, 2, 2)), random.uniform(1, 2, own)))


def _shape(call: Call) -> tuple[Out, ...]:
    return (Out(call.shape(0), call.dtype(0), like_input(call, call.shape(0))),)


weight_norm = Op(
    name="weight_norm",
    title="WeightNormInterface",
    shape=_shape,
    reference=_reference,
    vjp=_vjp,
    saves=Saves(inputs=((0, 0), (0, 1), (1, 0), (1, 1)), outputs=()),
    aliases=False,
    flops=lambda call: 4 * prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_samples,
    kernels=(),
)
