"""STL-10: photos of ten classes, few with a label and many without."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tatamu.vision.datasets.archived import ArchivedDataset
from tatamu.vision.datasets.binary import read_array
from tatamu.vision.datasets.utils import verify_str_arg
from tatamu.vision.datasets.vision import Transform

__all__ = ["STL10"]


class STL10(ArchivedDataset):
    """Photos of 96 x 96 pixels: ``split`` is "train", "test", "unlabeled" or "train+unlabeled".

    The files lie in ``root/stl10_binary``; ``download=True`` fetches their archive of 2.6 GB.
    ``folds`` takes one of ten parts of the training photos.
    ``data`` is an array (N, 3, 96, 96), read from the file as it is used ("train+unlabeled" needs
    2.9 GB of memory); ``labels`` are -1 where there is none. RuntimeError if a file is missing or
    altered, ValueError for another split or fold.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list: ClassVar[list[list[str]]] = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list: ClassVar[list[list[str]]] = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        self.folds = self._verify_folds(folds)
        self._ensure(download)
        self.data, self.labels = self._load()
        names = self._place(self.class_names_file)
        if os.path.isfile(names):
            self.classes = Path(names).read_text(encoding="utf-8").splitlines()

    def _verify_folds(self, folds: int | None) -> int | None:
        if folds is None or (isinstance(folds, int) and folds in range(10)):
            return folds
        if isinstance(folds, int):
            raise ValueError(
                f"Value for argument folds should be in the range [0, 10), but got {folds}."
            )
        raise ValueError(
            f"Expected type None or int for argument folds, but got type {type(folds)}."
        )

    def _load(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        if self.split == "test":
            return self._photos("test_X.bin"), self._numbers("test_y.bin")
        if self.split == "unlabeled":
            data = self._photos("unlabeled_X.bin")
            return data, np.full(len(data), -1)
        data, labels = self._photos("train_X.bin"), self._numbers("train_y.bin")
        if self.folds is not None:
            lines = Path(self._place(self.folds_list_file)).read_text("utf-8").splitlines()
            chosen = [int(number) for number in lines[self.folds].split()]
            data, labels = data[chosen], labels[chosen]
        if self.split == "train+unlabeled":
            more = self._photos("unlabeled_X.bin")
            data = np.concatenate((data, more))
            labels = np.concatenate((labels, np.full(len(more), -1)))
        return data, labels

    def _photos(self, name: str) -> npt.NDArray[Any]:
        pixels = read_array(self._place(name))
        return pixels.reshape(-1, 3, 96, 96).transpose((0, 1, 3, 2))

    def _numbers(self, name: str) -> npt.NDArray[Any]:
        return read_array(self._place(name)) - np.uint8(1)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        picture = Image.fromarray(self.data[index].transpose((1, 2, 0)))
        return self._transformed(picture, int(self.labels[index]))

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
