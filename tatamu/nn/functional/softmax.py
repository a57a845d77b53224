"""Softmax and its kin as functions."""

from __future__ import annotations

import warnings

from tatamu.dtypes import DType
from tatamu.tensor import Tensor

__all__ = ["log_softmax", "softmax", "softmin"]


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """exp(x) over the sum of exp along ``dim``: positive numbers that add up to 1.

    A row with NaN, with inf or of nothing but -inf is NaN. Raises IndexError for an axis that is
    not there, NotImplementedError for integers, unless a ``dtype`` is given.

    >>> import tatamu
    >>> softmax(tatamu.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return input.softmax(_dim("softmax", input, dim, _stacklevel), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """The logarithm of softmax, exact where softmax itself is too small to be told from 0.

    >>> import tatamu
    >>> log_softmax(tatamu.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return input.log_softmax(_dim("log_softmax", input, dim, _stacklevel), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Softmax of -x.

    >>> import tatamu
    >>> softmin(tatamu.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return (-input).softmax(_dim("softmin", input, dim, _stacklevel), dtype)


def _dim(name: str, x: Tensor, dim: int | None, level: int) -> int:
    """``dim``, or what torch takes where none is given."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=level,
    )
    return 0 if len(x.shape) in (0, 1, 3) else 1
