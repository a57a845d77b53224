"""What a machine has been found to do, kept as small JSON files beside the kernels.

A note is only ever a help: whatever goes wrong with the disk costs time and nothing else, and a
folder that somebody else could write to is not read.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Any

from tatamu.runtime.cache import KernelCache, default_folder

__all__ = ["read", "write"]

_LARGEST = 4 * 1024 * 1024


def read(name: str) -> dict[str, Any]:
    """The note called ``name``; empty if there is none that can be trusted and read."""
    folder = KernelCache(default_folder())
    try:
        if not folder.is_ours():
            return {}
        path = folder.folder / f"{name}.json"
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(name: str, content: dict[str, Any]) -> None:
    """Put a note in place of the one before; readers see the whole of one or of the other."""
    folder = KernelCache(default_folder())
    with contextlib.suppress(OSError):
        folder.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.is_ours():
            return
        handle, temporary = tempfile.mkstemp(prefix="new-", dir=folder.folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
            os.replace(temporary, folder.folder / f"{name}.json")
        except OSError:
            os.unlink(temporary)
            raise
