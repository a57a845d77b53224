"""Between pictures, arrays and tensors, and between dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from PIL import Image

import tatamu
from tatamu import Tensor
from tatamu.dtypes import DType
from tatamu.vision import tv_tensors
from tatamu.vision.transforms import functional as F1
from tatamu.vision.transforms.v2 import functional as F
from tatamu.vision.transforms.v2.transform import Transform

__all__ = [
    "ConvertImageDtype",
    "PILToTensor",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToPureTensor",
    "ToTensor",
]


class PILToTensor(Transform):
    """A Pillow picture as a tensor (channels, height, width) of the numbers that it holds."""

    _transformed_types = (Image.Image,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """Tensors, arrays (height, width, channels) and Pillow pictures as tensors that are Images."""

    _transformed_types = (F.is_pure_tensor, Image.Image, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> tv_tensors.Image:
        return F.to_image(inpt)


class ToPILImage(Transform):
    """Tensors and arrays (height, width, channels) as Pillow pictures."""

    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, np.ndarray)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Image.Image:
        return F.to_pil_image(inpt, self.mode)


class ToPureTensor(Transform):
    """Tensors that say what they are as plain tensors."""

    _transformed_types = (tv_tensors.TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return tv_tensors.plain(inpt)


class ToTensor(Transform):
    """As in the first version, with a warning: ToImage and ToDtype take its place."""

    _transformed_types = (Image.Image, np.ndarray)

    def __init__(self) -> None:
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. "
            "Instead, please use `v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, "
            "scale=True)])`.Output is equivalent up to float precision.",
            stacklevel=2,
        )
        super().__init__()

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return F1.to_tensor(inpt)


class ToDtype(Transform):
    """Tensors in another dtype; ``scale`` has white stay white.

    ``dtype`` may be a dictionary by kind of tensor, with "others" for all that it does not name.
    Raises ValueError for what is neither, and for a kind that is not named.
    """

    _transformed_types = (Tensor,)

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, DType)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        dtype = self.dtype
        if isinstance(dtype, dict):
            kind = type(inpt) if type(inpt) in dtype else "others"
            if kind not in dtype:
                raise ValueError(
                    f"No dtype was specified for type {type(inpt)}. If you only need to convert "
                    "the dtype of images or videos, you can just pass e.g. dtype=torch.float32. "
                    'If you\'re passing a dict as dtype, you can use "others" as a catch-all key '
                    'e.g. dtype={tv_tensors.Mask: torch.int64, "others": None} to pass-through '
                    "the rest of the inputs."
                )
            dtype = dtype[kind]
        return inpt if dtype is None else F.to_dtype(inpt, dtype, self.scale)


class ConvertImageDtype(Transform):
    """A tensor in another dtype, its values scaled so that white stays white."""

    def __init__(self, dtype: DType = tatamu.float32) -> None:
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_dtype(inpt, self.dtype, True) if isinstance(inpt, Tensor) else inpt
