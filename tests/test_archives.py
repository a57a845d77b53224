"""Archives: what may be unpacked, what must not, and where nothing may ever lie."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tatamu.vision.datasets import archives
from tatamu.vision.datasets.archives import ArchiveError
from tatamu.vision.datasets.utils import download_and_extract_archive, extract_archive

TEXT = b"some text\n" * 1000


def tar(path: Path, *members: tuple[str, bytes | str | None, Any], mode: str = "w") -> Path:
    """Members are a name, contents or where a link leads to, and one of tarfile's types."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if isinstance(data, str):
                info.linkname = data
            elif data is not None:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return path


def file(name: str, data: bytes = TEXT) -> tuple[str, bytes, bytes]:
    return name, data, tarfile.REGTYPE


def link(name: str, target: str) -> tuple[str, str, bytes]:
    return name, target, tarfile.SYMTYPE


def zipped(path: Path, *names: str, data: bytes = TEXT) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    return path


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder to unpack to; what lies beside it must stay as it is."""
    (tmp_path / "beside").write_text("untouched")
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.bz2", "w:bz2"), ("tbz", "w:bz2"),
     ("tbz2", "w:bz2"), ("tar.xz", "w:xz")],
)  # fmt: skip
def test_tar(out: Path, suffix: str, mode: str) -> None:
    members = [("a", None, tarfile.DIRTYPE), file("a/b.txt"), file("./c/d.txt", b"")]
    path = tar(out.parent / f"x.{suffix}", *members, mode=mode)
    assert extract_archive(str(path), str(out)) == str(out)
    assert everything(out) == ["a", "a/b.txt", "c", "c/d.txt"]
    assert (out / "a" / "b.txt").read_bytes() == TEXT
    assert path.is_file()


def test_zip_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = zipped(tmp_path / "in" / "x.zip", "a/", "a/b.txt", "c.txt")
    assert extract_archive(path, remove_finished=True) == tmp_path / "in"
    assert everything(tmp_path / "in") == ["a", "a/b.txt", "c.txt"]


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_single_file(out: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    path = out.parent / f"x.txt.{suffix}"
    path.write_bytes(pack(TEXT))
    assert extract_archive(path, out) == out / "x.txt"
    assert (out / "x.txt").read_bytes() == TEXT


def test_links_within_the_folder(out: Path) -> None:
    members = [link("a/up", "../b.txt"), link("here", "a"), file("b.txt"), file("a/deep/c.txt")]
    hard = ("hard.txt", "b.txt", tarfile.LNKTYPE)
    extract_archive(tar(out.parent / "x.tar", *members, hard), out)
    assert os.readlink(out / "a" / "up") == "../b.txt"
    assert (out / "here" / "up").read_bytes() == TEXT
    assert not (out / "hard.txt").is_symlink()
    assert (out / "hard.txt").read_bytes() == TEXT
    assert (out / "hard.txt").stat().st_nlink == 1


OUTSIDE = ["../evil", "a/../../evil", "/evil", "a/..", "C:evil", "C:\\evil", "..\\evil", "a\\..\\b",
           "//server/share/evil", "\\\\server\\share\\evil"]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["tar", "zip", "folder"])
def test_files_outside(out: Path, name: str, kind: str) -> None:
    if kind == "zip":
        path = zipped(out.parent / "x.zip", "good.txt", name)
    elif kind == "tar":
        path = tar(out.parent / "x.tar", file("good.txt"), file(name))
    else:
        path = tar(out.parent / "x.tar", file("good.txt"), (name, None, tarfile.DIRTYPE))
    with pytest.raises(ArchiveError, match="the archive holds a file outside its folder") as e:
        extract_archive(path, out)
    assert f"  {path} holds '" in str(e.value)
    assert everything(out.parent) == sorted(["beside", "out", "out/good.txt", path.name])


def test_absolute_path_of_a_real_place(out: Path) -> None:
    path = tar(out.parent / "x.tar", file(str(out.parent / "beside")))
    with pytest.raises(ArchiveError, match="a file outside its folder"):
        extract_archive(path, out)
    assert (out.parent / "beside").read_text() == "untouched"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([link("evil", "../beside")], "a link out"),
        ([link("evil", "/etc/passwd")], "a link out"),
        ([link("evil", "C:\\windows")], "a link out"),
        ([link("evil", "..\\beside")], "a link out"),
        ([link("a/evil", "../../beside")], "a link out"),
        ([link("d", "."), link("evil", "d/../beside")], "a link out"),
        ([link("evil", "../out/../beside")], "a link out"),
        ([link("a/b/deep", "../../c"), link("a/b/deep/evil", "../../../beside")],
         "a link behind a link"),
        ([("evil", "../beside", tarfile.LNKTYPE)], "a link out"),
        ([("evil", "nothing", tarfile.LNKTYPE)], "a link out"),
        ([("f", None, tarfile.DIRTYPE), ("evil", "f", tarfile.LNKTYPE)], "a link to no file"),
        ([link("f", "x"), file("f/g")], "a link in place of a folder"),
        ([("evil", None, tarfile.CHRTYPE)], "a device"),
        ([("evil", None, tarfile.FIFOTYPE)], "a device"),
    ],
)  # fmt: skip
def test_links_out_and_devices(out: Path, members: list[Any], why: str) -> None:
    path = tar(out.parent / "x.tar", *members)
    with pytest.raises(ArchiveError, match=f"the archive holds {why}") as caught:
        extract_archive(path, out)
    assert "nothing of it was unpacked from there on" in str(caught.value)
    assert (out.parent / "beside").read_text() == "untouched"
    assert sorted(os.listdir(out.parent)) == ["beside", "out", "x.tar"]
    for found in out.rglob("*"):
        assert out.resolve() in [found.resolve(), *found.resolve().parents]


def test_nothing_is_written_through_a_link(out: Path) -> None:
    """Files first, then links: a name that is both has been a folder of the archive's own."""
    path = tar(out.parent / "x.tar", link("a", ".."), file("a/beside", b"evil"))
    with pytest.raises(ArchiveError, match="the archive holds a link"):
        extract_archive(path, out)
    assert (out.parent / "beside").read_text() == "untouched"


