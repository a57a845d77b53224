"""Matrices, under torch's older names; see ``tatamu.linalg`` for the newer ones."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function
from tatamu.ops import algebra, norms
from tatamu.tensor import Tensor

__all__ = [
    "addbmm",
    "addr",
    "cdist",
    "chain_matmul",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "cross",
    "det",
    "dist",
    "ger",
    "inner",
    "inverse",
    "logdet",
    "matrix_exp",
    "matrix_power",
    "norm",
    "pinverse",
    "qr",
    "renorm",
    "slogdet",
    "svd",
    "tensordot",
    "vander",
    "vdot",
]

addbmm = function(Tensor.addbmm)
addr = function(Tensor.addr)
cholesky = function(Tensor.cholesky)
cholesky_inverse = function(Tensor.cholesky_inverse)
cholesky_solve = function(Tensor.cholesky_solve)
cross = function(Tensor.cross)
det = function(Tensor.det)
dist = function(Tensor.dist)
ger = function(Tensor.outer)
inner = function(Tensor.inner)
inverse = function(Tensor.inverse)
logdet = function(Tensor.logdet)
matrix_exp = function(Tensor.matrix_exp)
matrix_power = function(Tensor.matrix_power)
norm = function(Tensor.norm)
pinverse = function(Tensor.pinverse)
qr = function(Tensor.qr)
renorm = function(Tensor.renorm)
slogdet = function(Tensor.slogdet)
svd = function(Tensor.svd)
vdot = function(Tensor.vdot)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Two tensors multiplied and summed over axes: a number of them, or two lists.

    RuntimeError, with torch's sentences, where they do not fit.

    >>> import tatamu
    >>> tatamu.tensordot(tatamu.ones(2, 3, 4), tatamu.ones(3, 4, 5), dims=2).shape
    tatamu.Size([2, 5])
    """
    return algebra.tensordot(a, b, dims)


def chain_matmul(*matrices: Tensor) -> Any:
    """The product of several matrices, in the cheapest order; see ``linalg.multi_dot``."""
    return matrices[0] if len(matrices) == 1 else algebra.multi_dot(matrices)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "") -> Any:
    """The distance of each row of one matrix from each of another.

    RuntimeError, with torch's sentences, where they do not fit.

    >>> import tatamu
    >>> tatamu.cdist(tatamu.zeros(1, 2), tatamu.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """
    return norms.cdist(x1, x2, p)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of a vector's numbers, as columns from the highest to the lowest.

    >>> import tatamu
    >>> tatamu.vander(tatamu.tensor([1, 2, 3]), 3, increasing=True)
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    if len(x.shape) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.\n  flatten() makes one")
    return algebra.powers(x, x.shape[0] if N is None else N, increasing)
