"""Winograd's algorithm for the op ``conv_weight_grad``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tatamu.ops.array import Array
from tatamu.ops.convolution_kernels import gradient_costs, read_problem
from tatamu.ops.op import Call, Ran
from tatamu.ops.planned import ran, refusal, target

if TYPE_CHECKING:
    from tatamu.kernels.cost import Cost
    from tatamu.kernels.problem import ConvProblem
    from tatamu.kernels.winograd_grad import WinogradGradPlan


class WinogradGradKernel:
    """3x3 windows of stride 1, where that is faster than outer products over all pixels."""

    name = "Winograd"

    def __init__(self) -> None:
        self.enabled = True

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        from tatamu.kernels import winograd_grad

        if not self.enabled:
            return "switched off by set_winograd(False)"
        return refusal(winograd_grad, self._problem(call)[0])

    def prepare(self, call: Call) -> WinogradGradRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.kernels import winograd_grad

        found = target()
        problem, reorder = self._problem(call)
        return WinogradGradRunner(winograd_grad.plan(problem, found), reorder=reorder)

    def costs(self, call: Call) -> list[Cost] | None:
        """What the launches are predicted to take; None where no kernel can run."""
        from tatamu.kernels import winograd_grad

        return gradient_costs(call, winograd_grad)

    def _problem(self, call: Call) -> tuple[ConvProblem, bool]:
        from tatamu.kernels.winograd_grad import readable

        return read_problem(call, call.attrs.spec, call.attrs.shape[0], readable)


class WinogradGradRunner:
    """One planned gradient of weights: transforms and sums in turn, then adds the parts up."""

    def __init__(self, plan: WinogradGradPlan, *, reorder: bool):
        from tatamu.runtime.launch import Launch

        self._plan = plan
        self._transform = Launch(plan.transforming())
        self._launch = Launch(plan)
        self._gather = Launch(plan.gathering())
        self._reorder = reorder
        self._calls = 0

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> None:
        from tatamu.ops.reorder import channels_last
        from tatamu.runtime.storage import Storage

        x, g = inputs
        assert x is not None and g is not None
        self._calls += 1
        plan, size = self._plan, self._plan.problem.itemsize
        x_last = channels_last(x.array, x.shape[1]) if self._reorder else x
        g_last = g if g.channels_innermost() else channels_last(g.array, g.shape[1])
        v, m = Storage(plan.v_size * size), Storage(plan.m_size * size)
        parts = Storage(plan.numbers["parts"] * plan.numbers["dw_part"] * size)
        workers = max(self._transform.workers(), self._launch.workers())
        scratch = Storage(plan.scratch * workers * size)
        for first, count in plan.rounds:
            read = (x_last.address, g_last.address)
            between, own = (v.address, m.address), scratch.address
            given: tuple[int, ...] = (*read, *between, own, first, count)
            self._transform(given, self._transform.workers())
            given = (*between, parts.address, own, count, int(first > 0))
            self._launch(given, self._launch.workers())
        self._gather((parts.address, outputs[0].address), self._gather.workers())

    def ran(self) -> Ran:
        """Which kernel ran, and whether this process had to compile it for the latest call."""
        return ran(self._plan, self._launch.code, self._calls)
