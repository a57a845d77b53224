"""What a picture is: a tensor, one of Pillow's, or an array, and how each is told of."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from PIL import Image

from tatamu import Tensor
from tatamu.pitfalls import hint

__all__ = ["described", "is_pillow", "must_be_image", "must_be_pillow", "refusal"]


def is_pillow(img: Any) -> TypeGuard[Image.Image]:
    """Whether it is one of Pillow's pictures."""
    return isinstance(img, Image.Image)


def described(pic: Any) -> str:
    """What a value is, in one line: its kind, shape, dtype and range.

    >>> described(np.zeros((4, 6, 3), np.uint8))
    'a NumPy array of shape (4, 6, 3), uint8, values from 0 to 0'
    >>> described(Image.new("RGB", (6, 4)))
    'a Pillow picture of mode RGB, 6 wide and 4 high'
    """
    if is_pillow(pic):
        return f"a Pillow picture of mode {pic.mode}, {pic.width} wide and {pic.height} high"
    if isinstance(pic, Tensor):
        values = pic.numpy(force=True) if pic.numel() else np.zeros(0)
        dtype = str(pic.dtype).rpartition(".")[2]
        return f"a tensor of shape {tuple(pic.shape)}, {dtype}{_range(values)}"
    if isinstance(pic, np.ndarray):
        return f"a NumPy array of shape {pic.shape}, {pic.dtype}{_range(pic)}"
    return f"a {type(pic).__name__}"


def _range(values: np.ndarray[Any, Any]) -> str:
    if values.size == 0 or values.dtype.kind not in "iufb":
        return ""
    return f", values from {values.min():g} to {values.max():g}"


def refusal(sentence: str, pic: Any, *further: str) -> str:
    """The text of an error: torchvision's sentence, then what was given and what would fit."""
    lines = [sentence, f"got {described(pic)}"]
    shape = tuple(getattr(pic, "shape", ()))
    if len(shape) in (3, 4) and shape[-1] in (1, 3, 4) and shape[-3] not in (1, 3, 4):
        lines.append(hint("hwc"))
    lines.extend(further)
    return "\n  ".join(lines)


def must_be_pillow(img: Any, sentence: str = "img should be PIL Image. Got {}") -> None:
    """Raise TypeError for what is no tensor and none of Pillow's pictures either."""
    if not is_pillow(img):
        convert = "ToTensor() or ToPILImage() converts an array of height × width × channels"
        further = [convert] if isinstance(img, np.ndarray) else []
        raise TypeError(refusal(sentence.format(type(img)), img, *further))


def must_be_image(img: Tensor) -> None:
    """Raise TypeError for a tensor that has fewer than two dimensions."""
    if img.ndim < 2:
        raise TypeError(refusal("Tensor is not a torch image.", img))
