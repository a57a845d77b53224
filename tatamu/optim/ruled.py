"""Optimizers whose rule is elementwise: all their parameters change in one call of compiled code.

A class names its rule in ``tatamu.kernels.rules``, what it remembers, and the numbers of a step.
Parameters that are not in float32 or not dense, few elements in all, and processors without kernels
take the same rule on NumPy's arrays, with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from tatamu.autograd import enable_grad, no_grad
from tatamu.dtypes import float32, narrow, widen
from tatamu.errors import CompileError
from tatamu.kernels.rules import RULES
from tatamu.ops.array import Numpy, wrap
from tatamu.ops.inplace import check_writable
from tatamu.ops.layout import axis_order
from tatamu.ops.plan import warn_once
from tatamu.ops.planned import target
from tatamu.optim.optimizer import Closure, Optimizer, number, overwrite
from tatamu.tensor import Tensor

if TYPE_CHECKING:
    from tatamu.kernels.updates import Update
    from tatamu.runtime.launch import Launch

__all__ = ["FEWEST", "Ruled", "counted", "decays"]

# With fewer elements than this in all, NumPy has done before a kernel is compiled.
FEWEST = 4096


class Job(NamedTuple):
    """One parameter's step: which terms the rule has, its numbers, and what is remembered."""

    parameter: Tensor
    options: frozenset[str]
    numbers: dict[str, float]
    memory: dict[str, Any]


class Prepared(NamedTuple):
    """A kernel for parameters of these sizes, and its work items."""

    launch: Launch
    pieces: Numpy


def decays(group: dict[str, Any], *more: str) -> frozenset[str]:
    """The options that a group's weight decay and direction make, and ``more``."""
    decay = bool(number(group["weight_decay"]))
    found = {
        "decay": decay,
        "decoupled": decay and bool(group.get("decoupled_weight_decay")),
        "maximize": bool(group["maximize"]),
    }
    return frozenset([*more, *(name for name, holds in found.items() if holds)])


def counted(state: dict[str, Any]) -> float:
    """How many steps there are with this one."""
    steps = state["step"]
    steps.array[...] += 1
    steps.storage.touch()
    return float(steps.array)


class Ruled(Optimizer):
    """The base of optimizers with an elementwise rule."""

    rule: ClassVar[str]

    def _memory(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of what is remembered of each element."""
        raise NotImplementedError

    def _begin(self, group: dict[str, Any], parameter: Tensor) -> None:
        """What is remembered before the first step: no steps, and zeros."""
        state = self.state[parameter]
        state.setdefault("step", wrap(np.zeros((), np.float32), float32))
        for name in self._memory(group):
            if name not in state:
                state[name] = wrap(np.zeros_like(parameter.array), parameter.dtype)

    def _numbers(
        self, group: dict[str, Any], state: dict[str, Any]
    ) -> tuple[frozenset[str], dict[str, float]]:
        """The options and numbers of this step, which is counted here."""
        raise NotImplementedError

    def step(self, closure: Closure | None = None) -> Any:
        """Change every parameter that has a gradient; gives the loss that ``closure`` computes."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad(), np.errstate(all="ignore"):
            jobs: list[Job] = []
            fused: list[Job] = []
            for group in self.param_groups:
                names = self._memory(group)
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        job = self._job(group, parameter, names)
                        may = group.get("fused") is not False
                        (fused if may and _lies_dense(job) else jobs).append(job)
            if fused and not self._fused(fused):
                jobs += fused
            for job in jobs:
                self._by_numpy(job)
        return loss

    def _job(self, group: dict[str, Any], parameter: Tensor, names: tuple[str, ...]) -> Job:
        check_writable(parameter)
        self._begin(group, parameter)
        state = self.state[parameter]
        options, numbers = self._numbers(group, state)
        return Job(parameter, options, numbers, {n: state[n] for n in names if n in state})

    def _by_numpy(self, job: Job) -> None:
        """The rule on arrays: narrow floats are worked on in float32."""
        parameter, state = job.parameter, self.state[job.parameter]
        memory = {name: widen(held.array, held.dtype) for name, held in job.memory.items()}
        assert parameter.grad is not None
        g = widen(parameter.grad.array, parameter.grad.dtype)
        w = widen(parameter.array, parameter.dtype)
        n = SimpleNamespace(**job.numbers)
        changed = RULES[self.rule](np, job.options, w, g, memory, n)
        for name, array in memory.items():
            if name in state:
                overwrite(state[name], array)
            else:
                state[name] = wrap(np.array(narrow(array, parameter.dtype)), parameter.dtype)
        overwrite(parameter, changed)

    # ---- in compiled code ----

    def _fused(self, jobs: list[Job]) -> bool:
        """Take the steps of all these parameters in one call for each kind; whether it was done."""
        if sum([job.parameter.numel() for job in jobs]) < FEWEST or not _apart(jobs):
            return False
        kinds: dict[tuple[Any, ...], list[Job]] = {}
        for job in jobs:
            key = job.options, tuple(job.memory), tuple(job.numbers)
            kinds.setdefault(key, []).append(job)
        try:
            ready = [(self._prepared(key, each), each) for key, each in kinds.items()]
        except CompileError as error:
            warn_once(str(error))
            return False
        for prepared, each in ready:
            _launch(prepared, each)
        return True

    def _prepared(self, key: tuple[Any, ...], jobs: list[Job]) -> Prepared:
        """The kernel and work items of one kind; kept, since a model's sizes stay."""
        from tatamu.kernels import updates
        from tatamu.runtime.launch import Launch

        counts = tuple([job.parameter.numel() for job in jobs])
        kept: dict[Any, Prepared] = self.__dict__.setdefault("_kept", {})
        found = kept.get((key, counts))
        if found is None:
            update: Update = updates.Update(self.rule, *key)
            items = updates.pieces(counts)
            plan = updates.UpdatePlan(update, target(), len(items), sum(counts))
            found = kept[key, counts] = Prepared(Launch(plan), items)
        return found


def _launch(prepared: Prepared, jobs: Sequence[Job]) -> None:
    rows = [(job.parameter, job.parameter.grad, *job.memory.values()) for job in jobs]
    addresses = np.array([[t.address for t in row] for row in rows], np.int64)
    numbers = np.array([list(job.numbers.values()) for job in jobs], np.float64)
    launch = prepared.launch
    given = tuple([table.ctypes.data for table in (addresses, numbers, prepared.pieces)])
    launch(given, launch.workers())
    for parameter, _, *memory in rows:
        for written in (parameter, *memory):
            written.storage.touch()


def _lies_dense(job: Job) -> bool:
    """Whether weights, gradient and memory are in float32, without gaps and in one order."""
    parameter = job.parameter
    shape = parameter.shape
    order = axis_order(shape, parameter.strides)
    if "first" in job.options or order is None:
        return False
    return all(
        t.dtype is float32 and t.shape == shape and axis_order(shape, t.strides) == order
        for t in (parameter, parameter.grad, *job.memory.values())
    )


def _apart(jobs: Sequence[Job]) -> bool:
    """Whether no two parameters share memory: pieces are worked on in any order."""
    ends = sorted(
        (job.parameter.address, job.parameter.address + 4 * job.parameter.numel()) for job in jobs
    )
    return all(end <= start for (_, end), (start, _) in pairwise(ends))
