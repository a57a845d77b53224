"""Convolution as functions."""

from __future__ import annotations

from typing import Any

from tatamu.errors import GeometryError
from tatamu.functions.function import must_be_tensor, type_name
from tatamu.geometry import ConvSpec
from tatamu.geometry.arguments import Ints
from tatamu.ops.array import Array
from tatamu.ops.convolution import conv_transpose as _conv_transpose
from tatamu.ops.convolution import convolution as _conv
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_spec",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

_specs: dict[Any, ConvSpec] = {}


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of (N, C, L), or (C, L), with weights (O, C / groups, k); see ``conv2d``.

    >>> import tatamu
    >>> conv1d(tatamu.arange(5.0).reshape(1, 1, 5), tatamu.ones(1, 1, 2))
    tensor([[[1., 3., 5., 7.]]])
    """
    return _convolution(1, input, weight, bias, stride, padding, dilation, groups)


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
    return _convolution(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of (N, C, D, H, W), or (C, D, H, W), with weights (O, C / groups, kD, kH, kW).

    See ``conv2d``.

    >>> import tatamu
    >>> conv3d(tatamu.ones(1, 2, 3, 3, 3), tatamu.ones(4, 2, 3, 3, 3)).flatten()
    tensor([54., 54., 54., 54.])
    """
    return _convolution(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Transposed convolution of (N, C, L), or (C, L), with weights (C, O / groups, k).

    See ``conv_transpose2d``.

    >>> import tatamu
    >>> conv_transpose1d(tatamu.tensor([[1.0, 2.0]]), tatamu.ones(1, 1, 2), stride=2)
    tensor([[1., 1., 2., 2.]])
    """
    given = (stride, padding, output_padding, groups, dilation)
    return _transposed(1, input, weight, bias, *given)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Transposed convolution of (N, C, H, W), or (C, H, W), with weights (C, O / groups, kH, kW).

    Each input stamps the kernel, times itself, into the output; where stamps overlap they add up.
    It is the gradient of ``conv2d`` with respect to its input, as a layer. Raises GeometryError, a
    RuntimeError with torch's sentence, where channels, groups or sizes do not fit.

    >>> import tatamu
    >>> conv_transpose2d(tatamu.tensor([[[1.0, 2.0]]]), tatamu.ones(1, 1, 2, 2), stride=1)
    tensor([[[1., 3., 2.],
             [1., 3., 2.]]])
    """
    given = (stride, padding, output_padding, groups, dilation)
    return _transposed(2, input, weight, bias, *given)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Transposed convolution of (N, C, D, H, W), or (C, D, H, W).

    Weights are (C, O / groups, kD, kH, kW); see ``conv_transpose2d``.

    >>> import tatamu
    >>> conv_transpose3d(tatamu.ones(1, 2, 2, 2), tatamu.ones(1, 3, 2, 2, 2), stride=2).shape
    tatamu.Size([3, 4, 4, 4])
    """
    given = (stride, padding, output_padding, groups, dilation)
    return _transposed(3, input, weight, bias, *given)


def _convolution(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints | str,
    dilation: Ints,
    groups: int,
) -> Tensor:
    try:
        spec = _specs[dims, weight.shape, stride, padding, dilation, groups]
    except (KeyError, TypeError):
        given = (stride, padding, dilation, groups)
        spec = _kept(f"conv{dims}d", dims, weight, given, (*given,))
    return conv_spec(input, weight, bias, spec)


def _transposed(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    output_padding: Ints,
    groups: int,
    dilation: Ints,
) -> Tensor:
    try:
        spec = _specs[dims, weight.shape, stride, padding, dilation, groups, output_padding]
    except (KeyError, TypeError):
        given = (stride, padding, dilation, groups, output_padding)
        make = (stride, padding, dilation, groups, True, output_padding)
        spec = _kept(f"conv_transpose{dims}d", dims, weight, given, make)
    return conv_spec(input, weight, bias, spec)


def _kept(
    name: str, dims: int, weight: Tensor, given: tuple[Any, ...], make: tuple[Any, ...]
) -> ConvSpec:
    """The spec of these arguments, which is found by them from now on."""
    if len(weight.shape) != dims + 2:
        few = len(weight.shape) < 3
        kernel = ", ".join(f"k{axis}" for axis in "DHW"[3 - dims :])
        raise GeometryError(
            "weight should have at least three dimensions"
            if few
            else f"{name} needs weights of {dims + 2} dimensions",
            arithmetic=[f"(O, C / groups, {kernel}): the weight is {list(weight.shape)}"],
        )
    names = ("stride", "padding", "dilation", "groups", "transposed", "output_padding")
    hashable: Any = [tuple(a) if isinstance(a, list) else a for a in make]
    named = dict(zip(names, hashable, strict=False))
    spec = ConvSpec.make(tuple(weight.shape[2:]), **named, dims=dims)
    if len(_specs) >= 4096:
        _specs.clear()
    key: Any = [tuple(a) if isinstance(a, list) else a for a in given]
    _specs[dims, weight.shape, *key] = spec
    return spec


def conv_spec(input: Tensor, weight: Tensor, bias: Tensor | None, spec: ConvSpec) -> Tensor:
    """A convolution for those who have its spec: what the layers of ``nn`` call."""
    op = _conv_transpose if spec.transposed else _conv
    try:
        if len(input.shape) == len(weight.shape):
            return apply(op, spec, input, weight, bias)
        spec.out_shape(input.shape, weight.shape)
        return apply(op, spec, input.unsqueeze(0), weight, bias).squeeze(0)
    except Exception:
        if isinstance(input, Array):
            raise
        if spec.transposed:
            must_be_tensor(spec.name, input)
        given = ", ".join(map(type_name, (input, weight, bias)))
        raise TypeError(
            f"{spec.name}() received an invalid combination of arguments - got "
            f"({given}, tuple, tuple, tuple, int), but expected one of:\n"
            "  torch.tensor(...) or torch.from_numpy(...) makes the input a tensor"
        ) from None
