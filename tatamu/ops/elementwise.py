"""From an elementwise operation to its kernel: which formula, on which dtypes, over which strides.

    kernels=(elementwise("relu"),)

Arrays of few numbers are left to NumPy, which has done with them before a kernel could be compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from tatamu.dtypes import DType
from tatamu.ops.layout import Ints, broadcast_strides, contiguous_strides
from tatamu.ops.op import Call
from tatamu.ops.planned import PlannedKernel

if TYPE_CHECKING:
    from tatamu.kernels.pointwise import PointwiseProblem
    from tatamu.kernels.pointwise_emit import Expression

__all__ = ["FEWEST", "Choice", "casting", "elementwise", "elementwise_by"]

# A kernel serves outputs of at least so many elements.
FEWEST = 4096

Choice = tuple[Any, tuple[float, ...]]
"""An expression, and its parameters."""


def elementwise(kind: str, *dtypes: str) -> PlannedKernel:
    """The kernel of one formula on inputs of one dtype (one of ``dtypes``; floats if none given).

    Attrs that are a tuple of numbers become the formula's parameters.
    """
    served = dtypes or ("float32", "float64")

    def choose(call: Call) -> Choice | str:
        from tatamu.kernels.pointwise_emit import single

        names = [d.name for d in call.dtypes if d is not None]
        wrong = [name for name in names if name not in served or name != names[0]]
        if wrong:
            return f"the inputs' dtypes are {', '.join(names)}, not one of {', '.join(served)}"
        parameters = call.attrs if isinstance(call.attrs, tuple) else ()
        return single(kind, names, call.op.shape(call)[0].dtype.name), parameters

    return elementwise_by(choose)


def elementwise_by(choose: Callable[[Call], Choice | str]) -> PlannedKernel:
    """The kernel of an expression and parameters that ``choose`` finds for a call, or why not."""

    def problem(call: Call) -> PointwiseProblem | str:
        out = call.op.shape(call)[0]
        if prod(out.shape) < FEWEST:
            return f"NumPy is as fast for fewer than {FEWEST} elements"
        chosen = choose(call)
        if isinstance(chosen, str):
            return chosen
        return _problem(call, out.shape, out.strides, *chosen)

    return PlannedKernel("elementwise", "pointwise", problem)


def _problem(
    call: Call,
    shape: Ints,
    out_strides: Ints | None,
    expression: Expression,
    parameters: tuple[float, ...],
) -> PointwiseProblem:
    from tatamu.kernels.pointwise import PointwiseProblem

    strides = [
        broadcast_strides(given, steps, shape)
        for given, steps in zip(call.shapes, call.strides, strict=True)
        if given is not None and steps is not None
    ]
    out = out_strides or contiguous_strides(shape)
    numbers = tuple([float(p) for p in parameters])
    return PointwiseProblem(expression, tuple(shape), (*strides, out), numbers)


def casting(target: Callable[[Any], DType]) -> PlannedKernel:
    """The kernel that converts to the dtype ``target(attrs)``."""

    def choose(call: Call) -> Choice | str:
        from tatamu.kernels.pointwise_emit import Expression, Step

        wanted = target(call.attrs).name
        return Expression((call.dtype(0).name,), (Step(wanted, (0,)),), wanted), ()

    return elementwise_by(choose)
