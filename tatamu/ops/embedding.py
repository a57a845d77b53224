"""Rows of a table by their numbers, and their gradient: rows added up by their numbers.

Y[n] = W[i[n]]      dW[r] = sum of G[n] over all n with i[n] = r

A row of ``padding`` gets no gradient. By frequency, each G[n] counts divided by how often i[n] is
among the numbers. ``embedding_bag`` is the sum itself: bag r is the sum of rows with i[n] = r.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.common import moved_bytes, none
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply

__all__ = ["Rows", "embedding", "embedding_bag", "embedding_grad", "rows_of"]


class Rows(NamedTuple):
    """A table's number of rows, the row without gradient (-1: none), and by frequency or not."""

    height: int
    padding: int = -1
    by_frequency: bool = False


@lru_cache(maxsize=256)
def rows_of(count: int, padding: int = -1, by_frequency: bool = False) -> Rows:
    """The one Rows of these arguments."""
    return Rows(count, padding, by_frequency)


def _shares(attrs: Rows, places: Numpy) -> Numpy:
    """How much of each row's gradient counts."""
    shares = np.where(places == attrs.padding, 0.0, 1.0)
    if attrs.by_frequency:
        shares /= np.bincount(places.reshape(-1), minlength=attrs.height)[places]
    return shares[..., None]


def _grad_reference(attrs: Rows, g: Numpy, places: Numpy) -> Numpy:
    out = np.zeros((attrs.height, g.shape[-1]), g.dtype)
    if attrs.padding >= 0 or attrs.by_frequency:
        g = g * _shares(attrs, places).astype(g.dtype)
    np.add.at(out, places.reshape(-1), g.reshape(-1, g.shape[-1]))
    return out


def _vjp(node: Node, g: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    return apply(embedding_grad, node.call.attrs, g, places), None


def _grad_vjp(node: Node, h: Array) -> tuple[Array, None]:
    (places,) = node.recall()
    attrs = node.call.attrs
    rows = apply(embedding, attrs, h, places)
    if attrs.padding >= 0 or attrs.by_frequency:
        shares = _shares(attrs, places.array).astype(h.dtype.compute)
        rows = mul(rows, wrap(shares, h.dtype))
    return rows, None


_PLACES = np.array([[0, 2, 4], [2, 1, 2]])


def _samples(random: np.random.Generator) -> Iterable[Sample]:
    yield Sample(Rows(5), (random.uniform(-1, 1, (5, 3)), _PLACES))


def _grad_samples(random: np.random.Generator) -> Iterable[Sample]:
    for attrs in (Rows(5), Rows(5, 2), Rows(5, 4, True)):
        yield Sample(attrs, (random.uniform(-1, 1, (*_PLACES.shape, 3)), _PLACES))


_SAVES = Saves(inputs=((1, 0),), outputs=())

embedding = Op(
    name="embedding",
    title="Embedding",
    shape=lambda call: (Out((*call.shape(1), call.shape(0)[1]), call.dtype(0)),),
    reference=lambda attrs, table, places: np.take(table, places, axis=0),
    vjp=_vjp,
    saves=_SAVES,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_samples,
    kernels=(),
)


def _adding(name: str, title: str) -> Op:
    return Op(
        name=name,
        title=title,
        shape=lambda call: (Out((call.attrs.height, call.shape(0)[-1]), call.dtype(0)),),
        reference=_grad_reference,
        vjp=_grad_vjp,
        saves=_SAVES,
        aliases=False,
        flops=_adds,
        bytes=moved_bytes,
        samples=_grad_samples,
        kernels=(),
    )


def _adds(call: Call) -> Any:
    return prod(call.shape(0))


embedding_grad = _adding("embedding_grad", "EmbeddingDenseBackward")
embedding_bag = _adding("embedding_bag", "EmbeddingBag")
