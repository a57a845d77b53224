"""All explanations by the name of the layer."""

from __future__ import annotations

from tatamu.learn import (
    activation,
    convolution,
    loss,
    normalization,
    pooling,
    shape,
    structure,
)
from tatamu.learn.entry import Entry

__all__ = ["ENTRIES", "KERAS"]

_FAMILIES = (convolution, pooling, normalization, activation, shape, loss, structure)

ENTRIES: dict[str, Entry] = {
    name: entry for family in _FAMILIES for entry in family.ENTRIES for name in entry.layers
}

# What Keras calls these layers.
KERAS = {
    "Conv1D": "Conv1d", "Conv2D": "Conv2d", "Conv3D": "Conv3d",
    "Conv2DTranspose": "ConvTranspose2d", "DepthwiseConv2D": "Conv2d", "SeparableConv2D": "Conv2d",
    "MaxPooling2D": "MaxPool2d", "AveragePooling2D": "AvgPool2d",
    "GlobalAveragePooling2D": "AdaptiveAvgPool2d", "GlobalMaxPooling2D": "AdaptiveMaxPool2d",
    "BatchNormalization": "BatchNorm2d", "LayerNormalization": "LayerNorm", "Dense": "Linear",
    "UpSampling2D": "Upsample", "ZeroPadding2D": "ZeroPad2d",
    "CategoricalCrossentropy": "CrossEntropyLoss",
    "SparseCategoricalCrossentropy": "CrossEntropyLoss", "BinaryCrossentropy": "BCELoss",
}  # fmt: skip
