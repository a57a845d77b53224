"""Pooling as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.geometry import PoolSpec
from tatamu.geometry.arguments import Ints
from tatamu.ops.avg_pool2d import AvgPool
from tatamu.ops.avg_pool2d import avg_pool2d as _avg_pool2d
from tatamu.ops.common import interned
from tatamu.ops.max_pool2d import max_pool2d as _max_pool2d
from tatamu.ops.op import apply, apply_all
from tatamu.tensor import Tensor

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value in each window; with ``return_indices`` also where it was.

    Takes (N, C, H, W) or (C, H, W). Raises GeometryError, with torch's sentence, where the window
    does not fit.

    >>> import tatamu
    >>> max_pool2d(tatamu.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    spec = PoolSpec.make(kernel_size, _or_none(stride), padding, dilation, ceil_mode)
    batched = _batched(input, spec)
    values, indices = apply_all(_max_pool2d, spec, batched)
    if batched is not input:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window. Takes (N, C, H, W) or (C, H, W).

    Raises GeometryError, with torch's sentence, where the window does not fit, RuntimeError for a
    ``divisor_override`` of 0.

    >>> import tatamu
    >>> avg_pool2d(tatamu.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    spec = PoolSpec.make(kernel_size, _or_none(stride), padding, 1, ceil_mode)
    batched = _batched(input, spec)
    out = apply(_avg_pool2d, interned(AvgPool(spec, count_include_pad, divisor_override)), batched)
    return out if batched is input else out.squeeze(0)


def _or_none(stride: Ints | None) -> Ints | None:
    """torch takes an empty stride for none."""
    return None if isinstance(stride, Sequence) and len(stride) == 0 else stride


def _batched(input: Tensor, spec: PoolSpec) -> Tensor:
    if len(input.shape) == 4:
        return input
    spec.out_shape(input.shape)
    return input.unsqueeze(0)
