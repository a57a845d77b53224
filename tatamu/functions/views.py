"""Other shapes and orders of axes, and copies."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function
from tatamu.tensor import Tensor

__all__ = [
    "clone",
    "flatten",
    "is_tensor",
    "numel",
    "permute",
    "reshape",
    "squeeze",
    "transpose",
    "unsqueeze",
]

clone = function(Tensor.clone)
flatten = function(Tensor.flatten)
numel = function(Tensor.numel)
permute = function(Tensor.permute)
reshape = function(Tensor.reshape)
squeeze = function(Tensor.squeeze)
transpose = function(Tensor.transpose)
unsqueeze = function(Tensor.unsqueeze)


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)
