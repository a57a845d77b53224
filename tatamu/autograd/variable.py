"""Variable: what older scripts wrap their tensors in. Every tensor is one."""

from __future__ import annotations

import warnings
from typing import Any

from tatamu.naming import known_as
from tatamu.ops.array import Array, detached

__all__ = ["Variable"]


class _Kind(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Array)


@known_as("autograd.variable.Variable")
class Variable(metaclass=_Kind):
    """``Variable(tensor)`` is the tensor, over the same memory, outside the graph.

    >>> import tatamu
    >>> Variable(tatamu.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: Any = None) -> Any:
        if not isinstance(data, Array):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                stacklevel=2,
            )
        found = detached(data)
        found._requires_grad = requires_grad
        return found
