"""Layers: they hold state and call ``nn.functional``."""

from tatamu.nn import functional, init
from tatamu.nn.containers import Sequential
from tatamu.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from tatamu.nn.linear import Bilinear, Linear
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.nn.pooling import AvgPool2d, MaxPool2d
from tatamu.nn.simple import Flatten, Identity, ReLU

__all__ = [
    "AvgPool2d",
    "Bilinear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Flatten",
    "Identity",
    "Linear",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "functional",
    "init",
]
