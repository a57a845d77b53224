"""Brightness, contrast, colours and levels of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

import tatamu
from tatamu import Tensor
from tatamu.vision.transforms.functional.blending import (
    blend,
    must_be_deep,
    must_have_channels,
    must_not_be_negative,
)
from tatamu.vision.transforms.functional.conversion import convert_image_dtype, largest, pillow
from tatamu.vision.transforms.kinds import must_be_image, must_be_pillow, refusal

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "autocontrast",
    "equalize",
    "invert",
    "posterize",
    "rgb_to_grayscale",
    "solarize",
    "to_grayscale",
]

# How bright the eye sees red, green and blue (ITU-R 601-2), as torchvision rounds it.
_LUMA = (0.2989, 0.587, 0.114)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The picture in grey, in one channel or in three that are equal.

    Raises TypeError for tensors that have neither one channel nor three, and ValueError for another
    number of channels wanted.

    >>> rgb_to_grayscale(tatamu.ones(3, 1, 1)).shape
    tatamu.Size([1, 1, 1])
    """
    if not isinstance(img, Tensor):
        return _grey_pillow(img, num_output_channels)
    must_be_deep(img)
    must_have_channels(img, [1, 3])
    _check_grey(num_output_channels)
    grey = _grey(img).to(img.dtype) if img.shape[-3] == 3 else img.clone()
    return grey.expand(img.shape) if num_output_channels == 3 else grey


def _check_grey(channels: int) -> None:
    if channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")


def _grey(img: Tensor) -> Tensor:
    red, green, blue = (part * share for part, share in zip(img.unbind(-3), _LUMA, strict=True))
    return (red + green + blue).unsqueeze(-3)


def _grey_pillow(img: Any, channels: int) -> Image.Image:
    must_be_pillow(img)
    _check_grey(channels)
    grey: Image.Image = img.convert("L")
    return Image.merge("RGB", (grey, grey, grey)) if channels == 3 else grey


