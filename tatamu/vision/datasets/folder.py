"""Folders of files as data sets: each folder is a class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tatamu.errors import compose
from tatamu.vision.datasets.vision import Transform, VisionDataset

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader", "find_classes",
    "has_file_allowed_extension", "is_image_file", "make_dataset", "pil_loader",
]  # fmt: skip

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Samples = list[tuple[str, int]]


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a name ends with one of the extensions, small letters or capitals.

    >>> has_file_allowed_extension("a.NPY", (".npy", ".npz"))
    True
    """
    return filename.lower().endswith(extensions if isinstance(extensions, str) else (*extensions,))


def is_image_file(filename: str) -> bool:
    """Whether a name is one of a picture.

    >>> is_image_file("cat.JPG"), is_image_file("cat.txt")
    (True, False)
    """
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, sorted, and the number of each.

    FileNotFoundError if it has none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        lines = [
            "each class is a folder: root/cat/1.jpg, root/dog/2.jpg",
            f"{directory} holds {_listed(directory)}",
        ]
        sentence = f"Couldn't find any class folder in {directory}."
        raise FileNotFoundError(compose(sentence, arithmetic=lines))
    return classes, {name: index for index, name in enumerate(classes)}


def _listed(directory: str | Path) -> str:
    names = sorted(os.listdir(directory))
    if not names:
        return "nothing"
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> Samples:
    """(path, class number) of every file in the folders of the classes, and in those below them.

    Files count that end with one of ``extensions``, or of which ``is_valid_file`` says so.
    ValueError for both or none of these and for no classes at all; FileNotFoundError for a class
    without a file unless ``allow_empty``.
    """
    folder = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(folder)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    found: dict[str, Samples] = {}
    for name in sorted(class_to_idx):
        files = _files_below(os.path.join(folder, name))
        if extensions is not None:
            good = [path for path in files if has_file_allowed_extension(path, extensions)]
        else:
            assert is_valid_file is not None
            good = [path for path in files if is_valid_file(path)]
        found[name] = [(path, class_to_idx[name]) for path in good]
    empty = sorted(name for name, samples in found.items() if not samples)
    if empty and not allow_empty:
        raise FileNotFoundError(_empty(folder, empty, extensions))
    return [sample for samples in found.values() for sample in samples]


def _files_below(folder: str) -> list[str]:
    walked = sorted(os.walk(folder, followlinks=True))
    return [os.path.join(place, name) for place, _, names in walked for name in sorted(names)]


def _empty(folder: str, classes: list[str], extensions: str | tuple[str, ...] | None) -> str:
    sentence = f"Found no valid file for the classes {', '.join(classes)}. "
    if extensions is not None:
        listed = extensions if isinstance(extensions, str) else ", ".join(extensions)
        sentence += f"Supported extensions are: {listed}"
    lines = [
        f"{os.path.join(folder, name)} holds {_listed(os.path.join(folder, name))}"
        for name in classes[:5]
        if os.path.isdir(os.path.join(folder, name))
    ]
    return compose(sentence, arithmetic=[*lines, "allow_empty=True takes empty classes"])


def pil_loader(path: str | Path) -> Image.Image:
    """The picture of a file as RGB.

    >>> from importlib.resources import files
    >>> pil_loader(str(files("tatamu") / "data" / "cat.jpg")).mode
    'RGB'
    """
    from PIL import Image

    try:
        with open(path, "rb") as file:
            return Image.open(file).convert("RGB")
    except OSError as error:
        if error.errno is None:  # Pillow speaks of the file object, or of none
            size = os.path.getsize(path)
            error.args = (f"{error}\n  {path} ({size:,} bytes) is cut short or is no picture",)
        raise


def default_loader(path: str | Path) -> Image.Image:
    """The loader of `ImageFolder`."""
    return pil_loader(path)


class DatasetFolder(VisionDataset):
    """Files of any kind, read by ``loader``; the folder a file lies in is its class.

    ``classes`` are the names of the folders, ``class_to_idx`` their numbers, ``samples`` pairs of
    path and number, ``targets`` the numbers. ``find_classes`` may be overridden. For what is raised
    see `make_dataset`.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root,
            class_to_idx=self.class_to_idx,
            extensions=extensions,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [number for _, number in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> Samples:
        """The samples of a folder; may be overridden. ValueError without classes."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes of a folder and their numbers; may be overridden."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Pictures in folders: ``root/cat/1.jpg``, ``root/dog/2.jpg``; the folders are the classes.

    A sample is the picture as ``transform`` makes it, and the number of its class. ``imgs`` is
    another name of ``samples``. For the rest see `DatasetFolder`.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform=transform,
            target_transform=target_transform,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.imgs = self.samples
