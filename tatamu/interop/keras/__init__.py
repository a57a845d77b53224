"""Keras's names for tatamu's layers: `keras`, `tensorflow.keras`, behaving as Keras 3 does.

Channels come last, sizes follow TensorFlow's rules, weights lie in Keras's order; numbers are
computed by tatamu's kernels. Random bits (initial weights, order, dropout) are not TensorFlow's.

>>> from tatamu.interop import keras
>>> model = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
>>> model(keras.ops.zeros((1, 5, 5, 1))).shape
TensorShape([1, 36])
"""

from tatamu.interop.keras import (
    activations,
    backend,
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    utils,
)
from tatamu.interop.keras import tensorflow as ops
from tatamu.interop.keras.layer import Layer, Variable
from tatamu.interop.keras.models import Input, Model, Sequential

constraints = regularizers
models = layers.models

__all__ = [
    "Input", "Layer", "Model", "Sequential", "Variable", "activations", "backend", "callbacks",
    "constraints", "initializers", "layers", "losses", "metrics", "models", "ops", "optimizers",
    "regularizers", "utils",
]  # fmt: skip
