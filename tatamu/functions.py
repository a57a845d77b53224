"""torch's functions that are methods too: ``tatamu.exp(x)`` for ``x.exp()``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamu.dtypes import DType
from tatamu.ops import comparison
from tatamu.ops.array import Array
from tatamu.ops.common import constant
from tatamu.tensor import Tensor

__all__ = [
    "abs",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "ceil",
    "clamp",
    "clone",
    "cos",
    "div",
    "erf",
    "exp",
    "expm1",
    "flatten",
    "floor",
    "is_tensor",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "neg",
    "numel",
    "permute",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "reshape",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "sqrt",
    "square",
    "squeeze",
    "std",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "unsqueeze",
    "var",
    "where",
]  # fmt: skip


def is_tensor(value: Any) -> bool:
    """Whether ``value`` is a Tensor."""
    return isinstance(value, Tensor)


def numel(x: Tensor) -> int:
    """The number of elements."""
    return x.numel()


def add(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """``x + alpha * other``."""
    return x.add(other, alpha=alpha)


def sub(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """``x - alpha * other``."""
    return x.sub(other, alpha=alpha)


def mul(x: Tensor, other: Any) -> Tensor:
    """``x * other``."""
    return x.mul(other)


def div(x: Tensor, other: Any) -> Tensor:
    """``x / other``."""
    return x.div(other)


def pow(x: Tensor, exponent: Any) -> Tensor:
    """``x ** exponent``."""
    return x.pow(exponent)


def neg(x: Tensor) -> Tensor:
    """``-x``."""
    return -x


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b``."""
    return a @ b


def abs(x: Tensor) -> Tensor:
    """The absolute value of each element."""
    return x.abs()


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1 for each element."""
    return x.sign()


def exp(x: Tensor) -> Tensor:
    """e to the power of each element."""
    return x.exp()


def log(x: Tensor) -> Tensor:
    """The natural logarithm of each element."""
    return x.log()


def sqrt(x: Tensor) -> Tensor:
    """The square root of each element."""
    return x.sqrt()


def relu(x: Tensor) -> Tensor:
    """Each element, or 0 if it is negative."""
    return x.relu()


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x) for each element."""
    return x.sigmoid()


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent of each element."""
    return x.tanh()


def sin(x: Tensor) -> Tensor:
    """The sine of each element."""
    return x.sin()


def cos(x: Tensor) -> Tensor:
    """The cosine of each element."""
    return x.cos()


def erf(x: Tensor) -> Tensor:
    """The error function of each element."""
    return x.erf()


def rsqrt(x: Tensor) -> Tensor:
    """1 over the square root of each element."""
    return x.rsqrt()


def reciprocal(x: Tensor) -> Tensor:
    """1 over each element."""
    return x.reciprocal()


def expm1(x: Tensor) -> Tensor:
    """e to the power of each element, minus 1, exact near 0."""
    return x.expm1()


def log1p(x: Tensor) -> Tensor:
    """The natural logarithm of 1 plus each element, exact near 0."""
    return x.log1p()


def log2(x: Tensor) -> Tensor:
    """The logarithm to base 2 of each element."""
    return x.log2()


def log10(x: Tensor) -> Tensor:
    """The logarithm to base 10 of each element."""
    return x.log10()


def floor(x: Tensor) -> Tensor:
    """The largest whole number not above each element."""
    return x.floor()


def ceil(x: Tensor) -> Tensor:
    """The smallest whole number not below each element."""
    return x.ceil()


def square(x: Tensor) -> Tensor:
    """Each element times itself."""
    return x.square()


def round(x: Tensor) -> Tensor:
    """The nearest whole numbers, halves to the even one."""
    return x.round()


def clamp(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element held between two bounds, numbers or tensors; see ``Tensor.clamp``."""
    return x.clamp(min, max)


def maximum(x: Tensor, other: Tensor) -> Tensor:
    """The larger element of two tensors; NaN if either is."""
    return x.maximum(other)


def minimum(x: Tensor, other: Tensor) -> Tensor:
    """The smaller element of two tensors; NaN if either is."""
    return x.minimum(other)


def sum(x: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The sum over all axes or some."""
    return x.sum(dim, keepdim)


def mean(x: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The mean over all axes or some."""
    return x.mean(dim, keepdim)


def max(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The largest element, or along an axis the largest and their positions."""
    return x.max(dim, keepdim)


def min(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest element, or along an axis the smallest and their positions."""
    return x.min(dim, keepdim)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the largest element."""
    return x.argmax(dim, keepdim)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the smallest element."""
    return x.argmin(dim, keepdim)


def amax(x: Tensor, dim: int | Sequence[int] = (), keepdim: bool = False) -> Tensor:
    """The largest over all axes or some; equals share the gradient."""
    return x.amax(dim, keepdim)


def amin(x: Tensor, dim: int | Sequence[int] = (), keepdim: bool = False) -> Tensor:
    """The smallest over all axes or some; equals share the gradient."""
    return x.amin(dim, keepdim)


def prod(
    x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The product over all axes or along one."""
    return x.prod(dim, keepdim, dtype=dtype)


def var(
    x: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over all axes or some; see ``Tensor.var``."""
    return x.var(dim, unbiased, keepdim, correction=correction)


def std(
    x: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation over all axes or some; see ``Tensor.std``."""
    return x.std(dim, unbiased, keepdim, correction=correction)


def softmax(x: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """exp over the sum of exp along ``dim``; see ``nn.functional.softmax``."""
    return x.softmax(dim, dtype)


def log_softmax(x: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """The logarithm of ``softmax``."""
    return x.log_softmax(dim, dtype)


def clone(x: Tensor) -> Tensor:
    """A copy."""
    return x.clone()


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Another shape, as a view where the strides allow it."""
    return x.reshape(shape)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from one to another made one."""
    return x.flatten(start_dim, end_dim)


def permute(x: Tensor, dims: Sequence[int]) -> Tensor:
    """The axes in another order."""
    return x.permute(dims)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    return x.transpose(dim0, dim1)


def squeeze(x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without axes of extent 1."""
    return x.squeeze(dim)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """With a new axis of extent 1."""
    return x.unsqueeze(dim)


def where(condition: Tensor, x: Any, y: Any) -> Tensor:
    """``x`` where the condition holds, else ``y``; one of the two may be a number.

    >>> import tatamu
    >>> a = tatamu.tensor([-1.0, 2.0])
    >>> tatamu.where(a > 0, a, 0.0)
    tensor([0., 2.])
    """
    like = x.dtype if isinstance(x, Array) else y.dtype
    first = x if isinstance(x, Array) else constant(x, like)
    second = y if isinstance(y, Array) else constant(y, like)
    return comparison.where(condition, first, second)  # type: ignore[no-any-return]
