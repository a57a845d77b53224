"""Pooling as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from tatamu.functions.function import of_tensor
from tatamu.geometry import AdaptiveSpec, PoolSpec
from tatamu.geometry.arguments import Ints
from tatamu.geometry.pool import Kind
from tatamu.ops import avg_pool as _avg
from tatamu.ops import max_pool as _max
from tatamu.ops.array import local
from tatamu.ops.avg_pool import AvgPool
from tatamu.ops.common import interned
from tatamu.ops.lp_pool import KERNEL_NORMS, LPPool
from tatamu.ops.lp_pool import lp_pool as _lp_pool
from tatamu.ops.op import Op, apply, apply_all, called
from tatamu.ops.pooled import Spec
from tatamu.pitfalls import explained, hint
from tatamu.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]

Bins = int | Sequence[int | None] | None

_MAX = {2: _max.max_pool2d, 3: _max.max_pool3d}
_ADAPTIVE_MAX = {2: _max.adaptive_max_pool2d, 3: _max.adaptive_max_pool3d}
_AVG = {2: _avg.avg_pool2d, 3: _avg.avg_pool3d}
_ADAPTIVE_AVG = {2: _avg.adaptive_avg_pool2d, 3: _avg.adaptive_avg_pool3d}


# ---- max -----------------------------------------------------------------------------------------


@of_tensor()
def max_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value in each window of (N, C, L) or (C, L); see ``max_pool2d``.

    >>> import tatamu
    >>> max_pool1d(tatamu.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[3., 4.]])
    """
    spec = PoolSpec.make(kernel_size, stride, padding, dilation, ceil_mode, 1)
    return _max_pool(input, spec, _MAX, return_indices)


