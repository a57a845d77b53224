"""What a worker of a DataLoader does: it takes numbers, and gives batches."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import signal
import traceback
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import numpy as np

from tatamu.naming import known_as
from tatamu.random import manual_seed
from tatamu.runtime.threads import set_num_threads
from tatamu.utils.data.collate import Collate
from tatamu.utils.data.fetch import Fetcher
from tatamu.utils.data.transport import receive, send

__all__ = ["Answer", "Failure", "Job", "WorkerInfo", "get_worker_info", "work"]


@known_as("utils.data._utils.worker.WorkerInfo")
@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Which worker this process is: its number, of how many, its seed, and its own dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a DataLoader this process is; None in the process that has the loader."""
    return _info


class Job(NamedTuple):
    """What all workers of a loader are given."""

    fetching: tuple[Any, bool, Collate, bool]
    init: Any
    base_seed: int
    num_workers: int


class Failure(NamedTuple):
    """An exception: its class if that can be sent, the class's name, and what was printed of it."""

    kind: type[Exception] | None
    name: str
    text: str


class Answer(NamedTuple):
    """What became of task ``number`` in pass ``turn``: ``data``, a Failure, or the row's end."""

    turn: int
    number: int
    data: Any
    ended: bool = False


def work(pipe: Connection[Any, Any], worker: int, job: Job) -> None:
    """Answer what comes through the pipe until None comes or the other side is gone.

    A number begins a new pass, and what was asked before is dropped; a pair is a task.
    """
    # The process that has the loader decides when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _begin(worker, job)
        _serve(pipe, worker, job)
    except (ConnectionError, EOFError):
        return  # nobody is there to be told


def _begin(worker: int, job: Job) -> None:
    global _info
    set_num_threads(1)
    seed = job.base_seed + worker
    random.seed(seed)
    manual_seed(seed)
    np.random.seed(_state(job.base_seed, worker))
    _info = WorkerInfo(worker, job.num_workers, seed, job.fetching[0])


def _state(base_seed: int, worker: int) -> Any:
    """The seed of NumPy's generator, another one for each worker."""
    entropy = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4)


def _serve(pipe: Connection[Any, Any], worker: int, job: Job) -> None:
    tasks: deque[tuple[int, Any]] = deque()
    failure: Failure | None = None
    fetcher: Fetcher | None = None
    turn = 0
    over = False  # no more samples in this pass
    try:
        if job.init is not None:
            job.init(worker)
    except Exception as error:
        failure = _failure(error)
    while True:
        while not tasks or pipe.poll():
            asked = _next(pipe)
            if asked is None:
                return
            if isinstance(asked, int):
                turn, fetcher, over = asked, None, False
                tasks.clear()
            elif not over:
                tasks.append(asked)
        number, index = tasks.popleft()
        if failure is None:
            try:
                fetcher = fetcher or Fetcher(*job.fetching)
                answer = Answer(turn, number, fetcher.fetch(index))
            except StopIteration as error:
                ended = fetcher is not None and fetcher.row is not None
                answer = Answer(turn, number, None if ended else _failure(error), ended)
                over = ended
            except Exception as error:
                answer = Answer(turn, number, _failure(error))
        else:
            answer, failure = Answer(turn, number, failure), None
        if over:
            tasks.clear()
        _give(pipe, answer)
        del answer  # not kept until the next is made


def _next(pipe: Connection[Any, Any]) -> Any:
    """What is asked next; None if the other process is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None and pipe not in wait([pipe, parent.sentinel]):
        return None
    return receive(pipe)


def _give(pipe: Connection[Any, Any], answer: Answer) -> None:
    try:
        send(pipe, answer)
    except ConnectionError:
        raise
    except Exception as error:  # of pickling
        error.add_note("  while sending the batch to the process that has the loader")
        send(pipe, answer._replace(data=_failure(error)))


def _failure(error: Exception) -> Failure:
    kind: type[Exception] | None = type(error)
    try:
        pickle.dumps(kind)
    except Exception:  # pickle meets what it cannot find with more than one class
        kind = None
    text = "".join(traceback.format_exception(error))
    return Failure(kind, type(error).__name__, text)
