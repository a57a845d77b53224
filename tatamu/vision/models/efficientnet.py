"""EfficientNet: Tan and Le, *EfficientNet: rethinking model scaling for convolutional neural
networks*, 2019, and *EfficientNetV2: smaller models and faster training*, 2021.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tatamu import nn
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, make_divisible
from tatamu.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation
from tatamu.vision.ops.stochastic_depth import StochasticDepth

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]

Maker = Callable[..., nn.Module]


@dataclass
class _MBConvConfig:
    """One row of the table."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Maker

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """A scaled width, in multiples of 8."""
        return make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A row of ``MBConv`` blocks, wider and deeper by two factors."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Maker | None = None,
    ) -> None:
        inputs = self.adjust_channels(input_channels, width_mult)
        outputs = self.adjust_channels(out_channels, width_mult)
        layers = self.adjust_depth(num_layers, depth_mult)
        super().__init__(expand_ratio, kernel, stride, inputs, outputs, layers, block or MBConv)

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """A scaled number of blocks."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A row of ``FusedMBConv`` blocks."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Maker | None = None,
    ) -> None:
        super().__init__(
            expand_ratio, kernel, stride, input_channels, out_channels, num_layers,
            block or FusedMBConv,
        )  # fmt: skip


class _Residual(nn.Module):
    """A chain of layers, added to the input where the shapes agree, or left out by chance."""

    def __init__(
        self, cnf: _MBConvConfig, layers: Sequence[nn.Module], stochastic_depth_prob: float
    ) -> None:
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        made: Tensor = self.block(input)
        return self.stochastic_depth(made) + input if self.use_res_connect else made


def _check(stride: int) -> None:
    if not 1 <= stride <= 2:
        raise ValueError("illegal stride value")


class MBConv(_Residual):
    """Wide by 1x1, depthwise, squeeze-excitation, narrow by 1x1.

    Raises ValueError for another stride than 1 and 2.
    """

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Maker,
        se_layer: Maker = SqueezeExcitation,
    ) -> None:
        _check(cnf.stride)
        step = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        inputs = cnf.input_channels
        wide = cnf.adjust_channels(inputs, cnf.expand_ratio)
        layers: list[nn.Module] = [step(inputs, wide, 1)] if wide != inputs else []
        layers.append(step(wide, wide, cnf.kernel, cnf.stride, groups=wide))
        layers.append(se_layer(wide, max(1, inputs // 4), partial(nn.SiLU, inplace=True)))
        layers.append(step(wide, cnf.out_channels, 1, activation_layer=None))
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """Wide by a whole convolution, narrow by 1x1; the first alone where it does not expand.

    Raises ValueError for another stride than 1 and 2.
    """

    def __init__(
        self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: Maker
    ) -> None:
        _check(cnf.stride)
        step = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        inputs = cnf.input_channels
        wide = cnf.adjust_channels(inputs, cnf.expand_ratio)
        if wide == inputs:
            layers = [step(inputs, cnf.out_channels, cnf.kernel, cnf.stride)]
        else:
            layers = [
                step(inputs, wide, cnf.kernel, cnf.stride),
                step(wide, cnf.out_channels, 1, activation_layer=None),
            ]
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """A stem, the rows of blocks, a 1x1 convolution and a linear layer.

    Blocks are left out by chance, the more so the later they come, up to ``stochastic_depth_prob``.
    Raises ValueError for no rows, TypeError for what is no list of rows.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Maker | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        rows = inverted_residual_setting
        if not rows:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(rows, Sequence) and all(isinstance(r, _MBConvConfig) for r in rows)):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm = norm_layer or nn.BatchNorm2d
        step = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        self.features = nn.Sequential(step(3, rows[0].input_channels, stride=2))
        total = sum(row.num_layers for row in rows)
        done = 0
        for row in rows:
            stage = nn.Sequential()
            cnf = copy.copy(row)
            for _ in range(row.num_layers):
                stage.append(row.block(cnf, stochastic_depth_prob * float(done) / total, norm))
                cnf.input_channels, cnf.stride = cnf.out_channels, 1
                done += 1
            self.features.append(stage)
        narrow = rows[-1].out_channels
        wide = 4 * narrow if last_channel is None else last_channel
        self.features.append(step(narrow, wide, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(wide, num_classes)
        )
        _init.by_kind(self, conv=_init.conv_fan_out, linear=_linear_values)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        made: Tensor = self.classifier(x.flatten(1))
        return made


def _linear_values(layer: Any) -> None:
    bound = 1.0 / math.sqrt(layer.out_features)
    init.uniform_(layer.weight, -bound, bound)
    init.zeros_(layer.bias)


# The papers' tables: kind of block, expansion, kernel, stride, inputs, outputs, layers.
_B0: tuple[tuple[Any, ...], ...] = (
    (MBConvConfig, 1, 3, 1, 32, 16, 1),
    (MBConvConfig, 6, 3, 2, 16, 24, 2),
    (MBConvConfig, 6, 5, 2, 24, 40, 2),
    (MBConvConfig, 6, 3, 2, 40, 80, 3),
    (MBConvConfig, 6, 5, 1, 80, 112, 3),
    (MBConvConfig, 6, 5, 2, 112, 192, 4),
    (MBConvConfig, 6, 3, 1, 192, 320, 1),
)
_V2_S: tuple[tuple[Any, ...], ...] = (
    (FusedMBConvConfig, 1, 3, 1, 24, 24, 2),
    (FusedMBConvConfig, 4, 3, 2, 24, 48, 4),
    (FusedMBConvConfig, 4, 3, 2, 48, 64, 4),
    (MBConvConfig, 4, 3, 2, 64, 128, 6),
    (MBConvConfig, 6, 3, 1, 128, 160, 9),
    (MBConvConfig, 6, 3, 2, 160, 256, 15),
)
_V2_M: tuple[tuple[Any, ...], ...] = (
    (FusedMBConvConfig, 1, 3, 1, 24, 24, 3),
    (FusedMBConvConfig, 4, 3, 2, 24, 48, 5),
    (FusedMBConvConfig, 4, 3, 2, 48, 80, 5),
    (MBConvConfig, 4, 3, 2, 80, 160, 7),
    (MBConvConfig, 6, 3, 1, 160, 176, 14),
    (MBConvConfig, 6, 3, 2, 176, 304, 18),
    (MBConvConfig, 6, 3, 1, 304, 512, 5),
)
_V2_L: tuple[tuple[Any, ...], ...] = (
    (FusedMBConvConfig, 1, 3, 1, 32, 32, 4),
    (FusedMBConvConfig, 4, 3, 2, 32, 64, 7),
    (FusedMBConvConfig, 4, 3, 2, 64, 96, 7),
    (MBConvConfig, 4, 3, 2, 96, 192, 10),
    (MBConvConfig, 6, 3, 1, 192, 224, 19),
    (MBConvConfig, 6, 3, 2, 224, 384, 25),
    (MBConvConfig, 6, 3, 1, 384, 640, 7),
)

# How the weights from TensorFlow and those of version 2 were trained.
_TENSORFLOW = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_SECOND = partial(nn.BatchNorm2d, eps=1e-3)


def _efficientnet(
    name: str,
    weights: Any,
    dropout: float,
    rows: Callable[[], list[Any]],
    norm: Maker | None = None,
    last: int | None = None,
) -> Callable[..., EfficientNet]:
    def make(**options: Any) -> EfficientNet:
        given = {"dropout": dropout, "norm_layer": norm, **options}
        return EfficientNet(rows(), last_channel=last, **given)

    return builder(name, weights, EfficientNet, make)


def _first(
    name: str, weights: Any, width: float, depth: float, dropout: float, norm: Maker | None = None
) -> Callable[..., EfficientNet]:
    """Version 1: B0's table, wider and deeper."""

    def rows() -> list[Any]:
        return [kind(*row, width_mult=width, depth_mult=depth) for kind, *row in _B0]

    return _efficientnet(name, weights, dropout, rows, norm)


def _second(
    name: str, weights: Any, table: Sequence[Any], dropout: float
) -> Callable[..., EfficientNet]:
    """Version 2: each size has a table of its own."""

    def rows() -> list[Any]:
        return [kind(*row) for kind, *row in table]

    return _efficientnet(name, weights, dropout, rows, _SECOND, 1280)


EfficientNet_B0_Weights = weights_enum("EfficientNet_B0_Weights", __name__)
EfficientNet_B1_Weights = weights_enum("EfficientNet_B1_Weights", __name__)
EfficientNet_B2_Weights = weights_enum("EfficientNet_B2_Weights", __name__)
EfficientNet_B3_Weights = weights_enum("EfficientNet_B3_Weights", __name__)
EfficientNet_B4_Weights = weights_enum("EfficientNet_B4_Weights", __name__)
EfficientNet_B5_Weights = weights_enum("EfficientNet_B5_Weights", __name__)
EfficientNet_B6_Weights = weights_enum("EfficientNet_B6_Weights", __name__)
EfficientNet_B7_Weights = weights_enum("EfficientNet_B7_Weights", __name__)
EfficientNet_V2_S_Weights = weights_enum("EfficientNet_V2_S_Weights", __name__)
EfficientNet_V2_M_Weights = weights_enum("EfficientNet_V2_M_Weights", __name__)
EfficientNet_V2_L_Weights = weights_enum("EfficientNet_V2_L_Weights", __name__)

# Width, depth, dropout.
efficientnet_b0 = _first("efficientnet_b0", EfficientNet_B0_Weights, 1.0, 1.0, 0.2)
efficientnet_b1 = _first("efficientnet_b1", EfficientNet_B1_Weights, 1.0, 1.1, 0.2)
efficientnet_b2 = _first("efficientnet_b2", EfficientNet_B2_Weights, 1.1, 1.2, 0.3)
efficientnet_b3 = _first("efficientnet_b3", EfficientNet_B3_Weights, 1.2, 1.4, 0.3)
efficientnet_b4 = _first("efficientnet_b4", EfficientNet_B4_Weights, 1.4, 1.8, 0.4)
efficientnet_b5 = _first("efficientnet_b5", EfficientNet_B5_Weights, 1.6, 2.2, 0.4, _TENSORFLOW)
efficientnet_b6 = _first("efficientnet_b6", EfficientNet_B6_Weights, 1.8, 2.6, 0.5, _TENSORFLOW)
efficientnet_b7 = _first("efficientnet_b7", EfficientNet_B7_Weights, 2.0, 3.1, 0.5, _TENSORFLOW)

efficientnet_v2_s = _second("efficientnet_v2_s", EfficientNet_V2_S_Weights, _V2_S, 0.2)
efficientnet_v2_m = _second("efficientnet_v2_m", EfficientNet_V2_M_Weights, _V2_M, 0.3)
efficientnet_v2_l = _second("efficientnet_v2_l", EfficientNet_V2_L_Weights, _V2_L, 0.4)
