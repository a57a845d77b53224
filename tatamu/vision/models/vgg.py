"""VGG: Simonyan and Zisserman, *Very deep convolutional networks for large-scale image
recognition*, 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tatamu import nn
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, known_classes

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# The paper's columns A, B, D and E: how many convolutions of 64, 128, 256, 512 and 512 outputs.
_REPEATS = {11: (1, 1, 2, 2, 2), 13: (2,) * 5, 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """3x3 convolutions in five stages, then three linear layers; the least input is 32x32."""

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            _init.by_kind(self, conv=_init.conv_fan_out, linear=_init.linear_normal)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        made: Tensor = self.classifier(x.flatten(1))
        return made


def make_layers(cfg: Sequence[str | int], batch_norm: bool = False) -> nn.Sequential:
    """The features: a number is a convolution with as many outputs, "M" a max pooling."""
    layers = nn.Sequential()
    width = 3
    for step in cfg:
        if isinstance(step, str):
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(width, step, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(step))
        layers.append(nn.ReLU(inplace=True))
        width = step
    return layers


def _column(depth: int) -> list[str | int]:
    steps: list[str | int] = []
    for width, times in zip(_WIDTHS, _REPEATS[depth], strict=True):
        steps += [*[width] * times, "M"]
    return steps


cfgs = dict(zip("ABDE", map(_column, _REPEATS), strict=True))


def _make(depth: int, batch_norm: bool, **options: Any) -> VGG:
    return VGG(make_layers(_column(depth), batch_norm), **options)


def _fit(options: dict[str, Any], weights: Any) -> None:
    options["init_weights"] = False
    known_classes(options, weights)


def _vgg(depth: int, weights: Any, batch_norm: bool = False) -> Callable[..., VGG]:
    name = f"vgg{depth}_bn" if batch_norm else f"vgg{depth}"
    return builder(name, weights, VGG, partial(_make, depth, batch_norm), _fit)


VGG11_Weights = weights_enum("VGG11_Weights", __name__)
VGG11_BN_Weights = weights_enum("VGG11_BN_Weights", __name__)
VGG13_Weights = weights_enum("VGG13_Weights", __name__)
VGG13_BN_Weights = weights_enum("VGG13_BN_Weights", __name__)
VGG16_Weights = weights_enum("VGG16_Weights", __name__)
VGG16_BN_Weights = weights_enum("VGG16_BN_Weights", __name__)
VGG19_Weights = weights_enum("VGG19_Weights", __name__)
VGG19_BN_Weights = weights_enum("VGG19_BN_Weights", __name__)

vgg11 = _vgg(11, VGG11_Weights)
vgg11_bn = _vgg(11, VGG11_BN_Weights, batch_norm=True)
vgg13 = _vgg(13, VGG13_Weights)
vgg13_bn = _vgg(13, VGG13_BN_Weights, batch_norm=True)
vgg16 = _vgg(16, VGG16_Weights)
vgg16_bn = _vgg(16, VGG16_BN_Weights, batch_norm=True)
vgg19 = _vgg(19, VGG19_Weights)
vgg19_bn = _vgg(19, VGG19_BN_Weights, batch_norm=True)
