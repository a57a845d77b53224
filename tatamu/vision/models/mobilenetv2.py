"""MobileNetV2: Sandler, Howard, Zhu, Zhmoginov and Chen, *MobileNetV2: inverted residuals and
linear bottlenecks*, 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tatamu import nn
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, make_divisible
from tatamu.vision.ops.misc import Conv2dNormActivation

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

Maker = Callable[..., nn.Module]

# The paper's table 2: expansion, outputs, repeats, stride of the first.
_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Wide by 1x1, a depthwise 3x3, narrow by 1x1; added to the input where the shapes agree.

    Raises ValueError for another stride than 1 and 2.
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Maker | None = None,
    ) -> None:
        super().__init__()
        self.stride = stride
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = norm_layer or nn.BatchNorm2d
        step = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        hidden = round(inp * expand_ratio)
        self.conv = nn.Sequential()
        if expand_ratio != 1:
            self.conv.append(step(inp, hidden, 1))
        self.conv.append(step(hidden, hidden, stride=stride, groups=hidden))
        self.conv.append(nn.Conv2d(hidden, oup, 1, bias=False))
        self.conv.append(norm(oup))
        self.out_channels = oup
        self.use_res_connect = stride == 1 and inp == oup
        self._is_cn = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(x)
        return x + made if self.use_res_connect else made


class MobileNetV2(nn.Module):
    """Inverted residuals by a table of (expansion, outputs, repeats, stride).

    ``width_mult`` scales all widths, which are then rounded to multiples of ``round_nearest``.
    Raises ValueError for a table with rows of another length.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Maker | None = None,
        norm_layer: Maker | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block = block or InvertedResidual
        norm = norm_layer or nn.BatchNorm2d
        table = _BLOCKS if inverted_residual_setting is None else inverted_residual_setting
        if len(table) == 0 or len(table[0]) != 4:
            raise ValueError(
                "inverted_residual_setting should be non-empty or a 4-element list, got "
                f"{inverted_residual_setting}"
            )
        step = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        width = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        self.features = nn.Sequential(step(3, width, stride=2))
        for expansion, channels, repeats, stride in table:
            out = make_divisible(channels * width_mult, round_nearest)
            for at in range(repeats):
                pace = stride if at == 0 else 1
                made = block(width, out, pace, expand_ratio=expansion, norm_layer=norm)
                self.features.append(made)
                width = out
        self.features.append(step(width, self.last_channel, 1))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        _init.by_kind(self, conv=_init.conv_fan_out, linear=_init.linear_normal)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        made: Tensor = self.classifier(x.flatten(1))
        return made


MobileNet_V2_Weights = weights_enum("MobileNet_V2_Weights", __name__)
mobilenet_v2 = builder("mobilenet_v2", MobileNet_V2_Weights, MobileNetV2, MobileNetV2)
