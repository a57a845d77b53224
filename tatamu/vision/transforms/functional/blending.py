"""What the functions on colours share: what they refuse, and mixing two pictures."""

from __future__ import annotations

from tatamu import Tensor
from tatamu.vision.transforms.functional.conversion import largest
from tatamu.vision.transforms.functional.sizes import get_dimensions
from tatamu.vision.transforms.kinds import refusal

__all__ = ["blend", "must_be_deep", "must_have_channels", "must_not_be_negative"]


def must_have_channels(img: Tensor, permitted: list[int]) -> None:
    """Raise TypeError for a tensor of another number of channels."""
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        raise TypeError(
            refusal(
                f"Input image tensor permitted channel values are {permitted}, but found "
                f"{channels}",
                img,
            )
        )


def must_be_deep(img: Tensor) -> None:
    """Raise TypeError for a tensor that has fewer than three dimensions."""
    if img.ndim < 3:
        raise TypeError(
            refusal(
                f"Input image tensor should have at least 3 dimensions, but found {img.ndim}", img
            )
        )


def must_not_be_negative(name: str, factor: float) -> None:
    """Raise ValueError for a factor below 0."""
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def blend(first: Tensor, second: Tensor | float, ratio: float) -> Tensor:
    """``ratio`` of the first picture and the rest of the second, kept within the range."""
    ratio = float(ratio)
    mixed = first * ratio + second * (1.0 - ratio)
    return mixed.clamp(0, largest(first.dtype)).to(first.dtype)
