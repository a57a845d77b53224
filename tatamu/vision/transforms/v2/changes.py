"""Colours, blurring, noise, normalizing and erasing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

import tatamu
from tatamu import Tensor
from tatamu.vision import tv_tensors
from tatamu.vision.transforms import colours as first
from tatamu.vision.transforms import filters
from tatamu.vision.transforms.arguments import sequence_of
from tatamu.vision.transforms.draws import below, chance, log_range, uniform
from tatamu.vision.transforms.v2 import functional as F
from tatamu.vision.transforms.v2.transform import (
    RandomApplyTransform,
    Transform,
    has_any,
    query_chw,
)
from tatamu.vision.transforms.v2.warps import number_or_two

__all__ = [
    "JPEG",
    "RGB",
    "ColorJitter",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "LinearTransformation",
    "Normalize",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomChannelPermutation",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPhotometricDistort",
    "RandomPosterize",
    "RandomSolarize",
]

Range = float | Sequence[float] | None
Limits = tuple[float, float] | None
Params = dict[str, Any]

_ADJUST = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
}


class Grayscale(Transform):
    """The picture in grey, in one channel or in three that are equal."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.rgb_to_grayscale(inpt, self.num_output_channels)


class RandomGrayscale(RandomApplyTransform):
    """The picture in grey with probability ``p``, in as many channels as it has."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.rgb_to_grayscale(inpt, params["channels"])


class RGB(Transform):
    """The picture in three channels; one that has them stays as it is."""

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.grayscale_to_rgb(inpt)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    A number gives the range 1 - x to 1 + x (for hue -x to x). Raises TypeError and ValueError for
    what are no ranges, and for those that reach below 0 (for hue beyond -0.5 to 0.5).
    """

    get_params = staticmethod(first.ColorJitter.get_params)

    def __init__(
        self,
        brightness: Range = None,
        contrast: Range = None,
        saturation: Range = None,
        hue: Range = None,
    ) -> None:
        super().__init__()
        self.brightness = _limits(brightness, "brightness")
        self.contrast = _limits(contrast, "contrast")
        self.saturation = _limits(saturation, "saturation")
        self.hue = _limits(hue, "hue", 0, (-0.5, 0.5))

    def make_params(self, flat_inputs: list[Any]) -> Params:
        limits = self.brightness, self.contrast, self.saturation, self.hue
        order, *factors = self.get_params(*limits)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt: Any, params: Params) -> Any:
        adjust = list(_ADJUST.values())
        for place in params["order"]:
            factor = params["factors"][place]
            if factor is not None:
                inpt = adjust[place](inpt, factor)
        return inpt


def _limits(
    value: Any, name: str, center: float = 1.0, bound: tuple[float, float] = (0, float("inf"))
) -> Limits:
    if value is None:
        return None
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        limits: list[float] = [center - value, center + value]
        if center == 1:
            limits[0] = max(limits[0], 0.0)
    elif isinstance(value, Sequence) and len(value) == 2:
        limits = [float(v) for v in value]
    else:
        raise TypeError(f"{name}={value} should be a single number or a sequence with length 2.")
    if not bound[0] <= limits[0] <= limits[1] <= bound[1]:
        raise ValueError(
            f"{name} values should be between {bound} and increasing, but got {limits}."
        )
    low, high = limits
    return None if low == high == center else (float(low), float(high))