@of_tensor()
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

    Takes (N, C, H, W) or (C, H, W). An index counts the positions of one channel, row after row.
    Of equal values the first is meant; NaN is larger than anything. Raises GeometryError, with
    torch's sentence, where the window does not fit.

    >>> import tatamu
    >>> max_pool2d(tatamu.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    spec = PoolSpec.make(kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, spec, _MAX, return_indices)


@of_tensor()
def max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value in each window of (N, C, D, H, W) or (C, D, H, W); see ``max_pool2d``.

    >>> import tatamu
    >>> max_pool3d(tatamu.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    spec = PoolSpec.make(kernel_size, stride, padding, dilation, ceil_mode, 3)
    return _max_pool(input, spec, _MAX, return_indices)


@of_tensor()
def adaptive_max_pool1d(input: Tensor, output_size: Bins, return_indices: bool = False) -> Any:
    """The largest value in each of ``output_size`` bins of (N, C, L) or (C, L).

    >>> import tatamu
    >>> adaptive_max_pool1d(tatamu.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[3., 3.]])
    """
    spec = _bins(output_size, 1, "max")
    return _max_pool(input, spec, _ADAPTIVE_MAX, return_indices)


@of_tensor(attribute="size")
def adaptive_max_pool2d(input: Tensor, output_size: Bins, return_indices: bool = False) -> Any:
    """The largest value in each bin of (N, C, H, W) or (C, H, W); with indices as ``max_pool2d``.

    ``output_size`` is a number of bins, or one for each axis, None for as many as there are
    positions. Bins overlap where they do not divide the input. Raises GeometryError, with torch's
    sentence, for a wrong number of axes or an empty input.

    >>> import tatamu
    >>> adaptive_max_pool2d(tatamu.arange(12.0).reshape(1, 3, 4), (1, None))
    tensor([[[ 8.,  9., 10., 11.]]])
    """
    spec = _bins(output_size, 2, "max")
    return _max_pool(input, spec, _ADAPTIVE_MAX, return_indices)


@of_tensor(attribute="size")
def adaptive_max_pool3d(input: Tensor, output_size: Bins, return_indices: bool = False) -> Any:
    """The largest value in each bin of (N, C, D, H, W) or (C, D, H, W).

    >>> import tatamu
    >>> adaptive_max_pool3d(tatamu.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    spec = _bins(output_size, 3, "max")
    return _max_pool(input, spec, _ADAPTIVE_MAX, return_indices)


def _max_pool(input: Tensor, spec: Spec, ops: dict[int, Op], return_indices: bool) -> Any:
    x, dims = _batched(input, spec)
    wide = _in_two(spec)
    if return_indices:
        values, indices = apply_all(ops[max(dims, 2)], wide, x)
        return _as_given(values, input, dims), _as_given(indices, input, dims)
    if local.grad and input.requires_grad:
        return _as_given(apply(ops[max(dims, 2)], wide, x), input, dims)
    return _as_given(apply(_max.max_pool_values, wide, x), input, dims)


# ---- average -------------------------------------------------------------------------------------


@of_tensor()
def avg_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of (N, C, L) or (C, L); see ``avg_pool2d``.

    >>> import tatamu
    >>> avg_pool1d(tatamu.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[2., 3.]])
    """
    spec = PoolSpec.make(kernel_size, stride, padding, 1, ceil_mode, 1, "avg")
    return _avg_pool(input, spec, _AVG, count_include_pad)


@of_tensor()
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

    Padding counts as zeros unless ``count_include_pad`` is False; ``divisor_override`` divides by
    another number. Raises GeometryError, with torch's sentence, where the window does not fit,
    RuntimeError for a ``divisor_override`` of 0.

    >>> import tatamu
    >>> avg_pool2d(tatamu.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    spec = PoolSpec.make(kernel_size, stride, padding, 1, ceil_mode, 2, "avg")
    return _avg_pool(input, spec, _AVG, count_include_pad, divisor_override)


@of_tensor()
def avg_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W); see ``avg_pool2d``.

    >>> import tatamu
    >>> avg_pool3d(tatamu.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    spec = PoolSpec.make(kernel_size, stride, padding, 1, ceil_mode, 3, "avg")
    return _avg_pool(input, spec, _AVG, count_include_pad, divisor_override)


@of_tensor()
def adaptive_avg_pool1d(input: Tensor, output_size: Bins) -> Tensor:
    """The mean of each of ``output_size`` bins of (N, C, L) or (C, L).

    >>> import tatamu
    >>> adaptive_avg_pool1d(tatamu.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[2.0000, 2.5000]])
    """
    return _avg_pool(input, _bins(output_size, 1, "avg"), _ADAPTIVE_AVG)


@of_tensor(attribute="size")
def adaptive_avg_pool2d(input: Tensor, output_size: Bins) -> Tensor:
    """The mean of each bin of (N, C, H, W) or (C, H, W); ``output_size`` as in the max pooling.

    Raises GeometryError, with torch's sentence, for a wrong number of axes or an empty input.

    >>> import tatamu
    >>> adaptive_avg_pool2d(tatamu.arange(12.0).reshape(1, 3, 4), 1)
    tensor([[[5.5000]]])
    """
    return _avg_pool(input, _bins(output_size, 2, "avg"), _ADAPTIVE_AVG)


@of_tensor(attribute="size")
def adaptive_avg_pool3d(input: Tensor, output_size: Bins) -> Tensor:
    """The mean of each bin of (N, C, D, H, W) or (C, D, H, W).

    >>> import tatamu
    >>> adaptive_avg_pool3d(tatamu.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return _avg_pool(input, _bins(output_size, 3, "avg"), _ADAPTIVE_AVG)


def _avg_pool(
    input: Tensor,
    spec: Spec,
    ops: dict[int, Op],
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> Tensor:
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    x, dims = _batched(input, spec)
    attrs = _average(_in_two(spec), count_include_pad, divisor_override)
    y = _as_given(apply(ops[max(dims, 2)], attrs, x), input, dims)
    alone = ops is _ADAPTIVE_AVG and dims > 1 and all(n == 1 for n in y.shape[-dims:])
    return called(y, "MeanBackward1") if alone else y


# ---- LP ------------------------------------------------------------------------------------------


@of_tensor(attribute="pow")
@explained("norm_type")
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window of (N, C, L) or (C, L); see ``lp_pool2d``.

    >>> import tatamu
    >>> lp_pool1d(tatamu.tensor([[3.0, 4.0, 0.0, 2.0]]), 2, 2)
    tensor([[5., 2.]])
    """
    return _lp(input, norm_type, kernel_size, stride, ceil_mode, 1)


@of_tensor(attribute="pow")
@explained("norm_type")
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) over each window of (N, C, H, W) or (C, H, W), p being ``norm_type``.

    Powers are taken of the values themselves, as in torch: for odd p negative ones count against
    the others, and a sum below 0 has no root (NaN) unless p is 1. Infinity means the largest
    absolute value. Raises what ``avg_pool2d`` raises, ZeroDivisionError for a norm of 0.

    >>> import tatamu
    >>> lp_pool2d(tatamu.tensor([[[1.0, 1.0], [1.0, 1.0]]]), 2, 2)
    tensor([[[2.]]])
    """
    return _lp(input, norm_type, kernel_size, stride, ceil_mode, 2)


@of_tensor(attribute="pow")
@explained("norm_type")
def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window of (N, C, D, H, W) or (C, D, H, W); see ``lp_pool2d``.

    >>> import tatamu
    >>> lp_pool3d(tatamu.ones(1, 2, 2, 2), 1, 2)
    tensor([[[[8.]]]])
    """
    return _lp(input, norm_type, kernel_size, stride, ceil_mode, 3)


def _lp(
    input: Tensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None,
    ceil_mode: bool,
    dims: int,
) -> Tensor:
    """torch composes all of it of other functions; the usual norms are one operation here."""
    norm = float(norm_type)
    if math.isinf(norm):
        spec = PoolSpec.make(kernel_size, stride, 0, 1, ceil_mode, dims)
        size = input.abs()
        if norm > 0:
            return _max_pool(size, spec, _MAX, False)  # type: ignore[no-any-return]
        return -_max_pool(-size, spec, _MAX, False)  # type: ignore[no-any-return]
    if not norm:
        raise ZeroDivisionError(f"float division by zero\n  {hint('norm_type')}")
    root = 1.0 / norm
    spec = PoolSpec.make(kernel_size, stride, 0, 1, ceil_mode, dims, "avg")
    if norm in KERNEL_NORMS and input.dtype.is_floating_point:
        x, _ = _batched(input, spec)
        wide = spec if dims > 1 else spec.with_row()
        return _as_given(apply(_lp_pool, interned(LPPool(wide, norm)), x), input, dims)
    mean = _avg_pool(input.pow(norm_type), spec, _AVG)
    return (mean.sign() * mean.abs().relu() * prod(spec.kernel)).pow(root)


# ---- arguments and axes --------------------------------------------------------------------------


def _bins(output_size: Bins, dims: int, kind: Kind) -> AdaptiveSpec:
    if dims == 1 and output_size is None:
        raise TypeError(
            f"adaptive_{kind}_pool1d(): argument 'output_size' (position 2) must be tuple of ints, "
            "not NoneType"
        )
    if isinstance(output_size, list):
        output_size = tuple(output_size)
    return _made_bins(output_size, dims, kind)


_made_bins = lru_cache(maxsize=1024)(AdaptiveSpec.make)
_average = lru_cache(maxsize=4096)(AvgPool)


def _batched(input: Tensor, spec: Spec) -> tuple[Tensor, int]:
    """The input with a batch, one axis as two, and how many axes are pooled."""
    dims = spec.dims
    rank = len(input.shape)
    if dims > 1 and rank == dims + 2:
        return input, dims
    spec.out_shape(input.shape)
    x = input if rank == dims + 2 else input.unsqueeze(0)
    return x.unsqueeze(-2) if dims == 1 else x, dims


def _as_given(out: Tensor, input: Tensor, dims: int) -> Tensor:
    """The output with the axes that the input has."""
    if dims == 1:
        out = out.squeeze(-2)
    return out if len(input.shape) == dims + 2 else out.squeeze(0)


def _in_two(spec: Spec) -> Spec:
    """Windows over one axis as windows over two, of one row."""
    return spec if spec.dims > 1 else spec.with_row()
