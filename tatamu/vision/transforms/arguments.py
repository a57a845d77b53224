"""Arguments that several transforms take: sizes, angles, fills, ways of interpolating."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from tatamu import Tensor
from tatamu.vision.transforms.functional.sizes import get_dimensions

__all__ = ["angles", "check_fill", "check_ranges", "fill_for", "sequence_of", "size_pair"]

TWO_DIMENSIONS = "Please provide only two dimensions (h, w) for size."


def size_pair(size: Any, error_msg: str = TWO_DIMENSIONS) -> Any:
    """(height, width) of a number or a sequence of one; a sequence of two as it is.

    >>> size_pair(3), size_pair([4]), size_pair([4, 5])
    ((3, 3), (4, 4), [4, 5])
    """
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if isinstance(size, Sequence) and len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(f"{error_msg}\n  got {size!r}")
    return size


def sequence_of(value: Any, name: str, lengths: tuple[int, ...]) -> None:
    """Raise TypeError for what is no sequence, ValueError for one of another length."""
    sentence = f"{name} should be a sequence of length {' or '.join(map(str, lengths))}."
    if not isinstance(value, Sequence):
        raise TypeError(f"{sentence}\n  got {value!r}")
    if len(value) not in lengths:
        raise ValueError(f"{sentence}\n  got {value!r}")


def angles(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """The range of an angle, which one number gives for both directions.

    >>> angles(30, "degrees"), angles((10, 20), "degrees")
    ([-30.0, 30.0], [10.0, 20.0])
    """
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive.")
        value = [-value, value]  # type: ignore[operator]
    else:
        sequence_of(value, name, lengths)
    return [float(degrees) for degrees in value]


def check_fill(fill: Any) -> Any:
    """A fill, 0 for None. Raises TypeError for what is neither a number nor a sequence."""
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, numbers.Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def fill_for(img: Any, fill: Any) -> Any:
    """A fill as the functions want it: for a tensor, one number for each channel."""
    if fill is None or not isinstance(img, Tensor):
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * get_dimensions(img)[0]
    return [float(value) for value in fill]


def check_ranges(scale: Any, ratio: Any) -> None:
    """Raise TypeError for what are no sequences; warn of ranges that go from high to low."""
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=4)
