"""Arrays of numbers in MATLAB's files of version 5 (``save -v6`` and ``-v7``)."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MatError", "read_mat"]

# A file is a header and elements in a row, each a type, a length and data; an array is an element
# that holds further ones: flags, sizes, name, numbers.
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
_COMPLEX = 0x800


class MatError(ValueError):
    """A file that is no MATLAB file of version 5, or is damaged."""


def read_mat(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of numbers of a file by name, columns first as MATLAB has them.

    Texts, cells, structures and complex numbers are left out. `MatError` for another format and for
    a file that is cut short.
    """
    with open(path, "rb") as file:
        data = memoryview(file.read())
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None or data[124 if order == ">" else 125] != 1:
        newer = bytes(data[:10]) == b"MATLAB 7.3"
        why = "version 7.3, an HDF5 file: save it with -v7" if newer else "no MATLAB file"
        raise MatError(f"{path} is {why}")
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        for kind, body in _elements(data[_HEADER:], order):
            if kind == _COMPRESSED:
                ((kind, body),) = _elements(memoryview(zlib.decompress(body)), order)
            if kind == _MATRIX:
                arrays.update(_array(body, order))
    except (KeyError, StopIteration, struct.error, ValueError, zlib.error) as error:
        raise MatError(f"{path} is cut short or damaged\n  {error}") from error
    return arrays


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and data of each element in a row; short ones lie within their own head."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if start + size > len(data):
            raise ValueError(f"{size:,} bytes should follow, and {len(data) - start:,} are there")
        yield kind, data[start : start + size]
        padding = 0 if kind == _COMPRESSED else -size % 8
        at = at + 8 if start == at + 4 else start + size + padding


def _array(body: memoryview, order: str) -> dict[str, npt.NDArray[Any]]:
    """Name and numbers of one array; nothing if it is none of real numbers."""
    parts = _elements(body, order)
    (flags,) = np.frombuffer(next(parts)[1], f"{order}u4", 1)
    if int(flags) & 0xFF not in _CLASSES or int(flags) & _COMPLEX:
        return {}
    sizes = np.frombuffer(next(parts)[1], f"{order}i4").tolist()
    name = bytes(next(parts)[1]).decode("latin1")
    kind, numbers = next(parts)
    # Numbers are kept in the smallest type that holds them.
    array = np.frombuffer(numbers, order + _NUMBERS[kind]).astype(_CLASSES[int(flags) & 0xFF])
    return {name: array.reshape(sizes, order="F")}
