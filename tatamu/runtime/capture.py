"""Noting launches instead of running them, so that they can be run again, all in one native call.

While a ``Recording`` is made, kernels are not run: each `Launch` says what it would have run. The
memory it would have touched need not exist yet. It lies in a *region* (the arena of a program, its
scratch memory, an input of each call) and is stood in for by a Storage whose address says which
region, and where in it; nothing can be read there, so that Python code which would look at numbers
while they are not known fails, and is not noted as if it had been a kernel.

>>> first = placed(ARENA, 128).address
>>> region_of(first + 64)
(1, 64)
>>> region_of(140737488355328) is None  # an address like any other
True
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

import numpy as np

from tatamu.runtime.storage import Storage

__all__ = [
    "ARENA",
    "EXTERNAL",
    "OWN",
    "SCRATCH",
    "Launched",
    "Recording",
    "placed",
    "recording",
    "region_of",
    "scratch",
    "scratch_each",
    "state",
]

# Regions: a program's tensors, scratch memory that all threads share, scratch memory of each
# thread, and from `EXTERNAL` on what is given anew at each call.
ARENA, SCRATCH, OWN, EXTERNAL = 1, 2, 3, 4

# An address in a region: its number from bit 52 on, where no real address has any, and the offset,
# which may be negative, counted from the middle.
_SHIFT = 52
_MIDDLE = 1 << (_SHIFT - 1)
MOST_REGIONS = 2046


class _Nowhere:
    """The owner of memory that stands for other memory."""

    @property
    def flags(self) -> NoReturn:
        raise RuntimeError(
            "memory that is only placed cannot be read\n"
            "  a runner that says it is native has looked at the numbers of a tensor"
        )


_NOWHERE = _Nowhere()


def placed(region: int, nbytes: int, offset: int = 0) -> Storage:
    """A Storage that stands for ``nbytes`` in a region; ValueError for too many regions."""
    if not 0 < region <= MOST_REGIONS:
        raise ValueError(f"region {region} is not in 1..{MOST_REGIONS}")
    return Storage.stand_in((region << _SHIFT) + _MIDDLE + offset, nbytes, _NOWHERE)


def region_of(address: int) -> tuple[int, int] | None:
    """Region and offset of a placed address; None for one in real memory, or none at all."""
    region = address >> _SHIFT
    if region <= 0:
        return None
    return region, address - (region << _SHIFT) - _MIDDLE


class Launched(NamedTuple):
    """A launch that was noted: the kernel, its argument block, and the addresses that begin it."""

    kernel: int
    template: bytes
    addresses: tuple[int, ...]
    items: int
    work: int
    symbol: str


class Recording:
    """Launches in their order, and how much scratch memory they use.

    ``shared`` bytes are for the whole of it, ``own`` for each thread.
    """

    def __init__(self) -> None:
        self.launches: list[Launched] = []
        self.shared = 0
        self.own = 0
        self._used = 0

    def begin(self) -> None:
        """Another operation: the scratch memory of those before it is free."""
        self._used = 0

    def take(self, nbytes: int) -> Storage:
        """Scratch memory that all threads share, until the operation ends."""
        start = self._used
        self._used = (start + nbytes + 63) // 64 * 64
        self.shared = max(self.shared, self._used)
        return placed(SCRATCH, nbytes, start)

    def take_each(self, nbytes: int) -> Storage:
        """Scratch memory of each thread, until the launch that it is for has ended."""
        self.own = max(self.own, nbytes)
        return placed(OWN, nbytes)


class _State(threading.local):
    log: Recording | None = None


state = _State()


@contextmanager
def recording(log: Recording) -> Iterator[Recording]:
    """Have this thread's launches noted in ``log`` instead of run."""
    before = state.log
    state.log = log
    try:
        yield log
    finally:
        state.log = before


def scratch(nbytes: int) -> Storage:
    """Memory of this call's, for all threads; others may run beside it."""
    log = state.log
    return Storage(nbytes) if log is None else log.take(nbytes)


def scratch_each(nbytes: int, workers: int) -> Storage:
    """Memory of this launch's, ``nbytes`` for each worker, one behind the other."""
    log = state.log
    return Storage(nbytes * workers) if log is None else log.take_each(nbytes)


def words_of(launched: Launched) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The argument block, with the addresses that were given."""
    words = np.frombuffer(launched.template, np.int64).copy()
    words[: len(launched.addresses)] = launched.addresses
    return words
