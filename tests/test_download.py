"""Downloads: resumed, checked, placed whole; every failure with its sentence and no trace."""

from __future__ import annotations

import hashlib
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from file_server import FileServer, serving

from tatamu import download
from tatamu.download import ChecksumError, DownloadError, fetch

DATA = bytes(range(256)) * 2000
SHA = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as one:
        one.files["a.bin"] = DATA
        yield one


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("check", [{}, {"md5": MD5}, {"sha256": SHA[:8]}, {"sha256": SHA.upper()}])
def test_file_arrives(server: FileServer, tmp_path: Path, check: dict[str, str]) -> None:
    place = fetch(server.url + "a.bin", tmp_path / "new" / "a.bin", **check)
    assert place.read_bytes() == DATA
    assert names(place.parent) == ["a.bin"]


@pytest.mark.parametrize("check", [{}, {"sha256": SHA}])
def test_broken_connection_is_taken_up(
    server: FileServer, tmp_path: Path, check: dict[str, str]
) -> None:
    server.cut = [1000, 70_000, 5]
    fetch(server.url + "a.bin", tmp_path / "a.bin", **check)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    starts = [None, "bytes=1000-", "bytes=71000-", "bytes=71005-"]
    assert [asked for _, asked in server.asked] == starts


@pytest.mark.parametrize("check", [{}, {"sha256": SHA}])
def test_server_without_ranges_sends_all_again(
    server: FileServer, tmp_path: Path, check: dict[str, str]
) -> None:
    server.cut, server.resumes = [1000], False
    fetch(server.url + "a.bin", tmp_path / "a.bin", **check)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_versions_are_not_joined(server: FileServer, tmp_path: Path) -> None:
    """Without a checksum a file that changed between two connections is fetched whole."""
    server.cut, server.etag = [1000], None
    fetch(server.url + "a.bin", tmp_path / "a.bin")
    assert [asked for _, asked in server.asked] == [None, None]


def test_nothing_more_arrives(server: FileServer, tmp_path: Path) -> None:
    server.cut = [1000, 0]
    with pytest.raises(DownloadError, match="<urlopen error the connection was closed>") as caught:
        fetch(server.url + "a.bin", tmp_path / "a.bin", md5=MD5)
    assert f"after 1,000 of 512,000 bytes of {server.url}a.bin" in str(caught.value)
    assert "1,000 bytes are kept: the next download goes on from there" in str(caught.value)
    assert names(tmp_path) == ["a.bin.partial"]
    fetch(server.url + "a.bin", tmp_path / "a.bin", md5=MD5)
    assert server.asked[-1] == ("/a.bin", "bytes=1000-")
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert names(tmp_path) == ["a.bin"]


def test_without_a_checksum_nothing_is_kept(server: FileServer, tmp_path: Path) -> None:
    server.cut = [1000, 0]
    with pytest.raises(DownloadError, match="after 1,000 of 512,000 bytes") as caught:
        fetch(server.url + "a.bin", tmp_path / "a.bin")
    assert "kept" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("rest", [b"other", DATA, DATA + b"more"])
def test_leftovers_are_proven(server: FileServer, tmp_path: Path, rest: bytes) -> None:
    """What an earlier call left may be wrong, whole or too long: the checksum decides."""
    (tmp_path / "a.bin.partial").write_bytes(rest)
    fetch(server.url + "a.bin", tmp_path / "a.bin", md5=MD5)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert names(tmp_path) == ["a.bin"]


def test_other_contents(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"before")
    server.files["a.bin"] = b"altered"
    found = hashlib.sha256(b"altered").hexdigest()
    with pytest.raises(ChecksumError, match="invalid hash value") as caught:
        fetch(server.url + "a.bin", tmp_path / "a.bin", sha256=SHA[:8])
    first, second = str(caught.value).split("\n")
    assert first == f'invalid hash value (expected "{SHA[:8]}", got "{found}")'
    expected = f"gave 7 bytes with sha256 {found}; expected sha256 {SHA[:8]}"
    assert second == f"  {server.url}a.bin {expected}"
    assert names(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"before"


def test_login_page(server: FileServer, tmp_path: Path) -> None:
    server.files["a.bin"] = b"\n<!DOCTYPE html><title>Sign in</title>"
    with pytest.raises(ChecksumError, match=r"File not found or corrupted\.") as caught:
        fetch(server.url + "a.bin", tmp_path / "a.bin", md5=MD5)
    assert "a proxy or a login page answered in its place" in str(caught.value)


def test_missing_file(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="HTTP Error 404: Not Found") as caught:
        fetch(server.url + "b.bin", tmp_path / "b.bin")
    assert caught.value.code == 404
    assert isinstance(caught.value, URLError)
    assert isinstance(caught.value, RuntimeError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert names(tmp_path) == []


def test_no_connection(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.bin"
        with pytest.raises(DownloadError, match=r"<urlopen error .*refused") as caught:
            fetch(url, tmp_path / "a.bin")
    assert f"  {url}\n" in str(caught.value)
    assert f"put it at\n    {tmp_path / 'a.bin'}" in str(caught.value)


def test_mirrors(server: FileServer, tmp_path: Path) -> None:
    server.files["altered/a.bin"] = b"altered"
    roots = [server.url + "none/", server.url + "altered/", server.url]
    fetch([root + "a.bin" for root in roots], tmp_path / "a.bin", md5=MD5)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    with pytest.raises(DownloadError, match=r"Error downloading a\.bin:") as caught:
        fetch([root + "a.bin" for root in roots[:2]], tmp_path / "a.bin", md5=MD5)
    assert f"Tried {roots[0]}, got:\nHTTP Error 404: Not Found\n" in str(caught.value)
    assert f"Tried {roots[1]}, got:\nFile not found or corrupted.\n" in str(caught.value)


def test_file_url(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(DATA)
    fetch((tmp_path / "here").as_uri(), tmp_path / "there", sha256=SHA)
    assert download.digest(tmp_path / "there") == SHA
    with pytest.raises(DownloadError, match="No such file"):
        fetch((tmp_path / "gone").as_uri(), tmp_path / "there")


def test_answer_that_is_no_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        script = f"from tatamu.download import fetch; fetch({url!r}, {str(tmp_path / 'a')!r})"
        with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) as child:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-server\r\n")
            assert child.stderr is not None
            assert b"DownloadError: <urlopen error SSH-2.0-server" in child.stderr.read()


@pytest.mark.skipif(download.fcntl is None, reason="files are not locked here")
def test_two_at_once(server: FileServer, tmp_path: Path) -> None:
    """A second call leaves the first one's bytes alone and makes its own way."""
    with download._partial(tmp_path / "a.bin", keep=True) as held:
        held.write(b"the first one's")
        held.flush()
        fetch(server.url + "a.bin", tmp_path / "a.bin", md5=MD5)
        assert (tmp_path / "a.bin").read_bytes() == DATA
        assert (tmp_path / "a.bin.partial").read_bytes() == b"the first one's"


def test_bar(
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    fetch(server.url + "a.bin", tmp_path / "a.bin")
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    fetch(server.url + "a.bin", tmp_path / "a.bin")
    shown = capfd.readouterr().err
    assert "a.bin" in shown
    assert "512.0/512.0 kB" in shown
    fetch(server.url + "a.bin", tmp_path / "a.bin", progress=False)
    assert capfd.readouterr().err == ""
