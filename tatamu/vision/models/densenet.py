"""DenseNet: Huang, Liu, van der Maaten and Weinberger, *Densely connected convolutional networks*,
2017.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from tatamu import cat, nn
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.utils.checkpoint import checkpoint
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]


class _DenseLayer(nn.Module):
    """All that came before, joined, through a 1x1 and a 3x3 convolution: ``growth_rate`` more."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def _squeeze(self, *parts: Tensor) -> Tensor:
        made: Tensor = self.conv1(self.relu1(self.norm1(cat(list(parts), 1))))
        return made

    def forward(self, input: Tensor | Sequence[Tensor]) -> Tensor:
        parts = [input] if isinstance(input, Tensor) else list(input)
        if self.memory_efficient and any(part.requires_grad for part in parts):
            # The joined tensor, which every layer would keep, is made again in the backward pass.
            squeezed = checkpoint(self._squeeze, *parts, use_reentrant=False)
        else:
            squeezed = self._squeeze(*parts)
        made: Tensor = self.conv2(self.relu2(self.norm2(squeezed)))
        if self.drop_rate > 0:
            made = F.dropout(made, self.drop_rate, self.training)
        return made


class _DenseBlock(nn.ModuleDict):
    """Layers each of which sees the input and the outputs of all before it."""

    _version = 2

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for at in range(num_layers):
            width = num_input_features + at * growth_rate
            self[f"denselayer{at + 1}"] = _DenseLayer(
                width, growth_rate, bn_size, drop_rate, memory_efficient
            )

    def forward(self, init_features: Tensor) -> Tensor:
        parts = [init_features]
        for layer in self.values():
            parts.append(layer(parts))
        return cat(parts, 1)


class _Transition(nn.Sequential):
    """Fewer channels, and half the size."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, stride=2)


class DenseNet(nn.Module):
    """Dense blocks of ``block_config`` layers with transitions between them; 29x29 at least.

    Each layer adds ``growth_rate`` channels, by way of ``bn_size`` times as many. With
    ``memory_efficient`` the joined inputs are computed again in the backward pass.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        width = num_init_features
        stem = OrderedDict(
            conv0=nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(width),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.features = nn.Sequential(stem)
        for number, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, width, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{number}", block)
            width += layers * growth_rate
            if number < len(block_config):
                self.features.add_module(f"transition{number}", _Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        _init.by_kind(self, conv=_first_values, linear=_init.zero_bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x), inplace=True)
        made: Tensor = self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return made


def _first_values(layer: Any) -> None:
    init.kaiming_normal_(layer.weight)


_DOTTED = re.compile(r"(\.denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def _undotted(state: dict[str, Any]) -> dict[str, Any]:
    """Published files have ``norm.1`` where a module is called ``norm1``."""
    return {_DOTTED.sub(r"\1\2", key): value for key, value in state.items()}


def _densenet(
    name: str, weights: Any, growth: int, blocks: Sequence[int], first: int
) -> Callable[..., DenseNet]:
    def make(**options: Any) -> DenseNet:
        return DenseNet(growth, blocks, first, **options)

    return builder(name, weights, DenseNet, make, translate=_undotted)


DenseNet121_Weights = weights_enum("DenseNet121_Weights", __name__)
DenseNet161_Weights = weights_enum("DenseNet161_Weights", __name__)
DenseNet169_Weights = weights_enum("DenseNet169_Weights", __name__)
DenseNet201_Weights = weights_enum("DenseNet201_Weights", __name__)

densenet121 = _densenet("densenet121", DenseNet121_Weights, 32, (6, 12, 24, 16), 64)
densenet161 = _densenet("densenet161", DenseNet161_Weights, 48, (6, 12, 36, 24), 96)
densenet169 = _densenet("densenet169", DenseNet169_Weights, 32, (6, 12, 32, 32), 64)
densenet201 = _densenet("densenet201", DenseNet201_Weights, 32, (6, 12, 48, 32), 64)
