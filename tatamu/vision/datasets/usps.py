"""USPS: digits from envelopes."""

from __future__ import annotations

import bz2
import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tatamu.errors import compose
from tatamu.vision.datasets.utils import download_url
from tatamu.vision.datasets.vision import Transform, VisionDataset

__all__ = ["USPS"]


class USPS(VisionDataset):
    """9,298 digits of 16 x 16 pixels: 7,291 to train with, 2,007 to test with.

    The files are ``root/usps.bz2`` and ``root/usps.t.bz2``. ``data`` is an array (N, 16, 16) of
    bytes, ``targets`` a list. FileNotFoundError if the file is missing, ValueError if it is
    damaged.
    """

    split_list: ClassVar[dict[str, list[str]]] = {
        "train": [
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
            "usps.bz2",
            "ec16c51db3855ca6c91edd34d0e9b197",
        ],
        "test": [
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2",
            "usps.t.bz2",
            "8ea070ee2aca1ac39742fdd1ef5ed118",
        ],
    }

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        url, name, md5 = self.split_list["train" if train else "test"]
        path = os.path.join(self.root, name)
        if download:
            download_url(url, self.root, name, md5=md5)
        if not os.path.isfile(path):
            error = FileNotFoundError(2, os.strerror(2), path)
            raise FileNotFoundError(f"{error}\n  download=True downloads it")
        try:
            self.data, self.targets = _read(path)
        except (EOFError, OSError, ValueError) as error:
            size = os.path.getsize(path)
            lines = [
                f"{path} ({size:,} bytes) is cut short or altered",
                "download=True fetches it anew",
            ]
            raise ValueError(compose(str(error), arithmetic=lines)) from error

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self._transformed(Image.fromarray(self.data[index]), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)


def _read(path: str) -> tuple[Any, list[int]]:
    """Lines of ``label 1:value 2:value ...``; labels count from 1, values go from -1 to 1."""
    with bz2.open(path, "rt", encoding="ascii") as file:
        rows = [line.split() for line in file]
    values = [[item.rpartition(":")[2] for item in row[1:]] for row in rows]
    pictures = np.array(values, dtype=np.float32).reshape((-1, 16, 16))
    return ((pictures + 1) / 2 * 255).astype(np.uint8), [int(row[0]) - 1 for row in rows]
