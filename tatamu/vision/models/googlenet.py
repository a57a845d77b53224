"""GoogLeNet: Szegedy, Liu, Jia, Sermanet and others, *Going deeper with convolutions*, 2015; with
batch norm.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tatamu import cat, nn
from tatamu.nn import functional as F
from tatamu.tensor import Tensor
from tatamu.vision.models import _inception
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "_GoogLeNetOutputs", "googlenet"]

Maker = Callable[..., nn.Module]

# The paper's table 1: inputs, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool.
_BLOCKS: dict[str, Any] = {
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "maxpool3": 3,
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "maxpool4": 2,
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNetOutputs(NamedTuple):
    """What a network in training gives: its result, and those of the auxiliary heads."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


_GoogLeNetOutputs = GoogLeNetOutputs


class BasicConv2d(nn.Module):
    """A convolution, norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return _inception.with_norm(x, self.conv, self.bn)


class Inception(nn.Module):
    """1x1, 3x3, wider and pooled, side by side.

    The branch that the paper calls 5x5 has 3x3 kernels, as all published weights do.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Maker | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return cat([branch(x) for branch in branches], 1)


class InceptionAux(nn.Module):
    """A small classifier beside the network, which helps the gradient in training."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Maker | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        x = self.dropout(F.relu(self.fc1(x), inplace=True))
        made: Tensor = self.fc2(x)
        return made


class GoogLeNet(nn.Module):
    """Nine inception blocks. In training it gives ``GoogLeNetOutputs`` if ``aux_logits``.

    ``transform_input`` takes pictures that were normalised for ImageNet to [-1, 1]. ``blocks`` are
    the classes of convolution, inception block and auxiliary head. Raises ValueError for another
    number of them; warns if ``init_weights`` is not given.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Maker] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = [BasicConv2d, Inception, InceptionAux] if blocks is None else blocks
        init_weights = _inception.old_values(init_weights, "GoogleNet")
        if len(blocks) != 3:
            raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
        conv, inception, head = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for name, row in _BLOCKS.items():
            pool = isinstance(row, int)
            made = nn.MaxPool2d(row, stride=2, ceil_mode=True) if pool else inception(*row)
            setattr(self, name, made)
        self.aux1 = head(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = head(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights:
            _inception.truncated(self, lambda layer: 0.01)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        if self.transform_input:
            x = _inception.rescaled(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        sides: dict[str, Tensor] = {}
        for name in _BLOCKS:
            x = getattr(self, name)(x)
            side = {"inception4a": self.aux1, "inception4d": self.aux2}.get(name)
            if side is not None and self.training:
                sides[name] = side(x)
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.aux_logits:
            return GoogLeNetOutputs(x, sides.get("inception4d"), sides.get("inception4a"))
        return x


def _finish(model: GoogLeNet, options: dict[str, Any]) -> None:
    if options.get("aux_logits", False):
        warnings.warn(
            "auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure "
            "to train them",
            stacklevel=4,
        )
        return
    model.aux_logits = False
    model.aux1 = model.aux2 = None


GoogLeNet_Weights = weights_enum("GoogLeNet_Weights", __name__)
googlenet = builder(
    "googlenet", GoogLeNet_Weights, GoogLeNet, GoogLeNet, _inception.fit, finish=_finish
)
