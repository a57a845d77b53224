"""Activations as functions."""

from __future__ import annotations

from typing import Any

from tatamu.errors import ArgumentError
from tatamu.functions import dropout as _dropout
from tatamu.functions.function import of_tensor
from tatamu.ops import elu as _elu
from tatamu.ops import gelu as _gelu
from tatamu.ops import hard as _hard
from tatamu.ops import leaky as _leaky
from tatamu.ops import relu as _relu
from tatamu.ops import shrink as _shrink
from tatamu.ops import sigmoid as _sigmoid
from tatamu.ops.common import interned
from tatamu.ops.inplace import write
from tatamu.ops.layout import wrap_dim
from tatamu.ops.op import Op, apply, called
from tatamu.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "leaky_relu", "logsigmoid", "mish", "prelu", "relu", "relu6", "rrelu", "rrelu_", "selu",
    "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip


def _run(op: Op, input: Tensor, inplace: bool, *numbers: float) -> Tensor:
    attrs = interned(tuple([float(n) for n in numbers])) if numbers else None
    return write(op, attrs, input) if inplace else apply(op, attrs, input)


@of_tensor()
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0) for each element; NaN stays NaN. RuntimeError for truth values.

    >>> import tatamu
    >>> relu(tatamu.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return write(_relu.relu, None, input) if inplace else _relu.relu(input)


@of_tensor()
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, else ``value``.

    >>> import tatamu
    >>> from tatamu.nn import functional as F
    >>> F.threshold(tatamu.tensor([-1.0, 0.5, 2.0]), 0.5, 9)
    tensor([9., 9., 2.])
    """
    return _run(_relu.threshold, input, inplace, threshold, value)


@of_tensor()
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x held between two bounds. ValueError if the lower one is the greater.

    >>> import tatamu
    >>> hardtanh(tatamu.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ArgumentError(
            "min_val cannot be greater than max_val",
            arithmetic=[f"min_val={min_val}, max_val={max_val}"],
        )
    return _run(_hard.hardtanh, input, inplace, min_val, max_val)


@of_tensor()
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    >>> import tatamu
    >>> relu6(tatamu.tensor([-1.0, 5.0, 7.0]))
    tensor([0., 5., 6.])
    """
    return _run(_hard.hardtanh, input, inplace, 0.0, 6.0)


@of_tensor()
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.

    >>> import tatamu
    >>> hardsigmoid(tatamu.tensor([-3.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _run(_hard.hardsigmoid, input, inplace)


@of_tensor()
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x hardsigmoid(x) (Howard et al., 2019, MobileNetV3).

    >>> import tatamu
    >>> hardswish(tatamu.tensor([-3.0, 3.0, 4.0]))
    tensor([-0., 3., 4.])
    """
    return _run(_hard.hardswish, input, inplace)


@of_tensor()
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else ``negative_slope`` times x.

    >>> import tatamu
    >>> leaky_relu(tatamu.tensor([-10.0, 1.0]))
    tensor([-0.1000,  1.0000])
    """
    return _run(_leaky.leaky_relu, input, inplace, negative_slope)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Leaky ReLU with a random slope of [lower, upper) for each number, in evaluation their mean.

    Raises RuntimeError if ``lower`` is above ``upper``.

    >>> import tatamu
    >>> rrelu(tatamu.tensor([-4.0, 1.0]), 0.25, 0.75)
    tensor([-2.,  1.])
    """
    return (_dropout.rrelu_ if inplace else _dropout.rrelu)(input, lower, upper, training)


rrelu_ = _dropout.rrelu_


@of_tensor()
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Leaky ReLU with learned slopes: one for all, or one per channel (axis 1).

    Raises RuntimeError where the number of slopes does not fit, or dtypes differ.

    >>> import tatamu
    >>> prelu(tatamu.tensor([-4.0, 1.0]), tatamu.tensor([0.25]))
    tensor([-1.,  1.])
    """
    count = weight.numel()
    channels = input.shape[1] if len(input.shape) > 1 else 1
    if count not in (1, channels):
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{count} and channel size = {channels}."
        )
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            "prelu: Type promoting not supported. Got "
            f"{input.dtype.legacy_name} and {weight.dtype.legacy_name}"
        )
    rank = len(input.shape)
    shape = (1,) * rank if count == 1 else (1, count, *(1,) * (rank - 2))
    return _leaky.prelu(input, weight.reshape(shape))


@of_tensor()
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha (e^x - 1).

    >>> import tatamu
    >>> elu(tatamu.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _run(_elu.elu, input, inplace, alpha, 1.0, 1.0)


@of_tensor()
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al., 2017).

    >>> import tatamu
    >>> selu(tatamu.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return _run(_elu.elu, input, inplace, *_elu.SELU)


@of_tensor()
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + min(alpha (e^(x / alpha) - 1), 0). RuntimeError for an alpha of 0.

    >>> import tatamu
    >>> celu(tatamu.tensor([-1.0, 2.0]), 2.0)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _run(_elu.celu, input, inplace, alpha, 1.0, 1.0 / alpha)


@of_tensor(attribute="sigmoid")
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x).

    >>> import tatamu
    >>> sigmoid(tatamu.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return _sigmoid.sigmoid(input)


@of_tensor(attribute="tanh")
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent.

    >>> import tatamu
    >>> tanh(tatamu.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return _sigmoid.tanh(input)


@of_tensor("log_sigmoid")
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow.

    >>> import tatamu
    >>> logsigmoid(tatamu.tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """
    return _sigmoid.logsigmoid(input)


@of_tensor()
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), also called swish.

    >>> import tatamu
    >>> silu(tatamu.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return _run(_sigmoid.silu, input, inplace)


@of_tensor()
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra, 2019).

    >>> import tatamu
    >>> mish(tatamu.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    return _run(_sigmoid.mish, input, inplace)


@of_tensor()
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold.

    >>> import tatamu
    >>> softplus(tatamu.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return _run(_sigmoid.softplus, input, False, beta, threshold)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).

    >>> import tatamu
    >>> softsign(tatamu.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (input.abs() + 1)


@of_tensor()
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution at x (Hendrycks & Gimpel, 2016); 'tanh' approximates it.

    Raises RuntimeError for another ``approximate``.

    >>> import tatamu
    >>> gelu(tatamu.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    ops = {"none": _gelu.gelu, "tanh": _gelu.gelu_tanh}
    if approximate not in ops:
        raise RuntimeError("approximate argument must be either none or tanh.")
    return ops[approximate](input)


@of_tensor()
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where it is further than ``lambd`` from 0, else 0.

    >>> import tatamu
    >>> hardshrink(tatamu.tensor([-1.0, 0.25]))
    tensor([-1.,  0.])
    """
    return _run(_shrink.hardshrink, input, False, lambd)


@of_tensor()
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by ``lambd``, and 0 within it. RuntimeError for a negative ``lambd``.

    >>> import tatamu
    >>> softshrink(tatamu.tensor([-1.0, 0.25]))
    tensor([-0.5000,  0.0000])
    """
    if lambd < 0:
        kind = input.dtype.legacy_name
        raise RuntimeError(
            f"lambda must be in range [0, {'3.40282e+38' if kind == 'Float' else '1.79769e+308'}] "
            f"for input dtype {kind}, but found {lambd:g}"
        )
    return _run(_shrink.softshrink, input, False, lambd)


@of_tensor(attribute="tanh")
def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x).

    >>> import tatamu
    >>> tanhshrink(tatamu.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return input - _sigmoid.tanh(input)


@of_tensor(attribute="dim")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second (Dauphin et al., 2017).

    Raises RuntimeError for an axis of odd extent, or a tensor without axes.

    >>> import tatamu
    >>> glu(tatamu.tensor([3.0, 0.0]))
    tensor([1.5000])
    """
    if not input.shape:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = wrap_dim(dim, len(input.shape))
    size = input.shape[axis]
    if size % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {size}\n"
            "  one half is multiplied by the sigmoid of the other"
        )
    halves: Any = [(slice(None),) * axis + (s,) for s in (slice(size // 2), slice(size // 2, None))]
    return called(input[halves[0]] * _sigmoid.sigmoid(input[halves[1]]), "GluBackward0")
