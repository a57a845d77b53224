"""Files from the network: resumed where a connection broke, checked, and put in place whole.

What has arrived lies beside its place as ``NAME.partial`` until all of it is there and its checksum
is right; only then does it take its name. So a file under its own name is never half of one.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.error import HTTPError, URLError

from tatamu.errors import compose

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["ChecksumError", "DownloadError", "digest", "fetch"]

USER_AGENT = "tatamu"
CHUNK = 1 << 16
TIMEOUT = 30.0
"""Seconds of silence after which a connection counts as broken."""


class DownloadError(URLError, RuntimeError):
    """A file that could not be had: Python's sentence, then where from, where to, what to do.

    ``code`` is the server's answer (404) where there was one.
    """

    def __init__(self, sentence: str, lines: Sequence[str] = (), code: int | None = None) -> None:
        super().__init__(sentence)
        self.lines = tuple(lines)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.lines, self.code)

    def __str__(self) -> str:
        return compose(str(self.reason), arithmetic=self.lines)


class ChecksumError(DownloadError):
    """All has arrived, and it is not the file that was expected."""


def fetch(
    urls: str | Sequence[str],
    path: str | os.PathLike[str],
    *,
    md5: str | None = None,
    sha256: str | None = None,
    progress: bool = True,
    user_agent: str = USER_AGENT,
) -> Path:
    """Download to ``path`` from the first of ``urls`` that has the file, and return its place.

    ``md5`` is the whole checksum, ``sha256`` may be the beginning of one. A broken connection is
    taken up again where it broke, as long as something still arrives; what arrived before a failure
    or an interrupt is kept for the next call if there is a checksum to prove the whole. Raises
    `ChecksumError` for other contents and `DownloadError` (an ``URLError`` and a ``RuntimeError``)
    for all that the network does. A file that is there already is replaced, once the new one is.
    """
    place = Path(path).expanduser()
    place.parent.mkdir(parents=True, exist_ok=True)
    listed = [urls] if isinstance(urls, str) else list(urls)
    expected = ("md5", md5) if md5 else ("sha256", sha256.lower()) if sha256 else None
    failures: list[DownloadError] = []
    with _partial(place, keep=expected is not None) as file:
        for url in listed:
            try:
                with _bar(place.name, progress) as show:
                    _obtain(url, file, expected, show, user_agent)
            except DownloadError as error:
                failures.append(error)
                continue
            break
        else:
            kept = file.seek(0, os.SEEK_END) if file.name == f"{place}.partial" else 0
            raise _summed(place, urls, failures, kept)
    os.replace(file.name, place)
    return place


def digest(path: str | os.PathLike[str], kind: str = "sha256") -> str:
    """The checksum of a file in hexadecimal digits, ``kind`` being one that hashlib knows."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _hasher(kind)).hexdigest()


def _hasher(kind: str) -> Any:
    # It tells files apart, and must do so on systems that allow it for no more than that.
    return lambda: hashlib.new(kind, usedforsecurity=False)


@contextmanager
def _partial(place: Path, keep: bool) -> Iterator[IO[bytes]]:
    """The file to receive into, at its end. Left empty or without use for later, it goes."""
    file = _claimed(place) if keep else None
    if file is None:
        file = open(f"{place}.{uuid.uuid4().hex}.partial", "x+b")  # noqa: SIM115
        keep = False
    done = False
    try:
        with file:
            yield file
        done = True
    finally:
        name = file.name
        if not done and (not keep or os.path.getsize(name) == 0):
            os.remove(name)


def _claimed(place: Path) -> IO[bytes] | None:
    """What an earlier call left of the file, or a new one; None if another process is at it."""
    if fcntl is None:
        return None
    file = open(f"{place}.partial", "a+b")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may just have given it its name.
        if os.path.samestat(os.fstat(file.fileno()), os.stat(file.name)):
            return file
    except OSError:
        pass
    file.close()
    return None


class _Show(Protocol):
    def __call__(self, have: int, total: int | None) -> None: ...


@contextmanager
def _bar(name: str, wanted: bool) -> Iterator[_Show]:
    """Shows how much has arrived, on standard error, if somebody watches."""
    progress = _display() if wanted else None
    if progress is None:
        yield lambda have, total: None
        return
    with progress:
        task = progress.add_task(name, total=None)
        yield lambda have, total: progress.update(task, completed=have, total=total)


