"""The thread pool's Python half: how many threads, starting them, fork and exit.

>>> import tatamu
>>> tatamu.set_num_threads(2)
>>> tatamu.get_num_threads()
2
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamu.runtime import machine, pool_emit
from tatamu.runtime.compiled import compiled
from tatamu.stage import host

MOST_THREADS = 1024

# Waking a sleeping worker costs some 10 µs: shorter jobs leave it asleep, unless several have come
# so close upon one another that a worker, once awake, would not have gone to sleep between them.
WAKE_US = 80
STREAM_GAP_NS = 30_000
STREAM_JOBS = 3

_DISPATCH = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_int64,
)
_PERFORM = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_SERVE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


class Pool:
    """Workers for one process. ``natively`` is whether they sleep on a futex or in Python."""

    def __init__(self, *, natively: bool):
        target = host()
        assert target is not None, "a kernel has been compiled, so there is a target"
        code = compiled(lambda: pool_emit.emit(target), target, *pool_emit.symbols(target))
        self._memory = np.zeros(pool_emit.WORDS + 8, np.int64)
        self.address = (self._memory.ctypes.data + 63) // 64 * 64
        first = (self.address - self._memory.ctypes.data) // 8
        self._words = self._memory[first:]
        self._words[pool_emit.CLAIM] = pool_emit.OVER << 32
        self._natively = natively
        if natively:
            libc = ctypes.CDLL(None)
            self._syscall = libc.syscall
            self._words[pool_emit.SYSCALL] = _address_of(libc.syscall)
            self._masks = _all_but_one(os.sched_getaffinity(0))
            self._words[pool_emit.MASKS] = self._masks.ctypes.data
            self._words[pool_emit.MASK_COUNT] = len(self._masks)
            self._words[pool_emit.GETCPU] = _address_of(libc.sched_getcpu)
        self._serve = _SERVE(code.addresses[1])
        self._bell = threading.Semaphore(0)
        self._waiting = 0
        self._growing = threading.Lock()
        self.workers: list[threading.Thread] = []
        dispatch, perform = _DISPATCH(code.addresses[0]), _PERFORM(code.addresses[2])
        self.dispatch: Callable[..., None] = dispatch if natively else self._ring(dispatch)
        self.perform: Callable[..., None] = perform if natively else self._ring(perform)

    def grow(self, workers: int) -> None:
        """Have at least this many workers."""
        with self._growing:
            while len(self.workers) < workers:
                worker = threading.Thread(
                    target=self._live,
                    name=f"tatamu-{len(self.workers) + 1}",
                    daemon=True,
                )
                worker.start()
                self.workers.append(worker)

    def stop(self) -> None:
        """End all workers; none may be at work."""
        self._words[pool_emit.STOP] = 1
        if self._natively:
            self._words[pool_emit.SIGNAL] += 1
            number = pool_emit.SYSCALLS[pool_emit.architecture(host())][0]
            signal = ctypes.c_void_p(self.address + 8 * pool_emit.SIGNAL)
            self._syscall(
                ctypes.c_long(number),
                signal,
                ctypes.c_long(pool_emit.FUTEX_WAKE),
                ctypes.c_long(MOST_THREADS),
                ctypes.c_void_p(None),
            )
        self._bell.release(len(self.workers) or 1)
        for worker in self.workers:
            worker.join(1.0)

    def _live(self) -> None:
        self._serve(self.address, int(self._natively))
        while not self._words[pool_emit.STOP]:
            self._waiting += 1
            self._bell.acquire()
            self._waiting -= 1
            self._serve(self.address, 0)

    def _ring(self, function: Any) -> Callable[..., None]:
        """Dispatch where workers sleep in Python. A bell that is missed costs time, no more."""

        def run(*args: Any) -> None:
            waiting = self._waiting
            threads, wake = args[-2:]
            if wake and waiting > 0 and threads > 1:
                self._bell.release(min(waiting, threads - 1))
            function(*args)

        return run


def _address_of(function: Any) -> int:
    """Where a C function lies."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _all_but_one(processors: set[int]) -> NDArray[np.uint8]:
    """For each processor, the set of all others this process may use; empty if there is none."""
    known = [p for p in processors if p < pool_emit.MASK_BYTES * 8]
    if len(known) < 2:
        return np.zeros((0, pool_emit.MASK_BYTES), np.uint8)
    count = max(known) + 1
    bits = np.zeros((count, pool_emit.MASK_BYTES * 8), np.uint8)
    bits[:, known] = 1
    bits[np.arange(count), np.arange(count)] = 0
    return np.packbits(bits, axis=1, bitorder="little")


