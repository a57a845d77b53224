"""The output folder: complete or not there at all.

Everything is written into a hidden folder beside the final place, which takes the final name only
when it is complete. A folder that is already there is replaced only if its marker says that
`tatamu look` made it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tatamu.lens.words import LookError

MARKER = ".tatamu-look"


def check_folder(folder: Path) -> None:
    """Raise `LookError` now if `write_folder` could not write there later."""
    if folder.exists() or folder.is_symlink():
        empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
        if not empty and not (folder / MARKER).is_file():
            raise LookError("folder.foreign", path=folder)
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise LookError("folder.unwritable", path=folder, why=os.strerror(errno.ENOTDIR))
    if not os.access(parent, os.W_OK | os.X_OK):
        raise LookError("folder.unwritable", path=folder, why=os.strerror(errno.EACCES))


def write_folder(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files, given as relative paths with their bytes, as the folder's whole content.

    Raises `LookError` if the folder cannot be written, or is somebody else's; then, as after an
    interrupt, nothing is left behind and a former folder is still there.
    """
    check_folder(folder)
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
    except OSError as error:
        raise LookError("folder.unwritable", path=folder, why=error.strerror) from error
    try:
        (making / MARKER).write_text("made by tatamu look; replaced by its next run\n", "utf-8")
        for name, content in files:
            path = making / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        making.chmod(0o755)
        _put_in_place(making, folder)
    except OSError as error:
        raise LookError("folder.unwritable", path=folder, why=error.strerror) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _put_in_place(making: Path, folder: Path) -> None:
    """Rename, with the former folder kept aside until the new one has its name."""
    if not folder.exists():
        making.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
    former = aside / folder.name
    try:
        folder.rename(former)
        making.rename(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            former.rename(folder)
            aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