def _display() -> Progress | None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        return None
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _obtain(
    url: str, file: IO[bytes], expected: tuple[str, str] | None, show: _Show, agent: str
) -> None:
    """Receive and check; a wrong file that began with an earlier call's bytes once from anew."""
    begun = file.seek(0, os.SEEK_END)
    _receive(url, file, expected is not None, show, agent)
    if expected is None:
        return
    kind, wanted = expected
    found = _digest_of(file, kind)
    if begun and not found.startswith(wanted):
        file.truncate(0)
        _receive(url, file, True, show, agent)
        found = _digest_of(file, kind)
    if not found.startswith(wanted):
        raise _wrong(file, url, kind, wanted, found)


def _digest_of(file: IO[bytes], kind: str) -> str:
    file.seek(0)
    found: str = hashlib.file_digest(file, _hasher(kind)).hexdigest()  # type: ignore[arg-type]
    return found


def _receive(url: str, file: IO[bytes], proven: bool, show: _Show, agent: str) -> None:
    """Append until all is there. ``proven``: the checksum will tell, so bytes may be joined."""
    validator: str | None = None
    furthest = -1
    while True:
        start = file.seek(0, os.SEEK_END)
        if start and not proven and validator is None:
            start = file.truncate(0)
        request = urllib.request.Request(url, headers={"User-Agent": agent})
        if start:
            request.add_header("Range", f"bytes={start}-")
            if not proven:
                request.add_header("If-Range", str(validator))
        try:
            answer = _opened(url, request)
        except DownloadError as error:
            if start and error.code == 416:  # nothing lies behind what we have
                return
            raise
        with answer:
            if _begins_at(answer) != start:
                start = file.truncate(0)
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length else None
            validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            broke = _append(answer, file, total, show)
        have = file.seek(0, os.SEEK_END)
        if broke is None and (total is None or have == total):
            return
        if have <= furthest:
            why = broke or "the connection was closed"
            of = "" if total is None else f" of {total:,}"
            raise DownloadError(f"<urlopen error {why}>", [f"after {have:,}{of} bytes of {url}"])
        furthest = have


def _opened(url: str, request: urllib.request.Request) -> Any:
    """The server's answer."""
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        raise DownloadError(str(error), [url], error.code) from error
    except URLError as error:
        raise DownloadError(str(error), [url]) from error
    except (OSError, HTTPException) as error:
        raise DownloadError(f"<urlopen error {error or type(error).__name__}>", [url]) from error


def _begins_at(answer: Any) -> int:
    """Which byte of the file the answer begins with."""
    headers: HTTPMessage = answer.headers
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if getattr(answer, "status", None) == 206 and found else 0


def _append(answer: Any, file: IO[bytes], total: int | None, show: _Show) -> Exception | None:
    """Write all that comes to the end of the file; return what broke the connection."""
    have = file.seek(0, os.SEEK_END)
    while True:
        show(have, total)
        try:
            chunk = answer.read(CHUNK)
        except (OSError, HTTPException) as error:
            return error
        if not chunk:
            return None
        have += file.write(chunk)


def _wrong(file: IO[bytes], url: str, kind: str, wanted: str, found: str) -> ChecksumError:
    """The error about other contents than expected; they are thrown away."""
    file.seek(0)
    page = re.match(rb"\s*<(!doctype html|html)", file.read(100), re.IGNORECASE)
    size = file.seek(0, os.SEEK_END)
    file.truncate(0)
    if kind == "md5":
        sentence = "File not found or corrupted."
    else:
        sentence = f'invalid hash value (expected "{wanted}", got "{found}")'
    lines = [f"{url} gave {size:,} bytes with {kind} {found}; expected {kind} {wanted}"]
    if page:
        lines.append("what came is a web page: a proxy or a login page answered in its place")
    return ChecksumError(sentence, lines)


def _summed(
    place: Path, urls: str | Sequence[str], failures: Sequence[DownloadError], kept: int
) -> DownloadError:
    """One error for all the addresses that were tried."""
    advice = []
    if kept:
        advice.append(f"{kept:,} bytes are kept: the next download goes on from there")
    if not all(isinstance(error, ChecksumError) for error in failures):
        advice.append("without a connection: fetch the file elsewhere, and put it at")
        advice.append(f"  {place}")
    last = failures[-1]
    if isinstance(urls, str):
        return type(last)(str(last.reason), [*last.lines, *advice], last.code)
    tried = "\n".join(
        f"Tried {url.removesuffix(place.name)}, got:\n{error}"
        for url, error in zip(urls, failures, strict=True)
    )
    return DownloadError(f"Error downloading {place.name}:\n{tried}", advice, last.code)
