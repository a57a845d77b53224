"""TensorFlow's size arithmetic, where it is not PyTorch's: padding='same' and transposed layers."""

from __future__ import annotations

from tatamu.geometry.window import Window

__all__ = ["same_pads", "transposed_cut"]


def same_pads(window: Window, size: int) -> tuple[int, int]:
    """What to pad before and after so that there are ``size / stride`` outputs, rounded up.

    Nothing more than the last window needs, and an odd position goes to the end. PyTorch's 'same'
    is another: it allows no stride.

    >>> same_pads(Window(3), 5), same_pads(Window(3, stride=2), 6)
    ((1, 1), (0, 1))
    """
    outputs = -(-size // window.stride)
    needed = max((outputs - 1) * window.stride + window.extent - size, 0)
    return needed // 2, needed - needed // 2


def transposed_cut(window: Window, size: int, padding: str) -> tuple[int, int]:
    """Which positions of a transposed layer's whole output TensorFlow keeps: from, up to.

    'same' makes ``size * stride`` positions, 'valid' as many as all inputs reach, and never fewer.
    Where the kernel is smaller than its stride, more are kept than are reached.

    >>> transposed_cut(Window(3, stride=2), 4, "same"), transposed_cut(Window(3, 2), 4, "valid")
    ((0, 8), (0, 9))
    """
    if padding == "same":
        out = size * window.stride
        before = same_pads(window, out)[0]
        return before, before + out
    return 0, size * window.stride + max(window.extent - window.stride, 0)
