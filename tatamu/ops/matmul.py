"""Matrix product of stacks of matrices, broadcast over the leading axes.

Y = A B     dA = G Bᵀ     dB = Aᵀ G
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import TypeVar

import numpy as np

from tatamu.ops.array import Array, Node
from tatamu.ops.common import moved_bytes, result_type, samples, several
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import Ints, broadcast_shapes
from tatamu.ops.op import Call, Op, Out, Sample, Saves
from tatamu.ops.permute import permute
from tatamu.ops.product_kernels import PRODUCTS
from tatamu.ops.reshape import reshape
from tatamu.pitfalls import of_numbers

__all__ = ["bmm_op", "check_vectors", "matmul", "matmul_op", "multiplied"]

T = TypeVar("T", bound=Array)


def _shape(call: Call) -> tuple[Out, ...]:
    a, b = call.shape(0), call.shape(1)
    if a[-1] != b[-2]:
        raise RuntimeError(
            f"{_misfit(a, b)}\n  a row of {list(a)} has {a[-1]} numbers, a column of {list(b)} "
            f"has {b[-2]}"
        )
    first, second = call.dtype(0), call.dtype(1)
    if first is not second:
        if len(b) > 2:
            sentence = f"expected scalar type {first.legacy_name} but found {second.legacy_name}"
        else:
            sentence = (
                "expected m1 and m2 to have the same dtype, but got: "
                f"{first.c_name} != {second.c_name}"
            )
        lesson = of_numbers(first.name, second.name) or of_numbers(second.name, first.name)
        raise RuntimeError(f"{sentence}\n  .to({second}) on the first makes them alike{lesson}")
    leading = broadcast_shapes(a[:-2], b[:-2])
    return (Out((*leading, a[-2], b[-1]), result_type(call)),)


def _misfit(a: Ints, b: Ints) -> str:
    """torch's sentence: it folds leading axes into rows, or into one batch."""
    if len(b) == 2:
        return (
            "mat1 and mat2 shapes cannot be multiplied "
            f"({prod(a[:-1])}x{a[-1]} and {b[-2]}x{b[-1]})"
        )
    batch = prod(broadcast_shapes(a[:-2], b[:-2]))
    return (
        "Expected size for first two dimensions of batch2 tensor to be: "
        f"[{batch}, {a[-1]}] but got: [{batch}, {b[-2]}]."
    )


def _transposed(x: T) -> T:
    rank = len(x.shape)
    return permute(x, (*range(rank - 2), rank - 1, rank - 2))


def _vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    b, a = node.recall()
    return (
        None if b is None else sum_to(multiplied(g, _transposed(b)), node.call.shape(0)),
        None if a is None else sum_to(multiplied(_transposed(a), g), node.call.shape(1)),
    )


def _flops(call: Call) -> int:
    (out,) = _shape(call)
    return 2 * call.shape(0)[-1] * prod(out.shape)


def _product(name: str, title: str, generate: Callable[..., Iterable[Sample]]) -> Op:
    return Op(
        name=name,
        title=title,
        shape=_shape,
        reference=lambda _, a, b: np.matmul(a, b),
        vjp=_vjp,
        saves=Saves(inputs=((1, 0), (0, 1)), outputs=()),
        aliases=False,
        flops=_flops,
        bytes=moved_bytes,
        samples=generate,
        kernels=PRODUCTS,
    )


matmul_op = _product("matmul", "Mm", samples((2, 3), (3, 4)))
bmm_op = _product(
    "bmm", "Bmm", several(samples((2, 1, 2, 3), (5, 3, 2)), samples((3, 40, 20), (3, 20, 30)))
)


def multiplied(a: T, b: Array) -> T:
    """``a @ b`` of two operands that have rows and columns."""
    return (matmul_op if len(a.shape) == 2 == len(b.shape) else bmm_op)(a, b)


def matmul(a: T, b: Array) -> T:
    """``a @ b`` as in torch: one axis alone is a row on the left, a column on the right."""
    row, column = len(a.shape) == 1, len(b.shape) == 1
    if not a.shape or not b.shape:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, "
            f"but they are {len(a.shape)}D and {len(b.shape)}D"
        )
    if not row and not column:
        return multiplied(a, b)
    check_vectors(a, b)
    left = reshape(a, (1, *a.shape)) if row else a
    right = reshape(b, (*b.shape, 1)) if column else b
    out = multiplied(left, right)
    shape = list(out.shape)
    if column:
        del shape[-1]
    if row:
        del shape[-1 if column else -2]
    return reshape(out, tuple(shape))


def check_vectors(a: Array, b: Array) -> None:
    """Raise torch's sentence for a product with a vector that does not fit."""
    one, two = a.dtype, b.dtype
    if len(a.shape) == len(b.shape) == 1:
        if one is not two:
            raise RuntimeError(
                "dot : expected both vectors to have same dtype, but found "
                f"{one.legacy_name} and {two.legacy_name}"
            )
        if a.shape != b.shape:
            m, n = a.shape[0], b.shape[0]
            raise RuntimeError(
                f"inconsistent tensor size, expected tensor [{m}] and src [{n}] to have the same "
                f"number of elements, but got {m} and {n} elements respectively"
            )
    elif len(b.shape) == 1:
        rows, depth = prod(a.shape[:-1]), a.shape[-1]
        if one is not two:
            raise RuntimeError(
                "addmv input tensors must have the same dtype, but got "
                f"{two.legacy_name}, {one.legacy_name}, and {two.legacy_name}"
            )
        if depth != b.shape[0]:
            raise RuntimeError(
                f"size mismatch, got input ({rows}), mat ({rows}x{depth}), vec ({b.shape[0]})"
            )
