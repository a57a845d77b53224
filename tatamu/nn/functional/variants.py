"""Other names and forms of functions that stand elsewhere: in place, with indices, older ones."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from tatamu.nn.functional import activation, pooling
from tatamu.nn.functional.convolution import conv1d
from tatamu.nn.functional.resizing import interpolate
from tatamu.tensor import Tensor

__all__ = [
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices", "celu_", "conv_tbc", "elu_", "hardtanh_", "leaky_relu_",
    "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices", "relu_",
    "selu_", "threshold_", "upsample_bilinear", "upsample_nearest",
]  # fmt: skip


def _always(function: Callable[..., Any], ending: str, option: str) -> Callable[..., Any]:
    """``function`` with an option on, under its name with an ending."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        options[option] = True
        return function(*args, **options)

    call.__name__ = call.__qualname__ = f"{function.__name__}{ending}"
    call.__doc__ = f"``{function.__name__}`` with ``{option}=True``."
    return call


relu_ = _always(activation.relu, "_", "inplace")
threshold_ = _always(activation.threshold, "_", "inplace")
hardtanh_ = _always(activation.hardtanh, "_", "inplace")
elu_ = _always(activation.elu, "_", "inplace")
celu_ = _always(activation.celu, "_", "inplace")
selu_ = _always(activation.selu, "_", "inplace")
leaky_relu_ = _always(activation.leaky_relu, "_", "inplace")

_INDICES = "_with_indices", "return_indices"
max_pool1d_with_indices = _always(pooling.max_pool1d, *_INDICES)
max_pool2d_with_indices = _always(pooling.max_pool2d, *_INDICES)
max_pool3d_with_indices = _always(pooling.max_pool3d, *_INDICES)
adaptive_max_pool1d_with_indices = _always(pooling.adaptive_max_pool1d, *_INDICES)
adaptive_max_pool2d_with_indices = _always(pooling.adaptive_max_pool2d, *_INDICES)
adaptive_max_pool3d_with_indices = _always(pooling.adaptive_max_pool3d, *_INDICES)


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` with mode="nearest", under its old name; warns of it."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate``, bilinear with align_corners=True, under its old name; warns of it."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """``conv1d`` of (time, batch, channels) with a weight (taps, channels, output channels).

    Raises RuntimeError for shapes that do not fit.

    >>> import tatamu
    >>> ones = tatamu.ones
    >>> conv_tbc(ones(3, 1, 2), ones(2, 2, 1), tatamu.zeros(1)).flatten()
    tensor([4., 4.])
    """
    if len(input.shape) != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError(
            "Input dim 2 (input channels) is not == dim 1 in the weight tensor\n"
            f"  {input.shape[2]} and {weight.shape[1]} channels"
        )
    if bias.shape != weight.shape[2:]:
        raise RuntimeError(
            "Bias size must equal dim 2 in the weight tensor (output channels).\n"
            f"  {list(bias.shape)} for {weight.shape[2]} channels"
        )
    moved = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return moved.permute(2, 0, 1)
