"""Making tensors: filled with one number, of data, and of numbers in sequence."""

from __future__ import annotations

from tatamu.filled import (
    empty,
    empty_permuted,
    empty_strided,
    eye,
    full,
    ones,
    zeros,
)
from tatamu.filled_like import empty_like, full_like, ones_like, zeros_like
from tatamu.from_data import (
    as_tensor,
    asarray,
    from_dlpack,
    from_numpy,
    frombuffer,
    scalar_tensor,
    tensor,
)
from tatamu.sequences import arange, linspace, logspace, range

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "range",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]
