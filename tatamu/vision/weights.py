"""Published weights on disk: where a file of an address lies, and what is in it."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tatamu import naming

__all__ = ["fetch", "folder", "load_url"]


def folder() -> Path:
    """Where weights are kept: torch's folder, so that what torch has downloaded is found.

    That is ``hub/checkpoints`` in ``$TORCH_HOME``, or in ``torch`` in ``$XDG_CACHE_HOME`` or in
    ``~/.cache``.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or Path(cache, "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def fetch(url: str, progress: bool = True, check_hash: bool = False) -> Path:
    """The file of an address. FileNotFoundError tells where to put it, if it is not there."""
    name = Path(urlparse(url).path).name
    path = folder() / name
    if not path.is_file():
        raise FileNotFoundError(
            f"The weights {name} are not on this machine\n"
            f"  download {url}\n"
            f"  and put it there: {path}"
        )
    return path


def load_url(url: str, progress: bool = True, check_hash: bool = False) -> Any:
    """The tensors in the file of an address, by their names."""
    path = fetch(url, progress, check_hash)
    load = getattr(import_module(naming.OWN), "load")  # noqa: B009
    return load(path)
