"""The layers as functions, with torch's signatures: ``import tatamu.nn.functional as F``."""

from tatamu.geometry.arguments import Ints
from tatamu.nn.functional.activation import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from tatamu.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_spec,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from tatamu.nn.functional.padding import pad
from tatamu.nn.functional.pooling import avg_pool2d, max_pool2d
from tatamu.nn.functional.resizing import interpolate, pixel_shuffle, pixel_unshuffle, upsample

__all__ = [
    "Ints", "avg_pool2d", "celu", "conv1d", "conv2d", "conv3d", "conv_spec", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "elu", "gelu", "glu", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "interpolate", "leaky_relu", "logsigmoid", "max_pool2d", "mish",
    "pad", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu", "relu6", "rrelu", "selu",
    "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
    "upsample",
]  # fmt: skip
