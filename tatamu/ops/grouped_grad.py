"""Sums by channel for the op ``conv_weight_grad``: groups of few channels, and of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tatamu.ops.convolution_kernels import gradient_costs, read_problem
from tatamu.ops.op import Call
from tatamu.ops.planned import refusal, target

if TYPE_CHECKING:
    from tatamu.kernels.cost import Cost
    from tatamu.kernels.problem import ConvProblem
    from tatamu.ops.conv_runner import WeightGradRunner


class GroupedGradKernel:
    """Lanes are output channels, and span several groups."""

    name = "sums by channel"

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        from tatamu.kernels import grouped_weight_grad

        return refusal(grouped_weight_grad, self._problem(call)[0])

    def prepare(self, call: Call) -> WeightGradRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.kernels import grouped_weight_grad
        from tatamu.ops.conv_runner import WeightGradRunner

        found = target()
        problem, reorder = self._problem(call)
        return WeightGradRunner(grouped_weight_grad.plan(problem, found), reorder=reorder)

    def costs(self, call: Call) -> list[Cost] | None:
        """What the launches are predicted to take; None where no kernel can run."""
        from tatamu.kernels import grouped_weight_grad

        return gradient_costs(call, grouped_weight_grad)

    def _problem(self, call: Call) -> tuple[ConvProblem, bool]:
        from tatamu.kernels.grouped_weight_grad import readable

        return read_problem(call, call.attrs.spec, call.attrs.shape[0], readable)
