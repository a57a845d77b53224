"""What normalisations share: dtypes, checks of weights, and gradients that can be differentiated.

    s = (x - mean) rstd       y = w s + b
    ds = w g                  dx = rstd (ds - mean(ds) - s mean(ds s))
    dw = sum g s              db = sum g

Backward runs these as one operation with a kernel of its own. Where the graph of the gradient is
wanted, too (``create_graph``), `gradients` writes them in operations that have derivatives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.arithmetic import add, mul, sub
from tatamu.ops.array import Array, Node
from tatamu.ops.common import constant
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.layout import Ints, axis_order, contiguous_strides, is_contiguous
from tatamu.ops.op import Call, apply
from tatamu.ops.power import pow_, scalar
from tatamu.ops.reduce import mean
from tatamu.ops.reshape import reshape, with_strides
from tatamu.pitfalls import of_numbers

__all__ = ["Sharing", "alike", "check_dtypes", "gradients", "mismatch", "statistics_dtype"]


class Sharing(NamedTuple):
    """Who shares a statistic and who a weight.

    x seen in the shape ``seen`` has its statistics over ``axes``; weights seen in the shape
    ``weight`` broadcast against x, and their gradients are sums over ``summed``.
    """

    seen: Ints
    axes: Ints
    weight: Ints
    summed: Ints


def statistics_dtype(dtype: DType) -> DType:
    """What means and deviations are kept in: float32 at least."""
    return dtype if dtype.itemsize >= 4 else dtypes.float32


def check_dtypes(call: Call, name: str) -> None:
    """Raise torch's sentences for integers and for dtypes that do not go together."""
    dtype = call.dtype(0)
    if not dtype.is_floating_point:
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{dtype.legacy_name}'\n"
            "  the input holds integers: x.float() makes them float32"
            + of_numbers(dtype.name, "float32")
        )
    fitting = (dtype, statistics_dtype(dtype))
    for other in call.dtypes[1:]:
        if other is not None and other not in fitting:
            raise RuntimeError(
                "mixed dtype (CPU): all inputs must share same datatype.\n"
                f"  the input is {dtype}, a weight or statistic {other}: input.to({other}) makes "
                f"them alike{of_numbers(dtype.name, other.name)}"
            )


def mismatch(call: Call) -> str | None:
    """Why kernels cannot read the inputs of a call as they lie beside input 0; None if they can."""
    for shape, strides, dtype in zip(call.shapes, call.strides, call.dtypes, strict=True):
        if shape is None or strides is None:
            continue
        if dtype is not call.dtypes[0]:
            return "all numbers must be of one dtype"
        wanted = call.strides[0] if shape == call.shapes[0] else contiguous_strides(shape)
        assert wanted is not None
        if not is_contiguous(shape, strides, wanted):
            return "all inputs must lie in memory as the first does, weights without gaps"
    return None


def alike(g: Array, x: Array) -> Array:
    """``g``, lying in memory as ``x`` does."""
    if is_contiguous(g.shape, g.strides, x.strides) or axis_order(x.shape, x.strides) is None:
        return g
    return with_strides(g, x.strides)


def gradients(
    node: Node, g: Array, x: Array, w: Array | None, sharing: Sharing, eps: float
) -> tuple[Any, Any, Any]:
    """Of input, weight and bias, each None where it is not wanted, with a graph of their own."""
    kept = reduction(sharing.axes, True)
    shape = x.shape
    seen = reshape(x, sharing.seen)
    about = sub(seen, apply(mean, kept, seen))
    var = apply(mean, kept, mul(about, about))
    rstd = apply(pow_, scalar(-0.5), add(var, constant(eps, x.dtype)))
    s = mul(about, rstd)
    dx = dw = None
    if node.edges[0] is not None:
        ds = reshape(g if w is None else mul(g, reshape(w, sharing.weight)), sharing.seen)
        along = mul(s, apply(mean, kept, mul(ds, s)))
        dx = reshape(mul(rstd, sub(sub(ds, apply(mean, kept, ds)), along)), shape)
    if node.edges[1] is not None:
        dw = weight_sum(mul(g, reshape(s, shape)), sharing, node.call.shape(1))
    return dx, dw, bias_gradient(node, g, sharing)


def bias_gradient(node: Node, g: Array, sharing: Sharing) -> Any:
    """The sum of the output's gradient, if a bias wants it."""
    if node.edges[2] is None:
        return None
    return weight_sum(g, sharing, node.call.shape(2))


def weight_sum(g: Array, sharing: Sharing, shape: Ints) -> Array:
    """``g`` summed over all that shares a weight."""
    return reshape(apply(sum_, reduction(sharing.summed), g), shape)
