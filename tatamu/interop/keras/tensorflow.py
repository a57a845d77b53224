"""`tensorflow` as far as tutorials on convolution use it: tensors, shapes, arithmetic, `tf.nn`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from tatamu import creation
from tatamu.functions import joining
from tatamu.functions import random as drawing
from tatamu.interop.keras import activations
from tatamu.interop.keras.conv import in_front
from tatamu.interop.keras.layer import Variable
from tatamu.interop.keras.pooling import AveragePooling2D, MaxPooling2D
from tatamu.interop.keras.shapes import channels_front, channels_last, padded
from tatamu.interop.keras.values import DTYPES, EagerTensor, TensorShape, own_dtype, raw, value
from tatamu.nn import functional as F
from tatamu.random import manual_seed

Tensor = EagerTensor
float16, float32, float64 = DTYPES["float16"], DTYPES["float32"], DTYPES["float64"]
int8, int16, int32, int64 = (DTYPES[f"int{bits}"] for bits in (8, 16, 32, 64))
uint8 = DTYPES["uint8"]


def constant(value_: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> EagerTensor:
    """A tensor of these numbers, in this shape if one is given.

    >>> print(constant([1, 2]))
    tf.Tensor([1 2], shape=(2,), dtype=int32)
    """
    made = value(value_, dtype)
    if shape is None:
        return made
    wanted = _sizes(shape)
    own = made.own
    return EagerTensor(own.expand(wanted).clone() if own.numel() == 1 else own.reshape(wanted))


def convert_to_tensor(value_: Any, dtype: Any = None, name: str | None = None) -> EagerTensor:
    """A tensor of these numbers."""
    return value(value_, dtype)


def cast(x: Any, dtype: Any) -> EagerTensor:
    """The same numbers in another dtype."""
    return EagerTensor(raw(x).to(own_dtype(dtype)))


def shape(x: Any) -> EagerTensor:
    """The sizes as a tensor."""
    return value(np.array(value(x).shape, np.int32))


def _sizes(shape_: Any) -> tuple[int, ...]:
    """One size, or several."""
    given = (shape_,) if isinstance(shape_, int) else shape_
    return tuple([int(n) for n in given])


def zeros(shape_: Any, dtype: Any = "float32") -> EagerTensor:
    """Zeros."""
    return EagerTensor(creation.zeros(_sizes(shape_), dtype=own_dtype(dtype)))


def ones(shape_: Any, dtype: Any = "float32") -> EagerTensor:
    """Ones."""
    return EagerTensor(creation.ones(_sizes(shape_), dtype=own_dtype(dtype)))


def fill(dims: Any, value_: Any) -> EagerTensor:
    """One number everywhere."""
    return constant(value_, shape=_sizes(dims))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> EagerTensor:
    """Numbers from ``start`` up to, not including, ``limit``."""
    first, end = (0, start) if limit is None else (start, limit)
    return value(np.arange(first, end, delta).tolist(), dtype)


def squeeze(x: Any, axis: Any = None) -> EagerTensor:
    """Without axes of size 1."""
    own = raw(x)
    return EagerTensor(own.squeeze() if axis is None else own.squeeze(axis))


def expand_dims(x: Any, axis: int) -> EagerTensor:
    """With an axis of size 1 more."""
    return EagerTensor(raw(x).unsqueeze(axis))


def reshape(x: Any, shape_: Any) -> EagerTensor:
    """Another shape; one size may be -1."""
    return EagerTensor(raw(x).reshape(_sizes(shape_)))


def transpose(x: Any, perm: Sequence[int] | None = None) -> EagerTensor:
    """The axes in another order, reversed unless one is given."""
    own = raw(x)
    order = list(reversed([*np.arange(own.ndim).tolist()])) if perm is None else list(perm)
    return EagerTensor(own.permute(*order))


def concat(values: Sequence[Any], axis: int) -> EagerTensor:
    """Tensors side by side along an axis."""
    return EagerTensor(joining.cat([raw(x) for x in values], axis))


def stack(values: Sequence[Any], axis: int = 0) -> EagerTensor:
    """Tensors along a new axis."""
    return EagerTensor(joining.stack([raw(x) for x in values], axis))


def pad(x: Any, paddings: Any, mode: str = "CONSTANT", constant_values: float = 0) -> EagerTensor:
    """(before, after) for every axis. Only constants; layers have the other modes."""
    if mode.upper() != "CONSTANT":
        raise NotImplementedError(
            f"tf.pad with mode={mode!r} is left out\n  tatamu.nn.functional.pad has reflect, "
            "replicate and circular"
        )
    sides = [int(n) for pair in reversed(list(paddings)) for n in pair]
    return EagerTensor(F.pad(raw(x), sides, value=constant_values))


def matmul(a: Any, b: Any) -> EagerTensor:
    """The matrix product."""
    return EagerTensor(raw(a) @ raw(b))


def argmax(x: Any, axis: int = 0) -> EagerTensor:
    """The place of the largest number along an axis."""
    return EagerTensor(raw(x).argmax(axis))


def clip_by_value(x: Any, low: Any, high: Any) -> EagerTensor:
    """Numbers held between two bounds."""
    return EagerTensor(raw(x).clamp(low, high))


def one_hot(indices: Any, depth: int) -> EagerTensor:
    """Class numbers as rows with a 1 in their place."""
    return value(np.eye(depth, dtype=np.float32)[np.asarray(indices)])


def _each(name: str, doc: str) -> Callable[[Any], EagerTensor]:
    def function(x: Any) -> EagerTensor:
        return EagerTensor(getattr(raw(x), name)())

    function.__name__, function.__doc__ = name, doc
    return function


abs = _each("abs", "Magnitudes.")
exp = _each("exp", "e to the power of each number.")
sqrt = _each("sqrt", "Square roots.")
square = _each("square", "Squares.")
sin = _each("sin", "Sines.")
cos = _each("cos", "Cosines.")


def _reduced(name: str, doc: str) -> Callable[..., EagerTensor]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> EagerTensor:
        own = raw(x)
        if name in ("amax", "amin"):
            return EagerTensor(getattr(own, name)(() if axis is None else axis, keepdims))
        return EagerTensor(getattr(own, name)(axis, keepdims))

    function.__name__, function.__doc__ = f"reduce_{name}", doc
    return function


reduce_sum = _reduced("sum", "The sum over some axes or all.")
reduce_mean = _reduced("mean", "The mean over some axes or all.")
reduce_max = _reduced("amax", "The largest over some axes or all.")
reduce_min = _reduced("amin", "The smallest over some axes or all.")


def _conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> EagerTensor:
    """`tf.nn.conv2d`: filters are (rows, columns, in, out); padding 'SAME' or 'VALID'."""
    weight = in_front(raw(filters))
    order = "channels_last" if data_format == "NHWC" else "channels_first"
    steps, gaps = _of_picture(strides, data_format), _of_picture(dilations or 1, data_format)
    x = channels_front(raw(input), order)
    x, pads = padded(x, tuple(weight.shape[2:]), steps, gaps, padding.lower())
    return EagerTensor(channels_last(F.conv2d(x, weight, None, steps, pads, gaps), order))


def _of_picture(given: Any, data_format: str) -> tuple[int, ...]:
    """One number, two, or TensorFlow's four, as rows and columns."""
    if isinstance(given, int):
        return (given, given)
    numbers = tuple(given)
    if len(numbers) == 4:
        return numbers[1:3] if data_format == "NHWC" else numbers[2:4]
    return numbers * 2 if len(numbers) == 1 else numbers


