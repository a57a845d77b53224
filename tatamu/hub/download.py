"""Files fetched over the network: whole, of the right hash, or not there at all.

What has come lies beside its place as NAME.TAG.partial, where the tag says of which version of the
file it is; when all is there and its hash is right, it is moved to its place. A connection that
breaks is taken up where it broke, within a call and from one call to the next.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from tatamu.errors import compose

__all__ = ["download", "offline", "where_to_put"]

CHUNK = 128 * 1024
ATTEMPTS = 4
TIMEOUT = 60
SCHEMES = ("http", "https", "file")

Count = Callable[[int], object]


def offline() -> bool:
    """Whether TATAMU_OFFLINE says that nothing may be fetched."""
    return os.environ.get("TATAMU_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def where_to_put(url: str, target: Path) -> tuple[str, ...]:
    """What to do where this machine cannot fetch a file itself."""
    return (f"download {url}", f"and put it there: {target}")


def download(url: str, target: Path, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Fetch a file to ``target``, whose SHA-256 begins with ``hash_prefix``, if that is given.

    Raises ``urllib.error.HTTPError`` and ``URLError`` for what the server or the network refuses,
    RuntimeError for a wrong hash and for connections that break again and again, FileNotFoundError
    if TATAMU_OFFLINE is set, ValueError for addresses of other kinds. In no case is there a part
    of a file at ``target``.
    """
    if url.partition("://")[0].lower() not in SCHEMES:
        raise ValueError(f"unknown url type: {url!r}\n  an address begins with https:// or http://")
    if offline():
        raise FileNotFoundError(
            compose(f"{target.name} is not on this machine, and TATAMU_OFFLINE is set",
                    fits=where_to_put(url, target))
        )  # fmt: skip
    for attempt in range(1, ATTEMPTS + 1):
        partial, missing = _attempt(url, target, progress)
        if not missing:
            break
        if attempt == ATTEMPTS:
            raise RuntimeError(
                compose(
                    f"the connection ended {missing:,} bytes before the end of {url}",
                    arithmetic=[f"{ATTEMPTS} attempts; the next one goes on from there"],
                    fits=where_to_put(url, target),
                )
            )
    _place(partial, target, hash_prefix)


def _attempt(url: str, target: Path, progress: bool) -> tuple[Path, int]:
    """One connection: the partial file, and how many bytes are still missing."""
    answer = _opened(url, target, {})
    with contextlib.closing(answer):
        tag, total = _version(answer), _length(answer)
        partial = target.with_name(f"{target.name}.{tag or 'new'}.partial")
        _drop_others(target, partial)
        there = partial.stat().st_size if tag and partial.exists() else 0
        if not there or (total is not None and there > total):
            return partial, _receive(answer, partial, "wb", total, 0, progress)
    if there == total:
        return partial, 0
    rest = _opened(url, target, {"Range": f"bytes={there}-"})
    with contextlib.closing(rest):
        same = getattr(rest, "status", 200) == 206 and _version(rest, there) == tag
        if same:
            return partial, _receive(rest, partial, "ab", total, there, progress)
        return partial, _receive(rest, partial, "wb", _length(rest), 0, progress)


def _opened(url: str, target: Path, headers: dict[str, str]) -> Any:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    headers = {"User-Agent": "torch.hub", "Accept-Encoding": "identity", **headers}
    advice = where_to_put(url, target)
    try:
        return urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        text = compose(str(error.reason), fits=advice)
        error.close()
        raise HTTPError(url, error.code, text, error.headers, None) from None
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise URLError(compose(str(reason), fits=advice)) from error


def _length(answer: Any) -> int | None:
    length = answer.headers.get("Content-Length")
    return int(length) if length is not None and length.isdigit() else None


def _version(answer: Any, before: int = 0) -> str:
    """A few letters for the version of a file; '' where the server tells none."""
    import hashlib

    mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    length = _length(answer)
    if mark is None or length is None:
        return ""
    return hashlib.sha256(f"{mark} {before + length}".encode()).hexdigest()[:8]


def _drop_others(target: Path, partial: Path) -> None:
    """Remove what came of other versions of the file."""
    begin = f"{target.name}."
    for path in target.parent.iterdir() if target.parent.is_dir() else ():
        if path.name.startswith(begin) and path.suffix == ".partial" and path != partial:
            path.unlink(missing_ok=True)


def _receive(
    answer: Any, partial: Path, mode: str, total: int | None, there: int, progress: bool
) -> int:
    """Write what comes; how many bytes are then missing."""
    from http.client import HTTPException

    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open(mode) as file, bar(partial, total, there, progress) as count:
        try:
            there += _copied(answer, file, count)
        except (HTTPException, ConnectionError, TimeoutError):
            there = file.tell()
            return 1 if total is None else total - there
    return 0 if total is None else max(total - there, 0)


def _copied(answer: Any, file: IO[bytes], count: Count) -> int:
    written = 0
    while chunk := answer.read(CHUNK):
        written += file.write(chunk)
        count(len(chunk))
    return written


def _place(partial: Path, target: Path, hash_prefix: str | None) -> None:
    """Move a whole file to its place, if its hash is right; RuntimeError if not."""
    if hash_prefix:
        import hashlib

        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(hash_prefix.lower()):
            size = partial.stat().st_size
            partial.unlink()
            raise RuntimeError(
                f'invalid hash value (expected "{hash_prefix}", got "{digest}")'
                f"\n  {size:,} bytes for {target.name} were thrown away: they are another file's"
            )
    partial.replace(target)


@contextlib.contextmanager
def bar(partial: Path, total: int | None, there: int, wanted: bool) -> Iterator[Count]:
    """A progress bar on standard error, if that is a terminal; counts bytes."""
    if not wanted or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as Speed

    columns = (BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=False) as shown:
        task = shown.add_task(partial.name, total=total, completed=there)
        yield lambda count: shown.advance(task, count)
