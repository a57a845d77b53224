"""The layers as functions, with torch's signatures: ``import tatamu.nn.functional as F``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.errors import ArgumentError, GeometryError
from tatamu.geometry import ConvSpec, PoolSpec
from tatamu.ops import relu as _relu
from tatamu.ops.avg_pool2d import AvgPool
from tatamu.ops.avg_pool2d import avg_pool2d as _avg_pool2d
from tatamu.ops.common import interned
from tatamu.ops.conv2d import conv2d as _conv2d
from tatamu.ops.inplace import write
from tatamu.ops.max_pool2d import max_pool2d as _max_pool2d
from tatamu.ops.op import apply, apply_all
from tatamu.ops.pad import Pad, pad_op
from tatamu.tensor import Tensor

__all__ = ["avg_pool2d", "conv2d", "max_pool2d", "pad", "relu"]

Ints = int | Sequence[int]

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


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0) for each element; NaN stays NaN.

    >>> import tatamu
    >>> relu(tatamu.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return write(_relu.relu, None, input) if inplace else _relu.relu(input)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value in each window; with ``return_indices`` also where it was.

    Takes (N, C, H, W) or (C, H, W). Raises GeometryError, with torch's sentence, where the window
    does not fit.

    >>> import tatamu
    >>> max_pool2d(tatamu.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    spec = PoolSpec.make(kernel_size, _or_none(stride), padding, dilation, ceil_mode)
    batched = _batched(input, spec)
    values, indices = apply_all(_max_pool2d, spec, batched)
    if batched is not input:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window. Takes (N, C, H, W) or (C, H, W).

    Raises GeometryError, with torch's sentence, where the window does not fit, RuntimeError for a
    ``divisor_override`` of 0.

    >>> import tatamu
    >>> avg_pool2d(tatamu.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    spec = PoolSpec.make(kernel_size, _or_none(stride), padding, 1, ceil_mode)
    batched = _batched(input, spec)
    out = apply(_avg_pool2d, interned(AvgPool(spec, count_include_pad, divisor_override)), batched)
    return out if batched is input else out.squeeze(0)


def _or_none(stride: Ints | None) -> Ints | None:
    """torch takes an empty stride for none."""
    return None if isinstance(stride, Sequence) and len(stride) == 0 else stride


def _batched(input: Tensor, spec: PoolSpec) -> Tensor:
    if len(input.shape) == 4:
        return input
    spec.out_shape(input.shape)
    return input.unsqueeze(0)


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """``input`` with more on the sides of its last axes: (left, right, top, bottom, ...).

    Modes: constant (the only one that crops, by negative numbers), reflect, replicate, circular.
    Raises ValueError for an odd number of widths or a value with another mode, RuntimeError where
    the width does not fit, NotImplementedError for an unknown mode.

    >>> import tatamu
    >>> pad(tatamu.tensor([[1, 2]]), (1, 1), value=9)
    tensor([[9, 1, 2, 9]])
    """
    if len(pad) % 2:
        raise ArgumentError(
            "Padding length must be divisible by 2",
            arithmetic=[f"{len(pad)} widths: each axis takes one before and one after"],
        )
    if len(pad) // 2 > len(input.shape):
        raise ArgumentError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {len(input.shape)}"
        )
    if mode not in _PAD_MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if mode != "constant" and value is not None:
        raise ArgumentError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode != "constant" and min(pad) < 0:
        raise ArgumentError(
            f"negative padding is not supported in mode {mode!r}",
            fits=["to crop, slice the input: x[..., 1:-1]"],
        )
    widths = tuple((pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2))
    return apply(pad_op, interned(Pad(widths, _PAD_MODES[mode], float(value or 0))), input)
