"""torch's names for what is made of products, inverses and factors of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any, TypeVar

import numpy as np

from tatamu.dtypes import bool_
from tatamu.ops.arithmetic import mul, sub
from tatamu.ops.array import Array, wrap
from tatamu.ops.common import constant, full, interned
from tatamu.ops.comparison import where
from tatamu.ops.expand import expand, sum_
from tatamu.ops.folding import reduction
from tatamu.ops.index import index
from tatamu.ops.layout import Ints, broadcast_shapes, wrap_dim
from tatamu.ops.matmul import bmm_op, matmul, multiplied
from tatamu.ops.op import apply, apply_all, view
from tatamu.ops.permute import permute
from tatamu.ops.products import added, check_stacks, outer
from tatamu.ops.reshape import reshape, unsafe_view
from tatamu.ops.solving import inv, slogdet, solve, transposed
from tatamu.ops.totals import joined

__all__ = [
    "addbmm", "addr", "cross", "default_axis", "inner", "kron", "logdet", "matrix_power",
    "multi_dot", "one_triangle", "powers", "sign_and_log", "solved", "tensordot", "vdot",
]  # fmt: skip

T = TypeVar("T", bound=Array)


def addbmm(input: Array, batch1: T, batch2: Array, *, beta: float = 1, alpha: float = 1) -> T:
    """``beta * input + alpha *`` the sum of the products of two stacks of matrices."""
    check_stacks(batch1, batch2)
    return added(input, apply(sum_, reduction((0,)), bmm_op(batch1, batch2)), beta, alpha)


def addr(input: Array, vec1: T, vec2: Array, *, beta: float = 1, alpha: float = 1) -> T:
    """``beta * input + alpha *`` all products of two vectors' numbers."""
    for name, x in (("vec1", vec1), ("vec2", vec2)):
        if len(x.shape) != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {len(x.shape)}-D")
    return added(input, outer(vec1, vec2), beta, alpha)


def vdot(x: T, other: Array) -> T:
    """The sum of two vectors' products. RuntimeError for others."""
    if len(x.shape) != 1 or len(other.shape) != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {len(x.shape)}D and {len(other.shape)}D tensors"
        )
    return matmul(x, other)


def inner(x: T, other: Array) -> Any:
    """The products of the rows of two tensors; a number scales the other."""
    if not x.shape or not other.shape:
        return mul(x, other)
    if x.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(x.shape)} and {list(other.shape)}"
        )
    last = x.shape[-1]
    left, right = (reshape(y, (prod(y.shape[:-1]), last)) for y in (x, other))
    product = multiplied(left, transposed(right))
    return reshape(product, (*x.shape[:-1], *other.shape[:-1]))


