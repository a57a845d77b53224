"""Cast to another dtype, and overwrite: what in-place assignment is for the graph.

y = dtype(x)            dx = dtype_of_x(g)
y = src, in x's place   dx = 0,  dsrc = g summed to its shape
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import full, like_input, moved_bytes, none, same_as_first, samples
from tatamu.ops.elementwise import casting
from tatamu.ops.expand import sum_to
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, apply

__all__ = ["cast", "cast_op", "overwrite"]

T = TypeVar("T", bound=Array)


def _cast_vjp(node: Node, g: Array) -> tuple[Array]:
    return (cast(g, node.call.dtype(0)),)


def _cast_samples(random: np.random.Generator) -> Iterable[Sample]:
    yield Sample(dtypes.float64, (random.uniform(-2, 2, (2, 3)),))


cast_op = Op(
    name="cast",
    title="ToCopy",
    shape=lambda call: (Out(call.shape(0), call.attrs, like_input(call, call.shape(0))),),
    reference=lambda dtype, x: x.astype(dtype.compute),
    vjp=_cast_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_cast_samples,
    kernels=(casting(lambda dtype: dtype),),
)


def cast(x: T, dtype: DType) -> T:
    """``x`` in another dtype; itself if it has it."""
    return x if x.dtype is dtype else apply(cast_op, dtype, x)


def _overwrite_shape(call: Call) -> tuple[Out, ...]:
    x, source = call.shape(0), call.shape(1)
    if len(source) > len(x):
        raise RuntimeError(
            f"output with shape {list(x)} doesn't match the broadcast shape {list(source)}"
        )
    new = len(x) - len(source)
    for axis in reversed(range(new, len(x))):
        n = source[axis - new]
        if n not in (1, x[axis]):
            raise RuntimeError(
                f"The expanded size of the tensor ({x[axis]}) must match the existing size ({n}) "
                f"at non-singleton dimension {axis}.  Target sizes: {list(x)}.  "
                f"Tensor sizes: {list(source)}"
            )
    return same_as_first(call)


def _overwrite_reference(_: None, x: Numpy, source: Numpy) -> Numpy:
    out = np.empty_like(x)
    np.copyto(out, source, casting="unsafe")
    return out


def _overwrite_vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
    x, source = node.edges
    nothing = None if x is None else full(node.call.shape(0), 0, g.dtype)
    if source is None:
        return nothing, None
    return nothing, cast(sum_to(g, node.call.shape(1)), node.call.dtype(1))


overwrite = Op(
    name="overwrite",
    title="CopyBackwards",
    shape=_overwrite_shape,
    reference=_overwrite_reference,
    vjp=_overwrite_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=samples((2, 3), (3,)),
    kernels=(),
)
