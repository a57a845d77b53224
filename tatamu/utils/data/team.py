"""The worker processes of a DataLoader: started, asked, listened to, ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
import weakref
from collections import deque
from multiprocessing.connection import Connection, wait
from typing import Any

from tatamu.errors import compose
from tatamu.utils.data.transport import may_send, receive, send
from tatamu.utils.data.worker import Answer, Job, work

__all__ = ["Team"]

GRACE = 0.5
"""Seconds a worker has to finish what it is at, before it is ended."""


class Team:
    """As many workers as ``job`` says. They end with this object, and with this process."""

    def __init__(self, context: Any, job: Job) -> None:
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        self.processes: list[Any] = []
        self.pipes: list[Connection[Any, Any]] = []
        self.waiting: list[deque[Any]] = [deque() for _ in range(job.num_workers)]
        self.stop = weakref.finalize(self, _stop, self.processes, self.pipes, os.getpid())
        for worker in range(job.num_workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, worker, job), daemon=True)
            try:
                with warnings.catch_warnings():
                    # Our own threads are begun anew in the copy, when it needs some.
                    warnings.filterwarnings("ignore", "This process .* is multi-threaded")
                    process.start()
            except Exception as error:  # of pickling, where processes do not begin as a copy
                error.add_note(
                    "  what workers are given must be picklable; num_workers=0 sends nothing"
                )
                ours.close()
                self.stop()
                raise
            finally:
                theirs.close()
            self.processes.append(process)
            self.pipes.append(ours)

    def ask(self, worker: int, message: Any) -> None:
        """Send a message, now or when the worker can take it; never waits for a worker."""
        self.waiting[worker].append(message)
        self._send_waiting(worker)

    def _send_waiting(self, worker: int) -> None:
        pipe, queue = self.pipes[worker], self.waiting[worker]
        try:
            while queue and may_send(pipe):
                send(pipe, queue[0])
                queue.popleft()
        except ConnectionError:
            queue.clear()  # it is gone, which is noticed when it is listened to

    def answer(self, timeout: float | None = None) -> Answer | None:
        """The next answer of any worker; None when there was none for so long.

        RuntimeError if a worker has ended instead. An interrupt ends them all at once.
        """
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                left = None if until is None else max(0.0, until - time.monotonic())
                ready = wait(self.pipes, left)
                for worker in range(len(self.pipes)):
                    self._send_waiting(worker)
                if not ready:
                    return None
                pipe: Any = ready[0]
                try:
                    answer: Answer = receive(pipe)
                except (ConnectionError, EOFError):
                    raise self._died(self.pipes.index(pipe)) from None
                return answer
        except KeyboardInterrupt:
            for process in self.processes:
                process.terminate()
            self.stop()
            raise

    def _died(self, worker: int) -> RuntimeError:
        process = self.processes[worker]
        process.join(GRACE)
        code, pid = process.exitcode, process.pid
        self.stop()
        if code is not None and code < 0:
            sentence = f"DataLoader worker (pid {pid}) is killed by signal: {_named(-code)}. "
            lines = []
            if code == -signal.SIGKILL:
                lines.append("the system does so when memory runs out: fewer workers need less")
        else:
            sentence = (
                f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}. Details "
                "are lost due to multiprocessing. Rerunning with num_workers=0 may give better "
                "error trace."
            )
            lines = []
        return RuntimeError(compose(sentence, arithmetic=[f"it was worker {worker}", *lines]))


def _named(number: int) -> str:
    return signal.strsignal(number) or str(number)


def _stop(processes: list[Any], pipes: list[Connection[Any, Any]], owner: int) -> None:
    """End the workers: those that are idle by themselves, the others after a while."""
    if os.getpid() != owner:  # a worker that began as a copy has the list, too
        return
    for pipe in pipes:
        try:
            if may_send(pipe):
                send(pipe, None)
        except OSError:
            pass  # it has ended already
    until = time.monotonic() + GRACE
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join(GRACE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
    for pipe in pipes:
        pipe.close()
    processes.clear()
    pipes.clear()