def tensordot(a: T, b: Array, dims: Any = 2) -> T:
    """Two tensors multiplied and summed over ``dims``: the last of one with the first of the
    other, or two lists of axes.
    """
    if isinstance(dims, Array):
        dims = dims.array.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(a.shape), len(b.shape)):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}\n"
                f"  they have {len(a.shape)} and {len(b.shape)} axes"
            )
        dims = list(range(-dims, 0)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    for one, two in zip(first, second, strict=True):
        if a.shape[one] != b.shape[two]:
            raise RuntimeError(
                "contracted dimensions need to match, but first has size "
                f"{a.shape[one]} in dim {one} and second has size {b.shape[two]} in dim {two}"
            )
    gone_a = [wrap_dim(d, len(a.shape)) for d in first]
    gone_b = [wrap_dim(d, len(b.shape)) for d in second]
    left = [axis for axis in range(len(a.shape)) if axis not in gone_a]
    right = [axis for axis in range(len(b.shape)) if axis not in gone_b]
    depth = prod(a.shape[axis] for axis in gone_a)
    rows, columns = [a.shape[axis] for axis in left], [b.shape[axis] for axis in right]
    one_side = reshape(permute(a, (*left, *gone_a)), (prod(rows), depth))
    other_side = reshape(permute(b, (*gone_b, *right)), (depth, prod(columns)))
    return reshape(multiplied(one_side, other_side), (*rows, *columns))


def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices, in the order that takes the fewest multiplications.

    The first may be a row and the last a column given as vectors.
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    chain = list(tensors)
    row, column = len(chain[0].shape) == 1, len(chain[-1].shape) == 1
    for place, x in enumerate(chain):
        ends = place in (0, len(chain) - 1)
        if len(x.shape) not in ((1, 2) if ends else (2,)):
            wanted = "1D or 2D" if ends else "2D"
            which = "the first tensor" if place == 0 else f"tensor {place}"
            which = "the last tensor" if place == len(chain) - 1 else which
            raise RuntimeError(f"multi_dot(): {which} must be {wanted} but got {len(x.shape)}D")
    if row:
        chain[0] = reshape(chain[0], (1, *chain[0].shape))
    if column:
        chain[-1] = reshape(chain[-1], (*chain[-1].shape, 1))
    sizes = (chain[0].shape[0], *(x.shape[1] for x in chain))
    for place in range(1, len(chain)):
        if chain[place - 1].shape[1] != chain[place].shape[0]:
            shapes = " and ".join(f"{m}x{n}" for m, n in (y.shape for y in chain[place - 1 :][:2]))
            raise RuntimeError(
                f"multi_dot(): tensors {place - 1} and {place} with shapes "
                f"[{shapes.replace('x', ', ').replace(' and ', '] and [')}] "
                "cannot be multiplied"
            )
    out = _product_of(chain, sizes)
    shape = list(out.shape)
    if column:
        del shape[1]
    if row:
        del shape[0]
    return reshape(out, tuple(shape)) if row or column else out


def _product_of(chain: list[Any], sizes: Ints) -> Any:
    """The matrices of a chain multiplied in the cheapest order."""
    count = len(chain)
    cost = [[0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for start in range(count - length):
            end = start + length
            ways = [
                (
                    cost[start][k]
                    + cost[k + 1][end]
                    + sizes[start] * sizes[k + 1] * sizes[end + 1],
                    k,
                )
                for k in range(start, end)
            ]
            cost[start][end], split[start][end] = min(ways)

    def product(start: int, end: int) -> Any:
        if start == end:
            return chain[start]
        k = split[start][end]
        return multiplied(product(start, k), product(k + 1, end))

    return product(0, count - 1)


def matrix_power(x: Any, n: int) -> Any:
    """Square matrices times themselves, ``n`` times; of a negative ``n`` their inverses."""
    if len(x.shape) < 2:
        raise RuntimeError(
            "linalg.matrix_power: The input tensor A must have at least 2 dimensions."
        )
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but they are "
            f"{x.shape[-2]} by {x.shape[-1]} matrices"
        )
    if n == 0:
        kind = x.dtype.numpy
        return wrap(np.broadcast_to(np.eye(x.shape[-1], dtype=kind), x.shape).copy(), x.dtype)
    if n < 0:
        x, n = inv(x), -n
    out = None
    while n:
        if n & 1:
            out = x if out is None else multiplied(out, x)
        n >>= 1
        x = multiplied(x, x) if n else x
    return out


def default_axis(x: Array) -> int:
    """The first axis of extent 3, along which torch.cross works unless told otherwise."""
    for axis, n in enumerate(x.shape):
        if n == 3:
            return axis
    raise RuntimeError(
        f"no dimension of size 3 in input\n  the input is {list(x.shape)}; vectors have 3 numbers"
    )


def cross(x: Any, other: Any, dim: int) -> Any:
    """The cross products of vectors that lie along an axis of extent 3."""
    if len(x.shape) != len(other.shape):
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions.\n"
            f"  they are {list(x.shape)} and {list(other.shape)}"
        )
    axis = wrap_dim(dim, len(x.shape))
    if x.shape[axis] != 3 or other.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {x.shape[axis]} and "
            f"{other.shape[axis]}"
        )
    shape = broadcast_shapes(x.shape, other.shape)
    x, other = expand(x, shape), expand(other, shape)

    def rolled(y: Any, by: int) -> Any:
        start = (slice(None),) * axis
        return joined(
            index(y, (*start, slice(by, 3), ...)), index(y, (*start, slice(by), ...)), axis
        )

    return sub(mul(rolled(x, 1), rolled(other, 2)), mul(rolled(x, 2), rolled(other, 1)))


def kron(x: Any, other: Any) -> Any:
    """All products of two tensors' numbers, one tensor within the other."""
    rank = max(len(x.shape), len(other.shape))
    a = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    b = (1,) * (rank - len(other.shape)) + tuple(other.shape)
    left = reshape(x, tuple(n for size in a for n in (size, 1)))
    right = reshape(other, tuple(n for size in b for n in (1, size)))
    whole = tuple(m * n for m, n in zip(a, b, strict=True))
    return view(unsafe_view, interned(whole), mul(left, right))


def sign_and_log(x: Any) -> tuple[Any, Any]:
    """The sign of determinants and the logarithm of their size."""
    sign, log_of_size = apply_all(slogdet, None, x)
    return sign, log_of_size


def logdet(x: Any) -> Any:
    """The logarithm of determinants; NaN of a negative one."""
    sign, log_of_size = sign_and_log(x)
    negative = wrap(np.asarray(sign.array == -1), bool_)
    return where(negative, constant(float("nan"), x.dtype), log_of_size)


def solved(a: Any, b: Any, left: bool = True) -> Any:
    """The solution of ``A X = B``, or of ``X A = B``; B may be a (stack of) vectors."""
    vector = len(b.shape) == 1 or (
        len(a.shape) - 1 == len(b.shape) and tuple(a.shape[:-1]) == tuple(b.shape)
    )
    if left or vector:
        return apply_all(solve, vector, a, b)[0]
    return transposed(apply_all(solve, False, transposed(a), transposed(b))[0])


def one_triangle(x: Any, upper: bool) -> Any:
    """The symmetric matrix that one triangle of ``x`` stands for; ``x`` itself if it is one."""
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        return x  # the operation says what is wrong
    if np.array_equal(x.array, x.array.swapaxes(-1, -2), equal_nan=True):
        return x
    mask = np.tri(x.shape[-1], dtype=np.bool_)
    kept = wrap(mask.T.copy() if upper else mask, bool_)
    return where(kept, x, transposed(x))


def powers(x: Any, count: int, increasing: bool) -> Any:
    """The powers of numbers along a new last axis."""
    if not count:
        return wrap(np.empty((*x.shape, 0), x.dtype.numpy), x.dtype)
    column = reshape(x, (*x.shape, 1))
    columns = [full(column.shape, 1, x.dtype)]
    for _ in range(count - 1):
        columns.append(mul(columns[-1], column))
    ordered = columns if increasing else columns[::-1]
    return reduce(lambda left, right: joined(left, right, len(x.shape)), ordered)
