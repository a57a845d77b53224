"""The compiled kernels of the op ``conv2d``, in order of preference.

The kernels' floor is imported when a convolution first runs: ``import tatamu`` need not wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tatamu.errors import CompileError
from tatamu.ops.layout import Ints, channels_last_strides
from tatamu.ops.op import Call

if TYPE_CHECKING:
    from tatamu.kernels.plan import ConvPlan
    from tatamu.kernels.problem import ConvProblem
    from tatamu.ops.conv_runner import ConvRunner
    from tatamu.stage.target import Target


class ConvKernel:
    """An algorithm of ``tatamu.kernels``, as the op asks for it."""

    name: str

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm cannot serve this call."""
        from tatamu.stage.target import host

        target = host()
        if target is None:
            return None  # not a matter of this call: `prepare` raises, and the user is told once
        reason: str | None = self._algorithm().accepts(self._problem(call)[0], target)
        return reason

    def prepare(self, call: Call) -> ConvRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.ops.conv_runner import ConvRunner
        from tatamu.stage.target import host

        target = host()
        if target is None:
            raise CompileError(
                "llvmlite cannot be imported, or has no code generator for this processor"
            )
        problem, reorder = self._problem(call)
        return ConvRunner(self._plan(problem, target), reorder=reorder)

    def _algorithm(self) -> Any:
        raise NotImplementedError

    def _plan(self, problem: ConvProblem, target: Target) -> ConvPlan:
        plan: ConvPlan = self._algorithm().plan(problem, target)
        return plan

    def _problem(self, call: Call) -> tuple[ConvProblem, bool]:
        """What is asked of the kernel, and whether the input must first be laid channels-last."""
        strides = call.strides[0]
        assert strides is not None
        problem = _with_strides(call, strides)
        if self._algorithm().readable(problem):
            return problem, False
        return _with_strides(call, channels_last_strides(call.shape(0))), True


class DirectConv2d(ConvKernel):
    """Serves every conv2d in float32 and float64."""

    name = "direct"

    def _algorithm(self) -> Any:
        from tatamu.kernels import direct

        return direct


class WinogradConv2d(ConvKernel):
    """Serves 3x3 windows of stride 1, where there are channels and pixels enough to pay."""

    name = "Winograd"
    enabled = True

    def accepts(self, call: Call) -> str | None:
        """None, or why Winograd's algorithm does not serve this call."""
        if not self.enabled:
            return "switched off by set_winograd(False)"
        return super().accepts(call)

    def _algorithm(self) -> Any:
        from tatamu.kernels import winograd

        return winograd


def _with_strides(call: Call, strides: Ints) -> ConvProblem:
    from tatamu.kernels.problem import ConvProblem

    n, c, h, w = call.shape(0)
    s_n, s_c, s_h, s_w = strides
    return ConvProblem(
        call.attrs, call.dtype(0).name, (n, c, h, w), (s_n, s_c, s_h, s_w), call.shape(1)[0]
    )
