"""Softmax layers."""

from __future__ import annotations

from tatamu.errors import ArgumentError
from tatamu.nn import functional as F
from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class _Along(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """Softmax along ``dim``.

    >>> import tatamu
    >>> Softmax(dim=1)(tatamu.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)


class LogSoftmax(_Along):
    """The logarithm of softmax along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmin(_Along):
    """Softmax of -x along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W), at each place.

    Raises ValueError for another number of axes.
    """

    def forward(self, input: Tensor) -> Tensor:
        if len(input.shape) not in (3, 4):
            raise ArgumentError(
                f"Softmax2d: expected input to be 3D or 4D, got {len(input.shape)}D instead"
            )
        return F.softmax(input, -3, _stacklevel=5)
