"""The compiled kernels of the op ``conv2d``, in order of preference.

The kernels' floor is imported when a convolution first runs: ``import tatamu`` need not wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tatamu.ops.layout import Ints, channels_last_strides
from tatamu.ops.op import Call
from tatamu.ops.planned import refusal, target

if TYPE_CHECKING:
    from tatamu.geometry import ConvSpec
    from tatamu.kernels.plan import ConvPlan
    from tatamu.kernels.problem import ConvProblem
    from tatamu.ops.conv_runner import ConvRunner, WeightGradRunner


class ConvKernel:
    """An algorithm of ``tatamu.kernels``, as the ops ask for it.

    ``backwards`` serves the input's gradient, which for stride 1 is a convolution of the output's
    gradient with the weights turned round and their channels exchanged.
    """

    def __init__(self, name: str, *, backwards: bool = False):
        self.name = name
        self.enabled = True
        self._backwards = backwards

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        if not self.enabled:
            return f"switched off by set_{self.name.lower()}(False)"
        if self._spec(call) is None:
            return "as a convolution it would need stride 1 and padding no wider than the window"
        return refusal(self._algorithm(), self._problem(call)[0])

    def prepare(self, call: Call) -> ConvRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.ops.conv_runner import ConvRunner

        found = target()
        problem, reorder = self._problem(call)
        plan: ConvPlan = self._algorithm().plan(problem, found)
        return ConvRunner(plan, reorder=reorder, backwards=self._backwards)

    def _algorithm(self) -> Any:
        from tatamu.kernels import depthwise, direct, winograd

        return {"depthwise": depthwise, "direct": direct, "Winograd": winograd}[self.name]

    def _spec(self, call: Call) -> ConvSpec | None:
        spec: ConvSpec | None = call.attrs.spec.backwards() if self._backwards else call.attrs
        return spec

    def _problem(self, call: Call) -> tuple[ConvProblem, bool]:
        """What is asked of the kernel, and whether the input must first be laid channels-last."""
        spec = self._spec(call)
        assert spec is not None
        outputs = call.attrs.shape[1] if self._backwards else call.shape(1)[0]
        return _problem(call, spec, outputs, self._algorithm().readable)


class WeightGradKernel:
    """Outer products over all pixels: serves every gradient of weights."""

    name = "outer products"

    def accepts(self, call: Call) -> str | None:
        """None, or why this algorithm does not serve this call."""
        from tatamu.kernels import weight_grad

        return refusal(weight_grad, self._problem(call)[0])

    def prepare(self, call: Call) -> WeightGradRunner:
        """Plan and compile; CompileError where that cannot be done."""
        from tatamu.kernels import weight_grad
        from tatamu.ops.conv_runner import WeightGradRunner

        found = target()
        problem, reorder = self._problem(call)
        return WeightGradRunner(weight_grad.plan(problem, found), reorder=reorder)

    def _problem(self, call: Call) -> tuple[ConvProblem, bool]:
        from tatamu.kernels.weight_grad import readable

        return _problem(call, call.attrs.spec, call.attrs.shape[0], readable)


def _problem(
    call: Call, spec: ConvSpec, outputs: int, readable: Callable[[ConvProblem], bool]
) -> tuple[ConvProblem, bool]:
    """The problem, and whether the input must first be laid channels-last for the kernel."""
    from tatamu.kernels.problem import ConvProblem

    strides = call.strides[0]
    assert strides is not None
    n, c, h, w = call.shape(0)

    def laid(strides: Ints) -> ConvProblem:
        s_n, s_c, s_h, s_w = strides
        return ConvProblem(spec, call.dtype(0).name, (n, c, h, w), (s_n, s_c, s_h, s_w), outputs)

    problem = laid(strides)
    if readable(problem):
        return problem, False
    return laid(channels_last_strides(call.shape(0))), True
