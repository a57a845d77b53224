"""Elementwise operations' plan: axes are merged, rows shared out. See `pointwise_emit`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from tatamu.kernels.formulas import FORMULAS
from tatamu.kernels.pointwise_emit import ELEMENTS, OUTER, Expression, emit, fields, symbol
from tatamu.stage import Layout, Module, Target

__all__ = ["PointwisePlan", "PointwiseProblem", "accepts", "merged", "plan"]

# Bytes that one work item moves, about: a thread's share of the second cache.
ITEM_BYTES = 128 * 1024

# A byte moved takes as long as this many flops of direct convolution, and so does each
# multiply-add's worth of a formula.
BYTE_FLOPS = 5
COST_FLOPS = 4

Ints = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PointwiseProblem:
    """An expression over operands that are broadcast to ``shape``.

    ``strides`` has one entry per input and then the output's, in elements and with one number per
    axis of ``shape``: 0 where the operand is broadcast.
    """

    expression: Expression
    shape: Ints
    strides: tuple[Ints, ...]
    parameters: tuple[float, ...] = ()


def accepts(problem: PointwiseProblem, target: Target) -> str | None:
    """None if the kernel can run the problem, else why it cannot."""
    unknown = {*problem.expression.inputs, problem.expression.output} - set(ELEMENTS)
    if unknown:
        return f"it computes with {', '.join(ELEMENTS)}, not with {', '.join(sorted(unknown))}"
    sizes, strides = merged(problem.shape, problem.strides)
    if len(sizes) > OUTER + 1:
        return f"the operands lie such that {len(sizes)} axes remain; it walks {OUTER + 1}"
    if not sizes:
        return None
    if strides[-1][-1] != 1 or any(s[-1] not in (0, 1) for s in strides):
        return "along the innermost axis some operand's elements do not lie side by side"
    return None


def merged(shape: Ints, strides: Sequence[Ints]) -> tuple[Ints, tuple[Ints, ...]]:
    """Axes of one left out, the others in the order of the last operand, merged where all agree.

    >>> merged((2, 3, 4, 5), ((60, 20, 5, 1), (0, 1, 0, 0), (60, 20, 5, 1)))
    ((2, 3, 20), ((60, 20, 1), (0, 1, 0), (60, 20, 1)))
    """
    order = sorted(
        (axis for axis, n in enumerate(shape) if n != 1), key=lambda axis: -strides[-1][axis]
    )
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis in order:
        n = shape[axis]
        if sizes and all(s[-1] == given[axis] * n for s, given in zip(steps, strides, strict=True)):
            sizes[-1] *= n
            for s, given in zip(steps, strides, strict=True):
                s[-1] = given[axis]
            continue
        sizes.append(n)
        for s, given in zip(steps, strides, strict=True):
            s.append(given[axis])
    return tuple(sizes), tuple(tuple(s) for s in steps)


@dataclass(frozen=True, eq=False)
class PointwisePlan:
    """Everything about one problem that a call need not work out again."""

    problem: PointwiseProblem
    target: Target
    spread: tuple[bool, ...]
    numbers: dict[str, int]
    items: int
    work: int

    elementwise = True  # each output element depends on the inputs' elements of the same place

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        steps = self.problem.expression.steps
        names = [step.kind if step.kind in FORMULAS else f"to {step.kind}" for step in steps]
        return f"elementwise {', '.join(names)}"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return symbol(self.problem.expression, self.spread, self.target)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.problem.expression, self.spread, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; the inputs' and the output's addresses are for the call to fill."""
        expression = self.problem.expression
        addresses = [*(f"x{i}" for i in range(len(expression.inputs))), "y"]
        values = {f"p{i}": _bits(p) for i, p in enumerate(self.problem.parameters)}
        layout = Layout.of(fields(expression))
        return layout.pack(**dict.fromkeys(addresses, 0), **values, **self.numbers)


@lru_cache(maxsize=1024)
def plan(problem: PointwiseProblem, target: Target) -> PointwisePlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    expression = problem.expression
    sizes, strides = merged(problem.shape, problem.strides)
    inner = sizes[-1] if sizes else 1
    outer = (1,) * (OUTER + 1 - max(len(sizes), 1)) + sizes[:-1]
    dtypes = (*expression.inputs, expression.output)
    count = prod(problem.shape)
    moved = sum(ELEMENTS[name].size for name in dtypes)
    item = max(ITEM_BYTES // moved, 1)
    lanes = expression.lanes(target)
    pieces = -(-inner // item)
    vectors = -(-inner // (pieces * lanes)) if pieces else 0
    segment = vectors * lanes if pieces > 1 else max(inner, 1)
    segments = max(-(-inner // segment), 1)
    rows = prod(outer) if count else 0
    item_rows = 1 if segments > 1 else max(item // max(inner, 1), 1)
    numbers = {
        "inner": inner, "segments": segments, "segment": segment, "rows": rows,
        "item_rows": item_rows,
    }  # fmt: skip
    numbers.update({f"n{axis}": n for axis, n in enumerate(outer)})
    names = [*(f"x{i}" for i in range(len(expression.inputs))), "y"]
    for name, steps in zip(names, strides, strict=True):
        filled = (0,) * (OUTER + 1 - max(len(steps), 1)) + steps[:-1]
        numbers.update({f"{name}_{axis}": step for axis, step in enumerate(filled)})
    return PointwisePlan(
        problem=problem,
        target=target,
        spread=tuple(not s or s[-1] == 0 for s in strides[:-1]),
        numbers=numbers,
        items=segments * -(-rows // item_rows),
        work=count * (BYTE_FLOPS * moved + COST_FLOPS * expression.cost),
    )


def _bits(number: float) -> int:
    """A double's bits as an integer."""
    return int(struct.unpack("<q", struct.pack("<d", number))[0])
