"""Archives unpacked with care: nothing outside the folder, no links out of it, no flood of bytes.

Each file is written under another name and takes its own once it is whole.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from tarfile import InvalidHeaderError, ReadError, TruncatedHeaderError  # type: ignore[attr-defined]
from typing import IO, Any

from tatamu.errors import compose

__all__ = ["ArchiveError", "extract_archive"]

FREELY = 1 << 30
RATIO = 100
"""An archive may hold as many bytes as this, and as many times its own size more."""

CHUNK = 1 << 20
_OPENERS: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_ALIASES = {".tbz": (".tar", ".bz2"), ".tbz2": (".tar", ".bz2"), ".tgz": (".tar", ".gz")}
# What the standard library raises for damaged archives; RecursionError for links in a ring.
_BROKEN = (
    EOFError, OSError, RecursionError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
_HEADS: Any = (InvalidHeaderError, TruncatedHeaderError)


class ArchiveError(RuntimeError):
    """An archive that is damaged, or that holds what must not be unpacked."""


def extract_archive(
    from_path: str | os.PathLike[str],
    to_path: str | os.PathLike[str] | None = None,
    remove_finished: bool = False,
    *,
    max_bytes: int | None = None,
) -> Any:
    """Unpack a .tar, .zip, .gz, .bz2 or .xz file, or a combination, beside itself or to a folder.

    Returns the folder, or the file that was compressed, as the kind of path that came in.
    ``max_bytes`` bounds what is written; without it that is a gigabyte and a hundred times the
    archive's size, and never more than the disk has free. Raises `ArchiveError` for damage, for
    members that would lie outside the folder, for links out of it, for devices, and beyond the
    bound; RuntimeError for a name without a known suffix.
    """
    source = Path(from_path)
    suffix, archive, compression = _kind(source, from_path)
    folder = source.parent if to_path is None else Path(to_path)
    folder.mkdir(parents=True, exist_ok=True)
    budget = _Budget(source, folder, max_bytes)
    with _damage_named(source):
        if archive == ".tar":
            _unpack_tar(source, folder, compression, budget)
        elif archive == ".zip":
            _unpack_zip(source, folder, budget)
        else:
            folder = folder / source.name.replace(suffix, "")
            with _OPENERS[compression](source, "rb") as packed:
                _write(packed, folder, budget)
    if remove_finished:
        source.unlink()
    return os.fspath(folder) if isinstance(from_path, str) else folder


def _kind(source: Path, given: str | os.PathLike[str]) -> tuple[str, str, str]:
    """The suffix, the kind of archive and the kind of compression, '' where there is none."""
    suffixes = source.suffixes
    if not suffixes:
        raise RuntimeError(
            f"File '{given}' has no suffixes that could be used to detect the archive type and "
            "compression."
        )
    last = suffixes[-1]
    if last in _ALIASES:
        return (last, *_ALIASES[last])
    if last in (".tar", ".zip"):
        return last, last, ""
    if last in _OPENERS:
        if suffixes[-2:-1] in ([".tar"], [".zip"]):
            return suffixes[-2] + last, suffixes[-2], last
        return last, "", last
    known = sorted({*_ALIASES, ".tar", ".zip", *_OPENERS})
    raise RuntimeError(
        f"Unknown compression or archive type: '{last}'.\nKnown suffixes are: '{known}'."
    )


class _Budget:
    """How many bytes may still be written."""

    def __init__(self, source: Path, folder: Path, limit: int | None) -> None:
        self.source = source
        size = source.stat().st_size
        self.limit = FREELY + RATIO * size if limit is None else limit
        self.free = shutil.disk_usage(folder).free
        self.spent = 0

    def spend(self, count: int) -> None:
        self.spent += count
        if self.spent > min(self.limit, self.free):
            size = self.source.stat().st_size
            lines = [f"{self.source} of {size:,} bytes unpacks to more than {self.spent - count:,}"]
            if self.spent > self.free:
                lines.append(f"the disk has {self.free:,} bytes free")
            else:
                lines.append(f"max_bytes={self.limit} is the limit; a larger one may be given")
            raise ArchiveError(compose("the archive holds too much", arithmetic=lines))


@contextmanager
def _damage_named(source: Path) -> Iterator[None]:
    """Say of which file a decompressor's error speaks."""
    try:
        if source.stat().st_size == 0:
            raise EOFError("the file is empty")
        yield
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the archive
        size = source.stat().st_size
        lines = [
            f"{source} ({size:,} bytes) is cut short or damaged",
            "delete it and download it again",
        ]
        sentence = str(error) or type(error).__name__
        raise ArchiveError(compose(sentence, arithmetic=lines)) from error


