"""Inception V3: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the inception
architecture for computer vision*, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tatamu import cat, nn
from tatamu.nn import functional as F
from tatamu.tensor import Tensor
from tatamu.vision.models import _inception
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = [
    "Inception3",
    "InceptionOutputs",
    "Inception_V3_Weights",
    "_InceptionOutputs",
    "inception_v3",
]

Maker = Callable[..., nn.Module]
HALVING = "3x3, stride 2"

# Kernels, with the padding that keeps the size.
_WINDOWS: dict[Any, dict[str, Any]] = {
    1: {"kernel_size": 1},
    3: {"kernel_size": 3, "padding": 1},
    5: {"kernel_size": 5, "padding": 2},
    (1, 3): {"kernel_size": (1, 3), "padding": (0, 1)},
    (3, 1): {"kernel_size": (3, 1), "padding": (1, 0)},
    (1, 7): {"kernel_size": (1, 7), "padding": (0, 3)},
    (7, 1): {"kernel_size": (7, 1), "padding": (3, 0)},
    HALVING: {"kernel_size": 3, "stride": 2},
}

_BEFORE = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1",
    "Conv2d_4a_3x3", "maxpool2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b",
    "Mixed_6c", "Mixed_6d", "Mixed_6e",
)  # fmt: skip
_AFTER = ("Mixed_7a", "Mixed_7b", "Mixed_7c", "avgpool", "dropout")


class InceptionOutputs(NamedTuple):
    """What a network in training gives: its result, and that of the auxiliary head."""

    logits: Tensor
    aux_logits: Tensor | None


_InceptionOutputs = InceptionOutputs


class BasicConv2d(nn.Module):
    """A convolution, norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return _inception.with_norm(x, self.conv, self.bn)


class _Branches(nn.Module):
    """Chains of convolutions side by side, then a pooling.

    A chain is a row of (outputs, kernel); with two kernels it ends in both, side by side. The
    convolutions are children of the block: ``branch`` of a chain of one, else ``branch_1``,
    ``branch_2`` and so on.
    """

    def __init__(self, inputs: int, conv: Maker | None, **chains: tuple[Any, ...]) -> None:
        super().__init__()
        self._names: dict[str, list[tuple[str, ...]]] = {}
        for branch, steps in chains.items():
            width = inputs
            self._names[branch] = []
            for at, (outputs, *windows) in enumerate(steps, 1):
                name = branch if len(steps) == 1 else f"{branch}_{at}"
                names = (name,) if len(windows) == 1 else (f"{name}a", f"{name}b")
                for key, window in zip(names, windows, strict=True):
                    setattr(self, key, (conv or BasicConv2d)(width, outputs, **_WINDOWS[window]))
                self._names[branch].append(names)
                width = outputs

    def _through(self, branch: str, x: Tensor) -> list[Tensor]:
        made = [x]
        for names in self._names[branch]:
            made = [getattr(self, name)(made[0]) for name in names]
        return made

    def forward(self, x: Tensor) -> Tensor:
        parts: list[Tensor] = []
        for branch in self._names:
            if branch == "branch_pool":
                parts += self._through(branch, F.avg_pool2d(x, 3, stride=1, padding=1))
            else:
                parts += self._through(branch, x)
        if "branch_pool" not in self._names:
            parts.append(F.max_pool2d(x, 3, stride=2))
        return cat(parts, 1)


class InceptionA(_Branches):
    """1x1, 5x5, two of 3x3, and means: the paper's figure 5."""

    def __init__(
        self, in_channels: int, pool_features: int, conv_block: Maker | None = None
    ) -> None:
        super().__init__(
            in_channels,
            conv_block,
            branch1x1=((64, 1),),
            branch5x5=((48, 1), (64, 5)),
            branch3x3dbl=((64, 1), (96, 3), (96, 3)),
            branch_pool=((pool_features, 1),),
        )


class InceptionB(_Branches):
    """Half the size: 3x3, two of 3x3, and greatest values."""

    def __init__(self, in_channels: int, conv_block: Maker | None = None) -> None:
        super().__init__(
            in_channels,
            conv_block,
            branch3x3=((384, HALVING),),
            branch3x3dbl=((64, 1), (96, 3), (96, HALVING)),
        )


class InceptionC(_Branches):
    """Long kernels along either axis in place of 7x7: figure 6."""

    def __init__(
        self, in_channels: int, channels_7x7: int, conv_block: Maker | None = None
    ) -> None:
        c7, row, column = channels_7x7, (1, 7), (7, 1)
        super().__init__(
            in_channels,
            conv_block,
            branch1x1=((192, 1),),
            branch7x7=((c7, 1), (c7, row), (192, column)),
            branch7x7dbl=((c7, 1), (c7, column), (c7, row), (c7, column), (192, row)),
            branch_pool=((192, 1),),
        )


class InceptionD(_Branches):
    """Half the size: 3x3, long kernels before a 3x3, and greatest values."""

    def __init__(self, in_channels: int, conv_block: Maker | None = None) -> None:
        super().__init__(
            in_channels,
            conv_block,
            branch3x3=((192, 1), (320, HALVING)),
            branch7x7x3=((192, 1), (192, (1, 7)), (192, (7, 1)), (192, HALVING)),
        )


class InceptionE(_Branches):
    """Branches that end in a row and a column side by side: figure 7."""

    def __init__(self, in_channels: int, conv_block: Maker | None = None) -> None:
        row, column = (1, 3), (3, 1)
        super().__init__(
            in_channels,
            conv_block,
            branch1x1=((320, 1),),
            branch3x3=((384, 1), (384, row, column)),
            branch3x3dbl=((448, 1), (384, 3), (384, row, column)),
            branch_pool=((192, 1),),
        )


class InceptionAux(nn.Module):
    """A small classifier beside the network, which helps the gradient in training."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Maker | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.fc: Any = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        made: Tensor = self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return made


class Inception3(nn.Module):
    """Eleven blocks of five kinds; 75x75 at least. In training ``InceptionOutputs``, if
    ``aux_logits``.

    ``transform_input`` takes pictures that were normalised for ImageNet to [-1, 1].
    ``inception_blocks`` are the classes of convolution, blocks A to E and auxiliary head. Raises
    ValueError for another number of them; warns if ``init_weights`` is not given.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Maker] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        kinds = inception_blocks
        if kinds is None:
            kinds = [BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE]
            kinds = [*kinds, InceptionAux]
        init_weights = _inception.old_values(init_weights, "inception_v3")
        if len(kinds) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(kinds)}")
        conv, a, b, c, d, e, head = kinds
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits: Any = head(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            _inception.truncated(self, lambda layer: float(getattr(layer, "stddev", 0.1)))

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        if self.transform_input:
            x = _inception.rescaled(x)
        for name in _BEFORE:
            x = getattr(self, name)(x)
        side = None
        if self.AuxLogits is not None and self.training:
            side = self.AuxLogits(x)
        for name in _AFTER:
            x = getattr(self, name)(x)
        x = self.fc(x.flatten(1))
        if self.training and self.aux_logits:
            return InceptionOutputs(x, side)
        return x


Inception_V3_Weights = weights_enum("Inception_V3_Weights", __name__)
inception_v3 = builder("inception_v3", Inception_V3_Weights, Inception3, Inception3, _inception.fit)
