"""A list of operations on tensors that lie at fixed places, as one native program.

A `Memory` says where: tensors over ``memory.arena`` lie in a block that each instance of the
program has of its own, those over ``memory.external(...)`` are given anew at each call (a network's
inputs and outputs), and all others are constants. Each operation's runner is called once while its
launches are noted (`runtime.capture`); the program then runs the launches without it. A runner that
does more than launch kernels, and an operation that no kernel serves, are run by Python where they
stand, between two native calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tatamu.compile.execute import BoundStep
from tatamu.compile.graph import Value, root
from tatamu.compile.plan import ProgramPlan
from tatamu.ops.array import Array, Numpy
from tatamu.ops.plan import Plan
from tatamu.runtime import capture, threads
from tatamu.runtime.capture import ARENA, EXTERNAL, Launched, placed, region_of
from tatamu.runtime.packing import packed
from tatamu.runtime.program import Code, Instance, lay_down
from tatamu.runtime.storage import Storage

__all__ = ["Memory", "Program", "Step", "program_of"]


class Step(Protocol):
    """An operation worked out, what it reads (None for what is absent), and what it writes."""

    @property
    def plan(self) -> Plan:
        """The call worked out for these tensors."""

    @property
    def inputs(self) -> tuple[Array | None, ...]:
        """What it reads."""

    @property
    def outputs(self) -> tuple[Array, ...]:
        """What it writes."""


class Memory:
    """Places for a program's tensors. ``arena`` is ``nbytes`` long."""

    def __init__(self, nbytes: int) -> None:
        self.arena = placed(ARENA, nbytes)
        self.externals: list[Storage] = []

    def external(self, nbytes: int) -> Storage:
        """Memory that each call names; calls give tensors in the order in which these are made."""
        storage = placed(EXTERNAL + len(self.externals), nbytes)
        self.externals.append(storage)
        return storage


@dataclass(eq=False)
class _Kept:
    """What a program's launches read: memory that must live as long as it does."""

    owners: dict[int, tuple[int, Any]] = field(default_factory=dict)
    candidates: list[tuple[int, int, Any]] = field(default_factory=list)

    def offer(self, step: Step) -> None:
        """Memory that the launches of a step may read."""
        self.candidates = [_extent(array) for array in getattr(step.plan.runner, "constants", ())]
        for x in step.inputs:
            if x is None or region_of(x.storage.address) is not None:
                continue
            self.candidates.append((x.storage.address, x.storage.nbytes, x.storage))
            for _, value in (x.storage._packed or {}).values():
                arrays = [part for part in value if isinstance(part, np.ndarray)]
                self.candidates += [_extent(array) for array in arrays]

    def resolve(self, address: int) -> None:
        """Keep whose memory an address lies in."""
        for start, nbytes, owner in self.candidates:
            if start <= address < start + max(nbytes, 1):
                self.owners[start] = nbytes, owner
                return
        raise RuntimeError(
            "a launch was noted that reads memory of which nobody knows how long it lives\n"
            "  a native runner lists what it reads beside its tensors in `constants`"
        )


def _extent(array: Numpy) -> tuple[int, int, Any]:
    return array.__array_interface__["data"][0], array.nbytes, array


