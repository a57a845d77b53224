"""AlexNet: Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014."""

from __future__ import annotations

from tatamu import nn
from tatamu.tensor import Tensor
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder

__all__ = ["AlexNet", "AlexNet_Weights", "alexnet"]

# Outputs, kernel, stride, padding, whether it is pooled.
_LAYERS = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


class AlexNet(nn.Module):
    """Five convolutions and three linear layers; (N, 3, 63, 63) is the least input."""

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential()
        width = 3
        for out, kernel, stride, padding, pooled in _LAYERS:
            self.features.append(nn.Conv2d(width, out, kernel, stride, padding))
            self.features.append(nn.ReLU(inplace=True))
            if pooled:
                self.features.append(nn.MaxPool2d(3, 2))
            width = out
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        made: Tensor = self.classifier(x.flatten(1))
        return made


AlexNet_Weights = weights_enum("AlexNet_Weights", __name__)
alexnet = builder("alexnet", AlexNet_Weights, AlexNet, AlexNet)
