"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from tatamu.creation import empty
from tatamu.dtypes import DType, float32
from tatamu.errors import ArgumentError
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = ["Bilinear", "Linear"]


class Linear(Module):
    """``y = x Wᵀ + b`` over the last axis: (..., in_features) makes (..., out_features).

    ``weight`` is (out_features, in_features), ``bias`` (out_features,); both begin with torch's
    values for the same seed.

    >>> import tatamu
    >>> layer = Linear(20, 30)
    >>> layer
    Linear(in_features=20, out_features=30, bias=True)
    >>> layer(tatamu.zeros(128, 20)).shape
    tatamu.Size([128, 30])
    """

    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype or float32))
        own = Parameter(empty(out_features, dtype=dtype or float32)) if bias else None
        self.register_parameter("bias", own)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """``y[o] = x1ᵀ W[o] x2 + b[o]`` over the last axes of two inputs.

    ``weight`` is (out_features, in1_features, in2_features); it and ``bias`` begin with torch's
    values for the same seed. Raises ArgumentError, a ValueError, for no first feature.

    >>> import tatamu
    >>> layer = Bilinear(20, 30, 40)
    >>> layer(tatamu.zeros(128, 20), tatamu.zeros(128, 30)).shape
    tatamu.Size([128, 40])
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, dtype=dtype or float32))
        own = Parameter(empty(out_features, dtype=dtype or float32)) if bias else None
        self.register_parameter("bias", own)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
