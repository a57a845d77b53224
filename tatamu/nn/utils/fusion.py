"""A batch normalisation folded into the layer before it, for inference.

y = (W x + b - mean) s + beta = (s W) x + (b - mean) s + beta,   s = gamma / √(var + eps)
"""

from __future__ import annotations

import copy
from typing import Any

from tatamu.creation import ones_like, zeros_like
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def _copied(layer: Any, bn: Any) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!\n  call .eval() on both layers first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return copy.deepcopy(layer)


def _fused(
    weight: Tensor, bias: Tensor, given: Tensor | None, scale: Tensor, dtype: Any
) -> tuple[Parameter, Parameter]:
    wanted = given is not None and given.requires_grad
    return (
        Parameter((weight * scale).to(dtype), weight.requires_grad),
        Parameter(bias.to(dtype if given is None else given.dtype), wanted),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that normalises as well."""
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    gamma = ones_like(bn_rm) if bn_w is None else bn_w
    beta = zeros_like(bn_rm) if bn_b is None else bn_b
    inverse = (bn_rv + bn_eps).rsqrt()
    shape = [1] * len(conv_w.shape)
    shape[1 if transpose else 0] = -1
    moved = (bias - bn_rm) * inverse * gamma + beta
    return _fused(conv_w, moved, conv_b, (gamma * inverse).reshape(shape), conv_w.dtype)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of the convolution that does the work of both.

    Raises AssertionError in training, or without running statistics.

    >>> import tatamu
    >>> conv, bn = tatamu.nn.Conv2d(1, 2, 3).eval(), tatamu.nn.BatchNorm2d(2).eval()
    >>> fuse_conv_bn_eval(conv, bn)
    Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
    """
    fused = _copied(conv, bn)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that normalises as well."""
    bias = zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * (bn_rv + bn_eps).rsqrt()
    moved = (bias - bn_rm) * scale + bn_b
    return _fused(linear_w, moved, linear_b, scale.unsqueeze(-1), linear_w.dtype)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of the linear layer that does the work of both. AssertionError if they do not fit."""
    fused = _copied(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
