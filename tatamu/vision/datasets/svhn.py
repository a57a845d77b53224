"""SVHN: house numbers, photographed from the street."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tatamu.vision.datasets.mat import read_mat
from tatamu.vision.datasets.utils import check_integrity, download_url, not_found, verify_str_arg
from tatamu.vision.datasets.vision import Transform, VisionDataset

__all__ = ["SVHN"]


class SVHN(VisionDataset):
    """Digits of house numbers, 32 x 32 pixels; ``split`` is "train", "test" or "extra".

    The files are ``root/train_32x32.mat`` and its like. ``data`` is an array (N, 3, 32, 32),
    ``labels`` one of int64, in which the file's 10 has become the digit 0 that it stands for.
    RuntimeError if the file is missing or altered.
    """

    split_list: ClassVar[dict[str, list[str]]] = {
        "train": [
            "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
            "train_32x32.mat",
            "e26dedcc434d2e4c54c9b2d4a06d8373",
        ],
        "test": [
            "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
            "test_32x32.mat",
            "eb5a983be6a315427106f1b164d9cef3",
        ],
        "extra": [
            "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat",
            "extra_32x32.mat",
            "a93ce644f1a588dc4d68dda5feec44a7",
        ],
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not self._check_integrity():
            sentence = "Dataset not found or corrupted. You can use download=True to download it"
            raise not_found(sentence, [(path, self.file_md5)])
        arrays = read_mat(path)
        self.data = arrays["X"].transpose((3, 2, 0, 1))
        self.labels = arrays["y"].astype(np.int64).squeeze()
        np.place(self.labels, self.labels == 10, 0)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        picture = Image.fromarray(self.data[index].transpose((1, 2, 0)))
        return self._transformed(picture, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def _check_integrity(self) -> bool:
        return check_integrity(os.path.join(self.root, self.filename), self.file_md5)

    def download(self) -> None:
        """Fetch the file, unless it is there and right."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
