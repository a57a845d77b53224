"""Launches that were noted, laid down as words that the pool runs in one native call.

A *segment* is one native call: steps in their order, the last followed by one without a kernel.
The words of all segments and all argument blocks are one array, the same for every instance but
for its *relocations*: words that hold an address in a region (`runtime.capture`), which differs
from instance to instance, or from call to call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamu.errors import CompileError
from tatamu.runtime import pool_emit, threads
from tatamu.runtime.capture import ARENA, EXTERNAL, OWN, SCRATCH, Launched, region_of, words_of
from tatamu.runtime.storage import Storage

__all__ = ["Code", "Instance", "Relocation", "lay_down"]

# A launch is shared among threads from so much work on, and in chunks of no less than that of one:
# flops of convolution, 100 of them to a nanosecond, or less, as `Plan.work` counts them.
SHARED_WORK = 600_000
CHUNK_WORK = 300_000
# All of a program's work, from which on a sleeping worker is woken.
WAKE_WORK = threads.WAKE_US * 100_000

_LINE = 8  # words


@dataclass(frozen=True, eq=False)
class Relocation:
    """The words that hold addresses in one region, and how many bytes into it these are."""

    words: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def apply(self, words: NDArray[np.int64], base: int) -> None:
        """Fill them in, now that the region begins at ``base``."""
        words[self.words] = self.offsets + base


@dataclass(frozen=True, eq=False)
class Code:
    """A program's words, and what must be known to make instances of it.

    ``segments`` are, for each native call, where its steps begin (in words), and whether they are
    worth waking workers for. ``arena`` bytes hold tensors, ``shared`` and ``own`` bytes are scratch
    memory of all threads together and of each thread.
    """

    words: NDArray[np.int64]
    inner: Relocation
    regions: dict[int, Relocation]
    segments: tuple[tuple[int, bool], ...]
    launches: int
    arena: int
    shared: int
    own: int
    symbols: frozenset[str]


def lay_down(
    segments: Sequence[Sequence[Launched]],
    resolve: Callable[[int], None],
    *,
    arena: int,
    shared: int,
    own: int,
) -> Code:
    """The words of these launches. ``resolve`` is shown every real address among the arguments.

    Raises CompileError for a segment of more steps than a program can count.
    """
    steps: list[int] = []
    blocks: list[NDArray[np.int64]] = []
    starts = []
    for launches in segments:
        if len(launches) > pool_emit.MOST_STEPS:
            raise CompileError(
                f"a program of {len(launches)} launches\n  one native call takes "
                f"{pool_emit.MOST_STEPS} at most"
            )
        wake = sum(one.work for one in launches) > WAKE_WORK
        starts.append((len(steps), wake))
        for one in launches:
            steps += [one.kernel, 0, one.items, _most(one)]
            blocks.append(words_of(one))
        steps += [0] * pool_emit.STEP_WORDS
    at = _rounded(len(steps))
    places = []
    for block in blocks:
        places.append(at)
        at += _rounded(len(block))
    words = np.zeros(at, np.int64)
    words[: len(steps)] = steps
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    every = [one for launches in segments for one in launches]
    for one, place, block in zip(every, places, blocks, strict=True):
        words[place : place + len(block)] = block
        for field, address in enumerate(one.addresses):
            where = region_of(address)
            if where is not None:
                found[where[0]].append((place + field, where[1]))
            elif address:
                resolve(address)
    pointing = [
        (start + pool_emit.STEP_WORDS * i + pool_emit.ARGS)
        for (start, _), launches in zip(starts, segments, strict=True)
        for i in range(len(launches))
    ]
    inner = Relocation(np.array(pointing, np.int64), 8 * np.array(places, np.int64))
    regions = {region: _relocation(pairs) for region, pairs in found.items()}
    symbols = frozenset(one.symbol for one in every)
    return Code(words, inner, regions, tuple(starts), len(every), arena, shared, own, symbols)


def _most(one: Launched) -> int:
    """Into how many chunks a launch is worth dividing; 0 if it is not."""
    if one.items < 2 or one.work < SHARED_WORK:
        return 0
    return max(2, min(one.work // CHUNK_WORK, pool_emit.ANY))


def _rounded(words: int) -> int:
    return (words + _LINE - 1) // _LINE * _LINE


def _relocation(pairs: list[tuple[int, int]]) -> Relocation:
    words, offsets = np.array(pairs, np.int64).reshape(-1, 2).T
    return Relocation(np.ascontiguousarray(words), np.ascontiguousarray(offsets))


class Instance:
    """Memory for one run of a program at a time, on ``threads`` threads at most."""

    __slots__ = (
        "_address",
        "_code",
        "_external",
        "_space",
        "_words",
        "arena",
        "scratch",
        "threads",
    )

    def __init__(self, code: Code, threads: int) -> None:
        self._code = code
        self.threads = threads
        self.arena = Storage(code.arena)
        shared = (code.shared + 63) // 64 * 64
        self.scratch = Storage(shared + code.own * threads)
        self._space = Storage(8 * len(code.words))
        self._address = self._space.address
        self._words = np.asarray(self._space).view(np.int64)
        self._words[:] = code.words
        code.inner.apply(self._words, self._address)
        bases = {
            ARENA: self.arena.address,
            SCRATCH: self.scratch.address,
            OWN: self.scratch.address + shared,
        }
        self._external: list[tuple[int, Relocation]] = []
        for region, relocation in code.regions.items():
            if region < EXTERNAL:
                relocation.apply(self._words, bases[region])
            else:
                self._external.append((region - EXTERNAL, relocation))

    def point(self, addresses: Sequence[int]) -> None:
        """Say where what is given anew at each call lies this time."""
        words: Any = self._words
        for place, relocation in self._external:
            relocation.apply(words, addresses[place])

    def perform(self, segment: int) -> None:
        """One native call: all launches of a segment."""
        start, wake = self._code.segments[segment]
        threads.perform(self._address + 8 * start, self.threads, wake)

    def timed(self, segment: int) -> list[int]:
        """Nanoseconds of each launch of a segment, run one by one from Python in their order."""
        start, _ = self._code.segments[segment]
        step = pool_emit.STEP_WORDS
        alone = np.zeros(2 * step, np.int64)
        table = alone.ctypes.data
        found = []
        while self._words[start]:
            alone[:step] = self._words[start : start + step]
            before = perf_counter_ns()
            threads.perform(table, self.threads, True)
            found.append(perf_counter_ns() - before)
            start += step
        return found
