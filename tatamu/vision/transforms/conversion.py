"""Pictures to tensors and back, as transforms."""

from __future__ import annotations

from typing import Any

from PIL import Image

from tatamu import Tensor, nn
from tatamu.dtypes import DType
from tatamu.vision.transforms import functional as F

__all__ = ["ConvertImageDtype", "PILToTensor", "ToPILImage", "ToTensor"]


class ToTensor:
    """A picture (height, width, channels) as a tensor (channels, height, width).

    Bytes become float32 from 0 to 1; an array of any other dtype keeps its values and its dtype.
    ``order="BGR"`` is for arrays whose channels begin with blue, as OpenCV's do. What is refused is
    told in ``functional.to_tensor``.

    >>> ToTensor()(Image.new("RGB", (4, 2))).shape
    tatamu.Size([3, 2, 4])
    """

    def __init__(self, order: str = "RGB") -> None:
        self.order = order

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic, self.order)

    def __repr__(self) -> str:
        shown = "" if self.order == "RGB" else f"order={self.order!r}"
        return f"{type(self).__name__}({shown})"


class PILToTensor:
    """A Pillow picture as a tensor (channels, height, width) of the numbers that it holds."""

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ConvertImageDtype(nn.Module):
    """A tensor in another dtype, its values scaled so that white stays white."""

    def __init__(self, dtype: DType) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """A tensor (channels, height, width) or array (height, width, channels) as Pillow's picture.

    ``mode`` and ``order`` are those of ``functional.to_pil_image``.
    """

    def __init__(self, mode: str | None = None, order: str = "RGB") -> None:
        self.mode = mode
        self.order = order

    def __call__(self, pic: Any) -> Image.Image:
        return F.to_pil_image(pic, self.mode, self.order)

    def __repr__(self) -> str:
        shown = [] if self.mode is None else [f"mode={self.mode}"]
        shown += [] if self.order == "RGB" else [f"order={self.order!r}"]
        return f"{type(self).__name__}({', '.join(shown)})"
