"""What data sets have in common whose files come in one archive, each with its checksum."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from tatamu.vision.datasets.utils import check_integrity, download_and_extract_archive, not_found
from tatamu.vision.datasets.vision import VisionDataset

__all__ = ["ArchivedDataset"]


class ArchivedDataset(VisionDataset):
    """The base of data sets whose archive ``url`` unpacks into ``root/base_folder``.

    ``train_list`` and ``test_list`` name the files that are used, each with its MD5.
    """

    base_folder: str
    url: str
    filename: str
    tgz_md5: str
    train_list: ClassVar[list[list[str]]]
    test_list: ClassVar[list[list[str]]]
    data: Any

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """Fetch the archive and unpack it, unless all files are there and right."""
        if not self._check_integrity():
            download_and_extract_archive(
                self.url, self.root, filename=self.filename, md5=self.tgz_md5
            )

    def _ensure(self, download: bool) -> None:
        """RuntimeError unless all files are there and right, after a download if asked for.

        Files that are right already are read once only: those of STL-10 take 3 GB.
        """
        if self._check_integrity():
            return
        if download:
            self.download()
            if self._check_integrity():
                return
        sentence = "Dataset not found or corrupted. You can use download=True to download it"
        raise not_found(sentence, self._files())

    def _place(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _files(self) -> list[tuple[str, str | None]]:
        return [(self._place(name), md5) for name, md5 in [*self.train_list, *self.test_list]]

    def _check_integrity(self) -> bool:
        return all(check_integrity(path, md5) for path, md5 in self._files())
