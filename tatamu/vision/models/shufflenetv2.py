"""ShuffleNet V2: Ma, Zhang, Zheng and Sun, *ShuffleNet V2: practical guidelines for efficient CNN
architecture design*, 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tatamu import cat, nn
from tatamu.tensor import Tensor
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = [
    "ShuffleNetV2",
    "ShuffleNet_V2_X0_5_Weights",
    "ShuffleNet_V2_X1_0_Weights",
    "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]

# The paper's table 5: blocks in the three stages; widths of stem, stages and last convolution.
_REPEATS = (4, 8, 4)
_WIDTHS = {
    "x0_5": (24, 48, 96, 192, 1024),
    "x1_0": (24, 116, 232, 464, 1024),
    "x1_5": (24, 176, 352, 704, 1024),
    "x2_0": (24, 244, 488, 976, 2048),
}


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """The channels of all groups in turn: the first of each, the second of each, and so on."""
    made: Tensor = nn.functional.channel_shuffle(x, groups)
    return made


def _convolved(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> list[nn.Module]:
    """A convolution, norm and ReLU."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class InvertedResidual(nn.Module):
    """Half the channels pass, half go through convolutions; then both are shuffled.

    At stride 2 all channels go through both branches. Raises ValueError for another stride than 1
    to 3, or widths that cannot be halved so.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        self.stride = stride
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If "
                "stride == 1 then inp should be equal to oup // 2 << 1."
            )
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(*self._depthwise(inp, stride), *_convolved(inp, half))
        self.branch2 = nn.Sequential(
            *_convolved(inp if stride > 1 else half, half),
            *self._depthwise(half, stride),
            *_convolved(half, half),
        )

    @staticmethod
    def depthwise_conv(
        i: int, o: int, kernel_size: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> nn.Conv2d:
        """A convolution of each channel alone."""
        return nn.Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def _depthwise(self, width: int, stride: int) -> list[nn.Module]:
        convolution = self.depthwise_conv(width, width, 3, stride, padding=1)
        return [convolution, nn.BatchNorm2d(width)]

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, x = x.chunk(2, dim=1)
        else:
            kept = self.branch1(x)
        return channel_shuffle(cat((kept, self.branch2(x)), dim=1), 2)


class ShuffleNetV2(nn.Module):
    """A stem, three stages that each halve the size, a 1x1 convolution and a linear layer.

    Raises ValueError unless there are three repeats and five widths.
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Callable[..., nn.Module] = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        self._stage_out_channels = stages_out_channels
        width, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(*_convolved(3, width, 3, 2))
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for number, (repeats, out) in enumerate(zip(stages_repeats, stages, strict=True), 2):
            blocks = [inverted_residual(width, out, 2)]
            blocks += [inverted_residual(out, out, 1) for _ in range(1, repeats)]
            setattr(self, f"stage{number}", nn.Sequential(*blocks))
            width = out
        self.conv5 = nn.Sequential(*_convolved(width, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        made: Tensor = self.fc(x.mean([2, 3]))
        return made


def _shufflenetv2(scale: str, weights: Any) -> Callable[..., ShuffleNetV2]:
    def make(**options: Any) -> ShuffleNetV2:
        return ShuffleNetV2(_REPEATS, _WIDTHS[scale], **options)

    return builder(f"shufflenet_v2_{scale}", weights, ShuffleNetV2, make)


ShuffleNet_V2_X0_5_Weights = weights_enum("ShuffleNet_V2_X0_5_Weights", __name__)
ShuffleNet_V2_X1_0_Weights = weights_enum("ShuffleNet_V2_X1_0_Weights", __name__)
ShuffleNet_V2_X1_5_Weights = weights_enum("ShuffleNet_V2_X1_5_Weights", __name__)
ShuffleNet_V2_X2_0_Weights = weights_enum("ShuffleNet_V2_X2_0_Weights", __name__)

shufflenet_v2_x0_5 = _shufflenetv2("x0_5", ShuffleNet_V2_X0_5_Weights)
shufflenet_v2_x1_0 = _shufflenetv2("x1_0", ShuffleNet_V2_X1_0_Weights)
shufflenet_v2_x1_5 = _shufflenetv2("x1_5", ShuffleNet_V2_X1_5_Weights)
shufflenet_v2_x2_0 = _shufflenetv2("x2_0", ShuffleNet_V2_X2_0_Weights)
