"""Pictures to tensors and back, and from one element type to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

import tatamu
from tatamu import Tensor
from tatamu.dtypes import DType, widen
from tatamu.vision.transforms.kinds import is_pillow, refusal

__all__ = ["convert_image_dtype", "pil_to_tensor", "to_pil_image", "to_tensor"]

# Modes that torchvision reads with more than eight bits; all others are bytes.
_WIDE_MODES = {"I": np.int32, "I;16": np.int16, "F": np.float32}
_MODES_OF = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}

# The modes that may be asked for by the number of channels, and the one that bytes have.
_MODES = {
    2: (["LA"], "LA"),
    3: (["RGB", "YCbCr", "HSV"], "RGB"),
    4: (["RGBA", "CMYK", "RGBX"], "RGBA"),
}

_LARGEST = {"uint8": 255, "int8": 127, "int16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1}


def largest(dtype: DType) -> int:
    """The value that stands for white: the largest integer, or 1.

    >>> largest(tatamu.uint8), largest(tatamu.float32)
    (255, 1)
    """
    return _LARGEST.get(dtype.name, 1)


def to_tensor(pic: Any, order: str = "RGB") -> Tensor:
    """A picture (height, width, channels) as a tensor (channels, height, width).

    Bytes become floating point from 0 to 1; an array of another dtype keeps its values and dtype.
    ``order="BGR"`` says that the array's channels begin with blue, as OpenCV's do. Raises TypeError
    for what is neither a PIL picture nor an array, and ValueError for an array that has neither two
    nor three axes, and for another order.

    >>> to_tensor(np.full((2, 4, 3), 255, dtype=np.uint8)).shape
    tatamu.Size([3, 2, 4])
    """
    if not (is_pillow(pic) or isinstance(pic, np.ndarray)):
        raise TypeError(refusal(f"pic should be PIL Image or ndarray. Got {type(pic)}", pic))
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(
                refusal(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.", pic)
            )
        array = pic
    else:
        array = np.array(pic, _WIDE_MODES.get(pic.mode, np.uint8))
        if pic.mode == "1":
            array *= 255
    array = _channels_first(in_order(array, order))
    default = tatamu.get_default_dtype()
    if array.dtype == np.uint8:
        array = array.astype(default.compute, order="C")
        array /= array.dtype.type(255)
        return tatamu.from_numpy(array).to(default)
    return tatamu.from_numpy(np.ascontiguousarray(array))


def in_order(array: Any, order: str) -> Any:
    """An array (height, width, channels) with red first. Raises ValueError for another order."""
    if order == "RGB":
        return array
    if order != "BGR":
        raise ValueError(f"order should be 'RGB' or 'BGR', but got {order!r}")
    if array.ndim != 3 or array.shape[2] not in (3, 4):
        raise ValueError(refusal("order='BGR' needs three or four channels.", array))
    return array[:, :, [2, 1, 0, *range(3, array.shape[2])]]


def _channels_first(array: Any) -> Any:
    if array.ndim == 2:
        array = array[:, :, None]
    return array.transpose(2, 0, 1)


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow picture as a tensor (channels, height, width) of the numbers that it holds.

    Raises TypeError for anything else.

    >>> pil_to_tensor(Image.new("L", (4, 2), 7))
    tensor([[[7, 7, 7, 7],
             [7, 7, 7, 7]]], dtype=tatamu.uint8)
    """
    if not is_pillow(pic):
        raise TypeError(refusal(f"pic should be PIL Image. Got {type(pic)}", pic))
    array = np.array(pic)
    if array.ndim == 2:
        array = array[:, :, None]
    return tatamu.from_numpy(array).permute(2, 0, 1)


def to_pil_image(pic: Any, mode: str | None = None, order: str = "RGB") -> Image.Image:
    """A tensor (channels, height, width) or array (height, width, channels) as Pillow's picture.

    Floating point is taken to go from 0 to 1. The mode is that of the dtype and the number of
    channels unless ``mode`` names another that has as many. ``order="BGR"`` says that the array's
    channels begin with blue. Raises TypeError and ValueError with torchvision's sentences for what
    cannot be a picture.

    >>> to_pil_image(tatamu.ones(3, 2, 4)).getpixel((0, 0))
    (255, 255, 255)
    """
    if isinstance(pic, Tensor):
        array = widen(pic.detach().array, pic.dtype)
        if array.ndim == 3:
            array = array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(refusal(f"pic should be Tensor or ndarray. Got {type(pic)}.", pic))
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(
            refusal(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.", pic)
        )
    channels = array.shape[2]
    if channels > 4:
        raise ValueError(
            refusal(f"pic should not have > 4 channels. Got {channels} channels.", pic)
        )
    array = in_order(array, order)
    if np.issubdtype(array.dtype, np.floating) and mode != "F":
        with np.errstate(invalid="ignore"):  # values beyond the range wrap, as they do in torch
            array = (array * 255).astype(np.uint8)
    return pillow(array if channels > 1 else array[:, :, 0], _mode(array, mode))


def _mode(array: Any, mode: str | None) -> str:
    """Pillow's mode for an array (height, width, channels)."""
    channels = array.shape[2]
    bytes_ = array.dtype == np.uint8
    if channels == 1:
        expected = _MODES_OF.get(array.dtype.name)
        if mode is not None and mode != expected:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {np.dtype}. Should be {expected}"
            )
        mode = expected
    else:
        permitted, usual = _MODES[channels]
        if mode is not None and mode not in permitted:
            raise ValueError(f"Only modes {permitted} are supported for {channels}D inputs")
        if mode is None and bytes_:
            mode = usual
    if mode is None:
        raise TypeError(refusal(f"Input type {array.dtype} is not supported", array))
    return mode


def pillow(array: Any, mode: str) -> Image.Image:
    """The array's numbers as a picture of the mode."""
    return Image.frombytes(mode, (array.shape[1], array.shape[0]), array.tobytes())


def convert_image_dtype(image: Any, dtype: DType = tatamu.float32) -> Tensor:
    """A tensor in another dtype, its values scaled so that white stays white.

    Integers go from 0 to their largest value, floating point from 0 to 1. Raises TypeError for what
    is no tensor, and RuntimeError where the integers have more digits than the floating point.

    >>> convert_image_dtype(tatamu.tensor([[0.0, 0.5, 1.0]]), tatamu.uint8)
    tensor([[  0, 127, 255]], dtype=tatamu.uint8)
    """
    if not isinstance(image, Tensor):
        raise TypeError(refusal("Input img should be Tensor Image", image))
    if image.dtype is dtype:
        return image
    if image.dtype.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        wide = (image.dtype.name, dtype.name)
        if wide in (("float32", "int32"), ("float32", "int64"), ("float64", "int64")):
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        return image.mul(float(largest(dtype)) + 1.0 - 1e-3).to(dtype)
    top = float(largest(image.dtype))
    if dtype.is_floating_point:
        return image.to(dtype) / top
    target = float(largest(dtype))
    if top > target:
        factor = int((top + 1) // (target + 1))
        return tatamu.from_numpy(image.numpy() // factor).to(dtype)
    factor = int((target + 1) // (top + 1))
    return image.to(dtype) * factor