def to_grayscale(img: Any, num_output_channels: int = 1) -> Image.Image:
    """A Pillow picture in grey; ``rgb_to_grayscale`` takes tensors, too.

    Raises TypeError for anything else.
    """
    if not isinstance(img, Image.Image):
        raise TypeError(refusal("Input should be PIL Image", img))
    return _grey_pillow(img, num_output_channels)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """The picture brighter: 0 is black, 1 leaves it as it is, 2 doubles its brightness.

    Raises ValueError for a negative factor on a tensor.

    >>> adjust_brightness(tatamu.tensor([[[10, 200]]], dtype=tatamu.uint8), 2).tolist()
    [[[20, 255]]]
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageEnhance.Brightness(img).enhance(brightness_factor)
    must_not_be_negative("brightness_factor", brightness_factor)
    must_be_image(img)
    must_have_channels(img, [1, 3])
    return blend(img, tatamu.zeros_like(img), brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """The picture with more contrast: 0 is all grey, 1 leaves it as it is.

    Raises ValueError for a negative factor on a tensor.
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageEnhance.Contrast(img).enhance(contrast_factor)
    must_not_be_negative("contrast_factor", contrast_factor)
    must_be_image(img)
    must_have_channels(img, [3, 1])
    kind = img.dtype if img.dtype.is_floating_point else tatamu.float32
    grey = rgb_to_grayscale(img) if img.ndim > 2 and img.shape[-3] == 3 else img
    mean = grey.to(kind).mean(tuple(range(-min(3, img.ndim), 0)), keepdim=True)
    return blend(img, mean, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """The picture in stronger colours: 0 is grey, 1 leaves it as it is.

    Raises ValueError for a negative factor on a tensor.
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageEnhance.Color(img).enhance(saturation_factor)
    must_not_be_negative("saturation_factor", saturation_factor)
    must_be_image(img)
    must_have_channels(img, [1, 3])
    if img.ndim < 3 or img.shape[-3] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The picture with its colours moved around the circle, by -0.5 to 0.5 of it.

    Raises ValueError for a factor beyond that.

    >>> adjust_hue(tatamu.tensor([1.0, 0.0, 0.0]).view(3, 1, 1), 0.5).flatten().tolist()
    [0.0, 1.0, 1.0]
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return _turn_pillow(img, hue_factor)
    must_be_image(img)
    must_have_channels(img, [1, 3])
    if img.ndim < 3 or img.shape[-3] == 1:
        return img
    h, s, v = _to_hsv(convert_image_dtype(img, tatamu.float32))
    return convert_image_dtype(_from_hsv(_fraction(h + hue_factor), s, v), img.dtype)


def _turn_pillow(img: Image.Image, hue_factor: float) -> Image.Image:
    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, brightness = img.convert("HSV").split()
    turned = np.array(hue) + np.int32(hue_factor * 255).astype(np.uint8)
    merged = Image.merge("HSV", (pillow(turned, "L"), saturation, brightness))
    return merged.convert(img.mode)


def _fraction(x: Tensor) -> Tensor:
    """x modulo 1."""
    whole: Tensor = x.detach().floor()
    return x - whole


def _to_hsv(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and brightness of (..., 3, H, W), each from 0 to 1."""
    r, g, b = img.unbind(-3)
    high, low = img.max(-3).values, img.min(-3).values
    grey = high == low
    ones = tatamu.ones_like(high)
    spread = high - low
    saturation = spread / tatamu.where(grey, ones, high)
    divisor = tatamu.where(grey, ones, spread)
    rc, gc, bc = ((high - part) / divisor for part in (r, g, b))
    # Which of the three is largest decides the third of the circle; red wins, then green.
    sector = tatamu.where(high == g, 2.0 + rc - bc, 4.0 + gc - rc)
    sector = tatamu.where(high == r, bc - gc, sector)
    return _fraction(sector / 6.0 + 1.0), saturation, high


def _from_hsv(h: Tensor, s: Tensor, v: Tensor) -> Tensor:
    """Red, green and blue (..., 3, H, W) of hue, saturation and brightness."""
    sixth = (h * 6.0).detach().floor()
    f = h * 6.0 - sixth
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    place = tatamu.from_numpy(sixth.numpy(force=True).astype(np.int64) % 6)
    rows = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    channels = []
    for row in rows:
        chosen = row[0]
        for number, values in enumerate(row[1:], 1):
            chosen = tatamu.where(place == number, values, chosen)
        channels.append(chosen)
    return tatamu.stack(channels, -3)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain · x^gamma, for values from 0 to 1: dark parts darker above 1, brighter below.

    Raises ValueError for a negative exponent.
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        _check_gamma(gamma)
        levels = [int((255 + 1 - 1e-3) * gain * pow(ele / 255.0, gamma)) for ele in range(256)]
        return img.convert("RGB").point(levels * 3).convert(img.mode)
    must_have_channels(img, [1, 3])
    _check_gamma(gamma)
    values = img if img.dtype.is_floating_point else convert_image_dtype(img, tatamu.float32)
    return convert_image_dtype((values.pow(gamma) * gain).clamp(0, 1), img.dtype)


def _check_gamma(gamma: float) -> None:
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")


def invert(img: Any) -> Any:
    """The negative of a picture.

    >>> invert(tatamu.tensor([[[10, 200]]], dtype=tatamu.uint8)).tolist()
    [[[245, 55]]]
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageOps.invert(img)
    must_be_image(img)
    must_be_deep(img)
    must_have_channels(img, [1, 3])
    return largest(img.dtype) - img


def _must_be_bytes(img: Tensor) -> None:
    if img.dtype is not tatamu.uint8:
        raise TypeError(
            refusal(
                f"Only torch.uint8 image tensors are supported, but found {img.dtype}",
                img,
                "PILToTensor() keeps bytes; ConvertImageDtype(torch.uint8) converts",
            )
        )


def posterize(img: Any, bits: int) -> Any:
    """The picture with only the highest ``bits`` of each value kept.

    Raises ValueError for other than 0 to 8 bits, TypeError for tensors that are not uint8.

    >>> posterize(tatamu.tensor([[[10, 200]]], dtype=tatamu.uint8), 2).tolist()
    [[[0, 192]]]
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageOps.posterize(img, bits)
    must_be_image(img)
    must_be_deep(img)
    _must_be_bytes(img)
    must_have_channels(img, [1, 3])
    kept = np.uint8(-(2 ** (8 - bits)) & 255)
    return tatamu.from_numpy(img.numpy() & kept)


def solarize(img: Any, threshold: float) -> Any:
    """The picture with all values from ``threshold`` on inverted.

    Raises TypeError for a tensor whose values cannot reach the threshold.
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageOps.solarize(img, threshold)  # type: ignore[arg-type]
    must_be_image(img)
    must_be_deep(img)
    must_have_channels(img, [1, 3])
    if threshold > largest(img.dtype):
        raise TypeError(refusal("Threshold should be less than bound of img.", img))
    return tatamu.where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Any:
    """The picture with each channel stretched from black to white."""
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageOps.autocontrast(img)
    must_be_image(img)
    must_be_deep(img)
    must_have_channels(img, [1, 3])
    bound = largest(img.dtype)
    kind = img.dtype if img.dtype.is_floating_point else tatamu.float32
    low = img.amin((-2, -1), keepdim=True).to(kind)
    high = img.amax((-2, -1), keepdim=True).to(kind)
    flat = low == high
    scale = tatamu.where(flat, 1.0, bound / tatamu.where(flat, 1.0, high - low))
    low = tatamu.where(flat, 0.0, low)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


def equalize(img: Any) -> Any:
    """The picture with each channel's values spread so that all are about equally frequent.

    Raises TypeError for tensors that are not uint8 of three or four dimensions.
    """
    if not isinstance(img, Tensor):
        must_be_pillow(img)
        return ImageOps.equalize(img)
    must_be_image(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(
            refusal(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}", img)
        )
    _must_be_bytes(img)
    must_have_channels(img, [1, 3])
    made = np.array(img.numpy(), order="C")
    for channel in made.reshape(-1, *made.shape[-2:]):
        channel[...] = spread_levels(channel)
    return tatamu.from_numpy(made)


def spread_levels(channel: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One channel of bytes with its values spread so that all are about equally frequent."""
    counts = np.bincount(channel.reshape(-1), minlength=256)
    step = counts[counts != 0][:-1].sum() // 255
    if step == 0:
        return channel
    levels = (np.cumsum(counts) + step // 2) // step
    table = np.clip(np.concatenate(([0], levels[:-1])), 0, 255).astype(np.uint8)
    return np.asarray(table[channel])
