"""Dropping numbers, or whole channels, at random, and random slopes: torch's own draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.functions.function import must_be_tensor
from tatamu.functions.random import blank, blank_like
from tatamu.ops import leaky
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import interned
from tatamu.ops.inplace import write
from tatamu.ops.op import apply
from tatamu.random import default_generator
from tatamu.random.generator import Generator
from tatamu.tensor import Tensor

__all__ = [
    "alpha_dropout",
    "alpha_dropout_",
    "dropout",
    "dropout_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "rrelu",
    "rrelu_",
]

# The limit of SELU for large negative numbers, with its sign turned: scale times alpha.
_SATURATION = 1.7580993408473766


def _channels(x: Tensor, dtype: DType) -> Any:
    """Memory for one number per channel of each sample."""
    if len(x.shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return blank((*x.shape[:2], *[1] * (len(x.shape) - 2)), dtype)


def _dropping(
    name: str, meaning: str, room: Callable[[Tensor, DType], Any], alpha: bool, inplace: bool
) -> Callable[[Tensor, float, bool], Tensor]:
    """One of the functions; ``room`` gives the memory that its mask is drawn into."""

    def drop(input: Tensor, p: float, train: bool) -> Tensor:
        must_be_tensor(name, input)
        if not 0 <= p <= 1:
            raise RuntimeError(
                f"dropout probability has to be between 0 and 1, but got {float(p):g}"
            )
        if p == 0 or not train or 0 in input.shape:
            return input
        multiply = input.mul_ if inplace else input.mul
        if p == 1:
            return multiply(blank((), input.dtype).zero_())
        if not alpha:
            # 1 / (1 - p) is rounded once, to the type that 16-bit numbers are computed with.
            wide = dtypes.from_numpy_dtype(input.dtype.compute)
            return multiply(cast(room(input, wide).bernoulli_(1 - p).div_(1 - p), input.dtype))
        noise = room(input, input.dtype).bernoulli_(1 - p)
        scale = 1 / math.sqrt((_SATURATION * _SATURATION * p + 1) * (1 - p))
        shift = (noise - 1).mul_(_SATURATION * scale).add_(_SATURATION * scale * p)
        return multiply(noise.mul_(scale)).add_(shift)

    drop.__name__ = drop.__qualname__ = name
    drop.__doc__ = f"""{meaning} ``input`` itself outside of training.

    Raises RuntimeError if ``p`` is not between 0 and 1.
    """
    return drop


_ZEROS = "Each number made 0 with probability ``p``, the others divided by 1 - p."
_CHANNELS = "Each channel made 0 with probability ``p``, the others divided by 1 - p."
_SELU = "Each number set to SELU's limit with probability ``p``; mean and variance are kept."
_SELU_CHANNELS = "Each channel set to SELU's limit with probability ``p``."

dropout = _dropping("dropout", _ZEROS, blank_like, alpha=False, inplace=False)
dropout_ = _dropping("dropout_", _ZEROS, blank_like, alpha=False, inplace=True)
feature_dropout = _dropping("feature_dropout", _CHANNELS, _channels, alpha=False, inplace=False)
feature_dropout_ = _dropping("feature_dropout_", _CHANNELS, _channels, alpha=False, inplace=True)
alpha_dropout = _dropping("alpha_dropout", _SELU, blank_like, alpha=True, inplace=False)
alpha_dropout_ = _dropping("alpha_dropout_", _SELU, blank_like, alpha=True, inplace=True)
feature_alpha_dropout = _dropping(
    "feature_alpha_dropout", _SELU_CHANNELS, _channels, alpha=True, inplace=False
)
feature_alpha_dropout_ = _dropping(
    "feature_alpha_dropout_", _SELU_CHANNELS, _channels, alpha=True, inplace=True
)


def _slopes(x: Tensor, lower: float, upper: float, source: Generator) -> Array:
    """A random slope for each number that is not positive, in C order; 1 for the others.

    In the type that numbers of the dtype are computed with.
    """
    kind = x.dtype.compute.type
    leaking = dtypes.widen(x.array, x.dtype) <= 0
    slopes = np.ones(x.shape, kind)
    low, high = float(kind(lower)), float(kind(upper))
    # Here torch's compiler rounds the product, too: this file of it is built for any processor.
    slopes[leaking] = source.uniform64(int(leaking.sum())) * (high - low) + low
    return wrap(slopes, dtypes.from_numpy_dtype(slopes.dtype))


def _leaking(
    input: Tensor,
    lower: float,
    upper: float,
    training: bool,
    generator: Generator | None,
    inplace: bool,
) -> Tensor:
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        mean = interned(((float(lower) + float(upper)) / 2,))
        return write(leaky.rrelu, mean, input) if inplace else apply(leaky.rrelu, mean, input)
    if input.dtype is dtypes.float16 or not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"rrelu_with_noise_out_cpu\" not implemented for '{input.dtype.legacy_name}'"
        )
    noise = _slopes(input, lower, upper, generator or default_generator)
    if inplace and noise.dtype is input.dtype:
        return write(leaky.rrelu_noise, None, input, noise)
    slanted = apply(leaky.rrelu_noise, None, cast(input.contiguous(), noise.dtype), noise)
    return input.copy_(slanted) if inplace else cast(slanted, input.dtype)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Leaky ReLU with a random slope of [lower, upper) for each number; their mean in evaluation.

    Raises RuntimeError if ``lower`` is above ``upper``.

    >>> import tatamu
    >>> rrelu(tatamu.tensor([-4.0, 1.0]), 0.25, 0.75)
    tensor([-2.,  1.])
    """
    must_be_tensor("rrelu", input)
    return _leaking(input, lower, upper, training, generator, inplace=False)


def rrelu_(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """As ``rrelu``, in place."""
    must_be_tensor("rrelu_", input)
    return _leaking(input, lower, upper, training, generator, inplace=True)
