"""The methods of Tensor that compute: arithmetic, comparison, functions, writes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Self

import numpy as np

from tatamu.dtypes import DType
from tatamu.methods.reductions import Reductions
from tatamu.ops import comparison, elementary, pointwise, products, sigmoid
from tatamu.ops.arithmetic import add, div, mul, neg, sub
from tatamu.ops.array import Array
from tatamu.ops.cast import cast, overwrite
from tatamu.ops.clamp import clamp, maximum, minimum
from tatamu.ops.common import constant, floating
from tatamu.ops.inplace import write
from tatamu.ops.matmul import matmul
from tatamu.ops.op import Op, apply
from tatamu.ops.power import pow_, power, scalar
from tatamu.ops.relu import relu

__all__ = ["Maths"]

NUMBERS = (int, float, bool, np.number, np.bool_)


@lru_cache(maxsize=256, typed=True)
def _bounds(low: Any, high: Any) -> Any:
    """The one object that stands for these bounds in the attrs of ``clamp``."""
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return low, high


class Maths(Reductions):
    """Everything that makes new numbers, or writes them in place."""

    __slots__ = ()

    def _with(self, op: Op, other: Any, swapped: bool = False) -> Any:
        if not isinstance(other, Array):
            if not isinstance(other, NUMBERS):
                return NotImplemented
            other = constant(other, self.dtype)
        return apply(op, None, other, self) if swapped else apply(op, None, self, other)

    def _scaled(self, other: Any, alpha: float) -> Array:
        value: Array = other if isinstance(other, Array) else constant(other, self.dtype)
        return value if alpha == 1 else mul(value, constant(alpha, value.dtype))

    def _write(self, op: Op, other: Any) -> Self:
        return write(op, None, self, self._scaled(other, 1))

    # ---- arithmetic ----

    def __add__(self, other: Any) -> Self:
        return self._with(add, other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Self:
        return self._with(add, other, swapped=True)  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Self:
        return self._with(sub, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Self:
        return self._with(sub, other, swapped=True)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Self:
        return self._with(mul, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Self:
        return self._with(mul, other, swapped=True)  # type: ignore[no-any-return]

    def __truediv__(self, other: Any) -> Self:
        return self._with(div, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Self:
        return self._with(div, other, swapped=True)  # type: ignore[no-any-return]

    def __pow__(self, other: Any) -> Self:
        if isinstance(other, (int, float)):
            return apply(pow_, scalar(other), self)
        return self._with(power, other)  # type: ignore[no-any-return]

    def __rpow__(self, other: Any) -> Self:
        return self._with(power, other, swapped=True)  # type: ignore[no-any-return]

    def __neg__(self) -> Self:
        return neg(self)

    def __matmul__(self, other: Array) -> Self:
        return matmul(self, other)

    def __abs__(self) -> Self:
        return pointwise.abs_(self)

    def add(self, other: Any, *, alpha: float = 1) -> Self:
        """``self + alpha * other``."""
        return add(self, self._scaled(other, alpha))

    def sub(self, other: Any, *, alpha: float = 1) -> Self:
        """``self - alpha * other``."""
        return sub(self, self._scaled(other, alpha))

    def mul(self, other: Any) -> Self:
        """``self * other``."""
        return self._with(mul, other)  # type: ignore[no-any-return]

    def div(self, other: Any) -> Self:
        """``self / other``."""
        return self._with(div, other)  # type: ignore[no-any-return]

    def pow(self, exponent: Any) -> Self:
        """``self ** exponent``."""
        return self.__pow__(exponent)

    def neg(self) -> Self:
        """``-self``."""
        return neg(self)

    def matmul(self, other: Array) -> Self:
        """The matrix product, over the last two axes, broadcast over the others."""
        return matmul(self, other)

    def mm(self, mat2: Array) -> Self:
        """The product of two matrices."""
        return products.mm(self, mat2)

    def bmm(self, mat2: Array) -> Self:
        """The products of two stacks of as many matrices."""
        return products.bmm(self, mat2)

    def mv(self, vec: Array) -> Self:
        """A matrix times a vector."""
        return products.mv(self, vec)

    def dot(self, tensor: Array) -> Self:
        """The sum of two vectors' products."""
        return products.dot(self, tensor)

    def outer(self, vec2: Array) -> Self:
        """All products of two vectors' numbers."""
        return products.outer(self, vec2)

    def addmm(self, mat1: Array, mat2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * (mat1 @ mat2)``."""
        return products.addmm(self, mat1, mat2, beta=beta, alpha=alpha)

    def addmv(self, mat: Array, vec: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * (mat @ vec)``."""
        return products.addmv(self, mat, vec, beta=beta, alpha=alpha)

    def baddbmm(self, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * bmm(batch1, batch2)``."""
        return products.baddbmm(self, batch1, batch2, beta=beta, alpha=alpha)

    # ---- comparison ----

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._with(comparison.eq, other)  # type: ignore[no-any-return]

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._with(comparison.ne, other)  # type: ignore[no-any-return]

    def __lt__(self, other: Any) -> Self:
        return self._with(comparison.lt, other)  # type: ignore[no-any-return]

    def __le__(self, other: Any) -> Self:
        return self._with(comparison.le, other)  # type: ignore[no-any-return]

    def __gt__(self, other: Any) -> Self:
        return self._with(comparison.gt, other)  # type: ignore[no-any-return]

    def __ge__(self, other: Any) -> Self:
        return self._with(comparison.ge, other)  # type: ignore[no-any-return]

    def __hash__(self) -> int:
        return id(self)

    # ---- functions ----

    def abs(self) -> Self:
        """The absolute value of each element."""
        return pointwise.abs_(self)

    def sign(self) -> Self:
        """-1, 0 or 1 for each element."""
        return pointwise.sign(self)

    def exp(self) -> Self:
        """e to the power of each element."""
        return pointwise.exp(self)

    def log(self) -> Self:
        """The natural logarithm of each element."""
        return pointwise.log(self)

    def sqrt(self) -> Self:
        """The square root of each element."""
        return pointwise.sqrt(self)

    def relu(self) -> Self:
        """Each element, or 0 if it is negative."""
        return relu(self)

    def sigmoid(self) -> Self:
        """1 / (1 + e^-x) for each element."""
        return sigmoid.sigmoid(self)

    def tanh(self) -> Self:
        """The hyperbolic tangent of each element."""
        return sigmoid.tanh(self)

    def sin(self) -> Self:
        """The sine of each element."""
        return elementary.sin(self)

    def cos(self) -> Self:
        """The cosine of each element."""
        return elementary.cos(self)

    def erf(self) -> Self:
        """The error function of each element."""
        return elementary.erf(self)

    def rsqrt(self) -> Self:
        """1 over the square root of each element."""
        return elementary.rsqrt(self)

    def reciprocal(self) -> Self:
        """1 over each element."""
        return elementary.reciprocal(self)

    def expm1(self) -> Self:
        """e to the power of each element, minus 1, exact near 0."""
        return elementary.expm1(self)

    def log1p(self) -> Self:
        """The natural logarithm of 1 plus each element, exact near 0."""
        return elementary.log1p(self)

    def log2(self) -> Self:
        """The logarithm to base 2 of each element."""
        return elementary.log2(self)

    def log10(self) -> Self:
        """The logarithm to base 10 of each element."""
        return elementary.log10(self)

    def floor(self) -> Self:
        """The largest whole number not above each element."""
        return elementary.floor(self)

    def ceil(self) -> Self:
        """The smallest whole number not below each element."""
        return elementary.ceil(self)

    def square(self) -> Self:
        """Each element times itself."""
        return apply(pow_, scalar(2), self)

    def round(self) -> Self:
        """The nearest whole numbers, halves to the even one."""
        return elementary.round_(self)

    def clamp(self, min: Any = None, max: Any = None) -> Self:
        """Each element held between two bounds, numbers or tensors, either of which may be None.

        Raises RuntimeError if both are None.

        >>> import tatamu
        >>> tatamu.tensor([-2.0, 0.5, 7.0]).clamp(0, 1)
        tensor([0.0000, 0.5000, 1.0000])
        """
        if isinstance(min, Array) or isinstance(max, Array):
            low, high = (None if b is None else self._scaled(b, 1) for b in (min, max))
            y = self if low is None else comparison.where(comparison.lt(self, low), low, self)
            return y if high is None else comparison.where(comparison.gt(y, high), high, y)
        x = self
        if isinstance(min, float) or isinstance(max, float):
            x = cast(self, floating(self.dtype))
        return apply(clamp, _bounds(min, max), x)

    def maximum(self, other: Array) -> Self:
        """The larger element of two tensors; NaN if either is."""
        return maximum(self, other)

    def minimum(self, other: Array) -> Self:
        """The smaller element of two tensors; NaN if either is."""
        return minimum(self, other)

    def to_dtype(self, dtype: DType) -> Self:
        """The same numbers in another dtype."""
        return cast(self, dtype)

    # ---- writes ----

    def add_(self, other: Any, *, alpha: float = 1) -> Self:
        """Add in place."""
        return write(add, None, self, self._scaled(other, alpha))

    def sub_(self, other: Any, *, alpha: float = 1) -> Self:
        """Subtract in place."""
        return write(sub, None, self, self._scaled(other, alpha))

    def mul_(self, other: Any) -> Self:
        """Multiply in place."""
        return self._write(mul, other)

    def div_(self, other: Any) -> Self:
        """Divide in place."""
        return self._write(div, other)

    def relu_(self) -> Self:
        """ReLU in place."""
        return write(relu, None, self)

    def sigmoid_(self) -> Self:
        """As ``sigmoid``, in place."""
        return write(sigmoid.sigmoid, None, self)

    def tanh_(self) -> Self:
        """As ``tanh``, in place."""
        return write(sigmoid.tanh, None, self)

    def sin_(self) -> Self:
        """As ``sin``, in place."""
        return write(elementary.sin, None, self)

    def cos_(self) -> Self:
        """As ``cos``, in place."""
        return write(elementary.cos, None, self)

    def rsqrt_(self) -> Self:
        """As ``rsqrt``, in place."""
        return write(elementary.rsqrt, None, self)

    def reciprocal_(self) -> Self:
        """As ``reciprocal``, in place."""
        return write(elementary.reciprocal, None, self)

    def floor_(self) -> Self:
        """As ``floor``, in place."""
        return write(elementary.floor, None, self)

    def ceil_(self) -> Self:
        """As ``ceil``, in place."""
        return write(elementary.ceil, None, self)

    def abs_(self) -> Self:
        """As ``abs``, in place."""
        return write(pointwise.abs_, None, self)

    def exp_(self) -> Self:
        """As ``exp``, in place."""
        return write(pointwise.exp, None, self)

    def log_(self) -> Self:
        """As ``log``, in place."""
        return write(pointwise.log, None, self)

    def sqrt_(self) -> Self:
        """As ``sqrt``, in place."""
        return write(pointwise.sqrt, None, self)

    def neg_(self) -> Self:
        """As ``neg``, in place."""
        return write(neg, None, self)

    def round_(self) -> Self:
        """As ``round``, in place."""
        return write(elementary.round_, None, self)

    def clamp_(self, min: float | None = None, max: float | None = None) -> Self:
        """Hold each element between two numbers, in place."""
        return write(clamp, _bounds(min, max), self)

    def zero_(self) -> Self:
        """Fill with zeros."""
        return self._write(overwrite, 0)

    def fill_(self, value: Any) -> Self:
        """Fill with one number."""
        return self._write(overwrite, value)

    def copy_(self, source: Any) -> Self:
        """Take the numbers of another tensor, broadcast and cast."""
        return self._write(overwrite, source)

    def __iadd__(self, other: Any) -> Self:
        return self.add_(other)

    def __isub__(self, other: Any) -> Self:
        return self.sub_(other)

    def __imul__(self, other: Any) -> Self:
        return self.mul_(other)

    def __itruediv__(self, other: Any) -> Self:
        return self.div_(other)
