"""MobileNetV3: Howard, Sandler, Chu, Chen and others, *Searching for MobileNetV3*, 2019."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tatamu import nn
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, make_divisible
from tatamu.vision.ops.misc import Conv2dNormActivation
from tatamu.vision.ops.misc import SqueezeExcitation as SElayer

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]

Maker = Callable[..., nn.Module]
_SQUEEZE: Maker = partial(SElayer, scale_activation=nn.Hardsigmoid)
RE, HS = "RE", "HS"

# The paper's tables 1 and 2: inputs, kernel, expanded channels, outputs, squeeze-excitation,
# activation, stride. Rows from TAIL on are those that may be thinned or dilated.
_LARGE = (
    (16, 3, 16, 16, False, RE, 1),
    (16, 3, 64, 24, False, RE, 2),
    (24, 3, 72, 24, False, RE, 1),
    (24, 5, 72, 40, True, RE, 2),
    (40, 5, 120, 40, True, RE, 1),
    (40, 5, 120, 40, True, RE, 1),
    (40, 3, 240, 80, False, HS, 2),
    (80, 3, 200, 80, False, HS, 1),
    (80, 3, 184, 80, False, HS, 1),
    (80, 3, 184, 80, False, HS, 1),
    (80, 3, 480, 112, True, HS, 1),
    (112, 3, 672, 112, True, HS, 1),
    (112, 5, 672, 160, True, HS, 2),
    (160, 5, 960, 160, True, HS, 1),
    (160, 5, 960, 160, True, HS, 1),
)
_SMALL = (
    (16, 3, 16, 16, True, RE, 2),
    (16, 3, 72, 24, False, RE, 2),
    (24, 3, 88, 24, False, RE, 1),
    (24, 5, 96, 40, True, HS, 2),
    (40, 5, 240, 40, True, HS, 1),
    (40, 5, 240, 40, True, HS, 1),
    (40, 5, 120, 48, True, HS, 1),
    (48, 5, 144, 48, True, HS, 1),
    (48, 5, 288, 96, True, HS, 2),
    (96, 5, 576, 96, True, HS, 1),
    (96, 5, 576, 96, True, HS, 1),
)
_TAIL = 3


class InvertedResidualConfig:
    """One row of the table, its widths scaled by ``width_mult``."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == HS
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """A scaled width, in multiples of 8."""
        return make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """Wide by 1x1, depthwise, squeeze-excitation, narrow by 1x1; added where the shapes agree.

    Raises ValueError for another stride than 1 and 2.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Maker,
        se_layer: Maker = _SQUEEZE,
    ) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        activation = nn.Hardswish if cnf.use_hs else nn.ReLU
        step = partial(Conv2dNormActivation, norm_layer=norm_layer)
        wide = cnf.expanded_channels
        self.block = nn.Sequential()
        if wide != cnf.input_channels:
            self.block.append(step(cnf.input_channels, wide, 1, activation_layer=activation))
        # Where it dilates, it does not halve the size.
        stride = 1 if cnf.dilation > 1 else cnf.stride
        self.block.append(
            step(
                wide, wide, cnf.kernel, stride, dilation=cnf.dilation, groups=wide,
                activation_layer=activation,
            )
        )  # fmt: skip
        if cnf.use_se:
            self.block.append(se_layer(wide, make_divisible(wide // 4, 8)))
        self.block.append(step(wide, cnf.out_channels, 1, activation_layer=None))
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        made: Tensor = self.block(input)
        return made + input if self.use_res_connect else made


class MobileNetV3(nn.Module):
    """Inverted residuals by a list of rows, then two linear layers of which the first is
    ``last_channel`` wide.

    Raises ValueError for an empty list, TypeError for what is no list of rows.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Maker | None = None,
        norm_layer: Maker | None = None,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        rows = inverted_residual_setting
        if not rows:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (
            isinstance(rows, Sequence) and all(isinstance(r, InvertedResidualConfig) for r in rows)
        ):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        step = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        self.features = nn.Sequential(step(3, rows[0].input_channels, stride=2))
        for row in rows:
            self.features.append(block(row, norm))
        width = 6 * rows[-1].out_channels
        self.features.append(step(rows[-1].out_channels, width, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(width, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        _init.by_kind(self, conv=_init.conv_fan_out, linear=_init.linear_normal)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        made: Tensor = self.classifier(x.flatten(1))
        return made


def _rows(
    table: Sequence[Any], last: int, width_mult: float, reduced_tail: bool, dilated: bool
) -> tuple[list[InvertedResidualConfig], int]:
    """The rows of a table, and the width of the last layer but one.

    A reduced tail has half the channels, a dilated one keeps its size.
    """
    rows = []
    thin = 2 if reduced_tail else 1
    first = len(table) - _TAIL
    for at, (inp, kernel, wide, out, squeeze, activation, stride) in enumerate(table):
        inp, wide = (n // thin if at > first else n for n in (inp, wide))
        out = out // thin if at >= first else out
        dilation = 2 if dilated and at >= first else 1
        row = (inp, kernel, wide, out, squeeze, activation, stride, dilation)
        rows.append(InvertedResidualConfig(*row, width_mult))
    return rows, InvertedResidualConfig.adjust_channels(last // thin, width_mult)


def _mobilenet_v3(
    name: str, weights: Any, table: Sequence[Any], last: int
) -> Callable[..., MobileNetV3]:
    def make(
        width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False, **options: Any
    ) -> MobileNetV3:
        rows, width = _rows(table, last, width_mult, reduced_tail, dilated)
        return MobileNetV3(rows, width, **options)

    return builder(name, weights, MobileNetV3, make)


MobileNet_V3_Large_Weights = weights_enum("MobileNet_V3_Large_Weights", __name__)
MobileNet_V3_Small_Weights = weights_enum("MobileNet_V3_Small_Weights", __name__)

mobilenet_v3_large = _mobilenet_v3("mobilenet_v3_large", MobileNet_V3_Large_Weights, _LARGE, 1280)
mobilenet_v3_small = _mobilenet_v3("mobilenet_v3_small", MobileNet_V3_Small_Weights, _SMALL, 1024)
