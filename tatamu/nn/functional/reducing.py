"""What losses share: how elements are reduced, and the checks of their tensors."""

from __future__ import annotations

import warnings
from typing import Any

from tatamu.dtypes import promote
from tatamu.functions.function import type_name
from tatamu.ops.array import Array, local
from tatamu.ops.cast import cast
from tatamu.ops.expand import expand
from tatamu.ops.layout import broadcast_shapes
from tatamu.tensor import Tensor

__all__ = ["check_tensors", "chosen", "fixed", "legacy", "reduced", "together"]


def legacy(size_average: bool | None, reduce: bool | None, stacklevel: int = 3) -> str:
    """The reduction that torch's two deprecated arguments stand for, with its warning."""
    averaged = size_average is None or size_average
    reduction = "none" if reduce is False else "mean" if averaged else "sum"
    warnings.warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def chosen(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """ "none", "mean" or "sum". ValueError for anything else."""
    if size_average is not None or reduce is not None:
        return legacy(size_average, reduce, 4)
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            stacklevel=3,
        )
        return "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction\n"
            "  'none' keeps every element's loss, 'mean' and 'sum' make one number of them"
        )
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the elements, or themselves."""
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss


def check_tensors(name: str, **values: Any) -> None:
    """TypeError with torch's sentence for an argument of ``name`` that is no tensor."""
    for place, (argument, value) in enumerate(values.items(), 1):
        if not isinstance(value, Array):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {place}) must be Tensor, not "
                f"{type_name(value)}\n  torch.tensor(...) makes one"
            )


def fixed(name: str, **values: Tensor | None) -> None:
    """RuntimeError with torch's sentence for what asks for a gradient and cannot have one."""
    for argument, value in values.items():
        if value is not None and local.grad and value.requires_grad:
            raise RuntimeError(
                f"The function '{name}' is not differentiable with respect to argument "
                f"'{argument}'. This input cannot have requires_grad True.\n"
                f"  pass {argument}.detach()"
            )


def together(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one shape and dtype, with torch's warning where shapes differ.

    Raises RuntimeError where they do not broadcast.
    """
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
        shape = broadcast_shapes(input.shape, target.shape)
        input, target = expand(input, shape), expand(target, shape)
    return same_dtype(input, target)


def same_dtype(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the dtype that they have together."""
    dtype = promote(input.dtype, target.dtype)
    return cast(input, dtype), cast(target, dtype)
