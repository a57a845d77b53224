"""torch's names for norms of vectors and matrices, made of ``vector_norm`` and singular values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from tatamu.dtypes import DType
from tatamu.ops.arithmetic import add, div, mul, sub
from tatamu.ops.array import Array
from tatamu.ops.cast import cast
from tatamu.ops.common import constant
from tatamu.ops.comparison import gt, where
from tatamu.ops.expand import sum_
from tatamu.ops.factors import REDUCED, svd
from tatamu.ops.folding import Reduce, reduction
from tatamu.ops.layout import wrap_dim
from tatamu.ops.norm import cdist as cdist_op
from tatamu.ops.norm import dist as dist_op
from tatamu.ops.norm import norm_of, vector_norm
from tatamu.ops.op import apply, apply_all
from tatamu.ops.permute import permute
from tatamu.ops.pointwise import abs_
from tatamu.ops.reduce import amax, amin
from tatamu.ops.reshape import reshape

__all__ = [
    "cdist", "dist", "matrix_norm", "norm", "of_matrix_or_vector", "renormed", "shortened",
    "singular", "vector",
]  # fmt: skip

T = TypeVar("T", bound=Array)


def _all(x: Array) -> tuple[int, ...]:
    return tuple(range(len(x.shape)))


def vector(x: T, p: float, dims: Any, keepdim: bool, dtype: DType | None = None) -> T:
    """The p-norm over ``dims``, all axes for None. RuntimeError for integers."""
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.legacy_name}\n  x.float() makes it float32"
        )
    rank = len(x.shape)
    if dims is None or (not isinstance(dims, int) and len(dims) == 0):
        axes = _all(x)
    else:
        listed = [dims] if isinstance(dims, int) else list(dims)
        axes = tuple(sorted({wrap_dim(d, rank) for d in listed})) if rank else ()
    x = x if dtype is None else cast(x, dtype)
    return apply(vector_norm, norm_of(p, Reduce(axes, keepdim)), x)


def singular(x: T) -> T:
    """The singular values of matrices, from the largest to the smallest."""
    found: T = apply_all(svd, REDUCED, x)[1]
    return found


def matrix_norm(
    x: T, order: Any, dims: Sequence[int], keepdim: bool, dtype: DType | None = None
) -> T:
    """A norm of matrices that lie along two axes: 'fro', 'nuc', or ±1, ±2, ±inf."""
    rank = len(x.shape)
    if rank < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.\n"
            f"  it is {list(x.shape)}; linalg.vector_norm takes it"
        )
    if order not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        shown = order if isinstance(order, str) else f"{order:g}"
        raise RuntimeError(
            f"linalg.matrix_norm: Order {shown} not supported.\n"
            "  'fro', 'nuc', 1, -1, 2, -2, inf and -inf are; linalg.vector_norm takes any number"
        )
    if len(dims) != 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}"
        )
    rows, columns = (wrap_dim(d, rank) for d in dims)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({rows}, {columns})")
    if order == "fro":
        return vector(x, 2, (rows, columns), keepdim, dtype)
    x = x if dtype is None else cast(x, dtype)
    kept = [1 if at in (rows, columns) else n for at, n in enumerate(x.shape)]
    leading = [at for at in range(rank) if at not in (rows, columns)]
    x = permute(x, (*leading, rows, columns))
    last = len(leading)
    if order in ("nuc", 2, -2):
        values = singular(x)
        if order == "nuc":
            y = apply(sum_, reduction((last,), overload=1), values)
        else:
            y = apply(amax if order > 0 else amin, reduction((last,)), values)
    else:
        summed = last if abs(order) == 1 else last + 1
        sums = apply(sum_, reduction((summed,), overload=1), abs_(x))
        y = apply(amax if order > 0 else amin, reduction((last,)), sums)
    return reshape(y, tuple(kept)) if keepdim else y


def of_matrix_or_vector(x: T, order: Any, dim: Any, keepdim: bool, dtype: DType | None) -> T:
    """torch.linalg.norm: of a vector or a matrix, by how many axes there are or are named."""
    rank = len(x.shape)
    dims = [dim] if isinstance(dim, int) else dim
    if dims is not None and order is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and order is not None and rank not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
            f"Got {rank}D."
        )
    if order is None:
        if dims is not None and len(dims) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
            )
        return vector(x, 2, dims, keepdim, dtype)
    if isinstance(order, str) or (len(dims) if dims is not None else rank) == 2:
        return matrix_norm(x, order, dims if dims is not None else (-2, -1), keepdim, dtype)
    return vector(x, order, dims, keepdim, dtype)


def norm(x: T, p: Any, dim: Any, keepdim: bool, dtype: DType | None) -> T:
    """torch.norm, older than torch.linalg: a number is a vector's norm over all axes named."""
    if p is None or p == "fro":
        return vector(x, 2, dim, keepdim, dtype)
    if not isinstance(p, str):
        return vector(x, p, dim, keepdim, dtype)
    dims = [dim] if isinstance(dim, int) else _all(x) if dim is None else list(dim)
    return matrix_norm(x, p, dims, keepdim, dtype)


def dist(x: Array, other: Array, p: float) -> Array:
    """The p-norm of the difference."""
    difference = sub(x, other)
    return apply(dist_op, norm_of(p, Reduce(_all(difference), False)), difference)


def cdist(x1: Array, x2: Array, p: float) -> Array:
    """The p-norms of all differences of the rows of two (stacks of) matrices."""
    for name, x in (("X1", x1), ("X2", x2)):
        if len(x.shape) < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {len(x.shape)}D"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    rows = reshape(x1, (*x1.shape[:-1], 1, x1.shape[-1]))
    columns = reshape(x2, (*x2.shape[:-2], 1, *x2.shape[-2:]))
    difference = sub(rows, columns)
    return apply(cdist_op, norm_of(p, Reduce((len(difference.shape) - 1,), False)), difference)


def shortened(x: Array, p: float, dim: int, longest: float) -> Array:
    """The factors that make the slices along an axis no longer than ``longest``."""
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if longest < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {longest:g}")
    rank = len(x.shape)
    if rank < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {rank} dimensions")
    axis = wrap_dim(dim, rank)
    sizes = vector(x, p, [at for at in range(rank) if at != axis], True)
    bound = constant(longest, x.dtype)
    # torch keeps clear of a division by zero so.
    shrunk = div(bound, add(sizes, constant(1e-7, x.dtype)))
    found: Array = where(gt(sizes, bound), shrunk, constant(1.0, x.dtype))
    return found


def renormed(x: T, p: float, dim: int, longest: float) -> T:
    """``x`` with its slices along an axis made no longer than ``longest``."""
    return mul(x, shortened(x, p, dim, longest))