class RandomChannelPermutation(Transform):
    """The picture with its channels in random order."""

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"permutation": tatamu.randperm(query_chw(flat_inputs)[0])}

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.permute_channels(inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Colours changed as for detectors of things (SSD), each with probability ``p``."""

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> Params:
        channels = query_chw(flat_inputs)[0]
        drawn: Params = {
            name: uniform(*getattr(self, name)) if chance(self.p) else None for name in _ADJUST
        }
        drawn["early"] = bool(tatamu.rand(()) < 0.5)
        drawn["order"] = tatamu.randperm(channels) if chance(self.p) else None
        return drawn

    def transform(self, inpt: Any, params: Params) -> Any:
        late = ["saturation", "hue"]
        names = ["contrast", *late] if params["early"] else [*late, "contrast"]
        for name in ("brightness", *names):
            if params[name] is not None:
                inpt = _ADJUST[name](inpt, params[name])
        return inpt if params["order"] is None else F.permute_channels(inpt, params["order"])


class RandomEqualize(RandomApplyTransform):
    """The picture with its values spread evenly, with probability ``p``."""

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.equalize(inpt)


class RandomInvert(RandomApplyTransform):
    """The negative of a picture with probability ``p``."""

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.invert(inpt)


class RandomAutocontrast(RandomApplyTransform):
    """The picture with each channel stretched from black to white, with probability ``p``."""

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.autocontrast(inpt)


class RandomPosterize(RandomApplyTransform):
    """The picture with only the highest ``bits`` of each value kept, with probability ``p``."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.posterize(inpt, self.bits)


class RandomSolarize(RandomApplyTransform):
    """The picture with all values from ``threshold`` on inverted, with probability ``p``."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.solarize(inpt, self.threshold)


class RandomAdjustSharpness(RandomApplyTransform):
    """The picture sharpened (below 1: blurred) with probability ``p``."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.adjust_sharpness(inpt, self.sharpness_factor)


def _no_pillow(transform: Transform, leaves: list[Any]) -> None:
    if has_any(leaves, Image.Image):
        raise TypeError(f"{type(transform).__name__}() does not support PIL images.")


class Normalize(Transform):
    """(x - mean) / std for each channel. Raises TypeError for Pillow's pictures."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)
        self.inplace = inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        _no_pillow(self, flat_inputs)

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.normalize(inpt, self.mean, self.std, self.inplace)


class LinearTransformation(Transform):
    """(x - mean) times a matrix, where x is the picture as a row of numbers: whitening."""

    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        filters.check_linear(transformation_matrix, mean_vector)
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        _no_pillow(self, flat_inputs)

    def transform(self, inpt: Any, params: Params) -> Any:
        plain = tv_tensors.plain(inpt)
        made = filters.transform_linearly(plain, self.transformation_matrix, self.mean_vector)
        return made if plain is inpt else tv_tensors.wrap(made, like=inpt)


class GaussianBlur(Transform):
    """The picture blurred by a bell curve whose width is drawn from a range ``sigma``."""

    get_params = staticmethod(filters.GaussianBlur.get_params)

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        super().__init__()
        self.kernel_size = filters.blur_size(kernel_size)
        self.sigma = number_or_two(sigma, "sigma")
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                f"sigma values should be positive and of the form (min, max). Got {self.sigma}"
            )

    def make_params(self, flat_inputs: list[Any]) -> Params:
        sigma = uniform(*self.sigma)
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.gaussian_blur(inpt, self.kernel_size, params["sigma"])


class GaussianNoise(Transform):
    """A tensor with noise added, kept within its range unless ``clip`` is False."""

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.gaussian_noise(inpt, self.mean, self.sigma, self.clip)


class RandomErasing(RandomApplyTransform):
    """A random rectangle of a tensor overwritten with ``value``, with probability ``p``."""

    get_params = staticmethod(filters.RandomErasing.get_params)

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0.0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p)
        filters.check_erasing(scale, ratio, value)
        self.scale = scale
        self.ratio = ratio
        self.value = filters.erasing_value(value)
        self.inplace = inplace

    def make_params(self, flat_inputs: list[Any]) -> Params:
        shape = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, shape[0]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{shape[0]} (number of inpt channels)"
            )
        logs = log_range(self.ratio)
        return {"part": filters.draw_rectangle(shape, self.scale, logs, self.value)}

    def transform(self, inpt: Any, params: Params) -> Any:
        part = params["part"]
        return inpt if part is None else F.erase(inpt, *part, self.inplace)


class JPEG(Transform):
    """The picture as it looks after having been a JPEG file of a random quality.

    Raises TypeError and ValueError for what are no qualities from 1 to 100.
    """

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        if isinstance(quality, bool):
            raise TypeError("quality can't be bool")
        if isinstance(quality, int):
            quality = [quality, quality]
        else:
            sequence_of(quality, "quality", (2,))
        low, high = quality
        whole = isinstance(low, int) and isinstance(high, int)
        if not (whole and 1 <= low <= high <= 100):
            raise ValueError(f"quality must be an integer from 1 to 100, got quality ={quality!r}")
        self.quality = quality

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"quality": below(self.quality[0], self.quality[1] + 1)}

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.jpeg(inpt, params["quality"])
