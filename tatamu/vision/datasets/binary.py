"""Arrays in files: read at once where they are small, page by page as they are used where large."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

import tatamu
from tatamu import Tensor
from tatamu.errors import compose

__all__ = [
    "read_array", "read_image_file", "read_label_file", "read_sn3_pascalvincent_tensor",
]  # fmt: skip

LARGE = 1 << 26
"""Files of more bytes are mapped: what is written to the array stays in memory."""

Path = str | os.PathLike[str]

_IDX = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_array(path: Path, dtype: npt.DTypeLike = np.uint8, offset: int = 0) -> npt.NDArray[Any]:
    """All numbers of a file behind ``offset`` bytes; a rest that is no whole number is left out."""
    kind = np.dtype(dtype)
    count = (os.path.getsize(path) - offset) // kind.itemsize
    if count * kind.itemsize > LARGE:
        return np.asarray(np.memmap(path, kind, "c", offset, (count,)))
    return np.fromfile(path, kind, max(count, 0), offset=offset)


def read_sn3_pascalvincent_tensor(path: Path, strict: bool = True) -> Tensor:
    """The tensor of an IDX file, the format of MNIST: a type, sizes, and numbers big end first.

    AssertionError for another format, and for more or fewer numbers than the sizes say; without
    ``strict`` that is a RuntimeError.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(4)
        axes = head[3] if len(head) == 4 else 0
        sizes = np.frombuffer(file.read(4 * axes), ">u4").tolist() if axes in (1, 2, 3) else []
    if axes != len(sizes) or not axes or head[:2] != b"\0\0" or head[2] not in _IDX:
        begins = " ".join(f"{byte:02x}" for byte in head)
        raise AssertionError(
            f"{path} is no IDX file, the format of MNIST\n  it has {size:,} bytes and begins with "
            f"{begins or 'nothing'}; 00 00 08 03 would be pictures, 00 00 08 01 labels"
        )
    kind = np.dtype(_IDX[head[2]])
    array = read_array(path, kind, 4 * (axes + 1))
    if array.size != np.prod(sizes) or (size - 4 * (axes + 1)) % kind.itemsize:
        raise (AssertionError if strict else RuntimeError)(_wrong_length(path, sizes, array, size))
    if kind.itemsize > 1 and sys.byteorder == "little":
        array = array.astype(kind.newbyteorder("="))
    return tatamu.from_numpy(array.reshape(sizes))


def _wrong_length(path: Path, sizes: list[int], array: npt.NDArray[Any], size: int) -> str:
    expected = 4 * (len(sizes) + 1) + int(np.prod(sizes)) * array.itemsize
    lines = [
        f"{path} is {'cut short' if size < expected else 'too long'}: its header says "
        f"{' x '.join(map(str, sizes))}, which makes {expected:,} bytes; it has {size:,}",
        "delete it; download=True fetches it again",
    ]
    return compose(f"shape '{sizes}' is invalid for input of size {array.size}", arithmetic=lines)


def read_label_file(path: Path) -> Tensor:
    """The labels of an IDX file, as int64. TypeError or ValueError for what are no labels."""
    x = read_sn3_pascalvincent_tensor(path, strict=False)
    _check(path, x, 1)
    return x.long()


def read_image_file(path: Path) -> Tensor:
    """The grey pictures (N, H, W) of an IDX file. TypeError or ValueError for what are none."""
    x = read_sn3_pascalvincent_tensor(path, strict=False)
    _check(path, x, 3)
    return x


def _check(path: Path, x: Tensor, axes: int) -> None:
    if x.dtype != tatamu.uint8:
        raise TypeError(f"x should be of dtype {tatamu.uint8} instead of {x.dtype}\n  in {path}")
    if x.ndim != axes:
        raise ValueError(f"x should have {axes} dimension instead of {x.ndim}\n  in {path}")