def _refused(source: Path, name: str, why: str) -> ArchiveError:
    lines = [f"{source} holds {name!r}; nothing of it was unpacked from there on"]
    return ArchiveError(compose(f"the archive holds {why}", arithmetic=lines))


def _place(source: Path, folder: Path, name: str) -> Path:
    """Where a member is to lie. A name counts that any system could take for another place."""
    ways = PurePosixPath(name), PureWindowsPath(name)
    if any(way.anchor or ".." in way.parts for way in ways) or "\0" in name:
        raise _refused(source, name, "a file outside its folder")
    return folder / name


def _write(source: IO[bytes], place: Path, budget: _Budget) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.partial")
    try:
        # No link that lies there is followed.
        partial.unlink(missing_ok=True)
        with open(partial, "xb") as target:
            while chunk := source.read(CHUNK):
                budget.spend(len(chunk))
                target.write(chunk)
        os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)


def _unpack_zip(source: Path, folder: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            place = _place(source, folder, member.filename)
            if member.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            if member.flag_bits & 1:
                raise _refused(source, member.filename, "an encrypted file")
            with archive.open(member) as packed:
                _write(packed, place, budget)


class _Member(tarfile.TarInfo):
    """A damaged head is an error, where tarfile takes it for the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Member:
        try:
            return super().fromtarfile(tarfile)
        except _HEADS as error:
            raise ReadError(str(error)) from error


def _unpack_tar(source: Path, folder: Path, compression: str, budget: _Budget) -> None:
    mode: Any = f"r:{compression[1:]}"
    links: dict[str, str] = {}
    with tarfile.open(source, mode, tarinfo=_Member) as archive:
        for member in archive:
            place = _place(source, folder, member.name)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.issym():
                links[member.name] = member.linkname
            elif member.isfile() or member.islnk():
                with _contents(source, archive, member) as packed:
                    _write(packed, place, budget)
            else:
                raise _refused(source, member.name, "a device")
        assert archive.fileobj is not None
        while rest := archive.fileobj.read(CHUNK):  # its checksum stands at the end
            budget.spend(len(rest))
    # Last, so that no file is written through one of them.
    for name, target in links.items():
        _link(source, folder, name, target)


def _contents(source: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """What a member holds; a hard link has a copy of what lies in the archive under the other."""
    try:
        found = archive.extractfile(member)
    except KeyError as error:
        raise _refused(source, f"{member.name} -> {member.linkname}", "a link out") from error
    if found is None:
        raise _refused(source, f"{member.name} -> {member.linkname}", "a link to no file")
    return found


def _link(source: Path, folder: Path, name: str, target: str) -> None:
    place = folder / name
    parents = PurePosixPath(name).parts[:-1]
    direct = os.path.realpath(folder.joinpath(*parents))
    if direct != os.path.join(os.path.realpath(folder), *parents):
        raise _refused(source, f"{name} -> {target}", "a link behind a link")
    if not _stays(PurePosixPath(name), target):
        raise _refused(source, f"{name} -> {target}", "a link out")
    if place.is_dir() and not place.is_symlink():
        raise _refused(source, f"{name} -> {target}", "a link in place of a folder")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def _stays(name: PurePosixPath, target: str) -> bool:
    """Whether a link leads to a place in the folder, whatever links there may be in it.

    It may climb at its beginning alone, from folders that are no links; behind the name of another
    link a step up could lead anywhere.
    """
    if PurePosixPath(target).is_absolute() or PureWindowsPath(target).anchor:
        return False
    steps = PurePosixPath(target.replace("\\", "/")).parts
    climbs = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    return climbs < len(name.parts) and ".." not in steps[climbs:]
