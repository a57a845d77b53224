"""Blocks: a convolution with norm and activation, squeeze-excitation, a chain of linear layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tatamu import nn
from tatamu.creation import ones, zeros
from tatamu.geometry import centring
from tatamu.tensor import Tensor

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
]

Maker = Callable[..., nn.Module]
Ints = int | tuple[int, ...]


class ConvNormActivation(nn.Sequential):
    """A convolution, then a norm, then an activation; each of the latter two may be None.

    Padding that is not given keeps the size at stride 1. There is a bias where there is no norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints = 3,
        stride: Ints = 1,
        padding: Ints | str | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm2d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: Ints = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Maker = nn.Conv2d,
    ) -> None:
        if padding is None:
            padding = _centred(kernel_size, dilation)
        if bias is None:
            bias = norm_layer is None
        windows = {"stride": stride, "padding": padding, "dilation": dilation}
        layers = [
            conv_layer(in_channels, out_channels, kernel_size, **windows, groups=groups, bias=bias)
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**_unless_none(inplace=inplace)))
        super().__init__(*layers)
        self.out_channels = out_channels
        if type(self) is ConvNormActivation:
            warnings.warn(
                "Don't use ConvNormActivation directly, please use Conv2dNormActivation and "
                "Conv3dNormActivation instead.",
                stacklevel=2,
            )


def _centred(kernel_size: Ints, dilation: Ints) -> Ints:
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return centring(kernel_size, dilation)
    axes = len(kernel_size) if isinstance(kernel_size, Sequence) else len(_tuple(dilation))
    pairs = zip(_tuple(kernel_size, axes), _tuple(dilation, axes), strict=False)
    return tuple(centring(kernel, spread) for kernel, spread in pairs)


def _tuple(value: Ints, axes: int = 1) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _unless_none(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


class Conv2dNormActivation(ConvNormActivation):
    """``ConvNormActivation`` of pictures.

    >>> Conv2dNormActivation(3, 8, norm_layer=None)
    Conv2dNormActivation(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (1): ReLU(inplace=True)
    )
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints = 3,
        stride: Ints = 1,
        padding: Ints | str | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm2d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: Ints = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer,
            activation_layer, dilation, inplace, bias, nn.Conv2d,
        )  # fmt: skip


class Conv3dNormActivation(ConvNormActivation):
    """``ConvNormActivation`` of volumes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints = 3,
        stride: Ints = 1,
        padding: Ints | str | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm3d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: Ints = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer,
            activation_layer, dilation, inplace, bias, nn.Conv3d,
        )  # fmt: skip


class SqueezeExcitation(nn.Module):
    """Channels are scaled by what a small network says of their means.

    Hu, Shen, Albanie, Sun and Wu, *Squeeze-and-excitation networks*, 2018: here with 1x1
    convolutions in place of linear layers. The shape stays.
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Maker = nn.ReLU,
        scale_activation: Maker = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        scale: Tensor = self.scale_activation(self.fc2(squeezed))
        return scale * input


class MLP(nn.Sequential):
    """Linear layers of the given widths, each but the last with norm, activation and dropout.

    The last has dropout alone. ``inplace`` is given to the activations and dropouts if it is not
    None.

    >>> MLP(8, [16, 4], activation_layer=nn.GELU)
    MLP(
      (0): Linear(in_features=8, out_features=16, bias=True)
      (1): GELU(approximate='none')
      (2): Dropout(p=0.0, inplace=False)
      (3): Linear(in_features=16, out_features=4, bias=True)
      (4): Dropout(p=0.0, inplace=False)
    )
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Maker | None = None,
        activation_layer: Maker | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        options = _unless_none(inplace=inplace)
        layers: list[nn.Module] = []
        width = in_channels
        for number, hidden in enumerate(hidden_channels, 1):
            layers.append(nn.Linear(width, hidden, bias=bias))
            width = hidden
            if number < len(hidden_channels):
                if norm_layer is not None:
                    layers.append(norm_layer(hidden))
                if activation_layer is not None:
                    layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
        super().__init__(*layers)


class Permute(nn.Module):
    """Axes in another order, as a layer.

    >>> import tatamu
    >>> Permute([0, 2, 3, 1])(tatamu.zeros(1, 3, 4, 5)).shape
    tatamu.Size([1, 4, 5, 3])
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(*self.dims)


class FrozenBatchNorm2d(nn.Module):
    """Batch norm whose statistics and factors are buffers: nothing of it is trained.

    >>> FrozenBatchNorm2d(64)
    FrozenBatchNorm2d(64, eps=1e-05)
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *others: Any, **options: Any
    ) -> None:
        # Batch norm counts its batches; here there is nothing to count for.
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *others, **options)

    def forward(self, x: Tensor) -> Tensor:
        factors = (self.weight, self.bias, self.running_mean, self.running_var)
        weight, bias, mean, var = (factor.reshape(1, -1, 1, 1) for factor in factors)
        scale = weight * (var + self.eps).rsqrt()
        return x * scale + (bias - mean * scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"
