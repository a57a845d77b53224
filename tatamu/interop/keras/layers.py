"""`keras.layers`: all layers in one place, with Keras's older names for some."""

from __future__ import annotations

from tatamu.interop.keras import conv, core, merging, models, pooling, shaping
from tatamu.interop.keras.conv import *
from tatamu.interop.keras.core import *
from tatamu.interop.keras.layer import Layer
from tatamu.interop.keras.merging import *
from tatamu.interop.keras.models import Input
from tatamu.interop.keras.pooling import *
from tatamu.interop.keras.shaping import *

Convolution2D, Convolution1D, Convolution3D = conv.Conv2D, conv.Conv1D, conv.Conv3D
Convolution2DTranspose = conv.Conv2DTranspose
MaxPool1D, MaxPool2D = pooling.MaxPooling1D, pooling.MaxPooling2D
AvgPool1D, AvgPool2D = pooling.AveragePooling1D, pooling.AveragePooling2D
GlobalAvgPool2D, GlobalMaxPool2D = pooling.GlobalAveragePooling2D, pooling.GlobalMaxPooling2D

__all__ = ["Input", "Layer", "models"]
__all__ += conv.__all__
__all__ += core.__all__
__all__ += merging.__all__
__all__ += pooling.__all__
__all__ += shaping.__all__
