"""Pictures in Keras's order, and padding by TensorFlow's rule.

Keras's pictures are (batch, height, width, channels). As a view with the channels in front they are
exactly what tatamu's kernels read fastest: nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.geometry import Window, same_pads
from tatamu.nn import functional as F
from tatamu.tensor import Tensor

__all__ = ["channels_front", "channels_last", "out_size", "padded", "per_axis", "same_or_valid"]


def per_axis(value: Any, dims: int, name: str) -> tuple[int, ...]:
    """One number for each axis. ValueError with Keras's sentence for what is none."""
    values = tuple(value) if isinstance(value, Sequence) else (value,) * dims
    if len(values) != dims or not all(isinstance(n, int) for n in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {dims} integers. Received {name}={value}"
        )
    if min(values) < 1:
        raise ValueError(
            f"The `{name}` argument must be a tuple of {dims} integers. Received {name}={value}, "
            "including values {" + ", ".join(str(n) for n in values if n < 1) + "} that do not "
            "satisfy `value > 0`"
        )
    return values


def same_or_valid(padding: Any, also: tuple[str, ...] = ()) -> str:
    """The padding's name in lower case. ValueError with Keras's sentence for others."""
    allowed = ("same", "valid", *also)
    name = str(padding).lower()
    if name not in allowed:
        listed = "{" + ", ".join(repr(each) for each in allowed) + "}"
        raise ValueError(
            f"The `padding` argument must be a list/tuple or one of {listed}. Received: {padding}"
        )
    return name


def channels_front(x: Tensor, data_format: str) -> Tensor:
    """A view as (batch, channels, ...)."""
    if data_format == "channels_first":
        return x
    return x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))


def channels_last(x: Tensor, data_format: str) -> Tensor:
    """The way back."""
    if data_format == "channels_first":
        return x
    return x.permute(0, *range(2, x.ndim), 1)


def padded(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    value: float = 0.0,
) -> tuple[Tensor, tuple[int, ...]]:
    """The input (batch, channels, ...) with what padding it still needs, and what is left to do.

    TensorFlow pads so that the output has ``size / stride`` positions, rounded up, with the odd row
    at the end; where both ends get as much, the convolution can do it by itself.
    """
    if padding == "valid":
        return x, (0,) * len(kernel)
    windows = [Window(k, s, d) for k, s, d in zip(kernel, stride, dilation, strict=True)]
    pads = [same_pads(window, size) for window, size in zip(windows, x.shape[2:], strict=True)]
    if value == 0.0 and all(before == after for before, after in pads):
        return x, tuple(before for before, _ in pads)
    sides = [n for before, after in reversed(pads) for n in (before, after)]
    return F.pad(x, sides, value=value), (0,) * len(kernel)


def out_size(
    sizes: Sequence[int | None],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
) -> tuple[int | None, ...]:
    """The output's sizes; None where the input's is not known."""
    found: list[int | None] = []
    for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        if size is None:
            found.append(None)
            continue
        window = Window(k, s, d)
        if padding == "same":
            window = Window(k, s, d, same_pads(window, size))
        found.append(window.out(size))
    return tuple(found)
