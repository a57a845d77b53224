"""Running a network again and again in the same way, while somebody watches.

This file is where a network is called from: what lies outside it is no part of the network, and no
line of it is shown as the network's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from tatamu.lens.calls import Watcher, watching_calls
from tatamu.lens.survey import Draft, NetworkWatcher, labelled

if TYPE_CHECKING:
    from types import FrameType

    from tatamu import Tensor
    from tatamu.nn import Module
    from tatamu.ops import Event

__all__ = ["Runner", "Visit"]

TIME_BUDGET = 0.6
PATIENCE = 2.0
MOST_RUNS = 25
LEAST_RUNS = 3


class Runner:
    """A network and its inputs. Every run is given copies, and the same random numbers.

    With ``train`` modules stand in training, else in evaluation, while they run; afterwards
    each is as it was, running statistics included.
    """

    def __init__(self, model: Any, inputs: Sequence[Tensor], train: bool) -> None:
        import tatamu

        self.model = model
        self.inputs = tuple(x.detach().clone() for x in inputs)
        self.train = train
        self.random = tatamu.get_rng_state()

    def fresh(self, grad: bool = False) -> tuple[Tensor, ...]:
        """Copies of the inputs; they want gradients if asked for, where they can have them."""
        found = []
        for x in self.inputs:
            copy = x.clone()
            if grad and copy.is_floating_point():
                copy.requires_grad_()
            found.append(copy)
        return tuple(found)

    def run(
        self,
        watcher: Watcher[Any] | None = None,
        inputs: Sequence[Tensor] | None = None,
        grad: bool = False,
        heard: Callable[[Event], object] | None = None,
    ) -> Any:
        """What the network gives; ``heard`` is told of operations alone."""
        import tatamu
        from tatamu.ops import watching

        inputs = self.fresh() if inputs is None else inputs
        before = tatamu.get_rng_state()
        tatamu.set_rng_state(self.random)
        told = watching_calls(watcher) if watcher is not None else nullcontext()
        listened = watching(heard) if heard is not None else nullcontext()
        try:
            with self.standing(), tatamu.set_grad_enabled(grad), told, listened:
                return self.model(*inputs)
        finally:
            tatamu.set_rng_state(before)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """All modules in evaluation, or in training, for a while."""
        modules: list[Module] = [*self.model.modules()] if hasattr(self.model, "modules") else []
        stood = [module.training for module in modules]
        buffers = [x for module in modules for x in module.buffers(recurse=False)]
        kept = [buffer.detach().clone() for buffer in buffers] if self.train else []
        for module in modules:
            module.training = self.train
        try:
            yield
        finally:
            for module, training in zip(modules, stood, strict=True):
                module.training = training
            for buffer, values in zip(buffers, kept, strict=False):
                buffer.detach().copy_(values)

    def timed(self, operations: int) -> tuple[list[float], float, int]:
        """The median seconds up to each operation's end from that of the one before, the median
        seconds of a run, and the number of runs; one more comes before them and does not count.

        What follows the last operation counts as its own. RuntimeError if a run has other
        operations than were counted.
        """
        gaps: list[list[float]] = []
        totals: list[float] = []
        while len(totals) < LEAST_RUNS or (sum(totals) < TIME_BUDGET and len(totals) < MOST_RUNS):
            stamps: list[float] = []
            inputs = self.fresh()
            heard = partial(_stamp, stamps)
            start = time.perf_counter()
            self.run(inputs=inputs, heard=heard)
            end = time.perf_counter()
            if len(stamps) != operations:
                raise changed(f"{operations} operations", f"{len(stamps)}")
            if stamps:
                stamps[-1] = end
            gaps.append([b - a for a, b in zip([start, *stamps], stamps, strict=False)])
            totals.append(end - start)
            if totals[0] > PATIENCE:
                break
        return [median(each) for each in zip(*gaps, strict=True)], median(totals), len(totals)


def _stamp(stamps: list[float], event: object) -> None:
    stamps.append(time.perf_counter())


def changed(before: str, now: str) -> RuntimeError:
    """The error of a network that does something else every time."""
    return RuntimeError(
        "the network did not do the same in two runs, so it cannot be recorded\n"
        f"  first: {before}; then: {now}"
    )


class Visit(NetworkWatcher[int]):
    """Goes through the rows of a network again; ``see(row, tensor)`` is told what each gives."""

    def __init__(self, drafts: Sequence[Draft], see: Callable[[Draft, Any], None]) -> None:
        super().__init__()
        self.drafts = drafts
        self.see = see
        self.row = 0
        self.count = 0

    def _next(self, module: Any, operation: str) -> int:
        row = self.row
        self.row += 1
        if row >= len(self.drafts) or self.drafts[row].module is not module:
            before = self.drafts[row].kind if row < len(self.drafts) else "the end"
            raise changed(before, operation)
        return row

    def enter_module(self, module: Any, inputs: tuple[Any, ...], frame: FrameType) -> int:
        """The next row is a layer."""
        return self._next(module, type(module).__name__)

    def enter_function(self, event: Event, user: FrameType | None, own: Sequence[FrameType]) -> int:
        """The next row is a function."""
        return self._next(None, event.op.name)

    def operation(self, call: int, event: Event) -> None:
        """See what a function's last operation gave."""
        draft = self.drafts[call]
        if draft.module is None and draft.events[-1] == self.count:
            self.see(draft, event.output)
        self.count += 1

    def leave_module(self, call: int, module: Any, output: Any) -> None:
        """See what a layer gave."""
        for _, x in labelled(output):
            self.see(self.drafts[call], x)
            break
