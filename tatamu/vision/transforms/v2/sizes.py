"""Resizing, cropping, padding and turning over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tatamu
from tatamu.vision.transforms.arguments import check_ranges, size_pair
from tatamu.vision.transforms.draws import below
from tatamu.vision.transforms.functional.sizes import check_padding
from tatamu.vision.transforms.sizes import RandomResizedCrop as FirstResizedCrop
from tatamu.vision.transforms.v2 import functional as F
from tatamu.vision.transforms.v2.transform import (
    RandomApplyTransform,
    Transform,
    fill_dict,
    fill_of_kind,
    query_size,
)

__all__ = [
    "CenterCrop",
    "FiveCrop",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResize",
    "RandomResizedCrop",
    "RandomShortestSize",
    "RandomVerticalFlip",
    "RandomZoomOut",
    "Resize",
    "ScaleJitter",
    "TenCrop",
]


class RandomHorizontalFlip(RandomApplyTransform):
    """The picture mirrored (left becomes right) with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.horizontal_flip(inpt)


class RandomVerticalFlip(RandomApplyTransform):
    """The picture upside down with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.vertical_flip(inpt)


class Resize(Transform):
    """The picture at another size (height, width); one number is that of the shorter side.

    With None, ``max_size`` is that of the longer side. Raises ValueError for what is no size.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None,
        interpolation: F.Mode = "bilinear",
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if size is None:
            if not isinstance(max_size, int):
                raise ValueError(
                    f"max_size must be an integer when size is None, but got {max_size} instead."
                )
        elif not isinstance(size, (int, Sequence)) or (
            isinstance(size, Sequence) and len(size) not in (1, 2)
        ):
            raise ValueError(
                "size can be an integer, a sequence of one or two integers, or None, but got "
                f"{size} instead."
            )
        self.size = [size] if isinstance(size, int) else None if size is None else list(size)
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle of a picture, which is padded by black where it is smaller."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = size_pair(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.center_crop(inpt, self.size)


class RandomResizedCrop(Transform):
    """A random part of the picture, of random area and aspect ratio, at one size."""

    get_params = staticmethod(FirstResizedCrop.get_params)

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: F.Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = size_pair(size)
        for name, pair in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(pair, Sequence) or len(pair) != 2:
                raise TypeError(f"{name} should be a sequence of two floats.")
        check_ranges(scale, ratio)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        shape = query_size(flat_inputs)
        return {"part": FirstResizedCrop.draw(shape, self.scale, self.ratio)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        top, left, height, width = params["part"]
        how = self.size, self.interpolation, self.antialias
        return F.resized_crop(inpt, top, left, height, width, *how)


class FiveCrop(Transform):
    """The four corners and the middle of a picture, as a tuple."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = size_pair(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.five_crop(inpt, self.size)


class TenCrop(Transform):
    """``FiveCrop`` of a picture, and of the picture mirrored (or upside down), as a tuple."""

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = size_pair(size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.ten_crop(inpt, self.size, self.vertical_flip)


def _check_padding(padding: Any) -> None:
    whole = isinstance(padding, (tuple, list)) and all(isinstance(p, int) for p in padding)
    if not isinstance(padding, int) and not (whole and len(padding) in (1, 2, 4)):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}."
        )


class Pad(Transform):
    """The picture with a border: one width, (x, y), or (left, top, right, bottom)."""

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        super().__init__()
        _check_padding(padding)
        check_padding(0, padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill = fill
        self._fill = fill_dict(fill)
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_of_kind(self._fill, inpt)
        return F.pad(inpt, self.padding, fill, self.padding_mode)


class RandomZoomOut(RandomApplyTransform):
    """The picture somewhere on a larger, empty one, with probability ``p``."""

    def __init__(
        self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5
    ) -> None:
        super().__init__(p)
        self.fill = fill
        self._fill = fill_dict(fill)
        self.side_range = side_range
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        factor = low + tatamu.rand(1) * (high - low)
        wide, high_ = int((width * factor).item()), int((height * factor).item())
        places = tatamu.rand(2)
        left = int(((wide - width) * places[0]).item())
        top = int(((high_ - height) * places[1]).item())
        return {"padding": [left, top, wide - (left + width), high_ - (top + height)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.pad(inpt, params["padding"], fill_of_kind(self._fill, inpt))


class RandomCrop(Transform):
    """A part of the picture from anywhere in it, which may be padded before.

    Raises ValueError for pictures that are smaller, unless ``pad_if_needed``.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = size_pair(size)
        if padding is not None:
            _check_padding(padding)
        check_padding(0, padding_mode)
        self.padding = _left_right_top_bottom(padding) if padding else None
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self._fill = fill_dict(fill)
        self.padding_mode = padding_mode

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        left, right, top, bottom = self.padding or [0, 0, 0, 0]
        height, width = height + (top + bottom), width + (left + right)
        wanted_height, wanted_width = self.size
        if self.pad_if_needed:
            more_y, more_x = max(wanted_height - height, 0), max(wanted_width - width, 0)
            top, bottom, left, right = top + more_y, bottom + more_y, left + more_x, right + more_x
            height, width = height + 2 * more_y, width + 2 * more_x
        if height < wanted_height or width < wanted_width:
            padded = "padded " if self.padding is not None else ""
            raise ValueError(
                f"Required crop size {(wanted_height, wanted_width)} is larger than {padded}input "
                f"image size {(height, width)}."
            )
        y = below(0, height - wanted_height + 1) if height > wanted_height else 0
        x = below(0, width - wanted_width + 1) if width > wanted_width else 0
        crops = height > wanted_height or width > wanted_width
        return {
            "padding": [left, top, right, bottom],
            "part": (y, x, wanted_height, wanted_width) if crops else None,
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if any(params["padding"]):
            fill = fill_of_kind(self._fill, inpt)
            inpt = F.pad(inpt, params["padding"], fill, self.padding_mode)
        return inpt if params["part"] is None else F.crop(inpt, *params["part"])


def _left_right_top_bottom(padding: int | Sequence[int]) -> list[int]:
    if isinstance(padding, int):
        return [padding] * 4
    x, y, *rest = padding if len(padding) > 1 else [padding[0], padding[0]]
    right, bottom = rest or (x, y)
    return [x, right, y, bottom]


class _Resized(Transform):
    """The base of those that resize to a random size."""

    interpolation: F.Mode
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.resize(inpt, params["size"], self.interpolation, None, self.antialias)


class ScaleJitter(_Resized):
    """The picture as large as ``target_size`` holds, times a random factor."""

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: F.Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        scale = low + tatamu.rand(1) * (high - low)
        factor = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int((height * factor).item()), int((width * factor).item()))}


class RandomShortestSize(_Resized):
    """The picture with its shorter side of one of several lengths."""

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int | None = None,
        interpolation: F.Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        factor = self.min_size[below(0, len(self.min_size))] / min(height, width)
        if self.max_size is not None:
            factor = min(factor, self.max_size / max(height, width))
        return {"size": (int(height * factor), int(width * factor))}


class RandomResize(_Resized):
    """The picture with its shorter side of a random length."""

    def __init__(
        self,
        min_size: int,
        max_size: int,
        interpolation: F.Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"size": [below(self.min_size, self.max_size)]}
