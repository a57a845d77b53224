"""Activations as functions."""

from __future__ import annotations

from tatamu.ops import relu as _relu
from tatamu.ops.inplace import write
from tatamu.tensor import Tensor

__all__ = ["relu"]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0) for each element; NaN stays NaN.

    >>> import tatamu
    >>> relu(tatamu.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return write(_relu.relu, None, input) if inplace else _relu.relu(input)
