"""ResNet and what grew from it.

- ResNet: He, Zhang, Ren and Sun, *Deep residual learning for image recognition*, 2016; the stride
  of a bottleneck stands at its 3x3 convolution ("ResNet v1.5").
- ResNeXt: Xie, Girshick, Dollár, Tu and He, *Aggregated residual transformations for deep neural
  networks*, 2017.
- Wide ResNet: Zagoruyko and Komodakis, *Wide residual networks*, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tatamu import nn
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, demand

__all__ = [
    "ResNeXt50_32X4D_Weights",
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]

Maker = Callable[..., nn.Module]


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A 3x3 convolution whose padding grows with its dilation; no bias, since a norm follows."""
    return nn.Conv2d(
        in_planes, out_planes, 3, stride, padding=dilation, dilation=dilation, groups=groups,
        bias=False,
    )  # fmt: skip


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution without a bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, added to the input."""

    expansion: int = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Maker | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        made = self.relu(self.bn1(self.conv1(x)))
        made = self.bn2(self.conv2(made))
        kept = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu(made + kept)
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, the 3x3 one with fewer channels, added to the input."""

    expansion: int = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Maker | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        made = self.relu(self.bn1(self.conv1(x)))
        made = self.relu(self.bn2(self.conv2(made)))
        made = self.bn3(self.conv3(made))
        kept = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu(made + kept)
        return out


class ResNet(nn.Module):
    """A stem that divides the size by 4, four stages of ``layers`` blocks, and a linear layer.

    The stages from the second on halve the size, or dilate instead where
    ``replace_stride_with_dilation`` says so. With ``zero_init_residual`` each block begins as the
    identity. Raises ValueError if ``replace_stride_with_dilation`` has not three entries.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Maker | None = None,
    ) -> None:
        super().__init__()
        dilated = [False] * 3
        if replace_stride_with_dilation is not None:
            dilated = list(replace_stride_with_dilation)
        if len(dilated) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None "
                f"or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self._norm_layer: Maker = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilated[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilated[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilated[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        _init.by_kind(self, conv=_init.conv_fan_out)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last: Any = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    init.zeros_(last.weight)

    def _make_layer(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        out = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        make: Maker = block
        shape = {"groups": self.groups, "base_width": self.base_width}
        stage = nn.Sequential()
        for at in range(blocks):
            first = (stride, downsample) if at == 0 else (1, None)
            dilation = before if at == 0 else self.dilation
            stage.append(
                make(
                    self.inplanes, planes, *first, **shape,
                    dilation=dilation, norm_layer=self._norm_layer,
                )
            )  # fmt: skip
            self.inplanes = out
        return stage

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        made: Tensor = self.fc(self.avgpool(x).flatten(1))
        return made


def _resnet(
    name: str, weights: Any, block: Any, layers: Sequence[int], **shape: int
) -> Callable[..., ResNet]:
    def make(**options: Any) -> ResNet:
        for key, value in shape.items():
            demand(options, key, value)
        return ResNet(block, layers, **options)

    return builder(name, weights, ResNet, make)


ResNet18_Weights = weights_enum("ResNet18_Weights", __name__)
ResNet34_Weights = weights_enum("ResNet34_Weights", __name__)
ResNet50_Weights = weights_enum("ResNet50_Weights", __name__)
ResNet101_Weights = weights_enum("ResNet101_Weights", __name__)
ResNet152_Weights = weights_enum("ResNet152_Weights", __name__)
ResNeXt50_32X4D_Weights = weights_enum("ResNeXt50_32X4D_Weights", __name__)
ResNeXt101_32X8D_Weights = weights_enum("ResNeXt101_32X8D_Weights", __name__)
ResNeXt101_64X4D_Weights = weights_enum("ResNeXt101_64X4D_Weights", __name__)
Wide_ResNet50_2_Weights = weights_enum("Wide_ResNet50_2_Weights", __name__)
Wide_ResNet101_2_Weights = weights_enum("Wide_ResNet101_2_Weights", __name__)

resnet18 = _resnet("resnet18", ResNet18_Weights, BasicBlock, (2, 2, 2, 2))
resnet34 = _resnet("resnet34", ResNet34_Weights, BasicBlock, (3, 4, 6, 3))
resnet50 = _resnet("resnet50", ResNet50_Weights, Bottleneck, (3, 4, 6, 3))
resnet101 = _resnet("resnet101", ResNet101_Weights, Bottleneck, (3, 4, 23, 3))
resnet152 = _resnet("resnet152", ResNet152_Weights, Bottleneck, (3, 8, 36, 3))

resnext50_32x4d = _resnet(
    "resnext50_32x4d", ResNeXt50_32X4D_Weights, Bottleneck, (3, 4, 6, 3),
    groups=32, width_per_group=4,
)  # fmt: skip
resnext101_32x8d = _resnet(
    "resnext101_32x8d", ResNeXt101_32X8D_Weights, Bottleneck, (3, 4, 23, 3),
    groups=32, width_per_group=8,
)  # fmt: skip
resnext101_64x4d = _resnet(
    "resnext101_64x4d", ResNeXt101_64X4D_Weights, Bottleneck, (3, 4, 23, 3),
    groups=64, width_per_group=4,
)  # fmt: skip

wide_resnet50_2 = _resnet(
    "wide_resnet50_2", Wide_ResNet50_2_Weights, Bottleneck, (3, 4, 6, 3), width_per_group=128
)
wide_resnet101_2 = _resnet(
    "wide_resnet101_2", Wide_ResNet101_2_Weights, Bottleneck, (3, 4, 23, 3), width_per_group=128
)
