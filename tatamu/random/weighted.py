"""Drawing indices by weight: ``multinomial``."""

from __future__ import annotations

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.random import draws
from tatamu.random.generator import Generator

__all__ = ["multinomial"]

_MOST = 1 << 24


def multinomial(x: Array, samples: int, replacement: bool, source: Generator) -> Array:
    """``samples`` indices for the vector ``x``, or for each of its rows."""
    if not 0 < len(x.shape) <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {x.dtype.legacy_name}"
        )
    if samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    categories = x.shape[-1]
    if not replacement and samples > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if categories > _MOST:
        raise RuntimeError("number of categories cannot exceed 2^24")
    weights = dtypes.widen(x.array, x.dtype).reshape(-1, categories)
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(axis=1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement and samples > 1:
        found = np.stack([_with_replacement(row, samples, source) for row in weights])
    else:
        found = _without_replacement(x, weights, samples, source)
    return wrap(found.reshape((*x.shape[:-1], samples)), dtypes.int64)


def _with_replacement(row: Numpy, samples: int, source: Generator) -> Numpy:
    """Indices where uniform numbers fall among the weights added up."""
    sums = np.cumsum(row, dtype=row.dtype)
    sums = sums / sums[-1]
    sums[-1] = 1
    return np.searchsorted(sums.astype(np.float64), source.uniform64(samples), side="left")


def _without_replacement(x: Array, weights: Numpy, samples: int, source: Generator) -> Numpy:
    """The largest of weight / exponential number: one draw is the softmax trick of Gumbel."""
    drawn = draws.exponential(source, weights.size, 1.0)
    ordered = len(x.shape) == 1 or x.strides[0] >= x.strides[1]
    shape = weights.shape if ordered else weights.shape[::-1]
    rounded = dtypes.narrow(drawn.astype(x.dtype.compute), x.dtype).reshape(shape)
    shares = weights / dtypes.widen(rounded if ordered else rounded.T, x.dtype)
    shares = dtypes.widen(dtypes.narrow(shares, x.dtype), x.dtype)
    return np.argsort(-shares, axis=1, kind="stable")[:, :samples].copy()
