"""torch's names for products of vectors and matrices, all made of ``matmul``."""

from __future__ import annotations

from typing import TypeVar

from tatamu.ops.arithmetic import add, mul
from tatamu.ops.array import Array
from tatamu.ops.common import constant
from tatamu.ops.expand import expand
from tatamu.ops.layout import Ints
from tatamu.ops.linear import linear
from tatamu.ops.matmul import bmm_op, matmul, matmul_op
from tatamu.ops.op import apply
from tatamu.ops.permute import permute
from tatamu.ops.reshape import reshape

__all__ = ["addmm", "addmv", "baddbmm", "bmm", "dot", "mm", "mv", "outer"]

T = TypeVar("T", bound=Array)


def mm(input: T, mat2: Array) -> T:
    """The product of two matrices. RuntimeError, with torch's sentences, where they do not fit.

    >>> import tatamu
    >>> tatamu.mm(tatamu.ones(2, 3), tatamu.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    for name, x in (("self", input), ("mat2", mat2)):
        if len(x.shape) != 2:
            raise RuntimeError(f"{name} must be a matrix\n  it is {list(x.shape)}; see matmul")
    return matmul_op(input, mat2)


def bmm(input: T, mat2: Array) -> T:
    """The products of two stacks of as many matrices. RuntimeError where they do not fit.

    >>> import tatamu
    >>> tatamu.bmm(tatamu.ones(5, 2, 3), tatamu.ones(5, 3, 4)).shape
    tatamu.Size([5, 2, 4])
    """
    check_stacks(input, mat2)
    return bmm_op(input, mat2)


def check_stacks(one: Array, two: Array) -> None:
    for place, x in enumerate((one, two), 1):
        if len(x.shape) != 3:
            raise RuntimeError(
                f"batch{place} must be a 3D tensor\n  it is {list(x.shape)}; matmul broadcasts"
            )
    wanted, got = [one.shape[0], one.shape[2]], list(two.shape[:2])
    if wanted != got:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"{wanted} but got: {got}.\n  the first is {list(one.shape)}, so the second must be "
            f"({wanted[0]}, {wanted[1]}, any)"
        )


def mv(input: T, vec: Array) -> T:
    """A matrix times a vector. RuntimeError, with torch's sentences, where they do not fit.

    >>> import tatamu
    >>> tatamu.mv(tatamu.ones(2, 3), tatamu.arange(3.0))
    tensor([3., 3.])
    """
    _check_vector_matrix(1, input, vec)
    return matmul(input, vec)


def _check_vector_matrix(added: int, matrix: Array, vector: Array) -> None:
    ranks = added, len(matrix.shape), len(vector.shape)
    if ranks != (added, 2, 1) or added > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {ranks[0]}, {ranks[1]}, {ranks[2]}"
        )


def dot(input: T, tensor: Array) -> T:
    """The sum of two vectors' products. RuntimeError, with torch's sentences, for others.

    >>> import tatamu
    >>> tatamu.dot(tatamu.tensor([2, 3]), tatamu.tensor([2, 1]))
    tensor(7)
    """
    if len(input.shape) != 1 or len(tensor.shape) != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {len(input.shape)}D and {len(tensor.shape)}D tensors\n"
            "  (x * y).sum() multiplies tensors of any shape so"
        )
    return matmul(input, tensor)


def outer(input: T, vec2: Array) -> T:
    """All products of two vectors' numbers. RuntimeError, with torch's sentence, for others.

    >>> import tatamu
    >>> tatamu.outer(tatamu.tensor([1, 2]), tatamu.tensor([3, 4, 5]))
    tensor([[ 3,  4,  5],
            [ 6,  8, 10]])
    """
    for name, x in (("self", input), ("vec2", vec2)):
        if len(x.shape) != 1:
            raise RuntimeError(
                f"outer: Expected 1-D argument {name}, but got {len(x.shape)}-D\n"
                "  flatten() makes a vector of any tensor"
            )
    return mul(reshape(input, (input.shape[0], 1)), vec2)


def addmm(input: Array, mat1: T, mat2: Array, *, beta: float = 1, alpha: float = 1) -> T:
    """``beta * input + alpha * (mat1 @ mat2)``; with ``beta`` 0 the input is not looked at.

    Raises RuntimeError, with torch's sentences, where shapes or dtypes do not fit.

    >>> import tatamu
    >>> tatamu.addmm(tatamu.ones(2), tatamu.ones(1, 3), tatamu.ones(3, 2), alpha=2)
    tensor([[7., 7.]])
    """
    for name, x in (("mat1", mat1), ("mat2", mat2)):
        if len(x.shape) != 2:
            raise RuntimeError(
                f"{name} must be a matrix, got {len(x.shape)}-D tensor\n  see baddbmm for stacks"
            )
    if input.dtype is not mat2.dtype or mat1.dtype is not mat2.dtype:
        name, other = ("self", input) if input.dtype is not mat2.dtype else ("mat1", mat1)
        raise RuntimeError(
            f"{name} and mat2 must have the same dtype, but got "
            f"{other.dtype.legacy_name} and {mat2.dtype.legacy_name}"
        )
    if beta == alpha == 1 and input.shape == mat2.shape[1:]:
        return apply(linear, None, mat1, permute(mat2, (1, 0)), input)
    return added(input, matmul_op(mat1, mat2), beta, alpha)


def baddbmm(input: Array, batch1: T, batch2: Array, *, beta: float = 1, alpha: float = 1) -> T:
    """``beta * input + alpha * bmm(batch1, batch2)``; with ``beta`` 0 the input is not looked at.

    Raises RuntimeError, with torch's sentences, where shapes or dtypes do not fit.

    >>> import tatamu
    >>> a = tatamu.ones(5, 2, 3)
    >>> tatamu.baddbmm(tatamu.ones(4), a, tatamu.ones(5, 3, 4)).shape
    tatamu.Size([5, 2, 4])
    """
    check_stacks(batch1, batch2)
    names = [x.dtype.c_name for x in (input, batch1, batch2)]
    if input.dtype is not batch1.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {names[0]}, batch1: {names[1]}, "
            f"batch2: {names[2]}"
        )
    return added(input, bmm_op(batch1, batch2), beta, alpha)


def addmv(input: Array, mat: T, vec: Array, *, beta: float = 1, alpha: float = 1) -> T:
    """``beta * input + alpha * (mat @ vec)``; with ``beta`` 0 the input is not looked at.

    Raises RuntimeError, with torch's sentences, where shapes or dtypes do not fit.

    >>> import tatamu
    >>> tatamu.addmv(tatamu.ones(2), tatamu.ones(2, 3), tatamu.arange(3.0))
    tensor([4., 4.])
    """
    _check_vector_matrix(len(input.shape), mat, vec)
    if not input.dtype is mat.dtype is vec.dtype:
        first, second, third = (x.dtype.legacy_name for x in (input, mat, vec))
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {first}, {second}, and {third}"
        )
    rows, depth = mat.shape
    if depth != vec.shape[0] or input.shape not in ((), (1,), (rows,)):
        size = input.shape[0] if input.shape else rows
        raise RuntimeError(
            f"size mismatch, got input ({size}), mat ({rows}x{depth}), vec ({vec.shape[0]})"
        )
    return added(input, matmul(mat, vec), beta, alpha)


def added(input: Array, product: T, beta: float, alpha: float) -> T:
    """``beta * input + alpha * product``, the input broadcast to the product and not beyond."""
    _check_expands(input.shape, product.shape)
    scaled = product if alpha == 1 else mul(product, _number(alpha, product))
    if beta == 0:
        return scaled
    share = input if beta == 1 else mul(input, _number(beta, input))
    return add(scaled, expand(share, product.shape))


def _number(value: float, like: Array) -> Array:
    """A factor that leaves the dtype as it is: torch truncates it for integers."""
    return constant(value if like.dtype.is_floating_point else int(value), like.dtype)


def _check_expands(own: Ints, wanted: Ints) -> None:
    new = len(wanted) - len(own)
    for axis in reversed(range(new, len(wanted))):
        n = own[axis - new]
        if new < 0 or n not in (1, wanted[axis]):
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted[max(axis, 0)]}) must match the existing "
                f"size ({n}) at non-singleton dimension {axis}.  Target sizes: {list(wanted)}.  "
                f"Tensor sizes: {list(own)}\n  what is added must be broadcast to the product"
            )
