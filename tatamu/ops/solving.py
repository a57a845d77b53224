"""Inverses, determinants and solutions of systems of equations, of stacks of matrices.

Y = A⁻¹              dA = -Yᵀ G Yᵀ
y = det A            dA = g y A⁻ᵀ
y = log |det A|      dA = g A⁻ᵀ
X = A⁻¹ B            dB = A⁻ᵀ G,  dA = -dB Xᵀ
P = A⁺               dA = -Pᵀ G Pᵀ + (I - A P) Gᵀ P Pᵀ + Pᵀ P Gᵀ (I - P A)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from tatamu import naming
from tatamu.ops.arithmetic import add, mul, neg, sub
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.common import interned, moved_bytes
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.matmul import multiplied
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply
from tatamu.ops.permute import permute
from tatamu.ops.reshape import reshape

__all__ = [
    "LinAlgError", "check_floats", "check_square", "cubed", "det", "inv", "pinv", "slogdet",
    "smallest", "solve", "square_samples", "transposed",
]  # fmt: skip

T = TypeVar("T", bound=Array)


@naming.known_as("_C._LinAlgError")
class LinAlgError(RuntimeError):
    """A matrix that cannot be inverted or factored."""


def check_floats(name: str, call: Call, index: int = 0) -> None:
    """RuntimeError, with torch's sentences, unless input ``index`` is of float32 or float64."""
    dtype = call.dtype(index)
    if len(call.shape(index)) < 2:
        raise RuntimeError(
            f"{name}: The input tensor A must have at least 2 dimensions.\n"
            f"  it is {list(call.shape(index))}; reshape(1, -1) makes a matrix of one row"
        )
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{dtype.legacy_name}\n  x.float() makes it float32"
        )
    if dtype.itemsize < 4:
        raise RuntimeError(
            f"{name}: Low precision dtypes not supported. Got {dtype.legacy_name}\n"
            "  x.float() makes it float32"
        )


def check_square(name: str, call: Call) -> None:
    """As ``check_floats``, and for matrices that are not square."""
    shape = call.shape(0)
    if len(shape) >= 2 and shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {shape[-2]} by "
            f"{shape[-1]} matrices\n  the input is {list(shape)}"
        )
    check_floats(name, call)


def transposed(x: T) -> T:
    """The last two axes exchanged."""
    rank = len(x.shape)
    return permute(x, (*range(rank - 2), rank - 1, rank - 2))


def cubed(call: Call) -> int:
    """FLOPs, roughly: a matrix's size to the third."""
    shape = call.shape(0)
    return shape.numel() * min(shape[-2:], default=0)


def square_samples(random: np.random.Generator) -> Iterable[Sample]:
    """Matrices far from singular."""
    for shape in ((3, 3), (2, 3, 3)):
        yield Sample(None, (random.uniform(-1, 1, shape) + 3 * np.eye(3),))


def first_zero(matrix: Numpy) -> int:
    """Which diagonal element, from 1, elimination finds to be zero."""
    a = np.array(matrix, np.float64)
    for at in range(len(a)):
        best = at + int(np.argmax(np.abs(a[at:, at])))
        if a[best, at] == 0:
            return at + 1
        a[[at, best]] = a[[best, at]]
        a[at + 1 :] -= np.outer(a[at + 1 :, at] / a[at, at], a[at])
    return len(a)


def first_failing(x: Numpy, attempt: Callable[[Numpy], Any]) -> tuple[str, Numpy]:
    """The first matrix of a stack on which NumPy fails, and torch's words for where it is."""
    stack = x.reshape(-1, *x.shape[-2:])
    for place, matrix in enumerate(stack):
        try:
            attempt(matrix)
        except np.linalg.LinAlgError:
            return (f"(Batch element {place}): " if x.ndim > 2 else ""), matrix
    return "", stack[0]


def _inv_reference(_: None, x: Numpy) -> Numpy:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        where, matrix = first_failing(x, np.linalg.inv)
    raise LinAlgError(
        f"linalg.inv: {where}The diagonal element {first_zero(matrix)} is zero, the inversion "
        "could not be completed because the input matrix is singular.\n"
        "  linalg.pinv(x) gives the nearest to an inverse that there is"
    )


def _inv_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.inv", call)
    return (Out(call.shape(0), call.dtype(0)),)


def _inv_vjp(node: Node, g: Array) -> tuple[Array]:
    (y,) = node.recall()
    back = transposed(y)
    return (neg(multiplied(multiplied(back, g), back)),)


