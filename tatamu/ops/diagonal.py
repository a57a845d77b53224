"""Diagonals: looked at, written to, made into matrices.

y = diagonal of x            dx = 0 with g on the diagonal
y = x with s on its diagonal dx = g with 0 there,  ds = diagonal of g
y = 0 with x on its diagonal dx = diagonal of g
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import full, moved_bytes, none, same_as_first, samples, view_shape
from tatamu.ops.op import NOTHING, Call, Op, Out, apply, view

__all__ = ["Diagonal", "diag_embed", "diagonal", "diagonal_copy", "diagonal_scatter"]


class Diagonal(NamedTuple):
    """The diagonal between two axes, so far above the main one."""

    offset: int
    first: int
    second: int


def _look(d: Diagonal, x: Numpy) -> Numpy:
    found = np.diagonal(x, d.offset, d.first, d.second)
    if x.flags.writeable:
        found.flags.writeable = True
    return found


def _diagonal_vjp(node: Node, g: Array) -> tuple[Array]:
    zeros = full(node.call.shape(0), 0, g.dtype)
    return (apply(diagonal_scatter, node.call.attrs, zeros, g),)


def _diagonal_op(name: str, title: str, aliases: bool) -> Op:
    return Op(
        name=name,
        title=title,
        shape=view_shape,
        reference=_look if aliases else lambda d, x: np.array(_look(d, x)),
        vjp=_diagonal_vjp,
        saves=NOTHING,
        aliases=aliases,
        flops=none,
        bytes=none,
        samples=samples((3, 4, 5), attrs=Diagonal(1, 2, 0)),
        kernels=(),
    )


diagonal = _diagonal_op("diagonal", "Diagonal", True)
diagonal_copy = _diagonal_op("diagonal_copy", "DiagonalBackward0_copy", False)


def _scatter_reference(d: Diagonal, x: Numpy, source: Numpy) -> Numpy:
    out = np.array(x, order="K")
    _look(d, out)[...] = source
    return out


def _scatter_vjp(node: Node, g: Array) -> tuple[Array, Array]:
    zeros = full(node.call.shape(1), 0, g.dtype)
    return apply(diagonal_scatter, node.call.attrs, g, zeros), view(diagonal, node.call.attrs, g)


diagonal_scatter = Op(
    name="diagonal_scatter",
    title="DiagonalScatter",
    shape=same_as_first,
    reference=_scatter_reference,
    vjp=_scatter_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((3, 4), (3,), attrs=Diagonal(1, 0, 1)),
    kernels=(),
)


def _embed_shape(call: Call) -> tuple[Out, ...]:
    d: Diagonal = call.attrs
    own = call.shape(0)
    side = own[-1] + abs(d.offset)
    shape = list(own[:-1])
    for axis in sorted((d.first, d.second)):
        shape.insert(axis, side)
    return (Out(tuple(shape), call.dtype(0)),)


def _embed_reference(d: Diagonal, x: Numpy) -> Numpy:
    side = x.shape[-1] + abs(d.offset)
    shape = list(x.shape[:-1])
    for axis in sorted((d.first, d.second)):
        shape.insert(axis, side)
    out = np.zeros(shape, x.dtype)
    _look(d, out)[...] = x
    return out


diag_embed = Op(
    name="diag_embed",
    title="DiagEmbed",
    shape=_embed_shape,
    reference=_embed_reference,
    vjp=lambda node, g: (view(diagonal, node.call.attrs, g),),
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((2, 3), attrs=Diagonal(-1, 0, 2)),
    kernels=(),
)
