"""Resizing as functions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tatamu.errors import ArgumentError
from tatamu.functions.function import of_tensor
from tatamu.geometry import Resampling, resized
from tatamu.ops.common import interned
from tatamu.ops.op import apply, called
from tatamu.ops.resize import Resize
from tatamu.ops.resize import resize as _resize
from tatamu.pitfalls import hint
from tatamu.tensor import Tensor

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle", "upsample"]

# torch's name of each mode: what it is along one axis, and for how many axes.
_MODES = {
    "nearest": ("nearest", (1, 2, 3)),
    "nearest-exact": ("nearest-exact", (1, 2, 3)),
    "area": ("area", (1, 2, 3)),
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
}
_LISTED = "nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact"
_INTERPOLATING = ("linear", "bilinear", "bicubic", "trilinear")


@of_tensor(attribute="dim")
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """(N, C, W), (N, C, H, W) or (N, C, D, H, W) at another size, given as such or by a factor.

    Modes: nearest, nearest-exact, area (the mean of what an output covers), and for one, two and
    three axes linear, bilinear and trilinear; bicubic (Keys, 1981, a = -0.75) for two.
    ``antialias`` widens bilinear and bicubic filters when reducing, as Pillow does. A factor is
    used as it is, not worked out again from the sizes, unless ``recompute_scale_factor``. Raises
    ValueError, NotImplementedError or RuntimeError with torch's sentences for arguments that
    contradict each other or do not fit the input.

    >>> import tatamu
    >>> interpolate(tatamu.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    >>> interpolate(tatamu.tensor([[[1.0, 2.0]]]), 4, mode="linear")
    tensor([[[1.0000, 1.2500, 1.7500, 2.0000]]])
    """
    rank = len(input.shape)
    if mode not in _MODES or not 3 <= rank <= 5 or (mode == "bicubic" and rank == 5):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {rank}D) for the modes: {_LISTED} (got {mode})"
        )
    kind, dims = _MODES[mode]
    spatial = tuple(input.shape[2:])
    if align_corners is not None and mode not in _INTERPOLATING:
        raise ArgumentError(
            "align_corners option can only be set with the interpolating modes: "
            + " | ".join(("linear", "bilinear", "bicubic", "trilinear"))
        )
    if antialias and (mode not in ("bilinear", "bicubic") or rank != 4):
        raise ArgumentError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    sizes, factors = _target(spatial, size, scale_factor, recompute_scale_factor)
    if len(spatial) not in dims:
        lesson = f"\n  {hint('no_batch')}" if rank == dims[0] + 1 else ""
        raise NotImplementedError(
            f"Got {rank}D input, but {mode} mode needs {dims[0] + 2}D input{lesson}"
        )
    _check_sizes(input, spatial, sizes)
    axes = tuple(
        Resampling(kind, n, m, factor, bool(align_corners), antialias)
        for n, m, factor in zip(spatial, sizes, factors, strict=True)
    )
    return apply(_resize, interned(Resize(axes)), input)


def _target(
    spatial: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The sizes, and the factors that scales are to be taken from."""
    dims = len(spatial)
    if size is not None and scale_factor is not None:
        raise ArgumentError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ArgumentError("recompute_scale_factor is not meaningful with an explicit size.")
        sizes = (size,) * dims if isinstance(size, int) else tuple(size)
        if len(sizes) != dims:
            raise ArgumentError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(spatial)} and output size of {size}. Please "
                "provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
                "(o1, o2, ...,oK) format."
            )
        return sizes, (None,) * dims
    if scale_factor is None:
        raise ArgumentError("either size or scale_factor should be defined")
    factors = tuple(scale_factor) if isinstance(scale_factor, Sequence) else (scale_factor,) * dims
    if len(factors) != dims:
        raise ArgumentError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(spatial)} and scale_factor of shape {scale_factor}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in "
            "(s1, s2, ...,sK) format."
        )
    sizes = tuple(resized(n, factor) for n, factor in zip(spatial, factors, strict=True))
    return sizes, (None,) * dims if recompute else tuple(float(factor) for factor in factors)


def _check_sizes(input: Tensor, spatial: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    names = ("D", "H", "W")[-len(spatial) :]
    if min(*spatial, *sizes) <= 0:
        before, after = (
            ", ".join(f"{name}: {n}" for name, n in zip(names, given, strict=True))
            for given in (spatial, sizes)
        )
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({before}) "
            f"{'and ' if len(spatial) == 1 else ''}output ({after})"
        )
    if input.shape[1] == 0:
        raise RuntimeError(
            f"Non-empty {len(input.shape)}D data tensor expected but got a tensor with sizes "
            f"{list(input.shape)}"
        )


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """``interpolate`` under its old name; warns of it."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


@of_tensor()
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r², H, W) to (*, C, H r, W r): channels become pixels (Shi et al., 2016).

    Raises RuntimeError, with torch's sentence, where channels or the factor do not fit.

    >>> import tatamu
    >>> pixel_shuffle(tatamu.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    _check_shuffle("pixel_shuffle", "upscale_factor", input, r)
    *outer, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    count, n = channels // (r * r), len(outer)
    split = input.reshape(*outer, count, r, r, height, width)
    turned = split.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return called(turned.reshape(*outer, count, height * r, width * r), "PixelShuffleBackward0")


@of_tensor()
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) to (*, C r², H, W): the reverse of ``pixel_shuffle``.

    Raises RuntimeError, with torch's sentence, where sizes or the factor do not fit.

    >>> import tatamu
    >>> pixel_unshuffle(tatamu.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = downscale_factor
    _check_shuffle("pixel_unshuffle", "downscale_factor", input, r)
    *outer, channels, height, width = input.shape
    for name, place, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({place})={size} is not divisible by {r}"
            )
    n = len(outer)
    split = input.reshape(*outer, channels, height // r, r, width // r, r)
    turned = split.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    found = turned.reshape(*outer, channels * r * r, height // r, width // r)
    return called(found, "PixelUnshuffleBackward0")


def _check_shuffle(name: str, argument: str, input: Tensor, factor: int) -> None:
    if len(input.shape) < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{len(input.shape)} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")
