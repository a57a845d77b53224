"""Machine code kept on disk, so that a kernel is compiled once per machine and not once per run.

A file is used only if its name, and the key inside it, match everything the code depends on: the
kernel's symbol, the processor and its features, LLVM's version, the sources that wrote it. Its
checksum is compared before LLVM sees a byte, since LLVM ends the process on a damaged object. A
folder that somebody else could write to is not used at all. Whatever goes wrong with the disk only
costs time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

from tatamu.stage import Target
from tatamu.stage.compile import versions

MAGIC = b"tatamu kernel 1\n"
LIMIT_BYTES = 256 * 1024 * 1024
_DIGEST = 32
_HEADER = len(MAGIC) + 2 * _DIGEST
_LARGEST = 64 * 1024 * 1024
_OURS = re.compile(r"[0-9a-f]{64}\.o|new-\w+")


def default_folder() -> Path:
    """Where kernels lie: ``$TATAMU_CACHE``, else the user's own cache folder."""
    chosen = os.environ.get("TATAMU_CACHE")
    if chosen:
        return Path(chosen)
    try:
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        base = os.devnull  # a user without a home, as in some containers: nothing can be kept
    return Path(base) / "tatamu" / "kernels"


@cache
def source_digest() -> bytes:
    """A hash of every file that decides what code comes out."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for part in ("stage", "kernels", "runtime"):
        for path in sorted((package / part).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.digest()


def key(symbol: str, target: Target) -> bytes:
    """What the code of ``symbol`` depends on, as a hash; found without writing the kernel."""
    parts = (symbol, target.triple, target.cpu, target.features, versions())
    return hashlib.sha256("\n".join(parts).encode() + source_digest()).digest()


class KernelCache:
    """Objects in one folder, at most ``limit`` bytes of them; the longest unused go first."""

    def __init__(self, folder: Path, limit: int = LIMIT_BYTES):
        self.folder = folder
        self.limit = limit

    def read(self, key: bytes) -> bytes | None:
        """The object kept under ``key``; None if there is none that can be trusted."""
        path = self._path(key)
        try:
            if not self.is_ours():
                return None
            content = self._content(path)
        except OSError:
            return None
        if content is None:
            return None
        code = content[_HEADER:]
        head = MAGIC + key + hashlib.sha256(code).digest()
        if content[:_HEADER] != head:
            self._discard(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return code

    def write(self, key: bytes, code: bytes) -> None:
        """Keep an object. Readers see the whole of it or nothing, even if two write at once."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.is_ours():
                return
            handle, name = tempfile.mkstemp(prefix="new-", dir=self.folder)
            path = self._path(key)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(MAGIC + key + hashlib.sha256(code).digest() + code)
                if path.is_dir():
                    self._discard(path)
                os.replace(name, path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
            self._trim()
        except OSError:
            return

    def _path(self, key: bytes) -> Path:
        return self.folder / f"{key.hex()}.o"

    def _discard(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()

    def is_ours(self) -> bool:
        """Whether nobody but this user can have put a file here."""
        if sys.platform == "win32":
            return True  # the user's profile is private by its access list
        status = os.lstat(self.folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return False
        if stat.S_IMODE(status.st_mode) & 0o022:
            return False
        if stat.S_IMODE(status.st_mode) & 0o055:
            os.chmod(self.folder, 0o700)
        return True

    def _content(self, path: Path) -> bytes | None:
        flags = os.O_RDONLY
        for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # a pipe must not make us wait
            flags |= getattr(os, flag, 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            foreign = hasattr(os, "getuid") and status.st_uid != os.getuid()
            if foreign or not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return None
            return file.read()

    def _trim(self) -> None:
        """Delete the longest unused files until a quarter of the limit is free; only our own."""
        files = []
        for entry in os.scandir(self.folder):
            if not _OURS.fullmatch(entry.name):
                continue
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                files.append((status.st_mtime, status.st_size, entry.path))
        total = sum(size for _, size, _ in files)
        if total <= self.limit:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size
            if total <= self.limit * 3 // 4:
                return
