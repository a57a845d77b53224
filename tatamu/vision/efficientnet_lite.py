"""EfficientNet-Lite0, with the names that its published PyTorch weights have.

Tan and Le's *EfficientNet* (2019) without what small devices do slowly: no squeeze-and-excitation,
ReLU6 for swish. It was trained under TensorFlow, so it pads as TensorFlow does.
"""

from __future__ import annotations

from tatamu import nn
from tatamu.geometry import Window
from tatamu.geometry.tensorflow import same_pads
from tatamu.tensor import Tensor

__all__ = ["EfficientNetLite0"]

# Expansion, outputs, kernel, stride of the first, repeats.
_BLOCKS = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)


class _Same(nn.Conv2d):
    """A convolution without bias whose zeros are added by TensorFlow's rule 'same'."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inp, out, kernel, stride, groups=groups, bias=False)
        self.window = Window(kernel, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        height, width = (same_pads(self.window, size) for size in x.shape[-2:])
        if any((*height, *width)):
            x = nn.functional.pad(x, (*width, *height))
        return super().forward(x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    """Wide by 1x1, depthwise, narrow by 1x1; added to the input where the shapes agree."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inp * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = _Same(inp, wide, 1)
            self._bn0 = _norm(wide)
        self._depthwise_conv = _Same(wide, wide, kernel, stride, groups=wide)
        self._bn1 = _norm(wide)
        self._project_conv = _Same(wide, out, 1)
        self._bn2 = _norm(out)
        self.adds = stride == 1 and inp == out

    def forward(self, x: Tensor) -> Tensor:
        relu6 = nn.functional.relu6
        y = relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = relu6(self._bn1(self._depthwise_conv(y)))
        made: Tensor = self._bn2(self._project_conv(y))
        return x + made if self.adds else made


class EfficientNetLite0(nn.Module):
    """Logits (N, classes) of pictures (N, 3, H, W), whose bytes b came as (b - 127) / 128.

    >>> sum(p.numel() for p in EfficientNetLite0().parameters())
    4652008
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        self._conv_stem = _Same(3, 32, 3, stride=2)
        self._bn0 = _norm(32)
        self._blocks = nn.ModuleList()
        width = 32
        for expansion, out, kernel, stride, repeats in _BLOCKS:
            for at in range(repeats):
                pace = stride if at == 0 else 1
                self._blocks.append(_Block(width, out, kernel, pace, expansion))
                width = out
        self._conv_head = _Same(width, 1280, 1)
        self._bn1 = _norm(1280)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(1280, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        relu6 = nn.functional.relu6
        x = relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = relu6(self._bn1(self._conv_head(x)))
        x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        made: Tensor = self._fc(self._dropout(x))
        return made
