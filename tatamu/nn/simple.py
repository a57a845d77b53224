"""Layers without parameters or windows."""

from __future__ import annotations

from typing import Any

from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = ["Flatten", "Identity"]


class Identity(Module):
    """Gives back what it is given; takes and ignores any arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """The axes from one to another made one; the batch stays.

    >>> import tatamu
    >>> Flatten()(tatamu.zeros(2, 3, 4)).shape
    tatamu.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
