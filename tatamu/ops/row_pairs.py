"""The differences of all pairs of rows, and the sum that is its transpose.

y[i j] = x[i] - x[j] for i < j        dx[i] = sum of g[i j] over j > i - sum of g[j i] over j < i
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tatamu.ops.array import Numpy
from tatamu.ops.common import interned, moved_bytes, one_each, one_per_input, samples
from tatamu.ops.op import NOTHING, Op, Out, Sample, apply

__all__ = ["differences"]


class Rows(NamedTuple):
    """How many rows the pairs are of."""

    number: int


def _pairs(count: int) -> tuple[Numpy, Numpy]:
    first, second = np.triu_indices(count, 1)
    return first, second


def _reference(_: None, x: Numpy) -> Numpy:
    first, second = _pairs(len(x))
    return np.asarray(x[first] - x[second])


def _sum_reference(rows: Rows, g: Numpy) -> Numpy:
    first, second = _pairs(rows.number)
    whole = np.zeros((rows.number, rows.number, g.shape[1]), g.dtype)
    whole[first, second] = g
    return np.asarray(whole.sum(axis=1) - whole.sum(axis=0))


def _sum_samples(random: np.random.Generator) -> Iterable[Sample]:
    yield Sample(Rows(4), (random.uniform(-1, 1, (6, 2)),))


def _count(rows: int) -> int:
    return rows * (rows - 1) // 2


differences: Op

_summed = Op(
    name="differences_grad",
    title="DifferencesBackward",
    shape=lambda call: (Out((call.attrs.number, call.shape(0)[1]), call.dtype(0)),),
    reference=_sum_reference,
    vjp=lambda node, h: (apply(differences, None, h),),
    saves=NOTHING,
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=_sum_samples,
    kernels=(),
)

differences = Op(
    name="differences",
    title="Differences",
    shape=lambda call: (Out((_count(call.shape(0)[0]), call.shape(0)[1]), call.dtype(0)),),
    reference=_reference,
    vjp=lambda node, g: (apply(_summed, interned(Rows(node.call.shape(0)[0])), g),),
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=samples((4, 3)),
    kernels=(),
)
