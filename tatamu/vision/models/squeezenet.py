"""SqueezeNet: Iandola, Han, Moskewicz, Ashraf, Dally and Keutzer, *SqueezeNet: AlexNet-level
accuracy with 50x fewer parameters and <0.5MB model size*, 2016; 1.1 is its authors' later release.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tatamu import cat, nn
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = [
    "SqueezeNet",
    "SqueezeNet1_0_Weights",
    "SqueezeNet1_1_Weights",
    "squeezenet1_0",
    "squeezenet1_1",
]

POOL = "pool"

# The stem's outputs and kernel, then fire modules by their squeezed and expanded channels.
_VERSIONS: dict[str, tuple[tuple[int, int], tuple[Any, ...]]] = {
    "1_0": (
        (96, 7),
        (POOL, (16, 64), (16, 64), (32, 128), POOL, (32, 128), (48, 192), (48, 192), (64, 256),
         POOL, (64, 256)),
    ),
    "1_1": (
        (64, 3),
        (POOL, (16, 64), (16, 64), POOL, (32, 128), (32, 128), POOL, (48, 192), (48, 192),
         (64, 256), (64, 256)),
    ),
}  # fmt: skip


class Fire(nn.Module):
    """Few channels by a 1x1 convolution, then many by 1x1 and 3x3 convolutions side by side."""

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        small = self.expand1x1_activation(self.expand1x1(x))
        large = self.expand3x3_activation(self.expand3x3(x))
        return cat([small, large], 1)


class SqueezeNet(nn.Module):
    """Fire modules, and a 1x1 convolution whose means are the result.

    Raises ValueError for another version than "1_0" and "1_1".
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        (width, kernel), steps = _VERSIONS[version]
        self.features = nn.Sequential(nn.Conv2d(3, width, kernel, stride=2), nn.ReLU(inplace=True))
        for step in steps:
            if step == POOL:
                self.features.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
                continue
            squeezed, expanded = step
            self.features.append(Fire(width, squeezed, expanded, expanded))
            width = 2 * expanded
        final_conv = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), final_conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        _init.by_kind(self, conv=partial(_first_values, final_conv))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.features(x))
        return made.flatten(1)


def _first_values(final: nn.Conv2d, layer: Any) -> None:
    if layer is final:
        init.normal_(layer.weight, mean=0.0, std=0.01)
    else:
        init.kaiming_uniform_(layer.weight)
    _init.zero_bias(layer)


def _squeezenet(version: str, weights: Any) -> Callable[..., SqueezeNet]:
    return builder(f"squeezenet{version}", weights, SqueezeNet, partial(SqueezeNet, version))


SqueezeNet1_0_Weights = weights_enum("SqueezeNet1_0_Weights", __name__)
SqueezeNet1_1_Weights = weights_enum("SqueezeNet1_1_Weights", __name__)

squeezenet1_0 = _squeezenet("1_0", SqueezeNet1_0_Weights)
squeezenet1_1 = _squeezenet("1_1", SqueezeNet1_1_Weights)
