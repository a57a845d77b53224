"""RegNet: Radosavovic, Kosaraju, Girshick, He and Dollár, *Designing network design
spaces*, 2020.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

from tatamu import nn
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, make_divisible
from tatamu.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

__all__ = [
    "RegNet",
    "RegNet_X_1_6GF_Weights",
    "RegNet_X_3_2GF_Weights",
    "RegNet_X_8GF_Weights",
    "RegNet_X_16GF_Weights",
    "RegNet_X_32GF_Weights",
    "RegNet_X_400MF_Weights",
    "RegNet_X_800MF_Weights",
    "RegNet_Y_1_6GF_Weights",
    "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_8GF_Weights",
    "RegNet_Y_16GF_Weights",
    "RegNet_Y_32GF_Weights",
    "RegNet_Y_128GF_Weights",
    "RegNet_Y_400MF_Weights",
    "RegNet_Y_800MF_Weights",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
]

Maker = Callable[..., nn.Module]


class SimpleStemIN(Conv2dNormActivation):
    """A 3x3 convolution of stride 2, norm and activation."""

    def __init__(
        self, width_in: int, width_out: int, norm_layer: Maker, activation_layer: Maker
    ) -> None:
        super().__init__(
            width_in, width_out, stride=2, norm_layer=norm_layer, activation_layer=activation_layer
        )


class BottleneckTransform(nn.Sequential):
    """1x1, 3x3 in groups, squeeze-excitation if there is a ratio, 1x1."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Maker,
        activation_layer: Maker,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        step = partial(Conv2dNormActivation, norm_layer=norm_layer)
        inner = round(width_out * bottleneck_multiplier)
        groups = inner // group_width
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = step(width_in, inner, 1, activation_layer=activation_layer)
        layers["b"] = step(
            inner, inner, 3, stride, groups=groups, activation_layer=activation_layer
        )
        if se_ratio:
            squeezed = round(se_ratio * width_in)
            layers["se"] = SqueezeExcitation(inner, squeezed, activation=activation_layer)
        layers["c"] = step(inner, width_out, 1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """``BottleneckTransform``, added to the input, or to a 1x1 convolution of it."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Maker,
        activation_layer: Maker,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj: nn.Module | None = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width,
            bottleneck_multiplier, se_ratio,
        )  # fmt: skip
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.proj is None else self.proj(x)
        made: Tensor = self.activation(kept + self.f(x))
        return made


class AnyStage(nn.Sequential):
    """``depth`` blocks of one width, of which the first has the stride."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: Maker,
        norm_layer: Maker,
        activation_layer: Maker,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None = None,
        stage_index: int = 0,
    ) -> None:
        super().__init__()
        for at in range(depth):
            first = (width_in, stride) if at == 0 else (width_out, 1)
            block = block_constructor(
                first[0], width_out, first[1], norm_layer, activation_layer, group_width,
                bottleneck_multiplier, se_ratio,
            )  # fmt: skip
            self.add_module(f"block{stage_index}-{at}", block)


class BlockParams:
    """The stages of a network: of each depth, width, width of a group, bottleneck and stride."""

    def __init__(
        self,
        depths: list[int],
        widths: list[int],
        group_widths: list[int],
        bottleneck_multipliers: list[float],
        strides: list[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **kwargs: Any,
    ) -> BlockParams:
        """The paper's rule: widths on a straight line, moved to powers of ``w_m``, in eights.

        Raises ValueError for numbers that the rule does not take.

        >>> params = BlockParams.from_init_params(depth=16, w_0=48, w_a=27.89, w_m=2.09,
        ...                                       group_width=8)
        >>> params.depths, params.widths
        ([1, 3, 6, 6], [48, 104, 208, 440])
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        powers = [round(math.log((w_0 + w_a * at) / w_0) / math.log(w_m)) for at in range(depth)]
        wanted = [8 * round(w_0 * w_m**power / 8) for power in powers]
        stages = [(width, len(list(blocks))) for width, blocks in groupby(wanted)]
        widths, group_widths = [], []
        for width, _ in stages:
            inner = int(width * bottleneck_multiplier)
            group = min(group_width, inner)
            group_widths.append(group)
            widths.append(int(make_divisible(inner, group) / bottleneck_multiplier))
        count = len(stages)
        return cls(
            [depth for _, depth in stages],
            widths,
            group_widths,
            [bottleneck_multiplier] * count,
            [2] * count,
            se_ratio,
        )

    def stages(self) -> Iterator[tuple[int, int, int, int, float]]:
        """Width, stride, depth, width of a group and bottleneck of each stage."""
        return zip(
            self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers,
            strict=True,
        )  # fmt: skip


class RegNet(nn.Module):
    """A stem, stages that each halve the size, and a linear layer."""

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Maker | None = None,
        block_type: Maker | None = None,
        norm_layer: Maker | None = None,
        activation: Maker | None = None,
    ) -> None:
        super().__init__()
        norm, active = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        block = block_type or ResBottleneckBlock
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm, active)
        self.trunk_output = nn.Sequential()
        width = stem_width
        for number, (out, stride, depth, group, narrow) in enumerate(block_params.stages(), 1):
            stage = AnyStage(
                width, out, stride, depth, block, norm, active, group, narrow,
                block_params.se_ratio, number,
            )  # fmt: skip
            self.trunk_output.add_module(f"block{number}", stage)
            width = out
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        _init.by_kind(self, conv=_conv_values, linear=_init.linear_normal)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.trunk_output(self.stem(x)))
        made: Tensor = self.fc(x.flatten(1))
        return made


def _conv_values(layer: Any) -> None:
    """He's deviation, counting all outputs of the layer whatever its groups."""
    fan_out = math.prod(layer.kernel_size) * layer.out_channels
    init.normal_(layer.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))


