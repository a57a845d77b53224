"""A method of Tensor as torch's function of the same name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from tatamu.ops.array import Array

__all__ = ["function", "must_be_tensor"]

P = ParamSpec("P")
R = TypeVar("R")


def must_be_tensor(name: str, value: Any) -> None:
    """TypeError with torch's sentence unless ``value``, the first argument, is a tensor."""
    if not isinstance(value, Array):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}\n"
            "  torch.tensor(...) or torch.from_numpy(...) makes one"
        )


def function(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """``method(self, ...)`` as ``name(input, ...)``, which also takes ``out=``, as torch's do.

    Raises TypeError with torch's sentence for an input that is no tensor.

    >>> import tatamu
    >>> function(tatamu.Tensor.exp)(tatamu.zeros(1))
    tensor([1.])
    """
    name = method.__name__

    @functools.wraps(method)
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if not args and "input" in options:
            args = (options.pop("input"),)
        must_be_tensor(name, args[0] if args else None)
        result = method(*args, **options)
        return result if out is None else _into(out, result)

    return call


def _into(out: Any, result: Any) -> Any:
    """``result`` written to the tensor, or the tensors, that the caller has given for it."""
    if isinstance(result, tuple):
        for target, part in zip(out, result, strict=True):
            _into(target, part)
        return out
    return out.copy_(result)