def _pool2d(kind: Any) -> Callable[..., EagerTensor]:
    def function(input: Any, ksize: Any, strides: Any, padding: str, **options: Any) -> EagerTensor:
        size, steps = _of_picture(ksize, "NHWC"), _of_picture(strides, "NHWC")
        found: EagerTensor = kind(size, steps, padding.lower())(input)
        return found

    return function


nn = SimpleNamespace(
    conv2d=_conv2d,
    max_pool2d=_pool2d(MaxPooling2D),
    avg_pool2d=_pool2d(AveragePooling2D),
    relu=activations.relu,
    sigmoid=activations.sigmoid,
    softmax=activations.softmax,
    tanh=activations.tanh,
    leaky_relu=activations.leaky_relu,
)


def _uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = "float32", seed: Any = None
) -> EagerTensor:
    """Evenly distributed numbers; not TensorFlow's bits."""
    drawn = drawing.rand(_sizes(shape), dtype=own_dtype(dtype))
    return EagerTensor(drawn * (maxval - minval) + minval)


def _normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32", seed: Any = None
) -> EagerTensor:
    """Normally distributed numbers; not TensorFlow's bits."""
    return EagerTensor(drawing.randn(_sizes(shape), dtype=own_dtype(dtype)) * stddev + mean)


random = SimpleNamespace(uniform=_uniform, normal=_normal, set_seed=manual_seed)

__all__ = [
    "Tensor", "TensorShape", "Variable", "abs", "argmax", "cast", "clip_by_value", "concat",
    "constant", "convert_to_tensor", "cos", "exp", "expand_dims", "fill", "matmul", "nn", "one_hot",
    "ones", "pad", "random", "range", "reduce_max", "reduce_mean", "reduce_min", "reduce_sum",
    "reshape", "shape", "sin", "sqrt", "square", "squeeze", "stack", "transpose", "zeros",
]  # fmt: skip
