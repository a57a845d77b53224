"""What reductions share: which axes go, the layout of what stays, and the kernel that folds."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from tatamu.dtypes import DType
from tatamu.ops.common import interned
from tatamu.ops.layout import Ints, axis_order, dense_strides, ordered_like
from tatamu.ops.op import Call, Out
from tatamu.ops.planned import StagedKernel

if TYPE_CHECKING:
    from tatamu.kernels.fold import Folded

__all__ = ["Reduce", "count", "fold_kernel", "folded", "reduced", "reduced_out", "reduction"]

# NumPy folds fewer numbers than these in the time that handing out a kernel takes.
FEW = 1024


class Reduce(NamedTuple):
    """The axes that a reduction takes away, in ascending order, and whether it leaves ones.

    ``overload`` is the number that torch's node has, where it has two functions of one name.
    """

    axes: Ints
    keepdim: bool
    overload: int = 0


def reduction(axes: Ints, keepdim: bool = False, overload: int = 0) -> Reduce:
    """The one Reduce of these arguments."""
    return interned(Reduce(axes, keepdim, overload))


@lru_cache(maxsize=1024)
def reduced(shape: Ints, reduce: Reduce) -> Ints:
    """The shape that a reduction leaves."""
    if reduce.keepdim:
        return tuple([1 if axis in reduce.axes else n for axis, n in enumerate(shape)])
    return tuple([n for axis, n in enumerate(shape) if axis not in reduce.axes])


def count(shape: Ints, axes: Ints) -> int:
    """How many numbers each result is made of."""
    return prod(shape[axis] for axis in axes)


@lru_cache(maxsize=1024)
def _reduced_strides(shape: Ints, strides: Ints, reduce: Reduce) -> Ints | None:
    out = reduced(shape, reduce)
    if reduce.keepdim:
        return ordered_like(shape, strides, out)
    order = axis_order(shape, strides)
    if order is None or 0 in shape:
        return None
    kept = [axis for axis in order if axis not in reduce.axes]
    places = {axis: place for place, axis in enumerate(sorted(kept))}
    return dense_strides(out, [places[axis] for axis in reversed(kept)])


def reduced_out(call: Call, reduce: Reduce, dtype: DType) -> Out:
    """The result of a reduction of input 0: the axes that stay keep their order in memory."""
    shape, strides = call.shape(0), call.strides[0]
    assert strides is not None
    return Out(reduced(shape, reduce), dtype, _reduced_strides(shape, strides, reduce))


def folded(call: Call, axes: Ints) -> Folded | str:
    """A reduction of input 0 as kernels see it, or why they cannot."""
    from tatamu.kernels.fold import folded as as_folded

    shape, strides = call.shape(0), call.strides[0]
    assert strides is not None
    return as_folded(call.dtype(0).name, shape, axis_order(shape, strides), axes)


def fold_kernel(
    kind: str, options: Callable[[Call], dict[str, Any]] = lambda call: {}
) -> StagedKernel:
    """The kernel of a reduction whose attrs have ``axes``."""

    def problem(call: Call) -> Any:
        from tatamu.kernels.reduce import ReduceProblem

        if call.shape(0).numel() < FEW:
            return f"fewer than {FEW} numbers"
        seen = folded(call, call.attrs.axes)
        return seen if isinstance(seen, str) else ReduceProblem(kind, seen, **options(call))

    return StagedKernel("folded by lanes", "reduce", problem)
