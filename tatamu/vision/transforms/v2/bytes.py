"""Bytes resized in whole numbers, as Pillow and torch do it.

Along each axis, first across and then down, a pixel is the sum of its neighbours times weights of
15 bits, rounded to the nearest: (sum of w p + half) / 2^k.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamu
from tatamu import Tensor
from tatamu.geometry import Resampling

__all__ = ["resize_bytes"]

Numpy = np.ndarray[Any, np.dtype[Any]]


def resize_bytes(img: Tensor, size: list[int], mode: str, antialias: bool) -> Tensor:
    """A picture of bytes (..., H, W) at another size, by bilinear or bicubic interpolation.

    >>> two = tatamu.tensor([[[0, 255]]], dtype=tatamu.uint8)
    >>> resize_bytes(two, [1, 4], "bilinear", True).tolist()
    [[[0, 64, 191, 255]]]
    """
    values = img.numpy().astype(np.int32)
    for axis, out in ((-1, size[1]), (-2, size[0])):
        if values.shape[axis] != out:
            kind = "linear" if mode == "bilinear" else "cubic"
            rule = Resampling(kind, values.shape[axis], out, None, False, antialias)
            values = _along(values, axis, rule)
    return tatamu.from_numpy(np.ascontiguousarray(values.astype(np.uint8)))


def _along(values: Numpy, axis: int, rule: Resampling) -> Numpy:
    taps = rule.taps()
    longest = max(len(each) for each in taps)
    places = np.zeros((longest, rule.out), np.int64)
    weights = np.zeros((longest, rule.out))
    for out, each in enumerate(taps):
        for number, (source, weight) in enumerate(each):
            places[number, out] = source
            weights[number, out] = weight
    shift = _precision(weights.max())
    whole = np.trunc(weights * (1 << shift) + np.where(weights < 0, -0.5, 0.5)).astype(np.int32)
    shape = (-1, *[1] * (-1 - axis))
    total: Any = np.int32(1 << (shift - 1))
    for place, weight in zip(places, whole, strict=True):
        total = total + np.take(values, place, axis) * weight.reshape(shape)
    return np.asarray(np.clip(total >> shift, 0, 255))


def _precision(largest: float) -> int:
    """By how many bits weights can be shifted so that the largest still has 15."""
    shift = 0
    while shift < 22 and int(0.5 + largest * (1 << (shift + 1))) < 1 << 15:
        shift += 1
    return shift
