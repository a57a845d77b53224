"""A plan with memory: its steps on tensors that lie in one place, run one after the other.

Each ``Bound`` is one caller's at a time. Tensors over the caller's input and over fresh outputs are
pointed elsewhere in each call; all others stay where they are. `Bound.run` calls the kernels from
Python: it serves where no native program can be made, and is what the tests compare that with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tatamu.compile.graph import Value, root
from tatamu.compile.plan import ProgramPlan, Step
from tatamu.ops.array import Array, made
from tatamu.ops.op import Op
from tatamu.ops.plan import Plan
from tatamu.runtime.storage import Storage

__all__ = ["Bound", "BoundStep"]


class BoundStep(NamedTuple):
    """A step on tensors that are where they will be in every call."""

    op: Op
    attrs: Any
    plan: Plan
    inputs: tuple[Array | None, ...]
    outputs: tuple[Array, ...]

    def run(self) -> None:
        """Fill the outputs."""
        plan = self.plan
        if plan.runner is not None and plan.fill(self.inputs, self.outputs):
            return
        for found, out in zip(plan.refer(self.inputs), self.outputs, strict=True):
            np.copyto(out.array, found.array)


_NOWHERE = Storage(0)


class Bound:
    """The memory of one call at a time, and the steps over it.

    ``moving`` has, for each of the graph's inputs and then for each fresh root, the tensors that
    lie in it, with their offsets.
    """

    def __init__(self, plan: ProgramPlan, reordered: Sequence[bool]) -> None:
        self.plan = plan
        self.arena = Storage(plan.arena)
        inputs, fresh = len(plan.graph.inputs), len(plan.fresh)
        self.moving: list[list[tuple[Array, int]]] = [[] for _ in range(inputs + fresh)]
        self._known: dict[Value, Array] = {}
        self.steps = [self._step(step) for step in plan.steps]
        self.outputs = [self._tensor(value) for value in plan.graph.outputs]
        self._fresh = [value.nbytes for value in plan.fresh]
        order = dict.fromkeys(plan.fresh, False)
        for value, by_operation in zip(plan.graph.outputs, reordered, strict=True):
            order[root(value)[0]] |= by_operation
        self._reordered = [order[value] for value in plan.fresh]

    def _step(self, step: Step) -> BoundStep:
        node = step.node
        inputs = tuple([None if v is None else self._tensor(v) for v in node.inputs])
        outputs = tuple([self._tensor(v) for v in node.outputs])
        return BoundStep(node.op, node.attrs, step.plan, inputs, outputs)

    def _tensor(self, value: Value) -> Array:
        found = self._known.get(value)
        if found is None:
            found = self._known[value] = self._new_tensor(value)
        return found

    def _new_tensor(self, value: Value) -> Array:
        base, offset = root(value)
        where = self.plan.where[base]
        geometry = value.shape, value.strides, value.dtype
        if where.kind == "constant":
            array = self.plan.graph.constants[base]
            return made.type(array.storage, array.offset + offset, *geometry)
        if where.kind == "arena":
            start = where.offset // value.dtype.itemsize
            return made.type(self.arena, start + offset, *geometry)
        tensor = made.type(_NOWHERE, offset, *geometry)
        shift = 0 if where.kind == "input" else len(self.plan.graph.inputs)
        self.moving[where.number + shift].append((tensor, offset))
        return tensor

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs for inputs of the shapes, strides and dtypes that the plan was made for."""
        found = self.enter(inputs)
        for step in self.steps:
            step.run()
        self.leave()
        return found

    def enter(self, inputs: Sequence[Array]) -> list[Array]:
        """Point at the caller's inputs and at new outputs; the latter, for the caller."""
        memory = [(x.storage, x.offset) for x in inputs]
        for nbytes, reordered in zip(self._fresh, self._reordered, strict=True):
            storage = Storage(nbytes)
            storage.reordered = reordered
            memory.append((storage, 0))
        for (storage, start), tensors in zip(memory, self.moving, strict=True):
            for tensor, offset in tensors:
                tensor.storage = storage
                tensor.offset = start + offset
                tensor._array = None
        return [made.type(y.storage, y.offset, y.shape, y.strides, y.dtype) for y in self.outputs]

    def leave(self) -> None:
        """Let go of the caller's memory."""
        for tensors in self.moving:
            for tensor, offset in tensors:
                tensor.storage = _NOWHERE
                tensor.offset = offset
                tensor._array = None
