"""From an elementwise operation to its kernel: which formula, on which dtypes, over which strides.

    kernels=(elementwise("relu"),)

Arrays of few numbers are left to NumPy, which has done with them before a kernel could be compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from tatamu.dtypes import DType
from tatamu.ops.array import Array
from tatamu.ops.layout import Ints, broadcast_strides, contiguous_strides, extent
from tatamu.ops.op import Call, Ran, Runner
from tatamu.ops.planned import PlannedRunner, refusal, target
from tatamu.runtime.capture import scratch

if TYPE_CHECKING:
    from tatamu.kernels.pointwise import PointwiseProblem
    from tatamu.kernels.reorder import ReorderPlan, ReorderProblem

__all__ = ["FEWEST", "Choice", "Elementwise", "casting", "copying", "elementwise", "elementwise_by"]

# A kernel serves outputs of at least so many elements, a sixteenth of it where the formula is long.
FEWEST = 4096
COSTLY = 10

Choice = tuple[Any, tuple[float, ...]]
"""An expression, and its parameters."""


def elementwise(kind: str, *dtypes: str) -> Elementwise:
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


def elementwise_by(choose: Callable[[Call], Choice | str]) -> Elementwise:
    """The kernel of an expression and parameters that ``choose`` finds for a call, or why not."""
    return Elementwise(choose)


class Elementwise:
    """The kernel of an expression, for outputs of enough elements to be worth compiling it.

    An input that lies in another order than the output is first laid as that is.
    """

    name = "elementwise"
    places = True

    def __init__(self, choose: Callable[[Call], Choice | str]) -> None:
        self.choose = choose

    def accepts(self, call: Call) -> str | None:
        """None, or why this kernel does not serve this call."""
        from tatamu.kernels import pointwise

        found = self._problem(call)
        return found if isinstance(found, str) else refusal(pointwise, found[0])

    def prepare(self, call: Call) -> Runner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.kernels import pointwise, reorder

        found = self._problem(call)
        assert not isinstance(found, str), "it has been accepted"
        problem, turned = found
        if turned and [step.kind for step in problem.expression.steps] == ["copy"]:
            return PlannedRunner(reorder.plan(turned[0], target()))
        runner = PlannedRunner(pointwise.plan(problem, target()))
        if not turned:
            return runner
        plans = {place: reorder.plan(given, target()) for place, given in turned.items()}
        return Turning(runner, plans)

    def _problem(self, call: Call) -> tuple[PointwiseProblem, dict[int, ReorderProblem]] | str:
        """What is asked, and which inputs must be laid in another order first."""
        from tatamu.kernels.pointwise import PointwiseProblem

        out = call.outs()[0]
        chosen = self.choose(call)
        if isinstance(chosen, str):
            return chosen
        expression, parameters = chosen
        fewest = FEWEST if expression.cost < COSTLY else FEWEST // 16
        if prod(out.shape) < fewest and not call.native:
            return f"NumPy is as fast for fewer than {fewest} elements"
        shape, steps = tuple(out.shape), out.strides or contiguous_strides(out.shape)
        strides: list[Ints] = []
        turned: dict[int, ReorderProblem] = {}
        for place, dtype in enumerate(call.dtypes):
            given, own = call.shapes[place], call.strides[place]
            if given is None or own is None or dtype is None:
                continue
            if given == shape and own != steps:
                problem = _reordering(dtype.itemsize, shape, own, steps)
                if problem is not None:
                    turned[place], own = problem, steps
            strides.append(broadcast_strides(given, own, shape))
        numbers = tuple([float(p) for p in parameters])
        return PointwiseProblem(expression, shape, (*strides, steps), numbers), turned


def _reordering(itemsize: int, shape: Ints, own: Ints, wanted: Ints) -> ReorderProblem | None:
    """The copy that lays an input in the wanted order, if it is one that a kernel transposes."""
    from tatamu.kernels import reorder

    problem = reorder.ReorderProblem(itemsize, shape, own, wanted)
    return problem if refusal(reorder, problem) is None else None


class Turning:
    """Lays some inputs in another order, then runs."""

    native = True

    def __init__(self, runner: PlannedRunner, plans: dict[int, ReorderPlan]) -> None:
        from tatamu.runtime.launch import Launch

        self._runner = runner
        self._bytes = {at: _reach(p.problem) for at, p in plans.items()}
        self._launches = {at: Launch(p) for at, p in plans.items()}

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        laid = list(inputs)
        for place, launch in self._launches.items():
            x = inputs[place]
            assert x is not None
            storage = scratch(self._bytes[place])
            launch((x.address, storage.address), launch.workers())
            laid[place] = Array(storage, 0, x.shape, x.strides, x.dtype)
        self._runner(tuple(laid), outputs)

    def ran(self) -> Ran:
        """Which kernel ran."""
        return self._runner.ran()


def _reach(problem: ReorderProblem) -> int:
    """Bytes from the first element of a copy to the end of its last one."""
    return problem.itemsize * extent(problem.shape, problem.y_strides)


def casting(target: Callable[[Any], DType]) -> Elementwise:
    """The kernel that converts to the dtype ``target(attrs)``."""

    def choose(call: Call) -> Choice | str:
        from tatamu.kernels.pointwise_emit import Expression, Step

        wanted = target(call.attrs).name
        return Expression((call.dtype(0).name,), (Step(wanted, (0,)),), wanted), ()

    return elementwise_by(choose)


def copying() -> Elementwise:
    """The kernel that copies, whatever the bits stand for."""

    def choose(call: Call) -> Choice | str:
        from tatamu.kernels.pointwise_emit import single

        dtype = call.dtype(0)
        names = {1: "uint8", 4: "int32", 8: "int64"}
        if dtype.itemsize not in names:
            return f"it moves elements of 1, 4 and 8 bytes, not of {dtype.itemsize}"
        name = names[dtype.itemsize]
        return single("copy", (name,), name), ()

    return elementwise_by(choose)
