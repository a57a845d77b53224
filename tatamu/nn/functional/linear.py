"""Linear layers as functions."""

from __future__ import annotations

from math import prod

from tatamu.errors import GeometryError
from tatamu.functions.function import of_tensor
from tatamu.ops.linear import linear as _linear
from tatamu.ops.linear import linear_without_bias, misfit
from tatamu.ops.matmul import matmul
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["bilinear", "linear"]


@of_tensor()
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``: (..., in) and (out, in) make (..., out).

    Raises GeometryError, a RuntimeError with torch's sentence, where rows of the input are not as
    long as the weight's, RuntimeError for different dtypes or a bias that does not fit.

    >>> import tatamu
    >>> linear(tatamu.ones(2, 3), tatamu.ones(4, 3), tatamu.arange(4.0))
    tensor([[3., 4., 5., 6.],
            [3., 4., 5., 6.]])
    """
    if len(input.shape) == 2 == len(weight.shape):
        if bias is None:
            return apply(linear_without_bias, None, input, weight)
        if len(bias.shape) == 1 and bias.shape[0] == weight.shape[0]:
            return apply(_linear, None, input, weight, bias)
    return _other_ranks(input, weight, bias)


def _other_ranks(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if not input.shape or not weight.shape:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, "
            f"but they are {len(input.shape)}D and {len(weight.shape)}D"
        )
    if len(weight.shape) > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(weight.shape)}D\n"
            f"  the weight is {list(weight.shape)}; a linear layer's is (out, in)"
        )
    if len(weight.shape) == 1:
        if bias is not None and len(input.shape) > 1:
            raise RuntimeError(
                "mat2 must be a matrix, got 1-D tensor\n"
                f"  weight.unsqueeze(0) makes it one output of {weight.shape[0]} numbers"
            )
        product = matmul(input, weight)
        return product if bias is None else product + bias
    if input.shape[-1] != weight.shape[1]:
        raise misfit(input.shape, weight.shape)
    leading = input.shape[:-1]
    flat = input if len(input.shape) == 2 else input.reshape(prod(leading), input.shape[-1])
    if bias is None or len(bias.shape) == 1:
        if bias is not None and bias.shape[0] != weight.shape[0]:
            bias = bias.expand(len(flat), weight.shape[0])[0]
        rows = linear(flat, weight, bias)
        return rows if len(leading) == 1 else rows.view(*leading, weight.shape[0])
    rows = apply(linear_without_bias, None, flat, weight).view(*leading, weight.shape[0])
    return rows + (bias.expand(rows.shape) if len(leading) == 1 else bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``y[..., o] = sum over i, j of input1[..., i] weight[o, i, j] input2[..., j] + bias[o]``.

    Raises GeometryError, a RuntimeError with torch's sentence, where sizes do not fit.

    >>> import tatamu
    >>> bilinear(tatamu.ones(1, 2), tatamu.ones(1, 3), tatamu.ones(4, 2, 3))
    tensor([[6., 6., 6., 6.]])
    """
    _check_bilinear(input1, input2, weight, bias)
    outputs, first, second = weight.shape
    leading = input1.shape[:-1]
    one = input1.reshape(prod(leading), first)
    two = input2.reshape(prod(leading), 1, second)
    inner = linear(one, weight.permute(0, 2, 1).reshape(outputs * second, first))
    sums = (inner.view(prod(leading), outputs, second) * two).sum(-1)
    out = sums.view(*leading, outputs)
    return out if bias is None else out + bias


def _check_bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    one, two = len(input1.shape), len(input2.shape)
    if one != two:
        raise GeometryError(f"bilinear(): input dimensions do not match: got {one} and {two}")
    for axis, (m, n) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=True)):
        if m != n:
            raise GeometryError(
                f"bilinear(): input batch dimensions do not match at dim {axis}: got {m} and {n}"
            )
    if len(weight.shape) != 3:
        raise GeometryError(
            f"bilinear(): weight must have 3 dimensions (out, in1, in2), got {list(weight.shape)}"
        )
    for place, (x, wanted) in enumerate(zip((input1, input2), weight.shape[1:], strict=True), 1):
        if x.shape[-1] != wanted:
            raise GeometryError(
                f"bilinear(): input{place} size does not match weight size: got "
                f"{x.shape[-1]} but expected {wanted}",
                fits=[f"in{place}_features={x.shape[-1]} would accept this input"],
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise GeometryError(
            "bilinear(): bias size does not match weight size: got "
            f"{bias.shape[0]} but expected {weight.shape[0]}"
        )
