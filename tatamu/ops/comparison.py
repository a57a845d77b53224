"""Comparisons, which have no gradient, and ``where``, which sends it to the operand it chose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import (
    broadcast_bool,
    constant,
    moved_bytes,
    one_each,
    ordered_by_all,
    result_type,
    samples,
)
from tatamu.ops.elementwise import Choice, elementwise, elementwise_by
from tatamu.ops.expand import sum_to
from tatamu.ops.layout import broadcast_shapes
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, Saves

__all__ = ["eq", "ge", "gt", "le", "lt", "ne", "where"]

T = TypeVar("T", bound=Array)


def _comparison(name: str, ufunc: np.ufunc) -> Op:
    def reference(_: None, a: Numpy, b: Numpy) -> Any:
        return ufunc(a, b)

    return Op(
        name=name,
        title=name.capitalize(),
        shape=broadcast_bool,
        reference=reference,
        vjp=None,
        saves=NOTHING,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=samples((2, 1, 3), (4, 1)),
        kernels=(elementwise(name, "float32", "float64", "int64"),),
    )


eq = _comparison("eq", np.equal)
ne = _comparison("ne", np.not_equal)
lt = _comparison("lt", np.less)
le = _comparison("le", np.less_equal)
gt = _comparison("gt", np.greater)
ge = _comparison("ge", np.greater_equal)


def _where_shape(call: Call) -> tuple[Out, ...]:
    if call.dtype(0) is not dtypes.bool_:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{call.dtype(0).legacy_name}"
        )
    shape = broadcast_shapes(broadcast_shapes(call.shape(0), call.shape(1)), call.shape(2))
    return (Out(shape, result_type(call, 1), ordered_by_all(call, shape)),)


def _where_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    for_a, for_b = node.recall()
    zero = constant(0.0, g.dtype)
    return (
        None,
        None if for_a is None else sum_to(where(for_a, g, zero), node.call.shape(1)),
        None if for_b is None else sum_to(where(for_b, zero, g), node.call.shape(2)),
    )


def _where_samples(random: np.random.Generator) -> Iterable[Sample]:
    chosen = random.uniform(size=(4, 3)) > 0.5
    yield Sample(None, (chosen, random.uniform(size=(4, 3)), random.uniform(size=(3,))))


def _where_expression(call: Call) -> Choice | str:
    from tatamu.kernels.pointwise_emit import single

    a, b = call.dtype(1).name, call.dtype(2).name
    if a != b:
        return f"it chooses between numbers of one dtype, not between {a} and {b}"
    return single("where", ("bool", a, b), a), ()


_where = Op(
    name="where",
    title="Where",
    shape=_where_shape,
    reference=lambda _, chosen, a, b: np.where(chosen, a, b),
    vjp=_where_vjp,
    saves=Saves(inputs=((0, 1), (0, 2)), outputs=()),
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=_where_samples,
    kernels=(elementwise_by(_where_expression),),
)


def where(condition: Array, a: Array, b: Array) -> Any:
    """``a`` where the condition holds, else ``b``."""
    return _where(condition, a, b)
