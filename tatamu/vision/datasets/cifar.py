"""CIFAR-10 and CIFAR-100: 60,000 small photos in ten or a hundred classes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from tatamu.vision.datasets.archived import ArchivedDataset
from tatamu.vision.datasets.utils import check_integrity, not_found
from tatamu.vision.datasets.vision import Transform

__all__ = ["CIFAR10", "CIFAR100"]


class CIFAR10(ArchivedDataset):
    """60,000 photos of 32 x 32 pixels in ten classes: 50,000 to train with, 10,000 to test with.

    The files lie in ``root/cifar-10-batches-py``; ``download=True`` fetches them if one is missing
    or altered, which is a RuntimeError otherwise. ``data`` is an array (N, 32, 32, 3), ``targets``
    a list of numbers, ``classes`` their names. A sample is a picture of Pillow and its number, as
    the transforms make them.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar[list[list[str]]] = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: ClassVar[list[list[str]]] = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
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
        self.train = train
        self._ensure(download)
        self.targets: list[int] = []
        parts = []
        for name, _ in self.train_list if train else self.test_list:
            entry = _unpickled(self._place(name))
            parts.append(entry["data"])
            self.targets.extend(entry["labels"] if "labels" in entry else entry["fine_labels"])
        self.data = np.vstack(parts).reshape(-1, 3, 32, 32).transpose((0, 2, 3, 1))
        self._load_meta()

    def _load_meta(self) -> None:
        path, md5 = self._place(self.meta["filename"]), self.meta["md5"]
        if not check_integrity(path, md5):
            sentence = (
                "Dataset metadata file not found or corrupted. "
                "You can use download=True to download it"
            )
            raise not_found(sentence, [(path, md5)])
        self.classes: list[str] = _unpickled(path)[self.meta["key"]]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self._transformed(Image.fromarray(self.data[index]), self.targets[index])

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """`CIFAR10` with a hundred classes, in ``root/cifar-100-python``."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: ClassVar[list[list[str]]] = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list: ClassVar[list[list[str]]] = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes that Python 3 wrote in the format of Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are written as latin1 text, not as {encoding}")
    return text.encode(encoding)


_reconstruct = np.zeros(1).__reduce__()[0]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encoded,
}


class _Arrays(pickle.Unpickler):
    """Reads arrays, lists and dicts; runs nothing that a file asks for."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="latin1")
        self.name = file.name

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"{self.name} asks for {module}.{name}, which no batch of CIFAR holds\n"
                "  nothing of it was run; delete the file and download it again"
            )
        return _ALLOWED[module, name]


def _unpickled(path: str) -> Any:
    with open(path, "rb") as file:
        return _Arrays(file).load()
