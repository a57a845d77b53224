"""Published weights on disk: where a file of an address lies, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tatamu import hub

__all__ = ["fetch", "folder", "load_url"]


def folder() -> Path:
    """Where weights are kept: torch's folder, so that what torch has downloaded is found."""
    return Path(hub.get_dir(), "checkpoints")


def fetch(url: str, progress: bool = True, check_hash: bool = False) -> Path:
    """The file of an address, downloaded unless it is there.

    Raises as ``hub.download_url_to_file`` does; each error tells where to put the file by hand.
    """
    return hub.cached(url, progress=progress, check_hash=check_hash)


def load_url(url: str, progress: bool = True, check_hash: bool = False) -> Any:
    """The tensors in the file of an address, by their names."""
    return hub.load_state_dict_from_url(url, progress=progress, check_hash=check_hash)