_pool: Pool | None = None
_lock = threading.RLock()
_threads = 0


def get_num_threads() -> int:
    """How many threads a kernel may use: the cores this process was granted, unless set.

    What was granted is asked once, since every launch needs it.
    """
    global _threads
    if not _threads:
        _threads = machine.cores()
    return _threads


def set_num_threads(number: int) -> None:
    """Let kernels use ``number`` threads, from 1 to 1024.

    Raises RuntimeError for a number below 1, TypeError for anything but an integer.
    """
    global _threads
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(number).__name__}")
    if not 1 <= number <= MOST_THREADS:
        raise RuntimeError(
            f"set_num_threads expects a positive integer\n  {number} is not in 1..{MOST_THREADS};"
            f" this process was granted {machine.cores()} cores"
        )
    _threads = number


def task(address: int) -> Callable[..., None]:
    """The kernel at ``address`` as a Python function ``(args, begin, end, worker)``."""
    return _TASK(address)


def run(address: int, args: Any, items: int, wake: bool) -> None:
    """Run items 0 to ``items`` of the kernel at ``address`` on all threads; returns when done.

    ``args`` is the kernel's argument block (a ctypes array). ``wake`` says whether the job is
    long enough, ``WAKE_US``, to be worth waking a sleeping worker for.
    """
    run_with(address, args, items, get_num_threads(), wake)


def run_with(address: int, args: Any, items: int, threads: int, wake: bool = True) -> None:
    """As ``run``, on a given number of threads."""
    pool = _pool
    if pool is None or len(pool.workers) < threads - 1:
        pool = _started(threads)
    if not wake:
        wake = _stream.joined(perf_counter_ns())
    pool.dispatch(pool.address, address, args, items, threads, wake)
    _stream.ended = perf_counter_ns()


def perform(table: int, threads: int, wake: bool) -> None:
    """Run the steps whose words lie at ``table`` (`pool_emit`), one after the other.

    ``wake`` says whether all of them together are worth waking a sleeping worker for.
    """
    pool = _pool
    if pool is None or len(pool.workers) < threads - 1:
        pool = _started(threads)
    pool.perform(pool.address, table, threads, wake)


class _Stream:
    """Short jobs in close succession, as the layers of a small network are.

    Threads may get in each other's way here; then a worker is woken a job sooner or later.
    """

    __slots__ = ("count", "ended")

    def __init__(self) -> None:
        self.count = 0
        self.ended = 0

    def joined(self, now: int) -> bool:
        """Count a short job that begins now; whether enough have come without a pause."""
        self.count = self.count + 1 if now - self.ended < STREAM_GAP_NS else 0
        return self.count >= STREAM_JOBS


_stream = _Stream()


def _started(threads: int) -> Pool:
    global _pool
    with _lock:
        if _pool is None:
            _pool = Pool(natively=sys.platform == "linux" and pool_emit.can_sleep(host()))
        _pool.grow(threads - 1)
        return _pool


def _after_fork() -> None:
    """Threads do not survive a fork: the child starts its own when it needs them."""
    global _pool, _lock
    _lock = threading.RLock()
    _pool = None


def _at_exit() -> None:
    global _pool
    pool, _pool = _pool, None
    if pool is not None:
        pool.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
