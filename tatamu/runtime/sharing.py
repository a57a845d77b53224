"""Steps of NumPy's, shared out among Python threads.

NumPy lets other threads run while it works on large arrays. As with compiled kernels, steps are
claimed one by one, and the caller waits only for those that others have claimed: a thread that
wakes late costs nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ["share"]

_executors: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


class _Steps:
    """Steps to be claimed, and how far they are done."""

    def __init__(self, step: Callable[[int, int], None], count: int):
        self._step = step
        self._count = count
        self._claimed = 0
        self._open = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def work(self, worker: int) -> None:
        """Do steps until all are claimed; floating-point warnings are no business of a step."""
        with np.errstate(all="ignore"):
            while (index := self._claim()) is not None:
                error = None
                try:
                    self._step(index, worker)
                except BaseException as raised:
                    error = raised
                self._done(error)

    def wait(self) -> None:
        """Wait for the steps that are claimed; raise what one of them raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)
        if self._error is not None:
            raise self._error

    def _claim(self) -> int | None:
        with self._changed:
            if self._claimed == self._count:
                return None
            self._claimed += 1
            self._open += 1
            return self._claimed - 1

    def _done(self, error: BaseException | None) -> None:
        with self._changed:
            self._open -= 1
            if error is not None:
                self._error = error
                self._claimed = self._count
            self._changed.notify_all()


def share(step: Callable[[int, int], None], count: int, workers: int) -> None:
    """Call ``step(index, worker)`` for each index below ``count``, on so many threads at most.

    >>> squares = [0] * 5
    >>> def step(index, worker): squares[index] = index * index
    >>> share(step, 5, workers=2)
    >>> squares
    [0, 1, 4, 9, 16]
    """
    steps = _Steps(step, count)
    for worker in range(1, min(workers, count)):
        _executor(worker).submit(steps.work, worker)
    steps.work(0)
    steps.wait()


def _executor(worker: int) -> ThreadPoolExecutor:
    """The thread of that number."""
    with _lock:
        if worker not in _executors:
            _executors[worker] = ThreadPoolExecutor(1, f"tatamu-numpy-{worker}")
        return _executors[worker]


def _after_fork() -> None:
    """Threads do not survive a fork: the child starts its own when it needs them."""
    global _lock
    _lock = threading.Lock()
    _executors.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
