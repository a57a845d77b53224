"""Convolution as functions."""

from __future__ import annotations

from typing import Any

from tatamu.errors import GeometryError
from tatamu.geometry import ConvSpec
from tatamu.geometry.arguments import Ints
from tatamu.ops.conv2d import conv2d as _conv2d
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["conv2d", "conv2d_spec"]

_specs: dict[Any, ConvSpec] = {}


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of (N, C, H, W), or (C, H, W), with weights (O, C / groups, kH, kW).

    The output lies channels-last in memory. Raises GeometryError, a RuntimeError with torch's
    sentence, where channels, groups or sizes do not fit, RuntimeError for different dtypes.

    >>> import tatamu
    >>> conv2d(tatamu.ones(1, 1, 3, 3), tatamu.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    try:
        spec = _specs[weight.shape, stride, padding, dilation, groups]
    except (KeyError, TypeError):
        spec = _new_spec(weight, stride, padding, dilation, groups)
    return conv2d_spec(input, weight, bias, spec)


def _new_spec(weight: Tensor, *arguments: Any) -> ConvSpec:
    if len(weight.shape) != 4:
        few = len(weight.shape) < 3
        raise GeometryError(
            "weight should have at least three dimensions"
            if few
            else "conv2d needs weights of 4 dimensions",
            arithmetic=[f"(O, C / groups, kH, kW): the weight is {list(weight.shape)}"],
        )
    hashable: Any = [tuple(a) if isinstance(a, list) else a for a in arguments]
    stride, padding, dilation, groups = hashable
    spec = ConvSpec.make(tuple(weight.shape[2:]), stride, padding, dilation, groups)
    if len(_specs) >= 4096:
        _specs.clear()
    _specs[weight.shape, stride, padding, dilation, groups] = spec
    return spec


def conv2d_spec(input: Tensor, weight: Tensor, bias: Tensor | None, spec: ConvSpec) -> Tensor:
    """``conv2d`` for those who have their spec: what ``nn.Conv2d`` calls."""
    if len(input.shape) == 4:
        return apply(_conv2d, spec, input, weight, bias)
    spec.out_shape(input.shape, weight.shape)
    return apply(_conv2d, spec, input.unsqueeze(0), weight, bias).squeeze(0)
