"""Keras's activation functions, on values or by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tatamu.interop.keras.choosing import chosen
from tatamu.interop.keras.values import EagerTensor, value
from tatamu.nn import functional as F
from tatamu.tensor import Tensor

__all__ = [
    "elu", "exponential", "gelu", "get", "hard_sigmoid", "leaky_relu", "linear", "relu", "relu6",
    "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh",
]  # fmt: skip


def _function(name: str, own: Callable[..., Tensor], doc: str) -> Callable[..., Any]:
    """A function that takes and gives what it is called with: values, or tensors of tatamu."""

    def function(x: Any, *args: Any, **options: Any) -> Any:
        if isinstance(x, Tensor):
            return own(x, *args, **options)
        return EagerTensor(own(value(x).own, *args, **options))

    function.__name__ = name
    function.__doc__ = doc
    return function


def _relu(
    x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    if threshold:
        y = (x > threshold).to(x.dtype) * x
        y = y + negative_slope * (x - threshold) * (x <= threshold).to(x.dtype)
    else:
        y = F.leaky_relu(x, negative_slope) if negative_slope else F.relu(x)
    return y if max_value is None else y.clamp(max=max_value)


linear = _function("linear", lambda x: x, "The value itself.")
relu = _function("relu", _relu, "max(x, 0), with a slope, a ceiling and a threshold on request.")
relu6 = _function("relu6", F.relu6, "min(max(x, 0), 6).")
sigmoid = _function("sigmoid", F.sigmoid, "1 / (1 + e^-x).")
tanh = _function("tanh", F.tanh, "The hyperbolic tangent.")
softmax = _function("softmax", lambda x, axis=-1: F.softmax(x, axis), "Probabilities along axis.")
softplus = _function("softplus", F.softplus, "ln(1 + e^x).")
softsign = _function("softsign", F.softsign, "x / (1 + |x|).")
elu = _function("elu", lambda x, alpha=1.0: F.elu(x, alpha), "x, or alpha (e^x - 1) below 0.")
selu = _function("selu", F.selu, "ELU scaled to keep mean 0 and variance 1.")
gelu = _function(
    "gelu",
    lambda x, approximate=False: F.gelu(x, approximate="tanh" if approximate else "none"),
    "x times the normal distribution function.",
)
silu = _function("silu", F.silu, "x times its sigmoid.")
swish = silu
hard_sigmoid = _function("hard_sigmoid", F.hardsigmoid, "min(max(x + 3, 0), 6) / 6.")
exponential = _function("exponential", lambda x: x.exp(), "e^x.")
leaky_relu = _function(
    "leaky_relu",
    lambda x, negative_slope=0.2: F.leaky_relu(x, negative_slope),
    "x, or negative_slope x below 0.",
)

_KNOWN = {name: globals()[name] for name in __all__ if name != "get"}


def get(identifier: Any) -> Callable[..., Any]:
    """The function of a name; None is `linear`. ValueError with Keras's sentence for others.

    >>> get("relu")([-1.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """
    if identifier is None:
        return linear
    return chosen(identifier, _KNOWN, "activation function")  # type: ignore[no-any-return]
