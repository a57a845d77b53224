"""Sums that leave NaN out, products, and the logarithm of a sum of exponentials, over some axes.

y = sum x, NaN as 0     dx = g, 0 where x is NaN
y = prod x              dx = g times the product of all others
y = log sum e^x         dx = g e^(x - y)
"""

from __future__ import annotations

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import bool_
from tatamu.ops.arithmetic import add, mul, sub
from tatamu.ops.array import Array, Node, Numpy, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import floating, full, interned, moved_bytes, one_per_input, samples, several
from tatamu.ops.comparison import eq
from tatamu.ops.expand import expand, spread
from tatamu.ops.folding import Reduce, reduced_out
from tatamu.ops.index import index
from tatamu.ops.op import NOTHING, Call, Op, Out, Saves, apply
from tatamu.ops.pad import Pad, pad_op
from tatamu.ops.pointwise import exp
from tatamu.ops.reshape import reshape

__all__ = ["joined", "logsumexp", "nansum", "prod", "trace"]

_over_some = several(
    samples((2, 3, 4), attrs=Reduce((0, 1, 2), False)),
    samples((2, 3, 4), attrs=Reduce((1,), True)),
)


def _wide(call: Call) -> tuple[Out, ...]:
    """Integers and truth values become int64."""
    dtype = call.dtype(0)
    return (reduced_out(call, call.attrs, dtype if dtype.is_floating_point else dtypes.int64),)


def _nansum_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    return (mul(spread(g, x.shape, node.call.attrs), cast(eq(x, x), g.dtype)),)


nansum = Op(
    name="nansum",
    title="Nansum",
    shape=_wide,
    reference=lambda reduce, x: np.nansum(x, axis=reduce.axes, keepdims=reduce.keepdim),
    vjp=_nansum_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=_over_some,
    kernels=(),
)


def _wider(x: Array, axis: int, before: int, after: int, value: float) -> Array:
    """``x`` with more of one value before and after it along an axis."""
    widths = tuple([(before, after) if at == axis else (0, 0) for at in range(len(x.shape))])
    return apply(pad_op, interned(Pad(widths, "constant", value)), x)


def joined(first: Array, second: Array, axis: int) -> Array:
    """One tensor behind the other along an axis: their sum, each made longer by zeros."""
    a, b = first.shape[axis], second.shape[axis]
    return add(_wider(first, axis, 0, b, 0.0), _wider(second, axis, a, 0, 0.0))


def _prod_vjp(node: Node, g: Array) -> tuple[Array]:
    """Halves are multiplied until one is left, and then back: it holds beside zeros, too."""
    (x,) = node.recall()
    attrs: Reduce = node.call.attrs
    shape = x.shape
    if len(attrs.axes) != 1:
        x = reshape(x, (x.shape.numel(),))
    axis = attrs.axes[0] if len(attrs.axes) == 1 else 0
    there = x.shape[axis]
    if not there:
        return (full(shape, 0, g.dtype),)
    size = 1 << (there - 1).bit_length()
    y = _wider(x, axis, 0, size - there, 1.0)
    start = (slice(None),) * axis
    levels = []
    while size > 1:
        size //= 2
        a, b = (index(y, (*start, half, ...)) for half in (slice(size), slice(size, None)))
        levels.append((a, b))
        y = mul(a, b)
    down = reshape(g, y.shape)
    for a, b in reversed(levels):
        down = joined(mul(down, b), mul(down, a), axis)
    return (reshape(index(down, (*start, slice(there), ...)), shape),)


prod = Op(
    name="prod",
    title="Prod",
    shape=_wide,
    reference=lambda reduce, x: x.prod(axis=reduce.axes, keepdims=reduce.keepdim),
    vjp=_prod_vjp,
    saves=Saves(inputs=((0, 0),), outputs=()),
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=_over_some,
    kernels=(),
)


def _logsumexp_reference(reduce: Reduce, x: Numpy) -> Numpy:
    top = x.max(axis=reduce.axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top), 0, top).astype(x.dtype)
    total = np.exp(x - top).sum(axis=reduce.axes, keepdims=True)
    y = np.log(total) + top
    return np.asarray(y if reduce.keepdim else y.squeeze(reduce.axes))


def _logsumexp_vjp(node: Node, g: Array) -> tuple[Array]:
    x, y = node.recall()
    reduce: Reduce = node.call.attrs
    share = exp(sub(x, spread(y, x.shape, reduce)))
    return (mul(spread(g, x.shape, reduce), share),)


logsumexp = Op(
    name="logsumexp",
    title="Logsumexp",
    shape=lambda call: (reduced_out(call, call.attrs, floating(call.dtype(0))),),
    reference=_logsumexp_reference,
    vjp=_logsumexp_vjp,
    saves=Saves(inputs=((0, 0),), outputs=(0,)),
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=_over_some,
    kernels=(),
)


def _trace_vjp(node: Node, g: Array) -> tuple[Array]:
    shape = node.call.shape(0)
    return (mul(expand(reshape(g, (1, 1)), shape), wrap(np.eye(*shape, dtype=np.bool_), bool_)),)


def _trace_shape(call: Call) -> tuple[Out, ...]:
    rank = len(call.shape(0))
    if rank != 2:
        raise RuntimeError(
            f"trace: expected a matrix, but got tensor with dim {rank}\n"
            "  the diagonals of a stack of matrices: x.diagonal(dim1=-2, dim2=-1).sum(-1)"
        )
    dtype = call.dtype(0)
    return (Out((), dtype if dtype.is_floating_point else dtypes.int64),)


trace = Op(
    name="trace",
    title="Trace",
    shape=_trace_shape,
    reference=lambda _, x: np.trace(x),
    vjp=_trace_vjp,
    saves=NOTHING,
    aliases=False,
    flops=one_per_input,
    bytes=moved_bytes,
    samples=several(samples((3, 3)), samples((2, 4))),
    kernels=(),
)
