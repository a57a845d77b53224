"""The usual way from an operation to a kernel: a problem, a plan, one launch.

A kernel whose arguments begin with the addresses of the op's inputs and outputs, in order, needs
no more than a line in the op's record:

    kernels=(PlannedKernel("row sums", "row_sums", problem),)

``problem(call)`` describes the call to ``tatamu.kernels.row_sums`` (or says, as a string, why that
kernel is not for it), whose ``accepts`` and ``plan`` do the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tatamu.errors import CompileError
from tatamu.ops.array import Array
from tatamu.ops.op import Call, Ran

if TYPE_CHECKING:
    from tatamu.kernels.plan import Plan
    from tatamu.kernels.staged import StagedPlan
    from tatamu.runtime.compiled import Compiled
    from tatamu.stage.target import Target

__all__ = [
    "PlannedKernel",
    "PlannedRunner",
    "StagedKernel",
    "StagedRunner",
    "ran",
    "refusal",
    "target",
]


def target() -> Target:
    """The processor to compile for; CompileError where no kernel can run."""
    from tatamu.stage.target import host

    found = host()
    if found is None:
        raise CompileError(
            "llvmlite cannot be imported, or has no code generator for this processor"
        )
    return found


def refusal(algorithm: Any, problem: Any) -> str | None:
    """Why an algorithm does not serve a problem.

    That no kernel can run here at all is not a matter of the problem: `prepare` raises then, and
    the user is told once.
    """
    from tatamu.stage.target import host

    found = host()
    if found is None:
        return None
    reason: str | None = algorithm.accepts(problem, found)
    return reason


class PlannedKernel:
    """An algorithm of ``tatamu.kernels`` whose arguments begin with all inputs and outputs.

    An absent input has the address 0. A plan that has ``scratch`` asks for that many bytes for
    each worker, whose address follows the outputs'.
    """

    def __init__(
        self, name: str, module: str, problem: Callable[[Call], Any], *, places: bool = False
    ):
        self.name = name
        self.places = places
        self._module = module
        self._problem = problem

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        problem = self._problem(call)
        return problem if isinstance(problem, str) else refusal(self._algorithm(), problem)

    def prepare(self, call: Call) -> PlannedRunner:
        """Plan and compile; CompileError where that cannot be done."""
        found = target()
        return PlannedRunner(self._algorithm().plan(self._problem(call), found))

    def _algorithm(self) -> Any:
        return import_module(f"tatamu.kernels.{self._module}")


class PlannedRunner:
    """One planned call: fills in addresses and launches."""

    native = True

    def __init__(self, plan: Plan):
        from tatamu.runtime.launch import Launch

        self._plan = plan
        self._launch = Launch(plan)
        self._scratch: int = getattr(plan, "scratch", 0)
        self.elementwise: bool = getattr(plan, "elementwise", False)
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        self._calls += 1
        addresses = [0 if x is None else x.address for x in inputs]
        addresses += [y.address for y in outputs]
        workers = self._launch.workers()
        if self._scratch:
            from tatamu.runtime.capture import scratch_each

            scratch = scratch_each(self._scratch, workers)
            addresses.append(scratch.address)
        self._launch(tuple(addresses), workers)

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        return ran(self._plan, self._launch.code, self._calls)


class StagedKernel(PlannedKernel):
    """An algorithm of several launches, whose arguments are inputs, outputs and shared memory."""

    def prepare(self, call: Call) -> StagedRunner:  # type: ignore[override]
        """Plan and compile; CompileError where that cannot be done."""
        found = target()
        return StagedRunner(self._algorithm().plan(self._problem(call), found))


class StagedRunner:
    """The stages of one planned call, one after the other."""

    native = True

    def __init__(self, plan: StagedPlan):
        from tatamu.runtime.launch import Launch

        self._plan = plan
        self._launches = [Launch(stage) for stage in plan.stages]
        self.constants = tuple(plan.absent.values())
        self._absent = {i: array.ctypes.data for i, array in plan.absent.items()}
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        from tatamu.runtime.capture import scratch as taken

        self._calls += 1
        addresses = [
            self._absent.get(i, 0) if x is None else x.address for i, x in enumerate(inputs)
        ]
        addresses += [y.address for y in outputs]
        scratch = taken(self._plan.scratch)
        given = (*addresses, scratch.address)
        for launch in self._launches:
            launch(given, launch.workers())

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        return ran(self._plan.stages[0], self._launches[0].code, self._calls)


def ran(plan: Plan, code: Compiled, calls: int) -> Ran:
    """How the latest of so many calls was served."""
    seconds = code.seconds if calls <= 1 else 0.0
    return Ran(plan.label, plan.target.isa, seconds, code.cached, "")
