"""A pass through the data with worker processes, in torch's order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tatamu.utils.data.fetch import Pass
from tatamu.utils.data.sampler import drawn_seed
from tatamu.utils.data.team import Team
from tatamu.utils.data.worker import Failure, Job

if TYPE_CHECKING:
    from tatamu.utils.data.loader import DataLoader

__all__ = ["ParallelPass"]


class ParallelPass(Pass):
    """Task k goes to worker k modulo their number, and the answers come in the tasks' order.

    Always ``prefetch_factor`` tasks a worker are under way. A worker whose row of samples has ended
    gets no more.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        iter(loader._numbers)  # before the seed is drawn and, in `begin`, once more after it
        seed = drawn_seed(loader.generator)
        job = Job(loader._fetching, loader.worker_init_fn, seed, loader.num_workers)
        if not loader.prefetch_factor:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter"
            )
        self.most = loader.prefetch_factor * loader.num_workers
        self.team = Team(loader.multiprocessing_context, job)
        self.turn = 0
        self.begin()

    def begin(self) -> None:
        """Start a pass, and drop what is left of one before."""
        count = self.loader.num_workers
        self.numbers = iter(self.loader._numbers)
        self.yielded = 0
        self.turn += 1
        self.asked = 0
        self.wanted = 0
        self.tasks: dict[int, int] = {}
        self.early: dict[int, Any] = {}
        self.active = [True] * count
        self.load = [0] * count
        self.workers = itertools.cycle(range(count))
        for worker in range(count):
            self.team.ask(worker, self.turn)
        for _ in range(self.most):
            self._ask()

    def _next(self) -> Any:
        while self.team.stop.alive and self._next_wanted():
            if self.wanted in self.early:
                return self._given(self.wanted, self.early.pop(self.wanted))
            answer = self.team.answer(self.loader.timeout or None)
            if answer is None:
                self.team.stop()
                raise RuntimeError(
                    f"DataLoader timed out after {self.loader.timeout} seconds\n"
                    f"  worker {self.tasks[self.wanted]} had not made batch {self.wanted}"
                )
            if answer.turn != self.turn:
                continue
            if answer.ended:
                self.active[self.tasks[answer.number]] = False
                self._ask()
            elif answer.number == self.wanted or not self.loader.in_order:
                return self._given(answer.number, answer.data)
            else:
                self.early[answer.number] = answer.data
        if not self.loader.persistent_workers:
            self.team.stop()
        raise StopIteration

    def _next_wanted(self) -> bool:
        """Go on to the next task that will be answered; whether there is one."""
        while self.wanted < self.asked:
            worker = self.tasks.get(self.wanted)
            if worker is not None and (self.active[worker] or self.wanted in self.early):
                return True
            self.tasks.pop(self.wanted, None)
            self.wanted += 1
        return False

    def _ask(self) -> None:
        """Give the next numbers to the next worker, if there are both."""
        try:
            number = next(self.numbers)
        except StopIteration:
            return
        share = self.most // max(1, sum(self.active))
        for _ in self.active:
            worker = next(self.workers)
            if self.active[worker] and (self.loader.in_order or self.load[worker] < share):
                break
        else:
            return
        self.team.ask(worker, (self.asked, number))
        self.tasks[self.asked] = worker
        self.load[worker] += 1
        self.asked += 1

    def _given(self, number: int, data: Any) -> Any:
        worker = self.tasks.pop(number)
        self.wanted += number == self.wanted
        self.load[worker] -= 1
        self._ask()
        if isinstance(data, Failure):
            raise _error(data, worker)
        return data


class _Text(str):
    """Text that a KeyError shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _error(failure: Failure, worker: int) -> Exception:
    """The exception that a worker had, of the same class where that takes one text."""
    where = f"in DataLoader worker process {worker}"
    text = f"Caught {failure.name} {where}.\nOriginal {failure.text}"
    if failure.kind is KeyError:
        return KeyError(_Text(text))
    if failure.kind is None or issubclass(failure.kind, StopIteration):
        return RuntimeError(text)  # the latter would end a loop without a word
    try:
        return failure.kind(text)
    except Exception:  # whatever a class of the user's makes of one text
        return RuntimeError(text)
