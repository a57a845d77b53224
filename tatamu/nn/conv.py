"""Convolution layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
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

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


_SHAPING = (
    "kernel_size", "stride", "padding", "dilation", "groups", "output_padding", "padding_mode",
)  # fmt: skip


class _Convolution(Module):
    """What the layers share: the spec, the parameters and their first values.

    Setting ``layer.stride`` and the like changes what the layer does from then on.
    """

    dims: int
    bias: Parameter | None

    def __init__(
        self,
        spec: ConvSpec,
        in_channels: int,
        out_channels: int,
        bias: bool,
        dtype: DType | None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = spec.kernel
        self.stride = spec.stride
        self.padding = spec.padding
        self.dilation = spec.dilation
        self.transposed = spec.transposed
        self.output_padding = spec.output_padding
        self.groups = spec.groups
        self.padding_mode = spec.padding_mode
        shape = spec.weight_shape(in_channels, out_channels)
        self.weight = Parameter(empty(shape, dtype=dtype or float32))
        own = Parameter(empty(out_channels, dtype=dtype or float32)) if bias else None
        self.register_parameter("bias", own)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init.fans(self.weight.shape)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _SHAPING and "bias" in self._parameters:  # changed after __init__
            self._respecify()

    def _respecify(self) -> None:
        """Follow a stride, padding and so on that somebody has changed."""
        pads: Any = self.padding
        self.spec = ConvSpec.make(
            self.kernel_size, self.stride, pads, self.dilation, self.groups,
            self.transposed, self.output_padding, self.padding_mode, dims=self.dims,
        )  # fmt: skip

    def extra_repr(self) -> str:
        dims = self.spec.dims
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * dims:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * dims:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * dims:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_Convolution):
    """A convolution over the last ``dims`` axes."""

    dims = 2

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
        if groups <= 0:
            raise ArgumentError("groups must be a positive integer", fits=["groups=1 is the least"])
        pads: Any = padding
        spec = ConvSpec.make(
            kernel_size, stride, pads, dilation, groups, padding_mode=padding_mode, dims=self.dims
        )
        super().__init__(spec, in_channels, out_channels, bias, dtype)
        self._split()

    def _respecify(self) -> None:
        super()._respecify()
        self._split()

    def _split(self) -> None:
        """Tell the padding that a mode fills apart from the convolution."""
        spec = self.spec
        self._apply_spec = spec
        self._pads: tuple[int, ...] | None = None
        if spec.padding_mode != "zeros":
            plain = (spec.kernel, spec.stride, 0, spec.dilation, spec.groups)
            self._apply_spec = ConvSpec.make(*plain, dims=self.dims)
            self._pads = tuple(n for window in reversed(spec.windows) for n in window.pad)

    def forward(self, input: Tensor) -> Tensor:
        if self._pads is not None:
            self.spec.out_shape(input.shape, self.weight.shape)
            input = F.pad(input, self._pads, self.padding_mode)
        return F.conv_spec(input, self.weight, self.bias, self._apply_spec)


class Conv1d(_Conv):
    """A convolution over the last axis of (N, C, L) or (C, L); see ``Conv2d``.

    >>> import tatamu
    >>> Conv1d(3, 8, 5, padding=2)(tatamu.zeros(1, 3, 100)).shape
    tatamu.Size([1, 8, 100])
    """

    dims = 1


class Conv2d(_Conv):
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

    dims = 2


class Conv3d(_Conv):
    """A convolution over the last three axes of (N, C, D, H, W) or (C, D, H, W); see ``Conv2d``.

    >>> import tatamu
    >>> Conv3d(1, 4, 3)(tatamu.zeros(1, 1, 8, 9, 10)).shape
    tatamu.Size([1, 4, 6, 7, 8])
    """

    dims = 3


class _ConvTranspose(_Convolution):
    """A transposed convolution over the last ``dims`` axes."""

    dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if groups <= 0:
            raise ArgumentError("groups must be a positive integer", fits=["groups=1 is the least"])
        given = (kernel_size, stride, padding, dilation, groups, True, output_padding, padding_mode)
        spec = ConvSpec.make(*given, dims=self.dims)
        super().__init__(spec, in_channels, out_channels, bias, dtype)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        spec = self.spec.with_output_size(input.shape, output_size)
        return F.conv_spec(input, self.weight, self.bias, spec)


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolution over the last axis of (N, C, L) or (C, L); see ``ConvTranspose2d``.

    >>> import tatamu
    >>> ConvTranspose1d(3, 8, 4, stride=2, padding=1)(tatamu.zeros(1, 3, 50)).shape
    tatamu.Size([1, 8, 100])
    """

    dims = 1


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolution over the last two axes of (N, C, H, W) or (C, H, W).

    ``weight`` is (in_channels, out_channels / groups, kH, kW), ``bias`` (out_channels,). Where a
    stride makes several output sizes possible, ``output_padding``, or ``output_size`` in the call,
    says which. Raises ArgumentError, a ValueError with torch's sentence, for arguments that
    contradict each other and for an ``output_size`` that is not possible.

    >>> import tatamu
    >>> layer = ConvTranspose2d(8, 3, 3, stride=2, padding=1)
    >>> layer
    ConvTranspose2d(8, 3, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    >>> layer(tatamu.zeros(8, 16, 16), output_size=(32, 32)).shape
    tatamu.Size([3, 32, 32])
    """

    dims = 2


class ConvTranspose3d(_ConvTranspose):
    """A transposed convolution over the last three axes; see ``ConvTranspose2d``.

    >>> import tatamu
    >>> ConvTranspose3d(4, 2, 2, stride=2)(tatamu.zeros(1, 4, 5, 6, 7)).shape
    tatamu.Size([1, 2, 10, 12, 14])
    """

    dims = 3