def test_links_that_lie_there_are_replaced(out: Path) -> None:
    (out / "a.txt").symlink_to(out.parent / "beside")
    (out / "b.txt.partial").symlink_to(out.parent / "beside")
    extract_archive(tar(out.parent / "x.tar", file("a.txt"), file("b.txt")), out)
    assert (out.parent / "beside").read_text() == "untouched"
    assert (out / "a.txt").read_bytes() == (out / "b.txt").read_bytes() == TEXT


def test_links_in_a_ring(out: Path) -> None:
    ring = [link("a", "b"), link("b", "a"), ("c", "a", tarfile.LNKTYPE)]
    with pytest.raises(ArchiveError, match="recursion"):
        extract_archive(tar(out.parent / "x.tar", *ring), out)


@pytest.mark.parametrize("kind", ["tar.gz", "zip", "gz", "bz2", "xz"])
def test_flood(out: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros that take a thousandth of their place: stopped at the bound, and nothing left."""
    flood = bytes(1 << 22)
    path = out.parent / f"x.{kind}"
    if kind == "tar.gz":
        tar(path, file("zeros", flood), mode="w:gz")
    elif kind == "zip":
        zipped(path, "zeros", data=flood)
    else:
        pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind]
        path.write_bytes(pack(flood))
    with pytest.raises(ArchiveError, match="the archive holds too much") as caught:
        extract_archive(path, out, max_bytes=1 << 21)
    size = path.stat().st_size
    assert f"{path} of {size:,} bytes unpacks to more than 2,097,152" in str(caught.value)
    assert "max_bytes=2097152 is the limit; a larger one may be given" in str(caught.value)
    assert everything(out) == []
    extract_archive(path, out)
    monkeypatch.setattr(archives, "FREELY", 1000)
    with pytest.raises(ArchiveError, match="the archive holds too much"):
        extract_archive(path, out)


def test_full_disk(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = archives.shutil.disk_usage(out)._replace(free=5000)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(ArchiveError, match="the disk has 5,000 bytes free"):
        extract_archive(zipped(out.parent / "x.zip", "a"), out)
    assert everything(out) == []


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip", "gz", "bz2", "xz"])
@pytest.mark.parametrize("damage", ["cut", "altered", "other", "empty"])
def test_damage(out: Path, kind: str, damage: str) -> None:
    path = out.parent / f"x.{kind}"
    noise = os.urandom(5000)
    if kind.startswith("tar"):
        tar(path, file("a"), file("b", noise), mode=f"w:{kind[4:]}")
    elif kind == "zip":
        zipped(path, "a", data=noise)
    else:
        pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind]
        path.write_bytes(pack(noise))
    whole = path.read_bytes()
    middle = len(whole) // 2
    data = {
        "cut": whole[: middle + 700],
        "altered": whole[:middle] + bytes(b ^ 0xFF for b in whole[middle : middle + 99])
        + whole[middle + 99 :],
        "other": b"<html>no archive</html>" * 99,
        "empty": b"",
    }[damage]  # fmt: skip
    if (kind, damage) == ("tar", "altered"):
        pytest.skip("the format has no checksum of contents")
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="is cut short or damaged") as caught:
        extract_archive(path, out)
    assert f"\n  {path} ({len(data):,} bytes) is cut short or damaged\n" in str(caught.value)
    assert "delete it and download it again" in str(caught.value)
    # A tar's files are placed one by one; the checksum of all stands behind the last.
    whole_ones = {"a", "b"} if kind.startswith("tar") else set()
    assert set(everything(out)) <= whole_ones


def test_damaged_head_is_not_the_end(out: Path) -> None:
    path = tar(out.parent / "x.tar", file("a", b"a"), file("b", b"b"))
    data = bytearray(path.read_bytes())
    data[1024 + 150] ^= 0xFF  # in the checksum of the second head
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="is cut short or damaged"):
        extract_archive(path, out)
    assert everything(out) == ["a"]


def test_encrypted(out: Path) -> None:
    path = zipped(out.parent / "x.zip", "a")
    data = bytearray(path.read_bytes())
    data[6] |= 1  # of the file, and of the directory's entry for it
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="the archive holds an encrypted file"):
        extract_archive(path, out)


def test_a_place_that_cannot_be_written(out: Path) -> None:
    """The disk's own errors stay what they are."""
    (out / "a").write_text("a file where a folder must be")
    with pytest.raises(FileExistsError):
        extract_archive(tar(out.parent / "x.tar", file("a/b")), out)


def test_download_and_extract(out: Path) -> None:
    path = zipped(out.parent / "x.zip", "a/b.txt")
    download_and_extract_archive(path.as_uri(), out, out / "to", "y.zip", remove_finished=True)
    assert everything(out) == ["to", "to/a", "to/a/b.txt"]
