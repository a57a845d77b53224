"""Colours and levels of tensors, where the second version's numbers differ from the first's."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamu
from tatamu import Tensor
from tatamu.dtypes import DType
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms.functional.blending import must_not_be_negative
from tatamu.vision.transforms.functional.colours import spread_levels
from tatamu.vision.transforms.functional.conversion import largest
from tatamu.vision.transforms.functional.filters import smoothed
from tatamu.vision.transforms.kinds import refusal

__all__ = ["rgb_to_grayscale", "to_dtype_image"]

_BITS = {"uint8": 8, "int8": 7, "int16": 15, "int32": 31, "int64": 63}


def to_dtype_image(image: Tensor, dtype: DType, scale: bool) -> Tensor:
    """A tensor in another dtype; ``scale`` has white stay white."""
    if image.dtype is dtype:
        return image
    if not scale:
        return image.to(dtype)
    if image.dtype.is_floating_point:
        wide = (image.dtype.name, dtype.name)
        if wide in (("float32", "int32"), ("float32", "int64"), ("float64", "int64")):
            raise RuntimeError(
                f"The conversion from {image.dtype} to {dtype} cannot be performed safely."
            )
        return F.convert_image_dtype(image, dtype)
    if dtype.is_floating_point:
        return image.to(dtype) * (1.0 / largest(image.dtype))
    by = _BITS[image.dtype.name] - _BITS[dtype.name]
    if by > 0:
        return tatamu.from_numpy(image.numpy() >> by).to(dtype)
    return image.to(dtype) * (1 << -by)


def _check(image: Tensor, name: str = "", factor: float = 0.0, verb: str = "") -> int:
    """The number of channels. Raises ValueError for a negative factor, TypeError for others."""
    must_not_be_negative(name, factor)
    channels = int(image.shape[-3])
    if channels not in (1, 3):
        sentence = verb or "permitted channel values are 1 or 3, but found"
        raise TypeError(refusal(f"Input image tensor {sentence} {channels}", image))
    return channels


def _grey(image: Tensor) -> Tensor:
    red, green, blue = image.unbind(-3)
    return (red * 0.2989 + green * 0.587 + blue * 0.114).unsqueeze(-3)


def rgb_to_grayscale(image: Tensor, num_output_channels: int = 1) -> Tensor:
    """The picture in grey, in one channel or in three that are equal."""
    if image.shape[-3] == 1:
        return image.clone() if num_output_channels == 1 else tatamu.cat([image] * 3, -3)
    grey = _grey(image).to(image.dtype)
    return grey.expand(image.shape) if num_output_channels == 3 else grey


def _floored_grey(image: Tensor) -> Tensor:
    grey = _grey(image)
    return grey if image.dtype.is_floating_point else grey.floor()


def _blend(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    mixed = first * float(ratio) + second * (1.0 - ratio)
    return mixed.clamp(0, largest(first.dtype)).to(first.dtype)


def adjust_brightness(image: Tensor, brightness_factor: float) -> Tensor:
    """The picture brighter: 0 is black, 1 leaves it as it is."""
    _check(image, "brightness_factor", brightness_factor)
    return (image * float(brightness_factor)).clamp(0, largest(image.dtype)).to(image.dtype)


def adjust_contrast(image: Tensor, contrast_factor: float) -> Tensor:
    """The picture with more contrast: 0 is all grey, 1 leaves it as it is."""
    channels = _check(image, "contrast_factor", contrast_factor)
    whole = image if image.dtype.is_floating_point else image.float()
    mean = (_floored_grey(image) if channels == 3 else whole).mean((-3, -2, -1), keepdim=True)
    return _blend(image, mean, contrast_factor)


def adjust_saturation(image: Tensor, saturation_factor: float) -> Tensor:
    """The picture in stronger colours: 0 is grey, 1 leaves it as it is."""
    if _check(image, "saturation_factor", saturation_factor) == 1:
        return image
    return _blend(image, _floored_grey(image), saturation_factor)


def adjust_sharpness(image: Tensor, sharpness_factor: float) -> Tensor:
    """The picture sharpened: 0 blurs it, 1 leaves it as it is."""
    _check(image, verb="can have 1 or 3 channels, but found")
    must_not_be_negative("sharpness_factor", sharpness_factor)
    if min(image.shape[-2:]) <= 2:
        return image
    values = image.to(_real(image))
    made = values + (smoothed(image).to(values.dtype) - values) * (1.0 - sharpness_factor)
    return made.clamp(0, largest(image.dtype)).to(image.dtype)


def adjust_hue(image: Tensor, hue_factor: float) -> Tensor:
    """The picture with its colours moved around the circle, by -0.5 to 0.5 of it."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return F.adjust_hue(image, hue_factor) if _check(image) == 3 else image


def adjust_gamma(image: Tensor, gamma: float, gain: float = 1.0) -> Tensor:
    """gain · x^gamma, for values from 0 to 1."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    made = to_dtype_image(image, _real(image), True).pow(gamma)
    if gain != 1.0:
        made = (made * gain).clamp(0.0, 1.0)
    return to_dtype_image(made, image.dtype, True)


def _real(image: Tensor) -> DType:
    return image.dtype if image.dtype.is_floating_point else tatamu.float32


def autocontrast(image: Tensor) -> Tensor:
    """The picture with each channel stretched from black to white."""
    _check(image)
    bound = largest(image.dtype)
    values = image.to(_real(image))
    low, high = values.amin((-2, -1), keepdim=True), values.amax((-2, -1), keepdim=True)
    flat = low == high
    step = tatamu.where(flat, 1.0, (high - low) * (1.0 / bound))
    made: Tensor = (values - tatamu.where(flat, 0.0, low)) / step
    return made.clamp(0, bound).to(image.dtype)


def equalize(image: Tensor) -> Tensor:
    """The picture with each channel's values spread so that all are about equally frequent."""
    values = to_dtype_image(image, tatamu.uint8, True).numpy(force=True)
    made: Any = np.array(values, order="C")
    for channel in made.reshape(-1, *made.shape[-2:]):
        channel[...] = spread_levels(channel)
    return to_dtype_image(tatamu.from_numpy(made), image.dtype, True)


def invert(image: Tensor) -> Tensor:
    """The negative of a picture."""
    return largest(image.dtype) - image


def posterize(image: Tensor, bits: int) -> Tensor:
    """The picture with only the highest ``bits`` of each value kept."""
    if not isinstance(bits, int) or not 0 <= bits <= 8:
        raise TypeError(f"bits must be a positive integer in the range [0, 8], got {bits} instead.")
    if image.dtype.is_floating_point:
        levels = 1 << bits
        return (image * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    own = _BITS[image.dtype.name]
    return image if bits >= own else image & (((1 << bits) - 1) << (own - bits))


def solarize(image: Tensor, threshold: float) -> Tensor:
    """The picture with all values from ``threshold`` on inverted."""
    if threshold > largest(image.dtype):
        raise TypeError(
            f"Threshold should be less or equal the maximum value of the dtype, but got {threshold}"
        )
    made: Tensor = tatamu.where(image >= threshold, invert(image), image)
    return made
