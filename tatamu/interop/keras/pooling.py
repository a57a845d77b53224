"""Keras's pooling layers."""

from __future__ import annotations

from typing import Any

from tatamu.creation import ones
from tatamu.interop.keras.layer import Layer, Shape
from tatamu.interop.keras.shapes import (
    channels_front,
    channels_last,
    out_size,
    padded,
    per_axis,
    same_or_valid,
)
from tatamu.nn import functional as F
from tatamu.tensor import Tensor

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "MaxPooling1D", "MaxPooling2D",
]  # fmt: skip

_MAX: dict[int, Any] = {1: F.max_pool1d, 2: F.max_pool2d}
_AVERAGE: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d}


class _Pooling(Layer):
    """Windows side by side unless ``strides`` says otherwise."""

    dims = 2

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.ndim = self.dims + 2
        self.pool_size = per_axis(pool_size, self.dims, "pool_size")
        self.strides = self.pool_size
        if strides is not None:
            self.strides = per_axis(strides, self.dims, "strides")
        self.padding = same_or_valid(padding)
        self.data_format = data_format or "channels_last"

    def casts_integers(self) -> bool:
        """Numbers stay what they are."""
        return False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        first = self.data_format == "channels_first"
        sizes = input_shape[2:] if first else input_shape[1:-1]
        once = (1,) * self.dims
        found = out_size(sizes, self.pool_size, self.strides, once, self.padding)
        if first:
            return (*input_shape[:2], *found)
        return (input_shape[0], *found, input_shape[-1])

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The pooled batch."""
        front = channels_front(x, self.data_format)
        return channels_last(self.pooled(front), self.data_format)

    def pooled(self, x: Tensor) -> Tensor:
        """The pooled batch, channels in front."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it pools")

    def laid(self, x: Tensor, value: float) -> Tensor:
        """The input with all its padding."""
        once = (1,) * self.dims
        out, pads = padded(x, self.pool_size, self.strides, once, self.padding, value)
        sides = [n for pad in reversed(pads) for n in (pad, pad)]
        return F.pad(out, sides, value=value) if any(sides) else out


class _MaxPooling(_Pooling):
    """The largest value of each window."""

    def pooled(self, x: Tensor) -> Tensor:
        """The largest values; padding never wins."""
        laid = self.laid(x, float("-inf"))
        found: Tensor = _MAX[self.dims](laid, self.pool_size, self.strides)
        return found


class MaxPooling1D(_MaxPooling):
    """The largest value of each window along one axis."""

    dims = 1


class MaxPooling2D(_MaxPooling):
    """The largest value of each window of a picture.

    >>> import numpy as np
    >>> MaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).numpy().item()
    3.0
    """


class _AveragePooling(_Pooling):
    """The mean of each window; padding does not count. The window has no default here."""

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **options)

    def pooled(self, x: Tensor) -> Tensor:
        """The means of what lies in the picture."""
        average = _AVERAGE[self.dims]
        laid = self.laid(x, 0.0)
        found: Tensor = average(laid, self.pool_size, self.strides)
        if laid is x:
            return found
        inside = self.laid(ones(1, 1, *x.shape[2:], dtype=x.dtype), 0.0)
        share: Tensor = average(inside, self.pool_size, self.strides)
        return found / share


class AveragePooling1D(_AveragePooling):
    """The mean of each window along one axis."""

    dims = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window of a picture."""


class _Global(Layer):
    """One number for each channel."""

    dims = 2

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.ndim = self.dims + 2
        self.data_format = data_format or "channels_last"
        self.keepdims = keepdims

    def axes(self) -> tuple[int, ...]:
        """The picture's axes."""
        start = 2 if self.data_format == "channels_first" else 1
        return tuple(range(start, start + self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape."""
        gone = self.axes()
        if self.keepdims:
            return tuple(1 if axis in gone else n for axis, n in enumerate(input_shape))
        return tuple(n for axis, n in enumerate(input_shape) if axis not in gone)


class _GlobalAverage(_Global):
    """The mean of each channel."""

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The means."""
        return x.mean(self.axes(), self.keepdims)


class _GlobalMax(_Global):
    """The largest value of each channel."""

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The largest values."""
        return x.amax(self.axes(), self.keepdims)


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean of each channel of a sequence."""

    dims = 1


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of each channel of a picture."""


class GlobalMaxPooling1D(_GlobalMax):
    """The largest value of each channel of a sequence."""

    dims = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest value of each channel of a picture."""
