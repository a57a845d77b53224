"""Matrices taken apart, in stacks: Cholesky, QR, eigenvalues of symmetric ones, singular values.

A = L Lᵀ        dA = sym(L⁻ᵀ Φ(Lᵀ G) L⁻¹), Φ: the lower half, the diagonal halved
A = Q R         dA = (GQ + Q S) R⁻ᵀ, S: R GRᵀ - GQᵀ Q, its lower half made symmetric
A = V w Vᵀ      dA = sym(V (diag gw + VᵀGV / (w_j - w_i)) Vᵀ)
A = U s Vᵀ      dA = U (F∘skew(UᵀGU) s + s F∘skew(VᵀGV) + diag gs) Vᵀ
                     + (I - U Uᵀ) GU s⁻¹ Vᵀ + U s⁻¹ GVᵀ (I - V Vᵀ),  F = 1 / (s_j² - s_i²)

Y = e^A         dA = the upper right of exp [[Aᵀ, G], [0, Aᵀ]]

Gradients of factors that nobody asked for are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.dtypes import DType
from tatamu.ops.arithmetic import add, div, mul, neg, sub
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.common import full, interned, moved_bytes
from tatamu.ops.index import cropped, index
from tatamu.ops.matmul import multiplied
from tatamu.ops.op import Call, Op, Out, Sample, Saves
from tatamu.ops.reshape import reshape
from tatamu.ops.solving import (
    LinAlgError,
    check_floats,
    check_square,
    cubed,
    first_failing,
    inv,
    transposed,
)
from tatamu.ops.totals import joined

__all__ = ["COMPLETE", "REDUCED", "cholesky", "eigh", "matrix_exp", "qr", "svd"]


class Form(NamedTuple):
    """Whether Q, or U and V, are square, or only as wide as there are columns that count."""

    complete: bool


REDUCED, COMPLETE = interned(Form(False)), interned(Form(True))


def _constant(matrix: Numpy, dtype: DType) -> Array:
    return wrap(matrix.astype(dtype.numpy), dtype)


def _symmetric(x: Array) -> Array:
    return mul(add(x, transposed(x)), _constant(np.asarray(0.5), x.dtype))


def _even(x: Numpy) -> Numpy:
    """The symmetric half of ``x``, which is all of it in a use that makes sense."""
    return (x + x.swapaxes(-1, -2)) / 2


def _symmetric_samples(random: np.random.Generator) -> Iterable[Sample]:
    a = random.uniform(-1, 1, (2, 3, 3))
    yield Sample(None, ((a + a.swapaxes(-1, -2)) / 3 + np.diag([2.0, 4.0, 7.0]),))


def _cholesky_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.cholesky", call)
    return (Out(call.shape(0), call.dtype(0)),)


def _cholesky_reference(_: None, x: Numpy) -> Numpy:
    x = _even(x)
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        where, matrix = first_failing(x, np.linalg.cholesky)
    order = len(matrix)
    for size in range(1, order):
        try:
            np.linalg.cholesky(matrix[:size, :size])
        except np.linalg.LinAlgError:
            order = size
            break
    raise LinAlgError(
        f"linalg.cholesky: {where}The factorization could not be completed because the input is "
        f"not positive-definite (the leading minor of order {order} is not positive-definite).\n"
        "  a @ a.T plus a little on the diagonal is"
    )


def _cholesky_vjp(node: Node, g: Array) -> tuple[Array]:
    (lower,) = node.recall()
    size = lower.shape[-1]
    half = _constant(np.tril(np.ones((size, size))) - np.eye(size) / 2, g.dtype)
    inner = mul(multiplied(transposed(lower), g), half)
    back = inv(lower)
    return (_symmetric(multiplied(multiplied(transposed(back), inner), back)),)


cholesky = Op(
    name="cholesky",
    title="LinalgCholeskyEx",
    shape=_cholesky_shape,
    reference=_cholesky_reference,
    vjp=_cholesky_vjp,
    saves=Saves(inputs=(), outputs=(0,)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_symmetric_samples,
    kernels=(),
)


def _together(terms: list[Array | None]) -> Array:
    """The sum of those terms that are there."""
    found = [term for term in terms if term is not None]
    total = found[0]
    for term in found[1:]:
        total = add(total, term)
    return total


def _qr_shape(call: Call) -> tuple[Out, ...]:
    check_floats("linalg.qr", call)
    *leading, rows, columns = call.shape(0)
    inner = rows if call.attrs.complete else min(rows, columns)
    dtype = call.dtype(0)
    return Out((*leading, rows, inner), dtype), Out((*leading, inner, columns), dtype)


def _qr_vjp(node: Node, gq: Array | None, gr: Array | None) -> tuple[Array]:
    q, r = node.recall()
    rows, columns = node.call.shape(0)[-2:]
    if node.call.attrs.complete and rows > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.\n"
            "  mode='reduced' is"
        )
    if rows < columns:
        raise NotImplementedError(
            "tatamu has no derivative of the QR decomposition of a matrix that is wider than high\n"
            "  x.mT has one"
        )
    inner = _together(
        [
            None if gr is None else multiplied(r, transposed(gr)),
            None if gq is None else neg(multiplied(transposed(gq), q)),
        ]
    )
    lower = np.tril(np.ones((columns, columns)))
    below = mul(inner, _constant(lower, inner.dtype))
    strictly = mul(inner, _constant(lower - np.eye(columns), inner.dtype))
    moved = _together([multiplied(q, add(below, transposed(strictly))), gq])
    return (multiplied(moved, transposed(inv(r))),)


qr = Op(
    name="qr",
    title="LinalgQr",
    shape=_qr_shape,
    reference=lambda form, x: tuple(np.linalg.qr(x, "complete" if form.complete else "reduced")),
    vjp=_qr_vjp,
    saves=Saves(inputs=(), outputs=(0, 1)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=lambda random: [Sample(REDUCED, (random.uniform(-1, 1, (4, 3)) + np.eye(4, 3) * 3,))],
    kernels=(),
    differentiable=2,
)


def _eigh_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.eigh", call)
    shape, dtype = call.shape(0), call.dtype(0)
    return Out(shape[:-1], dtype), Out(shape, dtype)


def _column(x: Array) -> Array:
    return reshape(x, (*x.shape, 1))


def _row(x: Array) -> Array:
    return reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def _gaps(values: Array) -> Array:
    """1 / (w_j - w_i), and 0 on the diagonal."""
    size = values.shape[-1]
    identity = np.eye(size)
    gaps = add(sub(_row(values), _column(values)), _constant(identity, values.dtype))
    return div(_constant(1 - identity, values.dtype), gaps)


def _eigh_vjp(node: Node, gw: Array | None, gv: Array | None) -> tuple[Array]:
    w, v = node.recall()
    scaled = _together(
        [
            None if gw is None else mul(v, _row(gw)),
            None if gv is None else multiplied(v, mul(multiplied(transposed(v), gv), _gaps(w))),
        ]
    )
    return (_symmetric(multiplied(scaled, transposed(v))),)


eigh = Op(
    name="eigh",
    title="LinalgEigh",
    shape=_eigh_shape,
    reference=lambda _, x: tuple(np.linalg.eigh(_even(x))),
    vjp=_eigh_vjp,
    saves=Saves(inputs=(), outputs=(0, 1)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_symmetric_samples,
    kernels=(),
    differentiable=2,
)


def _svd_shape(call: Call) -> tuple[Out, ...]:
    check_floats("linalg.svd", call)
    *leading, rows, columns = call.shape(0)
    inner = min(rows, columns)
    high, wide = (rows, columns) if call.attrs.complete else (inner, inner)
    dtype = call.dtype(0)
    values = Out((*leading, inner), dtype)
    return Out((*leading, rows, high), dtype), values, Out((*leading, wide, columns), dtype)


def _svd_reference(form: Form, x: Numpy) -> Any:
    if not np.isfinite(x).all():
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values.\n  look for NaN and infinities with isfinite()"
        )
    return tuple(np.linalg.svd(x, form.complete))


def _skew(x: Array) -> Array:
    return sub(x, transposed(x))


def _svd_vjp(node: Node, gu: Array | None, gs: Array | None, gvh: Array | None) -> tuple[Array]:
    """Of square factors, the columns that belong to no singular value carry no gradient."""
    u, s, vh = node.recall()
    *leading, inner = s.shape
    rows, columns = node.call.shape(0)[-2:]
    u, vh = cropped(u, (*leading, rows, inner)), cropped(vh, (*leading, inner, columns))
    terms: list[Array | None] = []
    if gs is not None:
        terms.append(multiplied(mul(u, _row(gs)), vh))
    factors = _gaps(mul(s, s)) if gu is not None or gvh is not None else s
    if gu is not None:
        gu = cropped(gu, u.shape)
        turned = multiplied(transposed(u), gu)
        within = mul(mul(_skew(turned), factors), _row(s))
        beside = div(sub(gu, multiplied(u, turned)), _row(s))
        terms.append(multiplied(add(multiplied(u, within), beside), vh))
    if gvh is not None:
        gvh = cropped(gvh, vh.shape)
        turned = multiplied(vh, transposed(gvh))
        within = mul(_column(s), mul(_skew(turned), factors))
        beside = div(sub(gvh, multiplied(transposed(turned), vh)), _column(s))
        terms.append(multiplied(u, add(multiplied(within, vh), beside)))
    return (_together(terms),)


def _svd_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape in ((4, 3), (3, 4)):
        spaced = np.diag([2.0, 4.0, 7.0, 11.0])[: shape[0], : shape[1]]
        yield Sample(REDUCED, (random.uniform(-0.5, 0.5, shape) + spaced,))


svd = Op(
    name="svd",
    title="LinalgSvd",
    shape=_svd_shape,
    reference=_svd_reference,
    vjp=_svd_vjp,
    saves=Saves(inputs=(), outputs=(0, 1, 2)),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_svd_samples,
    kernels=(),
    differentiable=3,
)


def _exponential(_: None, x: Numpy) -> Numpy:
    """Scaled by powers of two, a Padé approximant of order 13, and squared as often."""
    if not x.size:
        return np.array(x)
    wide = x.astype(np.float64)
    size = float(np.abs(wide).sum(-1).max())
    doublings = max(0, int(np.ceil(np.log2(size / 5.37)))) if size > 0 else 0
    a = wide / 2.0**doublings
    identity = np.broadcast_to(np.eye(x.shape[-1]), a.shape)
    even, odd = identity * PADE[0], identity * PADE[1]
    square = a @ a
    power = identity
    for k in range(2, len(PADE), 2):
        power = power @ square
        even = even + PADE[k] * power
        odd = odd + PADE[k + 1] * power
    odd = a @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for _step in range(doublings):
        y = y @ y
    return np.asarray(y, x.dtype)


# (26 - k)! 13! / (26! k! (13 - k)!) for k = 0 to 13, over the last.
PADE = [
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
]  # fmt: skip


def _exponential_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.matrix_exp", call)
    return (Out(call.shape(0), call.dtype(0)),)


def _exponential_vjp(node: Node, g: Array) -> tuple[Array]:
    """A block of the exponential of [[Aᵀ, G], [0, Aᵀ]]."""
    (x,) = node.recall()
    a = transposed(x)
    rank = len(a.shape)
    above = joined(a, g, rank - 1)
    below = joined(full(a.shape, 0, a.dtype), a, rank - 1)
    whole = matrix_exp(joined(above, below, rank - 2))
    size = a.shape[-1]
    return (index(whole, (..., slice(0, size), slice(size, None))),)


matrix_exp = Op(
    name="matrix_exp",
    title="LinalgMatrixExp",
    shape=_exponential_shape,
    reference=_exponential,
    vjp=_exponential_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=lambda random: [
        Sample(None, (random.uniform(-1, 1, (2, 3, 3)),)),
        Sample(None, (random.uniform(-5, 5, (3, 3)),)),
    ],
    kernels=(),
)