# The papers' models: depth, w_0, w_a, w_m, width of a group. Y has squeeze-excitation, X has not.
_Y = {
    "400mf": (16, 48, 27.89, 2.09, 8),
    "800mf": (14, 56, 38.84, 2.4, 16),
    "1_6gf": (27, 48, 20.71, 2.65, 24),
    "3_2gf": (21, 80, 42.63, 2.66, 24),
    "8gf": (17, 192, 76.82, 2.19, 56),
    "16gf": (18, 200, 106.23, 2.48, 112),
    "32gf": (20, 232, 115.89, 2.53, 232),
    "128gf": (27, 456, 160.83, 2.52, 264),
}
_X = {
    "400mf": (22, 24, 24.48, 2.54, 16),
    "800mf": (16, 56, 35.73, 2.28, 16),
    "1_6gf": (18, 80, 34.01, 2.25, 24),
    "3_2gf": (25, 88, 26.31, 2.25, 48),
    "8gf": (23, 80, 49.56, 2.88, 120),
    "16gf": (22, 216, 55.59, 2.1, 128),
    "32gf": (23, 320, 69.86, 2.0, 168),
}
_NORM = partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1)


def _regnet(
    kind: str, size: str, weights: Any, table: dict[str, Any], ratio: float | None
) -> Callable[..., RegNet]:
    def make(**options: Any) -> RegNet:
        depth, w_0, w_a, w_m, group = table[size]
        params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group, se_ratio=ratio)
        return RegNet(params, **{"norm_layer": _NORM, **options})

    return builder(f"regnet_{kind}_{size}", weights, RegNet, make)


def _regnet_y(size: str, weights: Any) -> Callable[..., RegNet]:
    return _regnet("y", size, weights, _Y, 0.25)


def _regnet_x(size: str, weights: Any) -> Callable[..., RegNet]:
    return _regnet("x", size, weights, _X, None)


RegNet_Y_400MF_Weights = weights_enum("RegNet_Y_400MF_Weights", __name__)
RegNet_Y_800MF_Weights = weights_enum("RegNet_Y_800MF_Weights", __name__)
RegNet_Y_1_6GF_Weights = weights_enum("RegNet_Y_1_6GF_Weights", __name__)
RegNet_Y_3_2GF_Weights = weights_enum("RegNet_Y_3_2GF_Weights", __name__)
RegNet_Y_8GF_Weights = weights_enum("RegNet_Y_8GF_Weights", __name__)
RegNet_Y_16GF_Weights = weights_enum("RegNet_Y_16GF_Weights", __name__)
RegNet_Y_32GF_Weights = weights_enum("RegNet_Y_32GF_Weights", __name__)
RegNet_Y_128GF_Weights = weights_enum("RegNet_Y_128GF_Weights", __name__)
RegNet_X_400MF_Weights = weights_enum("RegNet_X_400MF_Weights", __name__)
RegNet_X_800MF_Weights = weights_enum("RegNet_X_800MF_Weights", __name__)
RegNet_X_1_6GF_Weights = weights_enum("RegNet_X_1_6GF_Weights", __name__)
RegNet_X_3_2GF_Weights = weights_enum("RegNet_X_3_2GF_Weights", __name__)
RegNet_X_8GF_Weights = weights_enum("RegNet_X_8GF_Weights", __name__)
RegNet_X_16GF_Weights = weights_enum("RegNet_X_16GF_Weights", __name__)
RegNet_X_32GF_Weights = weights_enum("RegNet_X_32GF_Weights", __name__)

regnet_y_400mf = _regnet_y("400mf", RegNet_Y_400MF_Weights)
regnet_y_800mf = _regnet_y("800mf", RegNet_Y_800MF_Weights)
regnet_y_1_6gf = _regnet_y("1_6gf", RegNet_Y_1_6GF_Weights)
regnet_y_3_2gf = _regnet_y("3_2gf", RegNet_Y_3_2GF_Weights)
regnet_y_8gf = _regnet_y("8gf", RegNet_Y_8GF_Weights)
regnet_y_16gf = _regnet_y("16gf", RegNet_Y_16GF_Weights)
regnet_y_32gf = _regnet_y("32gf", RegNet_Y_32GF_Weights)
regnet_y_128gf = _regnet_y("128gf", RegNet_Y_128GF_Weights)
regnet_x_400mf = _regnet_x("400mf", RegNet_X_400MF_Weights)
regnet_x_800mf = _regnet_x("800mf", RegNet_X_800MF_Weights)
regnet_x_1_6gf = _regnet_x("1_6gf", RegNet_X_1_6GF_Weights)
regnet_x_3_2gf = _regnet_x("3_2gf", RegNet_X_3_2GF_Weights)
regnet_x_8gf = _regnet_x("8gf", RegNet_X_8GF_Weights)
regnet_x_16gf = _regnet_x("16gf", RegNet_X_16GF_Weights)
regnet_x_32gf = _regnet_x("32gf", RegNet_X_32GF_Weights)
