"""Transforms of the second version as functions, of Pillow's pictures and of tensors.

Where the second version gives the same numbers as the first, its functions are the first's.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from PIL import Image

import tatamu
from tatamu import Tensor
from tatamu.vision import tv_tensors
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms.functional.conversion import largest
from tatamu.vision.transforms.functional.sizes import resized_size
from tatamu.vision.transforms.functional.warps import (
    perspective_coefficients,
    perspective_with,
)
from tatamu.vision.transforms.interpolation import InterpolationMode, pil_modes_mapping
from tatamu.vision.transforms.kinds import is_pillow, refusal
from tatamu.vision.transforms.v2 import colours
from tatamu.vision.transforms.v2.bytes import resize_bytes
from tatamu.vision.transforms.v2.colours import to_dtype_image

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "gaussian_noise",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "get_num_channels",
    "get_size",
    "grayscale_to_rgb",
    "hflip",
    "horizontal_flip",
    "invert",
    "is_pure_tensor",
    "jpeg",
    "normalize",
    "pad",
    "permute_channels",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_dtype",
    "to_grayscale",
    "to_image",
    "to_pil_image",
    "to_tensor",
    "vertical_flip",
    "vflip",
]

Mode = InterpolationMode | str | int
Function = TypeVar("Function", bound=Callable[..., Any])


def is_pure_tensor(inpt: Any) -> bool:
    """Whether it is a tensor that does not say what it is."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


