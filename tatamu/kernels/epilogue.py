"""What a convolution does to its sums before it stores them: add a residual, then an activation.

    y = activation(sum + bias + residual)

The activations are torch's, at torch's default parameters unless `Epilogue` says otherwise. A NaN
stays a NaN in all of them. Every kernel that can end in an epilogue writes it through `finished`,
so eager and compiled programs agree to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tatamu.stage import Function, Value
from tatamu.stage import math as vector

__all__ = ["ACTIVATIONS", "PLAIN", "Epilogue", "finished"]


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What is compiled into a kernel: an activation ('' for none), whether a residual is added.

    ``slope`` is that of leaky ReLU for negative numbers.
    """

    activation: str = ""
    residual: bool = False
    slope: float = 0.01

    @property
    def tag(self) -> str:
        """A part of the kernel's symbol, '' for the plain one."""
        name = self.activation
        if name == "leaky_relu":
            name += f"{self.slope.hex()}".replace("-", "m").replace(".", "p").replace("+", "")
        return "".join([f"_{name}" if name else "", "_residual" if self.residual else ""])


PLAIN = Epilogue()


def finished(f: Function, epilogue: Epilogue, value: Value, residual: Value | None = None) -> Value:
    """The number or vector to store in place of ``value``."""
    if residual is not None:
        value = value + residual
    if not epilogue.activation:
        return value
    if epilogue.activation == "leaky_relu":
        return f.select(value < 0.0, value * epilogue.slope, value)
    return ACTIVATIONS[epilogue.activation](f, value)


def _relu(f: Function, x: Value) -> Value:
    return f.select(x < 0.0, 0.0, x)


def _relu6(f: Function, x: Value) -> Value:
    return f.select(x > 6.0, 6.0, _relu(f, x))


def _hard_sigmoid(f: Function, x: Value) -> Value:
    return _relu6(f, x + 3.0) * (1 / 6)


def _hard_swish(f: Function, x: Value) -> Value:
    return x * _relu6(f, x + 3.0) * (1 / 6)


def _silu(f: Function, x: Value) -> Value:
    return x * vector.sigmoid(f, x)


def _gelu(f: Function, x: Value) -> Value:
    return x * 0.5 * (vector.erf(f, x * math.sqrt(0.5)) + 1.0)


ACTIVATIONS: dict[str, Callable[[Function, Value], Value]] = {
    "relu": _relu,
    "relu6": _relu6,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "silu": _silu,
    "sigmoid": vector.sigmoid,
    "tanh": vector.tanh,
    "gelu": _gelu,
}
