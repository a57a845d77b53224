"""Layers of sliding blocks, and ones that regroup channels or axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.nn import functional as F
from tatamu.nn.functional import Ints
from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = ["ChannelShuffle", "Fold", "Unflatten", "Unfold"]


class Unfold(Module):
    """Each block that a window covers as a column; see ``nn.functional.unfold``.

    >>> import tatamu
    >>> Unfold(3, padding=1)(tatamu.zeros(1, 2, 4, 5)).shape
    tatamu.Size([1, 18, 20])
    """

    def __init__(
        self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """Columns added up where their blocks lay in a picture; see ``nn.functional.fold``.

    >>> import tatamu
    >>> Fold((4, 5), 3, padding=1)(tatamu.zeros(1, 18, 20)).shape
    tatamu.Size([1, 2, 4, 5])
    """

    def __init__(
        self,
        output_size: Ints,
        kernel_size: Ints,
        dilation: Ints = 1,
        padding: Ints = 0,
        stride: Ints = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        shape = (self.kernel_size, self.dilation, self.padding, self.stride)
        return F.fold(input, self.output_size, *shape)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class ChannelShuffle(Module):
    """The channels of each group dealt out to all groups.

    >>> ChannelShuffle(2)
    ChannelShuffle(groups=2)
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Any:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class Unflatten(Module):
    """One axis made several; a size of -1 is worked out.

    Raises TypeError for sizes that are no ints, RuntimeError where they do not fit the axis.

    >>> import tatamu
    >>> Unflatten(1, (3, -1))(tatamu.zeros(2, 12)).shape
    tatamu.Size([2, 3, 4])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                "unflattened_size must be a tuple of ints, but found type "
                f"{type(unflattened_size).__name__}"
            )
        for place, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {place}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
