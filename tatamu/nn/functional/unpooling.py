"""Max unpooling as functions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from tatamu.dtypes import int64
from tatamu.geometry import PoolSpec, unpooled
from tatamu.geometry.arguments import Ints
from tatamu.ops import max_unpool as _unpool
from tatamu.ops.common import interned
from tatamu.ops.op import apply
from tatamu.pitfalls import explained, hint
from tatamu.tensor import Tensor

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]

_UNPOOL = {2: _unpool.max_unpool2d, 3: _unpool.max_unpool3d}


@explained("unpool_zeros")
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The values of (N, C, L) or (C, L) back where ``max_pool1d`` found them; see `max_unpool2d`.

    >>> import tatamu
    >>> from tatamu.nn.functional import max_pool1d
    >>> values, indices = max_pool1d(tatamu.tensor([[1.0, 3.0, 4.0, 2.0]]), 2, return_indices=True)
    >>> max_unpool1d(values, indices, 2)
    tensor([[0., 3., 4., 0.]])
    """
    spec = _pooled_by(kernel_size, stride, padding, 1)
    sizes = unpooled(spec, input.shape[-1:], output_size)
    # torch looks at it as at a picture of one column
    out = _put_back(input.unsqueeze(-1), indices.unsqueeze(-1), (*sizes, 1))
    return out.squeeze(-1)


@explained("unpool_zeros")
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The values of (N, C, H, W) or (C, H, W) back where ``max_pool2d`` found them, among zeros.

    Several sizes may have led to the input's; ``output_size`` tells which one is meant. Raises
    ArgumentError, a ValueError with torch's sentence, for one that did not, RuntimeError for
    indices that are not int64, not of the input's shape, or outside the output.

    >>> import tatamu
    >>> from tatamu.nn.functional import max_pool2d
    >>> x = tatamu.tensor([[[1.0, 2.0], [4.0, 3.0]]])
    >>> max_unpool2d(*max_pool2d(x, 2, return_indices=True), 2)
    tensor([[[0., 0.],
             [4., 0.]]])
    """
    spec = _pooled_by(kernel_size, stride, padding, 2)
    return _put_back(input, indices, unpooled(spec, input.shape[-2:], output_size))


@explained("unpool_zeros")
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The values of (N, C, D, H, W) or (C, D, H, W) back in place; see ``max_unpool2d``.

    >>> import tatamu
    >>> from tatamu.nn.functional import max_pool3d
    >>> x = tatamu.arange(8.0).reshape(1, 2, 2, 2)
    >>> max_unpool3d(*max_pool3d(x, 2, return_indices=True), 2).sum()
    tensor(7.)
    """
    spec = _pooled_by(kernel_size, stride, padding, 3)
    return _put_back(input, indices, unpooled(spec, input.shape[-3:], output_size))


def _pooled_by(kernel_size: Ints, stride: Ints | None, padding: Ints, dims: int) -> PoolSpec:
    spec = PoolSpec.make(kernel_size, stride, 0, 1, False, dims)
    return spec.padded(padding)


def _put_back(input: Tensor, indices: Tensor, sizes: tuple[int, ...]) -> Tensor:
    dims = len(sizes)
    if indices.dtype is not int64:
        found = "" if dims == 3 else f" but got: {indices.dtype.legacy_name}"
        raise RuntimeError(
            f"elements in indices should be type int64{found}\n  {hint('unpool_zeros')}"
        )
    if len(input.shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but "
            f"got a tensor with {len(input.shape)} dimensions."
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}\n"
            f"  {hint('unpool_zeros')}"
        )
    first = len(input.shape) - dims - 1
    if 0 in input.shape[first:]:
        raise RuntimeError(
            f"max_unpooling{dims}d_forward_out_cpu(): Expected input to have non-zero size for "
            f"non-batch dimensions, but got {list(input.shape)} with dimension "
            f"{input.shape.index(0, first)} being empty."
        )
    places = indices.array
    # Below 0 is far above everything when it counts as unsigned.
    if places.size and places.view(np.uint64).max() >= prod(sizes):
        wrong = places[(places < 0) | (places >= prod(sizes))].flat[
            -1
        ]  # torch's sentence has the last
        raise RuntimeError(
            f"Found an invalid max index: {wrong} (output volumes are of size "
            f"{'x'.join(map(str, sizes))})\n  they go from 0 to {prod(sizes) - 1}"
        )
    batched = first == 1
    x, at = (input, indices) if batched else (input.unsqueeze(0), indices.unsqueeze(0))
    out = apply(_UNPOOL[dims], interned((*x.shape[:2], *sizes)), x, at)
    return out if batched else out.squeeze(0)
