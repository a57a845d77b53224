"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

from tatamu.creation import empty
from tatamu.dtypes import DType, float32
from tatamu.errors import ArgumentError
from tatamu.geometry import ConvSpec
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.nn.functional import Ints
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = ["Conv2d"]


class Conv2d(Module):
    """A convolution over the last two axes of (N, C, H, W) or (C, H, W).

    ``weight`` is (out_channels, in_channels / groups, kH, kW), ``bias`` (out_channels,); both begin
    with torch's values for the same seed. Raises ArgumentError, a ValueError with torch's sentence,
    for arguments that contradict each other.

    >>> import tatamu
    >>> layer = Conv2d(3, 8, 3, stride=2, padding=1)
    >>> layer
    Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    >>> layer(tatamu.zeros(3, 32, 32)).shape
    tatamu.Size([8, 16, 16])
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ArgumentError("groups must be a positive integer", fits=["groups=1 is the least"])
        pads: Any = padding
        spec = ConvSpec.make(kernel_size, stride, pads, dilation, groups, padding_mode=padding_mode)
        self.spec = spec
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = spec.kernel
        self.stride = spec.stride
        self.padding = spec.padding
        self.dilation = spec.dilation
        self.transposed = False
        self.output_padding = (0, 0)
        self.groups = groups
        self.padding_mode = padding_mode
        shape = spec.weight_shape(in_channels, out_channels)
        self.weight = Parameter(empty(shape, dtype=dtype or float32))
        self.bias = Parameter(empty(out_channels, dtype=dtype or float32)) if bias else None
        self._apply_spec = spec
        self._pads: tuple[int, ...] | None = None
        if padding_mode != "zeros":
            self._apply_spec = ConvSpec.make(spec.kernel, spec.stride, 0, spec.dilation, groups)
            self._pads = tuple(n for window in reversed(spec.windows) for n in window.pad)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init.fans(self.weight.shape)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        if self._pads is not None:
            self.spec.out_shape(input.shape, self.weight.shape)
            input = F.pad(input, self._pads, self.padding_mode)
        return F.conv2d_spec(input, self.weight, self.bias, self._apply_spec)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text
