"""Layers that pad; see ``functional.pad``."""

from __future__ import annotations

from collections.abc import Sequence

from tatamu.nn import functional as F
from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """One number for every side, or (left, right, top, bottom, ...)."""

    dims = 1
    mode = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        sides = (padding,) * (2 * self.dims) if isinstance(padding, int) else tuple(padding)
        self.padding = sides

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_Pad):
    """Zeros on both sides of the last axis.

    >>> ZeroPad1d(2)
    ZeroPad1d((2, 2))
    """


class ZeroPad2d(_Pad):
    """Zeros around pictures.

    >>> ZeroPad2d((1, 2, 3, 4))
    ZeroPad2d((1, 2, 3, 4))
    """

    dims = 2


class ZeroPad3d(_Pad):
    """Zeros around volumes."""

    dims = 3


class ConstantPad1d(_Pad):
    """A number on both sides of the last axis.

    >>> ConstantPad1d(2, 3.5)
    ConstantPad1d(padding=(2, 2), value=3.5)
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """A number around pictures."""

    dims = 2


class ConstantPad3d(ConstantPad1d):
    """A number around volumes."""

    dims = 3


class ReflectionPad1d(_Pad):
    """The input mirrored at its ends, which are not repeated.

    >>> import tatamu
    >>> ReflectionPad1d(1)(tatamu.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 1., 2., 3., 2.]])
    """

    mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """Pictures mirrored at their edges."""

    dims = 2


class ReflectionPad3d(ReflectionPad1d):
    """Volumes mirrored at their sides."""

    dims = 3


class ReplicationPad1d(_Pad):
    """The input's ends repeated.

    >>> import tatamu
    >>> ReplicationPad1d(1)(tatamu.tensor([[1.0, 2.0]]))
    tensor([[1., 1., 2., 2.]])
    """

    mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """Pictures' edges repeated."""

    dims = 2


class ReplicationPad3d(ReplicationPad1d):
    """Volumes' sides repeated."""

    dims = 3


class CircularPad1d(_Pad):
    """The input as if it went round in a circle.

    >>> import tatamu
    >>> CircularPad1d(1)(tatamu.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1.]])
    """

    mode = "circular"


class CircularPad2d(CircularPad1d):
    """Pictures as if on a torus."""

    dims = 2


class CircularPad3d(CircularPad1d):
    """Volumes likewise."""

    dims = 3
