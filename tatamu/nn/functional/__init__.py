"""The layers as functions, with torch's signatures: ``import tatamu.nn.functional as F``."""

from tatamu.geometry.arguments import Ints
from tatamu.nn.functional.activation import relu
from tatamu.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_spec,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from tatamu.nn.functional.linear import bilinear, linear
from tatamu.nn.functional.padding import pad
from tatamu.nn.functional.pooling import avg_pool2d, max_pool2d

__all__ = [
    "Ints",
    "avg_pool2d",
    "bilinear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_spec",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "linear",
    "max_pool2d",
    "pad",
    "relu",
]