class Program:
    """Steps that can be run by any number of threads at once, each with its own arguments.

    ``native_calls`` and ``python_steps`` are how many of each a run takes, ``counts`` how many
    launches each step came to (0 for one that Python runs).
    """

    def __init__(self, steps: Sequence[Step], memory: Memory) -> None:
        self._count = len(memory.externals)
        self._kept = _Kept()
        self._plans = [step.plan for step in steps]  # whose tables the launches read
        self._order: list[int | Step] = []
        log = capture.Recording()
        segments: list[list[Launched]] = []
        self.counts: list[int] = []
        open_segment = False
        for step in steps:
            launches = self._noted(step, log)
            self.counts.append(len(launches or ()))
            if launches is None:
                self._order.append(step)
                open_segment = False
                continue
            if not open_segment:
                self._order.append(len(segments))
                segments.append([])
                open_segment = True
            segments[-1] += launches
        self.code: Code = lay_down(
            segments,
            self._known,
            arena=memory.arena.nbytes,
            shared=log.shared,
            own=log.own,
        )
        self.native_calls = len(segments)
        self.python_steps = len(self._order) - len(segments)
        self._idle: list[Instance] = []

    def __call__(self, *externals: Array) -> None:
        """Run it on what was declared external, in that order."""
        if len(externals) != self._count:
            raise TypeError(f"the program takes {self._count} tensors, but got {len(externals)}")
        instance = self._instance()
        try:
            instance.point([x.address for x in externals])
            for item in self._order:
                if isinstance(item, int):
                    instance.perform(item)
                else:
                    _run(item, instance, externals)
        finally:
            self._idle.append(instance)

    @property
    def constant_bytes(self) -> int:
        """Bytes of weights, packed and not, that its launches read."""
        return sum(nbytes for nbytes, _ in self._kept.owners.values())

    def _instance(self) -> Instance:
        number = threads.get_num_threads()
        while True:
            try:
                instance = self._idle.pop()
            except IndexError:
                return Instance(self.code, number)
            if instance.threads == number:
                return instance

    def _noted(self, step: Step, log: capture.Recording) -> list[Launched] | None:
        """The launches of a step; None for one that Python must run."""
        runner = step.plan.runner
        if runner is None or not getattr(runner, "native", False):
            return None
        before = {id(x.storage): set(x.storage._packed or ()) for x in _constants(step)}
        first = len(log.launches)
        log.begin()
        with capture.recording(log):
            runner(step.inputs, step.outputs)
        launches = log.launches[first:]
        self._kept.offer(step)
        for one in launches:
            for address in one.addresses:
                if address and region_of(address) is None:
                    self._kept.resolve(address)
        # What was packed for this program belongs to it alone from here on.
        for x in _constants(step):
            for key in set(x.storage._packed or ()) - before[id(x.storage)]:
                x.storage.forget_packed(key)
                packed.remove(x.storage, key)
        return launches

    def _known(self, address: int) -> None:
        """Nothing is left to be found out: `_noted` has resolved it."""


def _constants(step: Step) -> list[Array]:
    return [x for x in step.inputs if x is not None and region_of(x.storage.address) is None]


def _run(step: Step, instance: Instance, externals: Sequence[Array]) -> None:
    """A step in Python, on real memory."""

    def real(x: Array | None) -> Array | None:
        if x is None:
            return None
        where = region_of(x.storage.address)
        if where is None:
            return x
        region, start = where
        offset = x.offset + start // x.dtype.itemsize
        if region == ARENA:
            return Array(instance.arena, offset, x.shape, x.strides, x.dtype)
        given = externals[region - EXTERNAL]
        return Array(given.storage, given.offset + offset, x.shape, x.strides, x.dtype)

    inputs = tuple([real(x) for x in step.inputs])
    outputs = [real(y) for y in step.outputs]
    plan = step.plan
    if plan.runner is not None and plan.fill(inputs, tuple(y for y in outputs if y is not None)):
        return
    for result, y in zip(plan.refer(inputs), outputs, strict=True):
        assert y is not None
        np.copyto(y.array, result.array)


def program_of(plan: ProgramPlan) -> Program:
    """The program of a plan; a call gives the plan's inputs, then memory for its fresh outputs."""
    memory = Memory(plan.arena)
    inputs = [memory.external(value.nbytes) for value in plan.graph.inputs]
    fresh = [memory.external(value.nbytes) for value in plan.fresh]
    known: dict[Value, Array] = {}

    def tensor(value: Value) -> Array:
        if value not in known:
            known[value] = new_tensor(value)
        return known[value]

    def new_tensor(value: Value) -> Array:
        base, offset = root(value)
        where = plan.where[base]
        geometry = value.shape, value.strides, value.dtype
        if where.kind == "constant":
            array = plan.graph.constants[base]
            return Array(array.storage, array.offset + offset, *geometry)
        if where.kind == "arena":
            return Array(memory.arena, where.offset // value.dtype.itemsize + offset, *geometry)
        storage = (inputs if where.kind == "input" else fresh)[where.number]
        return Array(storage, offset, *geometry)

    steps = [
        BoundStep(
            step.node.op,
            step.node.attrs,
            step.plan,
            tuple([None if v is None else tensor(v) for v in step.node.inputs]),
            tuple([tensor(v) for v in step.node.outputs]),
        )
        for step in plan.steps
    ]
    return Program(steps, memory)
