"""Sampling a picture at places of one's own as functions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tatamu.dtypes import narrow
from tatamu.ops import grid_sample as _sampling
from tatamu.ops.array import wrap
from tatamu.ops.common import interned
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Values of ``input`` (N, C, H, W) at the places (x, y) of ``grid`` (N, h, w, 2).

    -1 and 1 are the outer edges of the first and the last pixel, or with ``align_corners`` their
    centres. Also for (N, C, D, H, W) and (N, d, h, w, 3), but for bicubic. What lies outside is
    "zeros", the "border", or a "reflection". Raises ValueError for other modes, RuntimeError for
    shapes that do not fit.

    >>> import tatamu
    >>> x = tatamu.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid_sample(x, tatamu.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[2.5000]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
    _check(input, grid, mode)
    attrs = interned(_sampling.Sampling(mode, padding_mode, bool(align_corners)))
    op = _sampling.grid_sample if len(input.shape) == 4 else _sampling.grid_sample3d
    return apply(op, attrs, input, grid)


def _check(input: Tensor, grid: Tensor, mode: str) -> None:
    shapes = f"but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, {shapes}\n"
            f"  grid.expand({input.shape[0]}, *grid.shape[1:]) takes one grid for all"
        )
    rank = len(input.shape)
    if grid.shape[-1] != rank - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {rank - 2} in last dimension, but got "
            f"grid with sizes {list(grid.shape)}"
        )
    if len(grid.shape) != rank or rank not in (4, 5):
        raise RuntimeError(
            f"grid_sampler(): expected {rank}D input and grid with same number of dimensions, "
            f"{shapes}"
        )
    for axis, size in enumerate(input.shape[2:], 2):
        if not size:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {list(input.shape)} with dimension {axis} being empty"
            )
    if mode == "bicubic" and rank != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f'"grid_sampler_{rank - 2}d_cpu_kernel_impl" not implemented for '
            f"'{input.dtype.legacy_name}'\n  the picture holds integers: x.float()"
        )
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype.legacy_name} but found {grid.dtype.legacy_name}\n"
            f"  picture and grid must be of one dtype: grid.to({input.dtype})"
        )


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid for ``grid_sample`` that an affine map gives: theta (x, y, 1) at each output place.

    ``theta`` (N, 2, 3) with ``size`` (N, C, H, W), or (N, 3, 4) with (N, C, D, H, W). Raises
    ValueError for shapes that do not fit.

    >>> import tatamu
    >>> turned = tatamu.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    >>> affine_grid(turned, (1, 1, 1, 2), align_corners=False)
    tensor([[[[ 0.0000, -0.5000],
              [ 0.0000,  0.5000]]]])
    """
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    count = len(size) - 2
    if len(theta.shape) != 3 or theta.shape[1:] != (count, count + 1):
        raise ValueError(
            f"Expected a batch of {count}D affine matrices of shape Nx{count}x{count + 1} for "
            f"size {size}. Got {theta.shape}."
        )
    spatial = tuple(size[2:])
    if align_corners and min(spatial) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    places = np.ones((*spatial, count + 1))
    for axis, n in enumerate(spatial):
        along = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        along = along if align_corners else along * (n - 1) / n
        places[..., count - 1 - axis] = along.reshape(-1, *[1] * (count - 1 - axis))
    base = wrap(narrow(places.reshape(1, -1, count + 1), theta.dtype), theta.dtype)
    return (base @ theta.transpose(1, 2)).reshape(theta.shape[0], *spatial, count)
