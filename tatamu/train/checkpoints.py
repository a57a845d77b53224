"""All that a training needs to go on to the same bits: kept in one file, whole or not at all."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

import tatamu
from tatamu.random.generator import Generator

__all__ = ["LAST", "Streams", "read", "write"]

LAST = "last.pt"
FORMAT = 1


class Streams:
    """The streams of random numbers that a training draws from: tatamu's, Python's and NumPy's,
    and the generators that a loader was given.
    """

    def __init__(self, loader: Any) -> None:
        holders = (loader, getattr(loader, "sampler", None))
        found = [getattr(holder, "generator", None) for holder in holders]
        own = {id(g): g for g in found if isinstance(g, Generator)}
        self.generators = list(own.values())

    def state(self) -> dict[str, Any]:
        """Where all of them stand."""
        version, words, gauss = random.getstate()
        kind, keys, *rest = np.random.get_state()
        return {
            "tatamu": tatamu.get_rng_state(),
            "python": [version, list(words), gauss],
            "numpy": [kind, np.asarray(keys).tolist(), *rest],
            "loader": [g.get_state() for g in self.generators],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put them there again."""
        tatamu.set_rng_state(state["tatamu"])
        version, words, gauss = state["python"]
        random.setstate((version, tuple(words), gauss))
        kind, keys, *rest = state["numpy"]
        np.random.set_state((kind, np.array(keys, np.uint32), *rest))
        for generator, own in zip(self.generators, state["loader"], strict=True):
            generator.set_state(own)


def write(folder: Path, content: dict[str, Any]) -> None:
    """Put the checkpoint in place of the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    tatamu.save({"format": FORMAT, "version": str(tatamu.version.OWN), **content}, folder / LAST)


def read(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, or None if it has none.

    RuntimeError for a file that is none of these.
    """
    path = folder / LAST
    if not path.is_file():
        return None
    content = tatamu.load(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RuntimeError(
            f"{path} is no checkpoint of a training\n  give the training a folder of its own"
        )
    return dict(content)
