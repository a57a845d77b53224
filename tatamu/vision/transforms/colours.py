"""Colours, contrast and levels, as transforms."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import tatamu
from tatamu import Tensor, nn
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms.draws import chance, uniform

__all__ = [
    "ColorJitter",
    "Grayscale",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPosterize",
    "RandomSolarize",
]

Range = float | Sequence[float]
Limits = tuple[float, float] | None


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    A number gives the range 1 - x to 1 + x (for hue -x to x). Raises TypeError and ValueError for
    what are no ranges, and for those that reach below 0 (for hue beyond -0.5 to 0.5).
    """

    def __init__(
        self, brightness: Range = 0, contrast: Range = 0, saturation: Range = 0, hue: Range = 0
    ) -> None:
        super().__init__()
        self.brightness = _limits(brightness, "brightness")
        self.contrast = _limits(contrast, "contrast")
        self.saturation = _limits(saturation, "saturation")
        self.hue = _limits(hue, "hue", 0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Limits, contrast: Limits, saturation: Limits, hue: Limits
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order of the four, and the factor of each; None for those that are left out."""
        order = tatamu.randperm(4)
        b, c, s, h = (
            None if limits is None else uniform(limits[0], limits[1])
            for limits in (brightness, contrast, saturation, hue)
        )
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for place in order.tolist():
            factor = factors[place]
            if factor is not None:
                img = adjust[place](img, factor)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _limits(
    value: Any, name: str, center: int = 1, bound: tuple[float, float] = (0, float("inf"))
) -> Limits:
    if isinstance(value, numbers.Number):
        number = float(value)  # type: ignore[arg-type]
        if number < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        limits = [center - number, center + number]
        if center == 1:
            limits[0] = max(limits[0], 0.0)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        limits = [float(value[0]), float(value[1])]
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bound[0] <= limits[0] <= limits[1] <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {limits}.")
    low, high = limits
    return None if low == high == center else (low, high)


class Grayscale(nn.Module):
    """The picture in grey, in one channel or in three that are equal."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(nn.Module):
    """The picture in grey with probability ``p``, in as many channels as it has."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        channels, _, _ = F.get_dimensions(img)
        return F.rgb_to_grayscale(img, channels) if chance(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class _Sometimes(nn.Module):
    """The base of those that change a picture with probability ``p``, always in the same way."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        """What is done to the picture."""
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.change(img) if tatamu.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomInvert(_Sometimes):
    """The negative of a picture with probability ``p``."""

    def change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_Sometimes):
    """The picture with each channel stretched from black to white, with probability ``p``."""

    def change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_Sometimes):
    """The picture with its values spread evenly, with probability ``p``."""

    def change(self, img: Any) -> Any:
        return F.equalize(img)


class RandomPosterize(_Sometimes):
    """The picture with only the highest ``bits`` of each value kept, with probability ``p``."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_Sometimes):
    """The picture with all values from ``threshold`` on inverted, with probability ``p``."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_Sometimes):
    """The picture sharpened (below 1: blurred) with probability ``p``."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"
