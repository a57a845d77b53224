"""The methods of Tensor for matrices: products of their kinds, inverses, factors, norms."""

from __future__ import annotations

from typing import Any, Self

from tatamu import return_types
from tatamu.dtypes import DType
from tatamu.ops import algebra, norms
from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array
from tatamu.ops.cast import overwrite
from tatamu.ops.factors import COMPLETE, REDUCED, cholesky, matrix_exp, qr, svd
from tatamu.ops.inplace import write
from tatamu.ops.matmul import multiplied
from tatamu.ops.op import apply, apply_all
from tatamu.ops.solving import NO_TOLERANCE, det, inv, pinv, transposed

__all__ = ["Algebra"]


class Algebra(Array):
    """Matrices: what ``tatamu.linalg`` has under torch's older names."""

    __slots__ = ()

    def addbmm(self, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * bmm(batch1, batch2).sum(0)``."""
        return algebra.addbmm(self, batch1, batch2, beta=beta, alpha=alpha)

    def addbmm_(self, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1) -> Self:
        """As ``addbmm``, in place."""
        return write(overwrite, None, self, self.addbmm(batch1, batch2, beta=beta, alpha=alpha))

    def addr_(self, vec1: Array, vec2: Array, *, beta: float = 1, alpha: float = 1) -> Self:
        """As ``addr``, in place."""
        return write(overwrite, None, self, self.addr(vec1, vec2, beta=beta, alpha=alpha))

    def addr(self, vec1: Array, vec2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * outer(vec1, vec2)``."""
        return algebra.addr(self, vec1, vec2, beta=beta, alpha=alpha)

    def vdot(self, other: Array) -> Self:
        """The sum of two vectors' products."""
        return algebra.vdot(self, other)

    def inner(self, other: Array) -> Any:
        """The products of the rows of two tensors, over the last axis of both.

        >>> import tatamu
        >>> tatamu.ones(2, 3).inner(tatamu.ones(4, 3)).shape
        tatamu.Size([2, 4])
        """
        return algebra.inner(self, other)

    def kron(self, other: Array) -> Any:
        """Kronecker's product: the other tensor, once for each number of this one."""
        return algebra.kron(self, other)

    def cross(self, other: Array, dim: int | None = None) -> Any:
        """The cross products along an axis of extent 3: the first such one unless named."""
        return algebra.cross(self, other, algebra.default_axis(self) if dim is None else dim)

    def matrix_power(self, n: int) -> Any:
        """Square matrices times themselves ``n`` times; their inverses for a negative ``n``."""
        return algebra.matrix_power(self, n)

    def inverse(self) -> Self:
        """The inverse of square matrices. ``linalg.LinAlgError`` for singular ones.

        >>> import tatamu
        >>> tatamu.tensor([[2.0, 0.0], [0.0, 4.0]]).inverse()
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
        """
        return apply(inv, None, self)

    def pinverse(self, rcond: float | None = None) -> Self:
        """The pseudoinverse, which matrices of any shape have."""
        return apply(pinv, NO_TOLERANCE if rcond is None else (float(rcond),), self)

    def det(self) -> Self:
        """The determinants of square matrices."""
        return apply(det, None, self)

    def logdet(self) -> Any:
        """The logarithms of determinants; NaN for negative ones."""
        return algebra.logdet(self)

    def slogdet(self) -> Any:
        """The signs of determinants and the logarithms of their size."""
        return return_types.slogdet(*algebra.sign_and_log(self))

    def cholesky(self, upper: bool = False) -> Any:
        """The triangular L of symmetric positive-definite matrices ``L @ L.mT``."""
        lower = apply(cholesky, None, algebra.one_triangle(self, upper))
        return transposed(lower) if upper else lower

    def qr(self, some: bool = True) -> Any:
        """Orthogonal Q and upper triangular R with ``Q @ R`` this matrix."""
        return return_types.qr(*apply_all(qr, REDUCED if some else COMPLETE, self))

    def svd(self, some: bool = True, compute_uv: bool = True) -> Any:
        """U, S and V with ``U @ diag(S) @ V.mT`` this matrix; ``linalg.svd`` gives ``V.mT``."""
        u, s, vh = apply_all(svd, REDUCED if some else COMPLETE, self)
        return return_types.svd(u, s, transposed(vh))

    def matrix_exp(self) -> Self:
        """The exponential of square matrices: the sum of their powers over the factorials."""
        return apply(matrix_exp, None, self)

    def cholesky_solve(self, input2: Array, upper: bool = False) -> Any:
        """X with ``A @ X`` this tensor, of A's triangular factor ``input2``."""
        left, right = (transposed(input2), input2) if upper else (input2, transposed(input2))
        return algebra.solved(multiplied(left, right), self)

    def cholesky_inverse(self, upper: bool = False) -> Any:
        """The inverse of the matrix whose triangular factor this is."""
        left, right = (transposed(self), self) if upper else (self, transposed(self))
        return apply(inv, None, multiplied(left, right))

    def renorm(self, p: float, dim: int, maxnorm: float) -> Any:
        """Each slice along an axis made shorter, if its p-norm exceeds ``maxnorm``.

        RuntimeError for fewer than two axes and for norms that are not positive.

        >>> import tatamu
        >>> tatamu.tensor([[3.0, 4.0], [0.3, 0.4]]).renorm(2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
        """
        return norms.renormed(self, p, dim, maxnorm)

    def renorm_(self, p: float, dim: int, maxnorm: float) -> Self:
        """As ``renorm``, in place."""
        return write(mul, None, self, norms.shortened(self, p, dim, maxnorm))

    def norm(
        self,
        p: Any = "fro",
        dim: Any = None,
        keepdim: bool = False,
        dtype: DType | None = None,
    ) -> Self:
        """The p-norm over all axes or some: 2 unless told otherwise; 'fro' and 'nuc' too.

        RuntimeError for integers.

        >>> import tatamu
        >>> tatamu.tensor([3.0, 4.0]).norm()
        tensor(5.)
        """
        return norms.norm(self, p, dim, keepdim, dtype)

    def dist(self, other: Array, p: float = 2) -> Array:
        """The p-norm of the difference."""
        return norms.dist(self, other, p)
