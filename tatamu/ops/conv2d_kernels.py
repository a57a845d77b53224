"""The compiled direct convolution as a kernel of the op ``conv2d``.

The kernels' floor is imported when a convolution first runs: ``import tatamu`` need not wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tatamu.ops.layout import Ints, channels_last_strides
from tatamu.ops.op import Call

if TYPE_CHECKING:
    from tatamu.kernels.problem import ConvProblem
    from tatamu.ops.direct_runner import DirectRunner


class DirectConv2d:
    """Serves every conv2d in float32 and float64."""

    name = "direct"

    def accepts(self, call: Call) -> str | None:
        """None, or why direct convolution cannot serve this call."""
        from tatamu.kernels import direct
        from tatamu.stage.target import host

        target = host()
        if target is None:
            return None  # not a matter of this call: `prepare` raises, and the user is told once
        return direct.accepts(_problem(call)[0], target)

    def prepare(self, call: Call) -> DirectRunner:
        """Plan and compile; CompileError where LLVM cannot."""
        from tatamu.ops.direct_runner import DirectRunner

        problem, reorder = _problem(call)
        return DirectRunner(problem, reorder=reorder)


def _problem(call: Call) -> tuple[ConvProblem, bool]:
    """What is asked of the kernel, and whether the input must first be laid channels-last."""
    from tatamu.kernels import direct

    strides = call.strides[0]
    assert strides is not None
    problem = _with_strides(call, strides)
    if direct.readable(problem):
        return problem, False
    return _with_strides(call, channels_last_strides(call.shape(0))), True


def _with_strides(call: Call, strides: Ints) -> ConvProblem:
    from tatamu.kernels.problem import ConvProblem

    n, c, h, w = call.shape(0)
    s_n, s_c, s_h, s_w = strides
    return ConvProblem(
        call.attrs, call.dtype(0).name, (n, c, h, w), (s_n, s_c, s_h, s_w), call.shape(1)[0]
    )
