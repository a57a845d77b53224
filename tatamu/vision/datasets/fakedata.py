"""Noise in the form of a data set, to try programs with."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamu
from tatamu.vision.datasets.vision import Transform, VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """``size`` pictures of noise of ``image_size`` (C, H, W), in ``num_classes`` classes.

    Sample i is always the same: it is drawn with the seed ``i + random_offset``.

    >>> picture, target = FakeData(size=10, image_size=(3, 4, 6))[2]
    >>> picture.size, target
    ((6, 4), 0)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = tatamu.get_rng_state()
        tatamu.manual_seed(index + self.random_offset)
        values = tatamu.randn(*self.image_size)
        target = tatamu.randint(0, self.num_classes, size=(1,))[0]
        tatamu.set_rng_state(state)
        # What lies beyond 0..1 goes around, as it does in torchvision.
        levels = (values.numpy() * np.float32(255)).astype(np.int64).astype(np.uint8)
        levels = levels.transpose((1, 2, 0))
        picture = Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels)
        picture, target = self._transformed(picture, target)
        return picture, target.item()

    def __len__(self) -> int:
        return self.size
