"""Keras's layers that lay numbers out anew: flat, in another shape or order, padded, enlarged."""

from __future__ import annotations

import math
from typing import Any

from tatamu.interop.keras.layer import Layer, Shape
from tatamu.interop.keras.shapes import channels_front, channels_last, per_axis
from tatamu.nn import functional as F
from tatamu.tensor import Tensor

__all__ = ["Flatten", "Permute", "Reshape", "UpSampling2D", "ZeroPadding2D"]


class Flatten(Layer):
    """All axes but the batch laid in one row."""

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.min_ndim = 1
        self.data_format = data_format or "channels_last"

    def casts_integers(self) -> bool:
        """Numbers stay what they are."""
        return False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        rest = input_shape[1:]
        known = [n for n in rest if n is not None]
        return (input_shape[0], None if len(known) < len(rest) else math.prod(known))

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The rows."""
        if self.data_format == "channels_first" and x.ndim > 2:
            x = channels_last(x, "channels_last")
        return x.reshape(x.shape[0], -1)


class Reshape(Layer):
    """Another shape behind the batch; one size may be -1."""

    def __init__(self, target_shape: Any, **options: Any) -> None:
        super().__init__(**options)
        self.target_shape = tuple(target_shape)

    def casts_integers(self) -> bool:
        """Numbers stay what they are."""
        return False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        if -1 not in self.target_shape:
            return (input_shape[0], *self.target_shape)
        known = math.prod(n for n in self.target_shape if n != -1)
        if None in input_shape[1:]:
            rest = None
        else:
            rest = math.prod(n for n in input_shape[1:] if n is not None) // known
        return (input_shape[0], *(rest if n == -1 else n for n in self.target_shape))

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The batch in its new shape."""
        return x.reshape(x.shape[0], *self.target_shape)


class Permute(Layer):
    """The axes behind the batch in another order, counted from 1."""

    def __init__(self, dims: Any, **options: Any) -> None:
        super().__init__(**options)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                f"`dims` must be consecutive and start from 1. Received dims={self.dims}"
            )

    def casts_integers(self) -> bool:
        """Numbers stay what they are."""
        return False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The batch in its new order."""
        return x.permute(0, *self.dims)


class ZeroPadding2D(Layer):
    """A border of zeros: one number, (rows, columns), or ((top, bottom), (left, right))."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.ndim = 4
        both = (padding, padding) if isinstance(padding, int) else padding
        (self.top, self.bottom), (self.left, self.right) = (
            (each, each) if isinstance(each, int) else tuple(each) for each in both
        )
        self.data_format = data_format or "channels_last"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        rows = 2 if self.data_format == "channels_first" else 1
        more = {rows: self.top + self.bottom, rows + 1: self.left + self.right}
        return tuple(
            None if n is None else n + more.get(axis, 0) for axis, n in enumerate(input_shape)
        )

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The pictures with their border."""
        front = channels_front(x, self.data_format)
        y: Tensor = F.pad(front, (self.left, self.right, self.top, self.bottom))
        return channels_last(y, self.data_format)


class UpSampling2D(Layer):
    """Pictures enlarged by repeating or interpolating pixels."""

    def __init__(
        self,
        size: Any = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.ndim = 4
        self.size = per_axis(size, 2, "size")
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                "`interpolation` argument should be one of: {'nearest', 'bilinear'}. "
                f"Received: interpolation={interpolation}."
            )
        self.interpolation = interpolation
        self.data_format = data_format or "channels_last"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        rows = 2 if self.data_format == "channels_first" else 1
        times = dict(zip((rows, rows + 1), self.size, strict=True))
        return tuple(
            None if n is None else n * times.get(axis, 1) for axis, n in enumerate(input_shape)
        )

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The pictures enlarged."""
        front = channels_front(x, self.data_format)
        sizes = tuple(n * times for n, times in zip(front.shape[2:], self.size, strict=True))
        y: Tensor = F.interpolate(front, sizes, mode=self.interpolation)
        return channels_last(y, self.data_format)
