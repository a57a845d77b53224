"""MNASNet: Tan, Chen, Pang, Vasudevan, Sandler, Howard and Le, *MnasNet: platform-aware neural
architecture search for mobile*, 2019; the variant B1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from tatamu import nn
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

# One minus the paper's decay of batch norm's means.
_MOMENTUM = 1 - 0.9997

# Stacks: kernel, stride of the first, expansion, repeats; beside them the widths before and after.
_STACKS = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))
_WIDTHS = (32, 16, 24, 40, 80, 96, 192, 320)


class _InvertedResidual(nn.Module):
    """Wide by 1x1, depthwise, narrow by 1x1; added to the input where the shapes agree."""

    def __init__(
        self,
        in_ch: int,
        out_ch: int,
        kernel_size: int,
        stride: int,
        expansion_factor: int,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        wide = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *_convolved(in_ch, wide, 1, momentum=bn_momentum),
            *_convolved(wide, wide, kernel_size, stride, groups=wide, momentum=bn_momentum),
            *_convolved(wide, out_ch, 1, momentum=bn_momentum)[:-1],
        )

    def forward(self, input: Tensor) -> Tensor:
        made: Tensor = self.layers(input)
        return made + input if self.apply_residual else made


def _convolved(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1,
    momentum: float = _MOMENTUM,
) -> list[nn.Module]:  # fmt: skip
    """A convolution that keeps the size at stride 1, norm and ReLU."""
    pads = kernel // 2
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, pads, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, momentum=momentum),
        nn.ReLU(inplace=True),
    ]


def _stack(width: int, out: int, kernel: int, stride: int, expansion: int, repeats: int) -> Any:
    """Blocks of one width, of which the first may halve the size."""
    block = partial(_InvertedResidual, bn_momentum=_MOMENTUM)
    first = block(width, out, kernel, stride, expansion)
    return nn.Sequential(first, *(block(out, out, kernel, 1, expansion) for _ in range(1, repeats)))


def _round_to_multiple_of(val: float, divisor: int, round_up_bias: float = 0.9) -> int:
    """``val`` rounded to a multiple, downwards only if that keeps ``round_up_bias`` of it."""
    rounded = max(divisor, int(val + divisor / 2) // divisor * divisor)
    return rounded if rounded >= round_up_bias * val else rounded + divisor


def _get_depths(alpha: float) -> list[int]:
    """The scaled widths."""
    return [_round_to_multiple_of(width * alpha, 8) for width in _WIDTHS]


class MNASNet(nn.Module):
    """Stacks of inverted residuals, their widths scaled by ``alpha``.

    Raises ValueError for an ``alpha`` that is not above 0.
    """

    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        widths = _get_depths(alpha)
        layers = _stem(*widths[:2])
        for before, after, row in zip(widths[1:], widths[2:], _STACKS, strict=False):
            layers.append(_stack(before, after, *row))
        self.layers = nn.Sequential(*layers, *_convolved(widths[-1], 1280, 1))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        _init.by_kind(self, conv=_init.conv_fan_out, linear=_linear_values)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.layers(x).mean([2, 3]))
        return made

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *others: Any
    ) -> None:
        """Files of the first version have a stem whose widths are not scaled."""
        version = local_metadata.get("version", None)
        if version not in (1, 2):
            raise ValueError(f"version should be set to 1 or 2 instead of {version}")
        if version == 1 and self.alpha != 1.0:
            widths = _get_depths(self.alpha)
            stem = [*_stem(32, 16), _stack(16, widths[2], *_STACKS[0])]
            for at, layer in enumerate(stem):
                self.layers[at] = layer
            self._version = 1
            warnings.warn(
                "A new version of MNASNet model has been implemented. Your checkpoint was saved "
                "using the previous version. This checkpoint will load and work as before, but "
                "you may want to upgrade by training a newer model or transfer learning from an "
                "updated ImageNet checkpoint.",
                UserWarning,
                stacklevel=2,
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


def _stem(first: int, second: int) -> list[nn.Module]:
    return [
        *_convolved(3, first, 3, 2),
        *_convolved(first, first, 3, groups=first),
        *_convolved(first, second, 1)[:-1],
    ]


def _linear_values(layer: Any) -> None:
    init.kaiming_uniform_(layer.weight, mode="fan_out", nonlinearity="sigmoid")
    init.zeros_(layer.bias)


def _mnasnet(name: str, weights: Any, alpha: float) -> Callable[..., MNASNet]:
    return builder(name, weights, MNASNet, partial(MNASNet, alpha))


MNASNet0_5_Weights = weights_enum("MNASNet0_5_Weights", __name__)
MNASNet0_75_Weights = weights_enum("MNASNet0_75_Weights", __name__)
MNASNet1_0_Weights = weights_enum("MNASNet1_0_Weights", __name__)
MNASNet1_3_Weights = weights_enum("MNASNet1_3_Weights", __name__)

mnasnet0_5 = _mnasnet("mnasnet0_5", MNASNet0_5_Weights, 0.5)
mnasnet0_75 = _mnasnet("mnasnet0_75", MNASNet0_75_Weights, 0.75)
mnasnet1_0 = _mnasnet("mnasnet1_0", MNASNet1_0_Weights, 1.0)
mnasnet1_3 = _mnasnet("mnasnet1_3", MNASNet1_3_Weights, 1.3)
