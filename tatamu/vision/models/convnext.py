"""ConvNeXt: Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, *A ConvNet for the 2020s*, 2022."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tatamu import nn, ones
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder
from tatamu.vision.ops.misc import Conv2dNormActivation, Permute
from tatamu.vision.ops.stochastic_depth import StochasticDepth

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]

Maker = Callable[..., nn.Module]


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A depthwise 7x7, norm, and two linear layers with four times the channels between them.

    What comes out is scaled by channel, left out by chance, and added to the input.
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Maker | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        made: Tensor = self.stochastic_depth(self.layer_scale * self.block(input))
        return made + input


class CNBlockConfig:
    """One stage: its channels, those of the next (None for the last), its blocks."""

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int) -> None:
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"


class ConvNeXt(nn.Module):
    """A stem that divides the size by 4, and stages that halve it between them.

    Raises ValueError for no stages, TypeError for what is no list of them.
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Maker | None = None,
        norm_layer: Maker | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not (
            isinstance(block_setting, Sequence)
            and all(isinstance(stage, CNBlockConfig) for stage in block_setting)
        ):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block = block or CNBlock
        norm = norm_layer or partial(LayerNorm2d, eps=1e-6)
        width = block_setting[0].input_channels
        stem = Conv2dNormActivation(
            3, width, 4, stride=4, padding=0, norm_layer=norm, activation_layer=None, bias=True
        )
        self.features = nn.Sequential(stem)
        total = sum(stage.num_layers for stage in block_setting)
        done = 0
        for stage in block_setting:
            blocks = nn.Sequential()
            for _ in range(stage.num_layers):
                chance = stochastic_depth_prob * done / (total - 1.0)
                blocks.append(block(stage.input_channels, layer_scale, chance))
                done += 1
            self.features.append(blocks)
            width = stage.input_channels
            if stage.out_channels is not None:
                halved = nn.Conv2d(width, stage.out_channels, 2, stride=2)
                self.features.append(nn.Sequential(norm(width), halved))
                width = stage.out_channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm(width), nn.Flatten(1), nn.Linear(width, num_classes))
        _init.by_kind(self, conv=_first_values, linear=_first_values, norms=False)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.avgpool(self.features(x)))
        return made


def _first_values(layer: Any) -> None:
    init.trunc_normal_(layer.weight, std=0.02)
    _init.zero_bias(layer)


def _convnext(
    name: str, weights: Any, widths: Sequence[int], depths: Sequence[int], chance: float
) -> Callable[..., ConvNeXt]:
    def make(**options: Any) -> ConvNeXt:
        following = [*widths[1:], None]
        stages = [CNBlockConfig(*row) for row in zip(widths, following, depths, strict=True)]
        return ConvNeXt(stages, **{"stochastic_depth_prob": chance, **options})

    return builder(name, weights, ConvNeXt, make)


ConvNeXt_Tiny_Weights = weights_enum("ConvNeXt_Tiny_Weights", __name__)
ConvNeXt_Small_Weights = weights_enum("ConvNeXt_Small_Weights", __name__)
ConvNeXt_Base_Weights = weights_enum("ConvNeXt_Base_Weights", __name__)
ConvNeXt_Large_Weights = weights_enum("ConvNeXt_Large_Weights", __name__)

_SHALLOW, _DEEP = (3, 3, 9, 3), (3, 3, 27, 3)
_W96, _W128, _W192 = (96, 192, 384, 768), (128, 256, 512, 1024), (192, 384, 768, 1536)

convnext_tiny = _convnext("convnext_tiny", ConvNeXt_Tiny_Weights, _W96, _SHALLOW, 0.1)
convnext_small = _convnext("convnext_small", ConvNeXt_Small_Weights, _W96, _DEEP, 0.4)
convnext_base = _convnext("convnext_base", ConvNeXt_Base_Weights, _W128, _DEEP, 0.5)
convnext_large = _convnext("convnext_large", ConvNeXt_Large_Weights, _W192, _DEEP, 0.5)
