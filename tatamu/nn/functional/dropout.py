"""Dropout and its kin, and Gumbel's softmax, as functions."""

from __future__ import annotations

import warnings

import numpy as np

from tatamu import dtypes
from tatamu.functions import dropout as _drop
from tatamu.functions.function import must_be_tensor
from tatamu.functions.random import blank
from tatamu.ops.array import wrap
from tatamu.tensor import Tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "gumbel_softmax",
]


def _check(name: str, input: Tensor, p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    must_be_tensor(name, input)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each number made 0 with probability ``p``, the others divided by 1 - p.

    Outside of training the input itself. The mask is the one torch draws for the same seed.
    Raises ValueError if ``p`` is not between 0 and 1.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> dropout(tatamu.ones(6), 0.5)
    tensor([0., 0., 2., 0., 0., 0.])
    """
    _check("dropout_" if inplace else "dropout", input, p)
    return (_drop.dropout_ if inplace else _drop.dropout)(input, p, training)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Each number set to SELU's limit with probability ``p``; mean and variance are kept.

    Raises ValueError if ``p`` is not between 0 and 1.
    """
    _check("alpha_dropout_" if inplace else "alpha_dropout", input, p)
    return (_drop.alpha_dropout_ if inplace else _drop.alpha_dropout)(input, p, training)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """As ``alpha_dropout``, a channel at a time: input (batch, channels, ...).

    Raises ValueError if ``p`` is not between 0 and 1, RuntimeError for less than two axes.
    """
    _check("feature_alpha_dropout_" if inplace else "feature_alpha_dropout", input, p)
    drop = _drop.feature_alpha_dropout_ if inplace else _drop.feature_alpha_dropout
    return drop(input, p, training)


def _by_channel(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    drop = _drop.feature_dropout_ if inplace else _drop.feature_dropout
    if batched:
        return drop(input, p, training)
    dropped = drop(input.unsqueeze(0), p, training).squeeze(0)
    return input if inplace else dropped


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of (batch, channels, length), or of (channels, length), dropped with
    probability ``p``.

    Raises ValueError if ``p`` is not between 0 and 1, RuntimeError for another number of axes.
    """
    _check("feature_dropout", input, p)
    rank = len(input.shape)
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. "
            "Note that dropout1d exists to provide channel-wise dropout on inputs with 1 "
            "spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    return _by_channel(input, p, training, inplace, rank == 3)


def _warn_of_rank(name: str, rank: int, spatial: int) -> None:
    """torch's warning for inputs that are no pictures of so many axes."""
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
        f"{spatial} spatial dimensions, a channel dimension, and an optional batch dimension "
        f"(i.e. {spatial + 1}D or {spatial + 2}D inputs).",
        stacklevel=3,
    )


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of (batch, channels, height, width) dropped with probability ``p``.

    Three axes are (batch, channels, length) here, as torch has it, with its warning. Raises
    ValueError if ``p`` is not between 0 and 1, RuntimeError for less than two axes.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> dropout2d(tatamu.ones(1, 3, 1, 2))
    tensor([[[[0., 0.]],
    <BLANKLINE>
             [[0., 0.]],
    <BLANKLINE>
             [[2., 2.]]]])
    """
    _check("feature_dropout", input, p)
    rank = len(input.shape)
    if rank not in (3, 4):
        _warn_of_rank("dropout2d", rank, 2)
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise "
            "1D dropout behavior is desired - input is interpreted as shape (N, C, L), where C "
            "is the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _by_channel(input, p, training, inplace, batched=True)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of (batch, channels, depth, height, width), or of one such sample, dropped with
    probability ``p``.

    Raises ValueError if ``p`` is not between 0 and 1, RuntimeError for a single number.
    """
    _check("feature_dropout", input, p)
    rank = len(input.shape)
    if rank not in (4, 5):
        _warn_of_rank("dropout3d", rank, 3)
    return _by_channel(input, p, training, inplace, rank == 5)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A softmax of logits with Gumbel's noise, divided by ``tau``: a choice that has a gradient.

    ``hard`` makes it one-hot, with the gradient of the soft one. ``eps`` has no effect.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> gumbel_softmax(tatamu.zeros(4), hard=True)
    tensor([0., 0., 1., 0.])
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    gumbels: Tensor = -blank(logits.shape, logits.dtype).exponential_().log()
    soft: Tensor = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    # The first of the largest is 1, all others 0: what torch scatters into zeros.
    detached = soft.detach()
    chosen = _first_largest(detached, dim)
    found: Tensor = chosen - detached + soft
    return found


def _first_largest(x: Tensor, dim: int) -> Tensor:
    values = dtypes.widen(x.array, x.dtype)
    found = np.zeros_like(values)
    np.put_along_axis(found, np.expand_dims(values.argmax(dim), dim), 1, dim)
    return wrap(dtypes.narrow(found, x.dtype), x.dtype)  # type: ignore[return-value]
