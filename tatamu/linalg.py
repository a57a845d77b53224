"""``torch.linalg``: norms, solutions, inverses and factors of (stacks of) matrices."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tatamu import dtypes, return_types
from tatamu.dtypes import DType
from tatamu.ops import algebra, norms
from tatamu.ops import factors as factored
from tatamu.ops.arithmetic import div, mul
from tatamu.ops.array import wrap
from tatamu.ops.common import interned
from tatamu.ops.expand import sum_
from tatamu.ops.factors import COMPLETE, REDUCED
from tatamu.ops.folding import reduction
from tatamu.ops.layout import wrap_dim
from tatamu.ops.matmul import matmul
from tatamu.ops.op import apply, apply_all
from tatamu.ops.reshape import reshape
from tatamu.ops.solving import LinAlgError, smallest, transposed
from tatamu.ops.solving import pinv as pinv_op
from tatamu.tensor import Tensor

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def _into(out: Any, result: Any) -> Any:
    """What is found, written to ``out`` if it was given."""
    return result if out is None else out.copy_(result)


def inv(A: Tensor, *, out: Any = None) -> Tensor:
    """The inverse of square matrices. LinAlgError for singular ones.

    >>> import tatamu
    >>> inv(tatamu.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _into(out, A.inverse())  # type: ignore[no-any-return]


def det(A: Tensor, *, out: Any = None) -> Tensor:
    """The determinants of square matrices."""
    return _into(out, A.det())  # type: ignore[no-any-return]


def slogdet(A: Tensor) -> Any:
    """The signs of determinants and the logarithms of their size."""
    return return_types.linalg_slogdet(*algebra.sign_and_log(A))


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Any = None) -> Tensor:
    """X with ``A @ X = B`` (``X @ A = B`` if not ``left``). LinAlgError for a singular A.

    B holds matrices or vectors; RuntimeError, with torch's sentences, where they do not fit.

    >>> import tatamu
    >>> solve(tatamu.tensor([[2.0, 0.0], [0.0, 4.0]]), tatamu.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    return _into(out, algebra.solved(A, B, left))  # type: ignore[no-any-return]


def solve_triangular(
    A: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Any = None,
) -> Tensor:
    """``solve`` for a triangular A, of which only that triangle is looked at."""
    size = A.shape[-1]
    mask = np.tri(size, k=-1 if unitriangular else 0, dtype=np.bool_)
    kept = mul(A, wrap(np.ascontiguousarray(mask.T if upper else mask), dtypes.bool_))
    if unitriangular:
        kept = kept + wrap(np.eye(size, dtype=A.dtype.numpy), A.dtype)
    return _into(out, algebra.solved(kept, B, left))  # type: ignore[no-any-return]


def pinv(
    A: Tensor,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    hermitian: bool = False,
    out: Any = None,
) -> Tensor:
    """The pseudoinverse. Singular values below ``max(atol, rtol * largest)`` count as zero."""
    return _into(out, apply(pinv_op, _tolerance(A, atol, rtol), A))  # type: ignore[no-any-return]


def _tolerance(A: Tensor, atol: float | None, rtol: float | None) -> Any:
    """What share of the largest singular value counts as zero."""
    if not A.dtype.is_floating_point or A.shape.numel() == 0:
        return interned((None,))
    if rtol is None:
        rtol = 0.0 if atol else smallest(A.array)
    if atol:
        largest = float(norms.singular(A.detach()).array.max())
        rtol = max(rtol, float(atol) / largest) if largest else rtol
    return interned((float(rtol),))


def matrix_rank(
    A: Tensor,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    tol: float | None = None,
    hermitian: bool = False,
) -> Tensor:
    """How many singular values are not (nearly) zero.

    >>> import tatamu
    >>> matrix_rank(tatamu.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    values = norms.singular(A.detach()).array
    limit = values.max(-1, keepdims=True, initial=0) * (
        smallest(A.array) if rtol is None and not atol and tol is None else rtol or 0.0
    )
    limit = np.maximum(limit, tol if tol is not None else atol or 0.0)
    return wrap(np.asarray((values > limit).sum(-1), np.int64), dtypes.int64)  # type: ignore[return-value]


def cholesky(A: Tensor, *, upper: bool = False, out: Any = None) -> Tensor:
    """The lower L with ``L @ L.mT = A``, or its transpose, of symmetric matrices.

    LinAlgError unless they are positive-definite.
    """
    lower = apply(factored.cholesky, None, algebra.one_triangle(A, False))
    return _into(out, transposed(lower) if upper else lower)  # type: ignore[no-any-return]


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Orthogonal Q and upper triangular R with ``Q @ R = A``.

    ``mode`` is 'reduced', 'complete' or 'r' (an empty Q). RuntimeError for another.
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    if mode == "r":
        found = apply_all(factored.qr, REDUCED, A)[1]
        return return_types.linalg_qr(_nothing(A.dtype), found)
    return return_types.linalg_qr(
        *apply_all(factored.qr, COMPLETE if mode == "complete" else REDUCED, A)
    )


def svd(A: Tensor, full_matrices: bool = True) -> Any:
    """U, S and Vh with ``U @ diag(S) @ Vh = A``, S from the largest to the smallest."""
    form = COMPLETE if full_matrices else REDUCED
    return return_types.linalg_svd(*apply_all(factored.svd, form, A))


def svdvals(A: Tensor) -> Tensor:
    """The singular values, from the largest to the smallest."""
    return norms.singular(A)


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, from the smallest, and eigenvectors (columns) of symmetric matrices.

    Only the triangle that ``UPLO`` names is looked at.
    """
    return return_types.linalg_eigh(*apply_all(factored.eigh, None, _symmetric(A, UPLO)))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, from the smallest."""
    return apply(factored.eigh, None, _symmetric(A, UPLO))


def _symmetric(A: Tensor, triangle: str) -> Tensor:
    if triangle.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {triangle}")
    return algebra.one_triangle(A, triangle.upper() == "U")  # type: ignore[no-any-return]


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X that makes ``A @ X - B`` smallest, the residuals, A's rank and its singular values.

    B holds matrices or, if A is one matrix, a vector. As in torch, what the ``driver`` ('gelsy',
    'gels', 'gelsd' or 'gelss') does not find is left empty, though here all come from one method.
    """
    vector = len(B.shape) == len(A.shape) - 1
    right = reshape(B, (*B.shape, 1)) if vector else B
    if A.shape[-2] != right.shape[-2]:
        place = "-1" if vector else "-2"
        raise RuntimeError(
            f"torch.linalg.lstsq: input.size(-2) should match other.size({place})\n"
            f"  A has {A.shape[-2]} rows, B {right.shape[-2]}"
        )
    solution = matmul(pinv(A, rtol=rcond), right)
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    found = driver or "gelsy"
    rank = matrix_rank(A, rtol=rcond)
    rows, columns = A.shape[-2:]
    residuals: Any = _nothing(A.dtype)
    values: Any = _nothing(A.dtype)
    if found in ("gelsd", "gelss"):
        values = norms.singular(A.detach())
    if found != "gelsy" and rows > columns and bool((rank.array == columns).all()):
        gap = matmul(A, solution) - right
        residuals = apply(sum_, reduction((len(gap.shape) - 2,)), gap * gap)
    if vector:
        solution = reshape(solution, tuple(solution.shape[:-1]))
    rank = _nothing(dtypes.int64) if found == "gels" else rank
    return return_types.linalg_lstsq(solution, residuals, rank, values)


def _nothing(dtype: DType) -> Any:
    return wrap(np.empty(0, dtype.numpy), dtype)


def matrix_power(A: Tensor, n: int, *, out: Any = None) -> Tensor:
    """Square matrices times themselves ``n`` times; their inverses for a negative ``n``."""
    return _into(out, algebra.matrix_power(A, n))  # type: ignore[no-any-return]


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices."""
    return A.matrix_exp()


def tensorinv(A: Tensor, ind: int = 2, *, out: Any = None) -> Tensor:
    """The inverse of a tensor as a map from its last axes to its first ``ind``."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if prod(rows) != prod(columns):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {prod(columns)} != {prod(rows)}"
        )
    flat = reshape(A, (prod(rows), prod(columns)))
    return _into(out, reshape(inv(flat), (*columns, *rows)))  # type: ignore[no-any-return]


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Any = None) -> Tensor:
    """X with ``tensordot(A, X, X.ndim) = B``. Of ``dims`` torch's default alone is taken."""
    if dims is not None:
        raise NotImplementedError(
            "tatamu has no dims= in tensorsolve\n  A.movedim(dims, ...) moves them to the end first"
        )
    shape = tuple(A.shape[len(B.shape) :])
    flat = reshape(A, (prod(B.shape), prod(shape)))
    found = solve(flat, reshape(B, (prod(B.shape),)))
    return _into(out, reshape(found, shape))  # type: ignore[no-any-return]


def vander(x: Tensor, *, N: int | None = None) -> Any:
    """The powers of numbers along a new last axis, from the lowest to the highest."""
    return algebra.powers(x, x.shape[-1] if N is None else N, True)


def multi_dot(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications.

    >>> import tatamu
    >>> multi_dot([tatamu.ones(2, 3), tatamu.ones(3, 4), tatamu.ones(4)])
    tensor([12., 12.])
    """
    return _into(out, algebra.multi_dot(tensors))  # type: ignore[no-any-return]


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """The cross products of vectors of three numbers along an axis."""
    return _into(out, algebra.cross(input, other, dim))  # type: ignore[no-any-return]


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """The sums of products of vectors along an axis."""
    product = mul(x, y)
    axis = wrap_dim(dim, len(product.shape))
    return _into(out, apply(sum_, reduction((axis,), overload=1), product))  # type: ignore[no-any-return]


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The norm of order ``ord`` over all axes or some, as of one vector."""
    return _into(out, norms.vector(x, ord, dim, keepdim, dtype))  # type: ignore[no-any-return]


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """A norm of matrices: 'fro', 'nuc', or ±1, ±2, ±inf."""
    return _into(out, norms.matrix_norm(A, ord, dim, keepdim, dtype))  # type: ignore[no-any-return]


def norm(
    A: Tensor,
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    out: Any = None,
    dtype: DType | None = None,
) -> Tensor:
    """``vector_norm`` or ``matrix_norm``, by how many axes there are or are named."""
    return _into(out, norms.of_matrix_or_vector(A, ord, dim, keepdim, dtype))  # type: ignore[no-any-return]


def cond(A: Tensor, p: Any = None, *, out: Any = None) -> Any:
    """How much solutions may change with what is given: the norms of A and its inverse."""
    if p is None or p in (2, -2):
        values = norms.singular(A)
        first, last = values[..., 0], values[..., -1]
        return _into(out, div(last, first) if p == -2 else div(first, last))
    found = mul(matrix_norm(A, p), matrix_norm(inv(A), p))
    return _into(out, found)
