"""Depthwise convolution: groups of one input channel each, a case of `grouped`."""

from __future__ import annotations

from tatamu.kernels import grouped
from tatamu.kernels.grouped import choose_tile, cost, plan, readable
from tatamu.kernels.problem import ConvProblem, unserved
from tatamu.stage import Target

__all__ = ["accepts", "choose_tile", "cost", "plan", "readable"]


def accepts(problem: ConvProblem, target: Target) -> str | None:
    """None if this kernel can run the problem, else why it cannot."""
    inputs, outputs = problem.group_channels
    if unserved(problem) is None and (inputs != 1 or problem.spec.groups < 2):
        return f"groups have {inputs} input and {outputs} output channels; it needs 1 input"
    return grouped.unfit(problem, target)
