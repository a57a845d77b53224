"""Matrix product of stacks of matrices, broadcast over the leading axes.

Y = A B     dA = G Bᵀ     dB = Aᵀ G
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from tatamu.ops.array import Array, Node
from tatamu.ops.common import moved_bytes, result_type, samples, several
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.op import Call, Op, Out, Saves
from tatamu.ops.permute import permute
from tatamu.ops.reshape import reshape

__all__ = ["matmul", "matmul_op"]

T = TypeVar("T", bound=Array)


def _shape(call: Call) -> tuple[Out, ...]:
    a, b = call.shape(0), call.shape(1)
    if a[-1] != b[-2]:
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})\n"
            f"  a row of {list(a)} has {a[-1]} numbers, a column of {list(b)} has {b[-2]}"
        )
    if call.dtypes[0] is not call.dtypes[1]:
        first, second = (dtype.legacy_name.lower() for dtype in (call.dtype(0), call.dtype(1)))
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {first} != {second}"
        )
    leading = broadcast_shapes(a[:-2], b[:-2])
    return (Out((*leading, a[-2], b[-1]), result_type(call)),)


def _transposed(x: T) -> T:
    rank = len(x.shape)
    return permute(x, (*range(rank - 2), rank - 1, rank - 2))


def _vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    b, a = node.recall()
    return (
        None if b is None else sum_to(matmul_op(g, _transposed(b)), node.call.shape(0)),
        None if a is None else sum_to(matmul_op(_transposed(a), g), node.call.shape(1)),
    )


def _flops(call: Call) -> int:
    (out,) = _shape(call)
    return 2 * call.shape(0)[-1] * int(np.prod(out.shape))


matmul_op = Op(
    name="matmul",
    title="Mm",
    shape=_shape,
    reference=lambda _, a, b: np.matmul(a, b),
    vjp=_vjp,
    saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
    aliases=False,
    flops=_flops,
    bytes=moved_bytes,
    samples=several(samples((2, 3), (3, 4)), samples((2, 1, 2, 3), (5, 3, 2))),
    kernels=(),
)


def matmul(a: T, b: Array) -> T:
    """``a @ b`` as in torch: one axis alone is a row on the left, a column on the right."""
    if not a.shape or not b.shape:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, "
            f"but they are {len(a.shape)}D and {len(b.shape)}D"
        )
    row, column = len(a.shape) == 1, len(b.shape) == 1
    left = reshape(a, (1, *a.shape)) if row else a
    right = reshape(b, (*b.shape, 1)) if column else b
    out = matmul_op(left, right)
    if not row and not column:
        return out
    shape = list(out.shape)
    if column:
        del shape[-1]
    if row:
        del shape[-1 if column else -2]
    return reshape(out, tuple(shape))
