"""Files of data sets: fetched, checked, unpacked, listed; under torchvision's names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tatamu.download import digest, fetch
from tatamu.errors import compose
from tatamu.vision.datasets.archives import extract_archive

__all__ = [
    "calculate_md5", "check_integrity", "check_md5", "download_and_extract_archive",
    "download_url", "extract_archive", "iterable_to_str", "list_dir", "list_files",
    "verify_str_arg",
]  # fmt: skip

Place = str | os.PathLike[str]


def calculate_md5(fpath: Place, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 checksum of a file. It tells damage, not a forger's work."""
    return digest(fpath, "md5")


def check_md5(fpath: Place, md5: str, **kwargs: Any) -> bool:
    """Whether a file has this checksum."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: Place, md5: str | None = None) -> bool:
    """Whether a file is there, and has the checksum if one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(
    url: str,
    root: Place,
    filename: Place | None = None,
    md5: str | None = None,
    max_redirect_hops: int = 3,
) -> None:
    """Put the file of an address into the folder ``root``, under its own name or ``filename``.

    Nothing is done if it is there with the right checksum. See `tatamu.download.fetch` for what is
    raised; redirects are followed as urllib follows them, whatever ``max_redirect_hops`` says.
    """
    path = _path_of(url, root, filename)
    if not check_integrity(path, md5):
        fetch(url, path, md5=md5)


def download_and_extract_archive(
    url: str,
    download_root: Place,
    extract_root: Place | None = None,
    filename: Place | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """`download_url`, then `extract_archive` into ``extract_root`` or the same folder."""
    folder = os.path.expanduser(download_root)
    download_url(url, folder, filename, md5)
    archive = _path_of(url, folder, filename)
    extract_archive(archive, folder if extract_root is None else extract_root, remove_finished)


def _path_of(url: str, root: Place, filename: Place | None) -> str:
    return os.path.join(os.path.expanduser(root), filename or os.path.basename(url))


def list_dir(root: Place, prefix: bool = False) -> list[str]:
    """The names of the folders in a folder, or with ``prefix`` their paths."""
    return _listed(root, prefix, os.path.isdir, "")


def list_files(root: Place, suffix: str | tuple[str, ...], prefix: bool = False) -> list[str]:
    """The names of the files in a folder that end with ``suffix``, or with ``prefix`` the paths."""
    return _listed(root, prefix, os.path.isfile, suffix)


def _listed(root: Place, prefix: bool, kind: Any, suffix: str | tuple[str, ...]) -> list[str]:
    folder = os.path.expanduser(root)
    names = [name for name in os.listdir(folder) if name.endswith(suffix)]
    paths = {name: os.path.join(folder, name) for name in names}
    return [paths[name] if prefix is True else name for name in names if kind(paths[name])]


def iterable_to_str(iterable: Iterable[Any]) -> str:
    """Items in quotes, with commas between.

    >>> iterable_to_str(["train", "test"])
    "'train', 'test'"
    """
    return "'" + "', '".join(str(item) for item in iterable) + "'"


def verify_str_arg(
    value: Any,
    arg: str | None = None,
    valid_values: Iterable[str] | None = None,
    custom_msg: str | None = None,
) -> Any:
    """The value of an argument. ValueError unless it is text, and one of the valid ones.

    >>> verify_str_arg("trian", "split", ("train", "test"))
    Traceback (most recent call last):
        ...
    ValueError: Unknown value 'trian' for argument split. Valid values are {'train', 'test'}.
    """
    if not isinstance(value, str):
        place = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{place}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        raise ValueError(
            custom_msg
            or f"Unknown value '{value}' for argument {arg}. "
            f"Valid values are {{{iterable_to_str(valid_values)}}}."
        )
    return value


def not_found(sentence: str, files: Iterable[tuple[str, str | None]]) -> RuntimeError:
    """The error about a data set of which files are missing or altered: which, and what to do."""
    missing, altered = [], []
    for path, md5 in files:
        if not os.path.isfile(path):
            missing.append(path)
        elif not check_integrity(path, md5):
            size = os.path.getsize(path)
            altered.append(f"{path} ({size:,} bytes) has md5 {calculate_md5(path)}; expected {md5}")
    lines = [*(f"there is no file {path}" for path in missing), *altered]
    if altered:
        lines.append("download=True fetches the archive anew where it is altered, and unpacks it")
    return RuntimeError(compose(sentence, arithmetic=lines))
