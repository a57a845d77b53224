"""How values between pixels are found."""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = ["InterpolationMode", "interpolation_mode", "pil_modes_mapping"]


class InterpolationMode(Enum):
    """The ways of finding values between pixels; BOX, HAMMING and LANCZOS are Pillow's alone.

    >>> InterpolationMode("bilinear")
    <InterpolationMode.BILINEAR: 'bilinear'>
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


pil_modes_mapping = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.LANCZOS: 1,
}
"""Pillow's number of each mode."""

_BY_NUMBER = {
    number: mode
    for mode, number in pil_modes_mapping.items()
    if mode is not InterpolationMode.NEAREST_EXACT
}


def from_number(interpolation: Any) -> Any:
    """The mode that one of Pillow's numbers stands for; anything else as it is."""
    return _BY_NUMBER[interpolation] if isinstance(interpolation, int) else interpolation


def interpolation_mode(interpolation: Any) -> InterpolationMode:
    """The mode, which may be given by Pillow's number. Raises TypeError for anything else.

    >>> interpolation_mode(2)
    <InterpolationMode.BILINEAR: 'bilinear'>
    """
    mode = from_number(interpolation)
    if not isinstance(mode, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow "
            f"integer constant\n  got {interpolation!r}"
        )
    return mode
