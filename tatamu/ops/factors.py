"""Matrices taken apart, in stacks: Cholesky, QR, eigenvalues of symmetric ones, singular values.

A = L Lᵀ        dA = sym(L⁻ᵀ Φ(Lᵀ G) L⁻¹), Φ: the lower half, the diagonal halved
A = Q R         dA = (GQ + Q S) R⁻ᵀ, S: R GRᵀ - GQᵀ Q, its lower half made symmetric
A = V w Vᵀ      dA = sym(V (diag gw + VᵀGV / (w_j - w_i)) Vᵀ)
A = U s Vᵀ      dA = U (F∘skew(UᵀGU) s + s F∘skew(VᵀGV) + diag gs) Vᵀ
                     + (I - U Uᵀ) GU s⁻¹ Vᵀ + U s⁻¹ GVᵀ (I - V Vᵀ),  F = 1 / (s_j² - s_i²)

Y = e^A         dA = the upper right of exp [[Aᵀ, G], [0, Aᵀ]]

Only output 0 of an operation has a derivative, so attrs say which part comes first. A backward
takes the matrix apart once more, by operations, so that it can be differentiated itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tatamu.dtypes import DType
from tatamu.ops.arithmetic import add, div, mul, sub
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.common import full, interned, moved_bytes
from tatamu.ops.index import cropped, index
from tatamu.ops.matmul import multiplied
from tatamu.ops.op import Call, Op, Out, Sample, Saves, apply, apply_all
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

__all__ = ["Part", "cholesky", "eigh", "matrix_exp", "part", "parts", "qr", "svd"]


class Part(NamedTuple):
    """Which of the factors comes first, the others following in turn, and in what form."""

    which: int
    form: str


def part(which: int, form: str = "reduced") -> Part:
    """The one Part of these arguments."""
    return interned(Part(which, form))


def parts(op: Op, form: str, x: Array, count: int) -> list[Any]:
    """All factors, each in the graph."""
    outputs = list(apply_all(op, part(0, form), x))
    if outputs[0].requires_grad:
        outputs[1:] = [apply(op, part(which, form), x) for which in range(1, count)]
    return outputs


def _turned(parts: Any, which: int) -> Any:
    return (*parts[which:], *parts[:which])


def _constant(matrix: Numpy, dtype: DType) -> Array:
    return wrap(matrix.astype(dtype.numpy), dtype)


def _symmetric(x: Array) -> Array:
    return mul(add(x, transposed(x)), _constant(np.asarray(0.5), x.dtype))


def _even(x: Numpy) -> Numpy:
    """The symmetric half of ``x``, which is all of it in a use that makes sense."""
    return (x + x.swapaxes(-1, -2)) / 2


def _symmetric_samples(random: np.random.Generator, form: Any = None) -> Iterable[Sample]:
    a = random.uniform(-1, 1, (2, 3, 3))
    yield Sample(form, ((a + a.swapaxes(-1, -2)) / 3 + np.diag([2.0, 4.0, 7.0]),))


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


def _qr_shape(call: Call) -> tuple[Out, ...]:
    check_floats("linalg.qr", call)
    *leading, rows, columns = call.shape(0)
    inner = rows if call.attrs.form == "complete" else min(rows, columns)
    q, r = ((*leading, rows, inner), (*leading, inner, columns))
    return tuple(Out(shape, call.dtype(0)) for shape in _turned((q, r), call.attrs.which))


def _qr_reference(attrs: Part, x: Numpy) -> Any:
    q, r = np.linalg.qr(x, "complete" if attrs.form == "complete" else "reduced")
    return _turned((q, r), attrs.which)


def _qr_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    attrs: Part = node.call.attrs
    rows, columns = x.shape[-2:]
    if attrs.form == "complete" and rows > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.\n"
            "  mode='reduced' is"
        )
    if rows < columns:
        raise NotImplementedError(
            "tatamu has no derivative of the QR decomposition of a matrix that is wider than high\n"
            "  x.mT has one"
        )
    q, r = parts(qr, "reduced", x, 2)
    lower = np.tril(np.ones((columns, columns)))
    if attrs.which == 0:
        inner = multiplied(transposed(g), q)
        inner = sub(full(inner.shape, 0, g.dtype), inner)
        outer: Any = g
    else:
        inner = multiplied(r, transposed(g))
        outer = None
    below = mul(inner, _constant(lower, g.dtype))
    strictly = mul(inner, _constant(lower - np.eye(columns), g.dtype))
    moved = multiplied(q, add(below, transposed(strictly)))
    moved = moved if outer is None else add(outer, moved)
    return (multiplied(moved, transposed(inv(r))),)


def _tall_samples(random: np.random.Generator) -> Iterable[Sample]:
    for which in range(2):
        a = random.uniform(-1, 1, (4, 3)) + np.eye(4, 3) * 3
        yield Sample(part(which), (a,))


qr = Op(
    name="qr",
    title="LinalgQr",
    shape=_qr_shape,
    reference=_qr_reference,
    vjp=_qr_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_tall_samples,
    kernels=(),
)


def _eigh_shape(call: Call) -> tuple[Out, ...]:
    check_square("linalg.eigh", call)
    shape = call.shape(0)
    return tuple(Out(s, call.dtype(0)) for s in _turned((shape[:-1], shape), call.attrs.which))


def _eigh_reference(attrs: Part, x: Numpy) -> Any:
    return _turned(tuple(np.linalg.eigh(_even(x))), attrs.which)


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


def _eigh_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    w, v = parts(eigh, "reduced", x, 2)
    if node.call.attrs.which == 0:
        scaled = mul(v, _row(g))
    else:
        scaled = multiplied(v, mul(multiplied(transposed(v), g), _gaps(w)))
    return (_symmetric(multiplied(scaled, transposed(v))),)


eigh = Op(
    name="eigh",
    title="LinalgEigh",
    shape=_eigh_shape,
    reference=_eigh_reference,
    vjp=_eigh_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=lambda random: [
        sample for which in range(2) for sample in _symmetric_samples(random, part(which))
    ],
    kernels=(),
)


def _svd_shape(call: Call) -> tuple[Out, ...]:
    check_floats("linalg.svd", call)
    *leading, rows, columns = call.shape(0)
    inner = min(rows, columns)
    whole = call.attrs.form == "complete"
    u = (*leading, rows, rows if whole else inner)
    vh = (*leading, columns if whole else inner, columns)
    shapes = _turned((u, (*leading, inner), vh), call.attrs.which)
    return tuple(Out(shape, call.dtype(0)) for shape in shapes)


def _svd_reference(attrs: Part, x: Numpy) -> Any:
    if not np.isfinite(x).all():
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values.\n  look for NaN and infinities with isfinite()"
        )
    return _turned(tuple(np.linalg.svd(x, attrs.form == "complete")), attrs.which)


def _skew(x: Array) -> Array:
    return sub(x, transposed(x))


def _svd_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    u, s, vh = parts(svd, "reduced", x, 3)
    which = node.call.attrs.which
    if which == 1:
        return (multiplied(mul(u, _row(g)), vh),)
    factors = _gaps(mul(s, s))
    if which == 0:
        g = cropped(g, u.shape)
        turned = multiplied(transposed(u), g)
        inner = mul(mul(_skew(turned), factors), _row(s))
        beside = sub(g, multiplied(u, turned))
        return (multiplied(add(multiplied(u, inner), div(beside, _row(s))), vh),)
    g = cropped(g, vh.shape)
    turned = multiplied(vh, transposed(g))
    inner = mul(_column(s), mul(_skew(turned), factors))
    beside = sub(g, multiplied(transposed(turned), vh))
    return (multiplied(u, add(multiplied(inner, vh), div(beside, _column(s)))),)


def _svd_samples(random: np.random.Generator) -> Iterable[Sample]:
    for shape in ((4, 3), (3, 4)):
        for which in range(3):
            spaced = np.diag([2.0, 4.0, 7.0, 11.0])[: shape[0], : shape[1]]
            yield Sample(part(which), (random.uniform(-0.5, 0.5, shape) + spaced,))


svd = Op(
    name="svd",
    title="LinalgSvd",
    shape=_svd_shape,
    reference=_svd_reference,
    vjp=_svd_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=cubed,
    bytes=moved_bytes,
    samples=_svd_samples,
    kernels=(),
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