inv = Op(
    name="inv",
    title="LinalgInvEx",
    shape=_inv_shape,
    reference=_inv_reference,
    vjp=_inv_vjp,
    saves=Saves(inputs=(), outputs=(0,)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=square_samples,
    kernels=(),
)


def _of_matrices(g: Array) -> Array:
    """One number for each matrix, broadcast over it."""
    return reshape(g, (*g.shape, 1, 1))


def _cofactors(x: Numpy) -> Numpy:
    """The derivative of the determinant, which a singular matrix has, too."""
    u, s, vh = np.linalg.svd(x)
    size = s.shape[-1]
    others = np.stack([np.delete(s, at, -1).prod(-1) for at in range(size)], -1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return np.asarray(sign[..., None, None] * ((u * others[..., None, :]) @ vh))


def _det_vjp(node: Node, g: Array) -> tuple[Array]:
    x, y = node.recall()
    if np.all(y.array):
        return (mul(_of_matrices(mul(g, y)), transposed(inv(x))),)
    return (mul(_of_matrices(g), wrap(_cofactors(x.array), x.dtype)),)


def _det_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.det", call)
    return (Out(call.shape(0)[:-2], call.dtype(0)),)


det = Op(
    name="det",
    title="LinalgDet",
    shape=_det_shape,
    reference=lambda _, x: np.linalg.det(x),
    vjp=_det_vjp,
    saves=Saves(inputs=((0, 0),), outputs=(0,)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=square_samples,
    kernels=(),
)


def _slogdet_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.slogdet", call)
    out = Out(call.shape(0)[:-2], call.dtype(0))
    return out, out


def _slogdet_vjp(node: Node, _sign: Array | None, g: Array | None) -> tuple[Array | None]:
    """The sign never changes but by a jump."""
    (x,) = node.recall()
    return (None if g is None else mul(_of_matrices(g), transposed(inv(x))),)


slogdet = Op(
    name="slogdet",
    title="LinalgSlogdet",
    shape=_slogdet_shape,
    reference=lambda _, x: tuple(np.linalg.slogdet(x)),
    vjp=_slogdet_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=square_samples,
    kernels=(),
    differentiable=2,
)


def _solve_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.solve", call)
    a, b = call.shape(0), call.shape(1)
    first, second = call.dtype(0), call.dtype(1)
    if first is not second:
        raise RuntimeError(
            "linalg.solve: Expected A and B to have the same dtype, but found A of type "
            f"{first.legacy_name} and B of type {second.legacy_name} instead\n"
            f"  B.to({first}) makes them alike"
        )
    matrix = (*b, 1) if call.attrs else tuple(b)
    if len(matrix) < 2 or matrix[-2] != a[-1]:
        rows = " and ".join(f"{m}x{n}" for m, n in (a[-2:], matrix[-2:]))
        raise RuntimeError(
            "linalg.solve: Incompatible shapes of A and B for the equation AX = B "
            f"({rows})\n  B must have {a[-1]} rows"
        )
    leading = broadcast_shapes(a[:-2], matrix[:-2])
    out = (*leading, a[-1], matrix[-1])
    return (Out(out[:-1] if call.attrs else out, first),)


def _solve_reference(vector: bool, a: Numpy, b: Numpy) -> Numpy:
    matrix = b[..., None] if vector else b
    try:
        x = np.linalg.solve(a, matrix)
    except np.linalg.LinAlgError:
        where, _ = first_failing(a, np.linalg.inv)
        raise LinAlgError(
            f"torch.linalg.solve: {where}The solver failed because the input matrix is singular.\n"
            "  linalg.lstsq(A, B) gives the nearest to a solution that there is"
        ) from None
    return np.asarray(x[..., 0] if vector else x)


def _columns(x: Array, vector: bool) -> Array:
    return reshape(x, (*x.shape, 1)) if vector else x


def _solve_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_a, for_b, x = node.recall()
    a = for_b if for_a is None else for_a
    vector = node.call.attrs
    db = apply(solve, vector, transposed(a), g)
    da = None
    if node.edges[0] is not None:
        columns = multiplied(_columns(db, vector), transposed(_columns(x, vector)))
        da = sum_to(neg(columns), node.call.shape(0))
    return da, sum_to(db, node.call.shape(1))


def _solve_samples(random: np.random.Generator) -> Iterable[Sample]:
    for (sample,), vector, shape in zip(
        (s.inputs for s in (*square_samples(random),) * 2),
        (False, False, True, True),
        ((3, 2), (3, 2), (3,), (2, 3)),
        strict=True,
    ):
        yield Sample(vector, (sample, random.uniform(-1, 1, shape)))


solve = Op(
    name="solve",
    title="LinalgSolveEx",
    shape=_solve_shape,
    reference=_solve_reference,
    vjp=_solve_vjp,
    saves=Saves(inputs=((0, 0), (0, 1)), outputs=(0,)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_solve_samples,
    kernels=(),
)


def _pinv_shape(call: Call) -> tuple[Out, ...]:
    check_floats("linalg.pinv", call)
    shape = call.shape(0)
    return (Out((*shape[:-2], shape[-1], shape[-2]), call.dtype(0)),)


def _pinv_reference(rtol: tuple[float], x: Numpy) -> Numpy:
    return np.linalg.pinv(x, rtol[0] if rtol[0] is not None else smallest(x))


def smallest(x: Numpy) -> float:
    """The share of the largest singular value below which one counts as zero."""
    return float(max(x.shape[-2:]) * np.finfo(x.dtype).eps)


def _pinv_vjp(node: Node, g: Array) -> tuple[Array]:
    a, p = node.recall()
    pt, gt = transposed(p), transposed(g)
    first = neg(multiplied(multiplied(pt, g), pt))
    left = multiplied(multiplied(gt, p), pt)
    right = multiplied(multiplied(pt, p), gt)
    left = sub(left, multiplied(a, multiplied(p, left)))
    right = sub(right, multiplied(multiplied(right, p), a))
    return (add(first, add(left, right)),)


def _pinv_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape in ((4, 3), (2, 2, 3)):
        yield Sample(NO_TOLERANCE, (random.uniform(-1, 1, shape) + 3 * np.eye(*shape[-2:]),))


NO_TOLERANCE: Any = interned((None,))

pinv = Op(
    name="pinv",
    title="LinalgPinv",
    shape=_pinv_shape,
    reference=_pinv_reference,
    vjp=_pinv_vjp,
    saves=Saves(inputs=((0, 0),), outputs=(0,)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_pinv_samples,
    kernels=(),
)
