"""What published weights want done to a picture before it is given to their network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from tatamu import naming, nn
from tatamu.tensor import Tensor

__all__ = ["ImageClassification"]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@naming.known_as("torchvision.transforms._presets.ImageClassification")
class ImageClassification(nn.Module):
    """Resize the shorter side, cut out the middle, scale to [0, 1], then by mean and deviation.

    It takes a PIL picture or a tensor (..., C, H, W) and gives a float tensor (..., C, H, W).
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        interpolation: Any = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = _transforms().InterpolationMode(interpolation)
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        F = _transforms().functional
        img = F.resize(
            img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias
        )
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        img = F.convert_image_dtype(img)
        made: Tensor = F.normalize(img, mean=self.mean, std=self.std)
        return made

    def __repr__(self) -> str:
        names = ("crop_size", "resize_size", "mean", "std", "interpolation")
        lines = "".join(f"\n    {name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}({lines}\n)"


def _transforms() -> Any:
    # Pictures are worked on when there is one: models alone need none of it.
    return import_module("tatamu.vision.transforms")
