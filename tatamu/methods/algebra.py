"""The methods of Tensor for matrices: products of their kinds, inverses, factors, norms."""

from __future__ import annotations

from typing import Any, Self

from tatamu import return_types
from tatamu.dtypes import DType
from tatamu.ops import algebra, norms
from tatamu.ops.array import Array
from tatamu.ops.factors import cholesky, parts, qr, svd
from tatamu.ops.op import apply
from tatamu.ops.solving import NO_TOLERANCE, det, inv, pinv, transposed

__all__ = ["Algebra"]


class Algebra(Array):
    """Matrices: what ``tatamu.linalg`` has under torch's older names."""

    __slots__ = ()

    def addbmm(self, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        """``beta * self + alpha * bmm(batch1, batch2).sum(0)``."""
        return algebra.addbmm(self, batch1, batch2, beta=beta, alpha=alpha)

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
        return return_types.qr(*parts(qr, "reduced" if some else "complete", self, 2))

    def svd(self, some: bool = True, compute_uv: bool = True) -> Any:
        """U, S and V with ``U @ diag(S) @ V.mT`` this matrix; ``linalg.svd`` gives ``V.mT``."""
        u, s, vh = parts(svd, "reduced" if some else "complete", self, 3)
        return return_types.svd(u, s, transposed(vh))

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
