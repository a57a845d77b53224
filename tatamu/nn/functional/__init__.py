"""The layers as functions, with torch's signatures: ``import tatamu.nn.functional as F``."""

from tatamu.geometry.arguments import Ints
from tatamu.nn.functional.activation import relu
from tatamu.nn.functional.convolution import conv2d, conv2d_spec
from tatamu.nn.functional.padding import pad
from tatamu.nn.functional.pooling import avg_pool2d, max_pool2d

__all__ = ["Ints", "avg_pool2d", "conv2d", "conv2d_spec", "max_pool2d", "pad", "relu"]
