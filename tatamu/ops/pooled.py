"""What the operations of pooling share: windows and bins, over two axes or three.

One axis is pooled as two, the first of one row, as in torch. Kernels see three axes always.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.geometry import AdaptiveSpec, PoolSpec
from tatamu.ops.array import Array, Numpy
from tatamu.ops.common import interned
from tatamu.ops.layout import Ints, contiguous_strides, is_contiguous
from tatamu.ops.op import Call, apply
from tatamu.ops.reshape import clone

if TYPE_CHECKING:
    from tatamu.kernels.pooling import PoolProblem
    from tatamu.kernels.scatter import ScatterProblem

__all__ = [
    "Spec",
    "adaptive_cases",
    "laid_like",
    "output_strides",
    "planes",
    "pool_problem",
    "scatter_problem",
    "taps",
    "window_cases",
]

Spec = PoolSpec | AdaptiveSpec
Read = tuple[slice | Numpy, ...]


def taps(spec: Spec, sizes: Ints) -> Iterator[tuple[tuple[Numpy, ...], tuple[Numpy, ...]]]:
    """Each tap of the windows: the outputs that have it, and where they read, axis by axis."""
    reads = spec.reads(sizes)
    most = [max((len(found) for found in axis), default=0) for axis in reads]
    for tap in np.ndindex(*most):
        pairs = [
            [(o, found[i]) for o, found in enumerate(axis) if i < len(found)]
            for axis, i in zip(reads, tap, strict=True)
        ]
        outs, ins = zip(*(np.array(p, int).reshape(-1, 2).T for p in pairs), strict=True)
        yield outs, ins


def planes(x: Numpy) -> Numpy:
    """(n, c, positions)."""
    return x.reshape(*x.shape[:2], prod(x.shape[2:]))


def three(values: Ints, filled: int) -> Any:
    """Two axes as three."""
    return (filled,) * (3 - len(values)) + tuple(values)


def pool_problem(
    call: Call,
    kind: str,
    reads: tuple[tuple[range, ...], ...],
    divisors: tuple[Ints, ...],
    window: int = 1,
) -> PoolProblem:
    """The problem as `tatamu.kernels.pooling` takes it; input and output are the call's first."""
    from tatamu.kernels.pooling import PoolProblem

    shape, strides, out = call.shape(0), call.strides[0], output_strides(call)
    assert strides is not None
    more = 3 - len(reads)
    return PoolProblem(
        kind,
        call.dtype(0).name,
        (*shape[:2], *three(shape[2:], 1)),
        (*strides[:2], *three(strides[2:], 0)),
        (*out[:2], *three(out[2:], 0)),
        ((range(1),),) * more + tuple(reads),
        ((1,),) * more + tuple(divisors),
        window,
    )


def output_strides(call: Call) -> Ints:
    """Where the first output will lie."""
    out = call.outs()[0]
    return out.strides or contiguous_strides(out.shape)


def scatter_problem(call: Call, kind: str) -> ScatterProblem | str:
    """The problem as `tatamu.kernels.scatter` takes it, or why positions do not lie evenly."""
    from tatamu.kernels.scatter import ScatterProblem

    first, counted, last = call.shape(0), call.shape(1), call.op.shape(call)[0].shape
    there = evenly(first, call.strides[0]), evenly(last, output_strides(call))
    places = evenly(counted, call.strides[1])
    picture, values = there if kind == "take" else reversed(there)
    if picture is None or values is None or places is None:
        return "positions do not lie evenly spaced"
    plane = prod((first if kind == "take" else last)[2:])
    images, channels = counted[:2]
    count, dtype = prod(counted[2:]), call.dtype(0).name
    return ScatterProblem(kind, dtype, images, channels, count, plane, values, places, picture)


def laid_like(g: Array, strides: Ints) -> Array:
    """``g`` if it lies like that, else a copy: kernels read best what lies as it did forwards."""
    if is_contiguous(g.shape, g.strides, strides):
        return g
    return apply(clone, interned(strides), g)


def evenly(shape: Ints, strides: Ints | None) -> tuple[int, int, int] | None:
    """Strides of image, channel and position, if the positions lie evenly spaced.

    >>> evenly((2, 3, 4, 5), (60, 20, 5, 1)), evenly((1, 3, 4, 5), (60, 1, 15, 3))
    ((60, 20, 1), (60, 1, 3))
    """
    assert strides is not None
    axes = [(n, s) for n, s in zip(shape[2:], strides[2:], strict=True) if n != 1]
    step = axes[-1][1] if axes else 1
    reach = step
    for n, s in reversed(axes):
        if s != reach:
            return None
        reach *= n
    return strides[0], strides[1], step


# ---- samples -------------------------------------------------------------------------------------

_WINDOWS: tuple[tuple[dict[str, Any], Ints], ...] = (
    ({"kernel": 2}, (2, 3, 6, 4)),
    ({"kernel": 3, "stride": 2, "padding": 1}, (1, 2, 7, 6)),
    ({"kernel": 2, "stride": 3, "dilation": 2}, (1, 2, 8, 9)),
    ({"kernel": 3, "stride": 2, "ceil_mode": True}, (2, 1, 6, 8)),
    ({"kernel": (2, 3), "stride": (1, 2), "padding": (1, 0)}, (1, 1, 4, 7)),
    ({"kernel": 2, "stride": (1, 2, 2)}, (1, 2, 3, 4, 4)),
    ({"kernel": (2, 3, 3), "stride": 2, "padding": (1, 0, 1)}, (2, 1, 3, 5, 4)),
)
_BINS: tuple[tuple[Any, Ints], ...] = (
    (1, (2, 3, 4, 5)),
    ((3, None), (1, 2, 7, 3)),
    ((5, 2), (1, 2, 3, 4)),
    ((2, 1, 3), (1, 2, 3, 2, 4)),
)


def window_cases(dims: int, kind: Any) -> Iterable[tuple[PoolSpec, Ints]]:
    """Windows and input shapes for samples."""
    for arguments, shape in _WINDOWS:
        if len(shape) == dims + 2:
            yield PoolSpec.make(**arguments, dims=dims, kind=kind), shape


def adaptive_cases(dims: int, kind: Any) -> Iterable[tuple[AdaptiveSpec, Ints]]:
    """Bins and input shapes for samples."""
    for size, shape in _BINS:
        if len(shape) == dims + 2:
            yield AdaptiveSpec.make(size, dims, kind), shape
