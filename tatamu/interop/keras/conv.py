"""Keras's convolutions: channels last, TensorFlow's padding, weights (rows, columns, in, out)."""

from __future__ import annotations

from typing import Any

from tatamu.geometry import Window, transposed_cut
from tatamu.interop.keras import activations, regularizers
from tatamu.interop.keras.layer import Layer, Shape, Variable
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
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose",
    "DepthwiseConv2D", "SeparableConv2D",
]  # fmt: skip

_FORWARD = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class _Conv(Layer):
    """What all convolutions have in common."""

    dims = 2

    def __init__(
        self,
        filters: int | None,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.ndim = None
        self.min_ndim = self.dims + 2
        self.filters = filters
        self.groups = groups
        if filters is not None and filters <= 0:
            raise ValueError(
                "Invalid value for argument `filters`. Expected a strictly positive value. "
                f"Received filters={filters}."
            )
        if groups <= 0:
            raise ValueError(
                f"The number of groups must be a positive integer. Received: groups={groups}."
            )
        if filters is not None and filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        self.kernel_size = per_axis(kernel_size, self.dims, "kernel_size")
        self.strides = per_axis(strides, self.dims, "strides")
        self.dilation_rate = per_axis(dilation_rate, self.dims, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        self.padding = same_or_valid(padding, ("causal",) if self.dims == 1 else ())
        self.data_format = data_format or "channels_last"
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = regularizers.get_constraint(kernel_constraint)
        self.bias_constraint = regularizers.get_constraint(bias_constraint)
        self.kernel: Variable
        self.bias: Variable | None = None

    def channel_axis(self) -> int:
        """Where the channels are."""
        return 1 if self.data_format == "channels_first" else -1

    def expected_axis(self) -> tuple[int, int] | None:
        """The channels that the weights are for."""
        return self.channel_axis(), self.inputs

    def build(self, input_shape: Any) -> None:
        """Kernel and bias for the channels that arrive."""
        self.inputs = input_shape[self.channel_axis()]
        if self.inputs % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {self.inputs} channels (full "
                f"input shape is {tuple(input_shape)})."
            )
        self.kernel = self.add_weight(
            self.kernel_shape(),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.add_bias(self.filters or 0)
        self.compute_output_shape(input_shape)

    def add_bias(self, count: int) -> None:
        """The bias, if there is to be one."""
        if self.use_bias:
            self.bias = self.add_weight(
                (count,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def kernel_shape(self) -> tuple[int, ...]:
        """The kernel in Keras's order."""
        return (*self.kernel_size, self.inputs // self.groups, self.filters or 0)

    def spatial(self, shape: Shape) -> Shape:
        """The picture's sizes."""
        return tuple(shape[2:] if self.data_format == "channels_first" else shape[1:-1])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape. ValueError with Keras's sentence where the kernel does not fit."""
        sizes = self.out_sizes(self.spatial(input_shape))
        if any(n is not None and n < 1 for n in sizes):
            raise ValueError(
                "Computed output size would be zero or negative. Received "
                f"`inputs shape={tuple(input_shape)}`, `kernel shape={self.kernel.shape}`, "
                f"`dilation_rate=[{' '.join(map(str, self.dilation_rate))}]`, "
                f"`strides={self.strides}`, `padding={self.padding}`."
            )
        return self.shaped(input_shape[0], sizes)

    def shaped(self, batch: int | None, sizes: Shape) -> Shape:
        """The output's shape from its parts."""
        channels = self.out_channels()
        if self.data_format == "channels_first":
            return (batch, channels, *sizes)
        return (batch, *sizes, channels)

    def out_channels(self) -> int:
        """Channels of the output."""
        return self.filters or 0

    def out_sizes(self, sizes: Shape) -> Shape:
        """The output's sizes."""
        padding = "same" if self.padding == "causal" else self.padding
        return out_size(sizes, self.kernel_size, self.strides, self.dilation_rate, padding)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The convolution of a batch."""
        weight = in_front(self.kernel.own)
        y = self.convolved(channels_front(x, self.data_format), weight, self.groups)
        return self.finished(y)

    def convolved(self, x: Tensor, weight: Tensor, groups: int) -> Tensor:
        """The convolution, padded as asked."""
        if self.padding == "causal":
            window = Window(self.kernel_size[0], dilation=self.dilation_rate[0])
            x = F.pad(x, (window.extent - 1, 0))
            pads: tuple[int, ...] = (0,)
        else:
            x, pads = padded(x, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        bias = None if self.bias is None else self.bias.own
        function: Any = _FORWARD[self.dims]
        y: Tensor = function(x, weight, bias, self.strides, pads, self.dilation_rate, groups)
        return y

    def finished(self, y: Tensor) -> Tensor:
        """Back in Keras's order, after the activation."""
        found: Tensor = self.activation(channels_last(y, self.data_format))
        return found


def in_front(kernel: Tensor) -> Tensor:
    """A view of (rows, columns, in, out) as (out, in, rows, columns)."""
    last = kernel.ndim
    return kernel.permute(last - 1, last - 2, *range(last - 2))


class Conv1D(_Conv):
    """Convolution along one axis."""

    dims = 1


class Conv2D(_Conv):
    """Convolution of pictures (batch, height, width, channels).

    >>> import numpy as np
    >>> layer = Conv2D(1, 2, kernel_initializer="ones")
    >>> layer(np.ones((1, 3, 3, 1), "float32")).numpy()[0, :, :, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """


class Conv3D(_Conv):
    """Convolution of volumes."""

    dims = 3


class DepthwiseConv2D(_Conv):
    """Convolution in which every channel has ``depth_multiplier`` kernels of its own."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            None, kernel_size, strides, padding, data_format, dilation_rate, 1, activation,
            use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer,
            bias_regularizer, activity_regularizer, depthwise_constraint, bias_constraint,
            **options,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier

    def kernel_shape(self) -> tuple[int, ...]:
        """The kernel in Keras's order."""
        return (*self.kernel_size, self.inputs, self.depth_multiplier)

    def add_bias(self, count: int) -> None:
        """One number for each output channel."""
        super().add_bias(self.out_channels())

    def out_channels(self) -> int:
        """Channels of the output."""
        return int(self.inputs * self.depth_multiplier)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The convolution of a batch."""
        weight = depthwise_in_front(self.kernel.own)
        return self.finished(
            self.convolved(channels_front(x, self.data_format), weight, self.inputs)
        )


def depthwise_in_front(kernel: Tensor) -> Tensor:
    """(rows, columns, channels, multiplier) as (channels * multiplier, 1, rows, columns)."""
    rows, columns, channels, times = kernel.shape
    return kernel.permute(2, 3, 0, 1).reshape(channels * times, 1, rows, columns)


class SeparableConv2D(_Conv):
    """A depthwise convolution, then a 1x1 convolution that mixes the channels."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation,
            use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer,
            bias_regularizer, activity_regularizer, depthwise_constraint, bias_constraint,
            **options,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.pointwise_initializer = pointwise_initializer
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = regularizers.get_constraint(pointwise_constraint)
        self.pointwise: Variable

    def kernel_shape(self) -> tuple[int, ...]:
        """The depthwise kernel in Keras's order."""
        return (*self.kernel_size, self.inputs, self.depth_multiplier)

    def add_bias(self, count: int) -> None:
        """The pointwise kernel comes before the bias."""
        self.kernel.name, self.kernel.path = "depthwise_kernel", f"{self.name}/depthwise_kernel"
        self.pointwise = self.add_weight(
            (1, 1, self.inputs * self.depth_multiplier, count),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        super().add_bias(count)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """Both convolutions of a batch."""
        x, pads = padded(
            channels_front(x, self.data_format),
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )
        weight = depthwise_in_front(self.kernel.own)
        inner = F.conv2d(x, weight, None, self.strides, pads, self.dilation_rate, self.inputs)
        bias = None if self.bias is None else self.bias.own
        return self.finished(F.conv2d(inner, in_front(self.pointwise.own), bias))


class _ConvTranspose(_Conv):
    """Transposed convolution: the sizes that a convolution with this padding would undo."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        *args: Any,
        **options: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, *args, **options
        )
        if output_padding is not None:
            raise NotImplementedError(
                "output_padding of Keras's transposed convolutions is left out\n"
                "  without it 'same' gives size * strides; tatamu.nn.ConvTranspose2d has it"
            )

    def kernel_shape(self) -> tuple[int, ...]:
        """The kernel in Keras's order, in which a transposed layer's outputs come first."""
        return (*self.kernel_size, self.filters or 0, self.inputs)

    def windows(self) -> list[Window]:
        """The axes of the convolution whose transpose this is."""
        axes = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return [Window(*axis) for axis in axes]

    def out_sizes(self, sizes: Shape) -> Shape:
        """The output's sizes."""
        pairs = zip(self.windows(), sizes, strict=True)
        cuts = (None if n is None else transposed_cut(w, n, self.padding) for w, n in pairs)
        return tuple(None if cut is None else cut[1] - cut[0] for cut in cuts)

    def compute(self, x: Tensor, training: bool) -> Tensor:
        """The transposed convolution of a batch, cut to the size that TensorFlow gives."""
        x = channels_front(x, self.data_format)
        function: Any = _TRANSPOSED[self.dims]
        bias = None if self.bias is None else self.bias.own
        weight = in_front(self.kernel.own)
        pairs = list(zip(self.windows(), x.shape[2:], strict=True))
        cuts = [transposed_cut(window, size, self.padding) for window, size in pairs]
        more = [max(0, cut[1] - w.back(n)) for cut, (w, n) in zip(cuts, pairs, strict=True)]
        y = function(x, weight, bias, self.strides, 0, 0, 1, self.dilation_rate)
        if any(more):
            sides = [n for extra in reversed(more) for n in (0, extra)]
            y = self._extended(y, sides, bias)
        return self.finished(y[(slice(None), slice(None), *(slice(*cut) for cut in cuts))])

    def _extended(self, y: Tensor, sides: list[int], bias: Tensor | None) -> Tensor:
        """More rows at the end than any input reaches: they hold the bias alone."""
        if bias is None:
            return F.pad(y, sides)
        each = bias.reshape(1, -1, *(1,) * self.dims)
        return F.pad(y - each, sides) + each


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution along one axis."""

    dims = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of pictures: with 'same', ``strides`` times as large."""


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes."""

    dims = 3
