"""What each epoch came to: rows of numbers, as a table, a CSV file and a picture."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["History", "written"]


class History(list[dict[str, Any]]):
    """One dict per epoch: epoch, loss, val_loss, metrics, learning rate, seconds.

    ``seed`` is what the random numbers began with, ``best`` the number of the best row if an early
    stopping chose one, ``stopped`` why the training ended before its last epoch ("" if it did not).

    >>> history = History([{"epoch": 1, "loss": 0.5, "val_loss": 0.6}])
    >>> history.column("val_loss")
    [0.6]
    >>> print(history.csv(), end="")
    epoch,loss,val_loss
    1,0.5,0.6
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = (), seed: int | None = None) -> None:
        super().__init__(rows)
        self.seed = seed
        self.best: int | None = None
        self.stopped = ""

    @property
    def columns(self) -> list[str]:
        """The names of all numbers, in order."""
        return list(dict.fromkeys(name for row in self for name in row))

    def column(self, name: str) -> list[Any]:
        """One number of every epoch; KeyError with the names there are for another."""
        if name not in self.columns:
            raise KeyError(f"{name!r} is not in the history; there are {', '.join(self.columns)}")
        return [row.get(name) for row in self]

    def csv(self) -> str:
        """All rows as comma-separated values, under their names."""
        file = io.StringIO()
        writer = csv.DictWriter(file, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self)
        return file.getvalue()

    def svg(self) -> str:
        """The learning curves: losses in one panel, each other measure in one of its own."""
        from tatamu.train.curves import curves_svg

        return curves_svg(self)

    def _repr_html_(self) -> str:
        return self.svg()

    def save(self, folder: str | Path) -> None:
        """Write ``history.csv`` and ``curves.svg``, each whole or not at all."""
        written(Path(folder, "history.csv"), self.csv().encode())
        written(Path(folder, "curves.svg"), self.svg().encode())


def written(path: Path, content: bytes) -> None:
    """Put a file in place: readers see what was there before, or the whole of this."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
