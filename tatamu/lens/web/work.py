"""Work for those who look at the page: in a few threads, with progress, and given up when unwanted.

A job's function says what it does through `Job.tell`, which the lens calls before every part of
long work: there a job that nobody waits for any more, or that has taken too long, ends.
"""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tatamu.lens.web.face import both, problem
from tatamu.lens.words import LookError
from tatamu.vision.images import PhotoError

THREADS = 3
MOST_JOBS = 12
PATIENCE = 60.0
"""Seconds after which a job is given up."""

Chunks = Iterable[bytes]


class Stopped(Exception):
    """The job is not wanted any more."""


class Busy(Exception):
    """There is more work than should wait."""


def chunk(kind: str, payload: bytes) -> bytes:
    """One part of an answer: a letter, the length in four bytes, the bytes.

    >>> chunk("P", b"{}")
    b'P\\x00\\x00\\x00\\x02{}'
    """
    return kind.encode("ascii") + struct.pack(">I", len(payload)) + payload


def json_chunk(kind: str, value: Any) -> bytes:
    """A part that holds JSON."""
    return chunk(kind, json.dumps(value, ensure_ascii=False).encode("utf-8"))


class Job:
    """One piece of work, and the parts of its answer as they come."""

    def __init__(self, work: Callable[[Job], Chunks], patience: float = PATIENCE) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._cancelled = threading.Event()
        self._ends = time.monotonic() + patience
        self.done = threading.Event()

    def cancel(self) -> None:
        """Give the job up, now or at its next word."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether it has been given up."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise `Stopped` if the job is not wanted, `LookError` if it took too long."""
        if self.cancelled:
            raise Stopped
        if time.monotonic() > self._ends:
            raise LookError("serve.slow")

    def tell(self, key: str, /, **values: object) -> None:
        """A `Tell`: what begins now, for whoever waits."""
        self.check()
        text = both(lambda w: w(key, **values))
        shares = {name: values[name] for name in ("number", "count") if name in values}
        self._put(json_chunk("P", {"text": text, **shares}))

    def run(self) -> None:
        """Do the work, in a thread of its own."""
        try:
            self.check()
            for part in self._work(self):
                self.check()
                self._put(part)
        except Stopped:
            self._put(json_chunk("E", {"status": 409, "text": both(lambda w: w("serve.stopped"))}))
        except (LookError, PhotoError) as error:
            self._put(json_chunk("E", {"status": 422, "text": problem(error)}))
        except MemoryError:
            self._put(json_chunk("E", {"status": 507, "text": both(lambda w: w("memory"))}))
        except Exception as error:
            name = type(error).__name__
            text = both(lambda w: w("serve.broken", name=name))
            self._put(json_chunk("E", {"status": 500, "text": text}))
        finally:
            self.done.set()
            self._put(None)

    def _put(self, part: bytes | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
        except RuntimeError:  # the server has ended meanwhile
            self.cancel()

    async def parts(self) -> AsyncIterator[bytes]:
        """The parts of the answer as they come."""
        while (part := await self._parts.get()) is not None:
            yield part


class Workshop:
    """The threads that do the jobs, and a limit to how many wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="tatamu-serve")
        self._jobs: set[Job] = set()

    def start(self, work: Callable[[Job], Chunks], patience: float = PATIENCE) -> Job:
        """Begin a job. Raises `Busy` where too many wait already."""
        self._jobs = {job for job in self._jobs if not job.done.is_set()}
        if len(self._jobs) >= MOST_JOBS:
            raise Busy
        job = Job(work, patience)
        self._jobs.add(job)
        self._pool.submit(job.run)
        return job

    @property
    def running(self) -> int:
        """How many jobs have not ended."""
        return sum(not job.done.is_set() for job in self._jobs)

    def close(self) -> None:
        """Give all jobs up."""
        for job in self._jobs:
            job.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