def _alike(function: Function) -> Function:
    """The function, whose result says what its input said that it is."""

    @functools.wraps(function)
    def call(inpt: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(inpt, tv_tensors.TVTensor):
            if not isinstance(inpt, (Tensor, Image.Image)):
                raise TypeError(
                    refusal(
                        f"Functional F.{function.__name__} supports inputs of type tensor or PIL "
                        f"image, but got {type(inpt)} instead.",
                        inpt,
                    )
                )
            return function(inpt, *args, **options)
        made = function(tv_tensors.plain(inpt), *args, **options)
        if isinstance(made, tuple):
            return tuple(tv_tensors.wrap(part, like=inpt) for part in made)
        return tv_tensors.wrap(made, like=inpt)

    return call  # type: ignore[return-value]


def mode_of(interpolation: Any) -> InterpolationMode:
    """A mode by its name, its number in Pillow, or itself. Raises ValueError for anything else."""
    if isinstance(interpolation, str):
        names = [mode.value for mode in InterpolationMode]
        if interpolation not in names:
            raise ValueError(
                f"Invalid interpolation mode: '{interpolation}'. Supported string values are: "
                f"{names}."
            )
        return InterpolationMode(interpolation)
    if isinstance(interpolation, int):
        return {n: m for m, n in reversed(pil_modes_mapping.items())}[interpolation]
    if not isinstance(interpolation, InterpolationMode):
        raise ValueError(
            "Argument interpolation should be an `InterpolationMode` or a corresponding Pillow "
            f"integer constant, but got {interpolation}."
        )
    return interpolation


def get_dimensions(inpt: Any) -> list[int]:
    """[channels, height, width] of a picture. Raises TypeError for what is none."""
    if isinstance(inpt, Tensor) and inpt.ndim < 2:
        raise TypeError(f"Input tensor should have at least two dimensions, but got {inpt.ndim}")
    return F.get_dimensions(inpt)


def get_size(inpt: Any) -> list[int]:
    """[height, width] of a picture."""
    return get_dimensions(inpt)[1:]


def get_num_channels(inpt: Any) -> int:
    """How many channels a picture has."""
    return get_dimensions(inpt)[0]


get_image_num_channels = get_num_channels
get_image_size = F.get_image_size
pil_to_tensor = F.pil_to_tensor
to_pil_image = F.to_pil_image


def to_image(inpt: Any) -> tv_tensors.Image:
    """A tensor, an array (height, width, channels) or a Pillow picture as a tensor Image.

    Values and dtypes are kept. Raises TypeError for anything else.

    >>> to_image(np.zeros((2, 4, 3), np.uint8)).shape
    tatamu.Size([3, 2, 4])
    """
    if isinstance(inpt, np.ndarray):
        deep = np.ascontiguousarray(np.atleast_3d(inpt).transpose(2, 0, 1))
        return tv_tensors.Image(tatamu.from_numpy(deep))
    if not isinstance(inpt, (Tensor, Image.Image)):
        raise TypeError(
            "Input can either be a pure Tensor, a numpy array, or a PIL image, but got "
            f"{type(inpt)} instead."
        )
    return tv_tensors.Image(inpt)


def to_tensor(inpt: Any) -> Tensor:
    """As in the first version, with a warning: ToImage and ToDtype take its place."""
    warnings.warn(
        "The function `to_tensor(...)` is deprecated and will be removed in a future release. "
        "Instead, please use `to_image(...)` followed by `to_dtype(..., dtype=torch.float32, "
        "scale=True)`.",
        stacklevel=2,
    )
    return F.to_tensor(inpt)


@_alike
def to_dtype(inpt: Any, dtype: Any = tatamu.float32, scale: bool = False) -> Any:
    """A tensor in another dtype; ``scale`` has white stay white.

    >>> to_dtype(tatamu.tensor([[255]], dtype=tatamu.uint8), scale=True)
    tensor([[1.]])
    """
    return to_dtype_image(inpt, dtype, scale)


def convert_image_dtype(image: Any, dtype: Any = tatamu.float32) -> Any:
    """``to_dtype`` with ``scale``."""
    return to_dtype(image, dtype, True)


horizontal_flip = hflip = _alike(F.hflip)
vertical_flip = vflip = _alike(F.vflip)
crop = _alike(F.crop)
center_crop = _alike(F.center_crop)
five_crop = _alike(F.five_crop)
ten_crop = _alike(F.ten_crop)
gaussian_blur = _alike(F.gaussian_blur)
erase: Callable[..., Any] = _alike(F.erase)


@_alike
def resize(
    inpt: Any,
    size: Any,
    interpolation: Mode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The picture at another size; one number is that of the shorter side.

    With None, ``max_size`` is that of the longer side. Bytes are resized as Pillow does it, in
    whole numbers. Raises ValueError for sizes and modes that do not fit.
    """
    mode = mode_of(interpolation)
    height, width = get_size(inpt)
    wanted = _wanted((height, width), size, max_size)
    if is_pillow(inpt):
        return F.resize(inpt, wanted, mode, None, antialias)
    if wanted == [height, width]:
        return inpt
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    if smooth and inpt.dtype is tatamu.uint8 and inpt.numel():
        return resize_bytes(inpt, wanted, mode.value, bool(antialias))
    return F.resize(inpt, wanted, mode, None, antialias)


def _wanted(shape: tuple[int, int], size: Any, max_size: int | None) -> list[int]:
    if size is None:
        if not isinstance(max_size, int):
            raise ValueError(
                f"max_size must be an integer when size is None, but got {max_size} instead."
            )
        height, width = shape
        short = int(max_size * min(shape) / max(shape))
        return [max_size, short] if width <= height else [short, max_size]
    listed = [size] if isinstance(size, int) else list(size)
    if max_size is not None and len(listed) != 1:
        raise ValueError(
            "max_size should only be passed if size is None or specifies the length of the "
            "smaller edge, i.e. size should be an int or a sequence of length 1 in torchscript "
            "mode."
        )
    return resized_size(shape, listed, max_size)


def resized_crop(
    inpt: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Mode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A part of a picture at another size: ``crop``, then ``resize``."""
    return resize(crop(inpt, top, left, height, width), size, interpolation, antialias=antialias)


@_alike
def pad(inpt: Any, padding: Any, fill: Any = None, padding_mode: str = "constant") -> Any:
    """The picture with a border; ``fill`` may be one number for each channel."""
    several = isinstance(fill, (list, tuple)) and isinstance(inpt, Tensor)
    if not several:
        return F.pad(inpt, padding, fill, padding_mode)
    if len(fill) == 1:
        return F.pad(inpt, padding, fill[0], padding_mode)
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported if fill is not scalar")
    made = F.pad(inpt, padding)
    inside = F.pad(tatamu.ones(1, *inpt.shape[-2:]), padding) > 0
    colour = tatamu.tensor([float(v) for v in fill]).to(inpt.dtype).view(-1, 1, 1)
    return tatamu.where(inside, made, colour)


@_alike
def affine(
    inpt: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Mode = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """The picture turned, moved, made larger and sheared, as in the first version."""
    return F.affine(inpt, angle, translate, scale, shear, mode_of(interpolation), fill, center)


@_alike
def rotate(
    inpt: Any,
    angle: float,
    interpolation: Mode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """The picture turned counter-clockwise; by quarters of a circle, tensors exactly."""
    if isinstance(inpt, Tensor):
        angle = angle % 360
        quarters = {0: 0, 180: 2}
        if expand or inpt.shape[-1] == inpt.shape[-2]:
            quarters.update({90: 1, 270: 3})
        if center is None and angle in quarters:
            return tatamu.rot90(inpt, quarters[int(angle)], (-2, -1)).clone()
    return F.rotate(inpt, angle, mode_of(interpolation), expand, center, fill)


@_alike
def perspective(
    inpt: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: Mode = InterpolationMode.BILINEAR,
    fill: Any = None,
    coefficients: Sequence[float] | None = None,
) -> Any:
    """The picture with four points brought to four others, or by eight ``coefficients``."""
    if coefficients is None:
        if startpoints is None or endpoints is None:
            raise ValueError(
                "Either the startpoints/endpoints or the coefficients must have non `None` values."
            )
        coefficients = perspective_coefficients(startpoints, endpoints)
    elif startpoints is not None and endpoints is not None:
        raise ValueError(
            "The startpoints/endpoints and the coefficients shouldn't be defined concurrently."
        )
    if len(coefficients) != 8:
        raise ValueError("Argument coefficients should have 8 float values")
    return perspective_with(inpt, list(coefficients), mode_of(interpolation), fill)


@_alike
def elastic(
    inpt: Any,
    displacement: Tensor,
    interpolation: Mode = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The picture with each pixel taken from elsewhere, as in the first version."""
    return F.elastic_transform(inpt, displacement, mode_of(interpolation), fill)


elastic_transform = elastic


def _coloured(first: Callable[..., Any], second: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is ``first`` of Pillow's pictures and ``second`` of tensors."""

    @functools.wraps(second)
    def call(inpt: Any, *args: Any, **options: Any) -> Any:
        return (second if isinstance(inpt, Tensor) else first)(inpt, *args, **options)

    return _alike(call)


adjust_brightness = _coloured(F.adjust_brightness, colours.adjust_brightness)
adjust_contrast = _coloured(F.adjust_contrast, colours.adjust_contrast)
adjust_saturation = _coloured(F.adjust_saturation, colours.adjust_saturation)
adjust_sharpness = _coloured(F.adjust_sharpness, colours.adjust_sharpness)
adjust_hue = _coloured(F.adjust_hue, colours.adjust_hue)
adjust_gamma = _coloured(F.adjust_gamma, colours.adjust_gamma)
autocontrast = _coloured(F.autocontrast, colours.autocontrast)
equalize = _coloured(F.equalize, colours.equalize)
invert = _coloured(F.invert, colours.invert)
posterize = _coloured(F.posterize, colours.posterize)
solarize = _coloured(F.solarize, colours.solarize)


@_alike
def rgb_to_grayscale(inpt: Any, num_output_channels: int = 1) -> Any:
    """The picture in grey, in one channel or in three that are equal."""
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, got {num_output_channels}.")
    if is_pillow(inpt):
        return F.to_grayscale(inpt, num_output_channels)
    return colours.rgb_to_grayscale(inpt, num_output_channels)


to_grayscale = rgb_to_grayscale


@_alike
def grayscale_to_rgb(inpt: Any) -> Any:
    """The picture in three channels; one that has them stays as it is."""
    if is_pillow(inpt):
        return inpt.convert("RGB")
    return inpt if inpt.shape[-3] >= 3 else colours.rgb_to_grayscale(inpt, 3)


@_alike
def permute_channels(inpt: Any, permutation: Any) -> Any:
    """The picture with its channels in another order. Raises ValueError for another number."""
    if is_pillow(inpt):
        return F.to_pil_image(permute_channels(F.pil_to_tensor(inpt), permutation))
    order = [int(place) for place in permutation]
    if len(order) != inpt.shape[-3]:
        raise ValueError(
            "Length of permutation does not match number of channels: "
            f"{len(order)} != {inpt.shape[-3]}"
        )
    return inpt[..., order, :, :]


@_alike
def normalize(inpt: Any, mean: Any, std: Any, inplace: bool = False) -> Any:
    """(x - mean) / std, as in the first version."""
    if is_pillow(inpt) or (inpt.dtype.is_floating_point and inpt.ndim < 3):
        sentence = (
            f"Functional F.normalize supports inputs of type tensor, but got {type(inpt)} instead."
            if is_pillow(inpt)
            else f"Expected tensor to be a tensor image of size (..., C, H, W). Got {inpt.shape}."
        )
        raise (TypeError if is_pillow(inpt) else ValueError)(refusal(sentence, inpt))
    if not all(std) if isinstance(std, (tuple, list)) else std == 0:
        raise ValueError("std evaluated to zero, leading to division by zero.")
    return F.normalize(inpt, mean, std, inplace)


@_alike
def gaussian_noise(inpt: Any, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Any:
    """A tensor with noise added, kept within its range unless ``clip`` is False.

    Raises ValueError for Pillow's pictures, for a negative width, and for other dtypes than uint8
    and floating point.
    """
    if is_pillow(inpt):
        raise ValueError("Gaussian Noise is not implemented for PIL images.")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if inpt.dtype.is_floating_point:
        made = inpt + (mean + tatamu.randn_like(inpt) * sigma)
        return made.clamp(0, 1) if clip else made
    if inpt.dtype is not tatamu.uint8:
        raise ValueError(
            f"Input tensor is expected to be in uint8 or float dtype, got dtype={inpt.dtype}"
        )
    drawn = tatamu.randn_like(inpt, dtype=tatamu.float32)
    made = inpt + (mean * 255 + drawn * (sigma * 255)).to(tatamu.int16)
    return (made.clamp(0, largest(inpt.dtype)) if clip else made).to(tatamu.uint8)


@_alike
def jpeg(inpt: Any, quality: int) -> Any:
    """The picture as it looks after having been a JPEG file of a quality (1 to 100)."""
    if is_pillow(inpt):
        file = io.BytesIO()
        inpt.save(file, format="JPEG", quality=quality)
        return Image.open(file).copy()
    flat = inpt.reshape(-1, *inpt.shape[-3:])
    made = [F.pil_to_tensor(jpeg(F.to_pil_image(part), quality)) for part in flat]
    return tatamu.stack(made).view(inpt.shape)
