"""Where values lie: those that are needed at the same time never overlap, others share memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["ALIGNMENT", "Life", "Placed", "aligned", "overlapping", "place"]

ALIGNMENT = 64


class Life(NamedTuple):
    """Bytes that are needed from step ``first`` to step ``last``, both included."""

    nbytes: int
    first: int
    last: int


class Placed(NamedTuple):
    """Where each life's bytes begin, and how long the whole block is."""

    offsets: tuple[int, ...]
    nbytes: int


def aligned(nbytes: int) -> int:
    """Rounded up to whole cache lines.

    >>> aligned(1), aligned(128)
    (64, 128)
    """
    return (nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def place(lives: Iterable[Life]) -> Placed:
    """Offsets in one block, the largest first, each as low as those it lives with let it lie.

    >>> place([Life(100, 0, 1), Life(64, 1, 2), Life(100, 2, 3)])
    Placed(offsets=(0, 128, 0), nbytes=192)
    """
    given = list(lives)
    offsets = [0] * len(given)
    placed: list[int] = []
    for i in sorted(range(len(given)), key=lambda i: (-given[i].nbytes, given[i].first)):
        beside = [j for j in placed if _together(given[i], given[j])]
        start = 0
        for j in sorted(beside, key=lambda j: offsets[j]):
            if offsets[j] - start >= aligned(given[i].nbytes):
                break
            start = max(start, offsets[j] + aligned(given[j].nbytes))
        offsets[i] = start
        placed.append(i)
    ends = [at + aligned(life.nbytes) for at, life in zip(offsets, given, strict=True)]
    return Placed(tuple(offsets), max(ends, default=0))


def overlapping(lives: Iterable[Life], placed: Placed) -> list[tuple[int, int]]:
    """Pairs that live at the same time and share a byte: none, if all is well."""
    given = list(lives)
    found = []
    for i, a in enumerate(given):
        for j, b in enumerate(given[:i]):
            apart = (
                placed.offsets[i] + a.nbytes <= placed.offsets[j]
                or placed.offsets[j] + b.nbytes <= placed.offsets[i]
            )
            if _together(a, b) and not apart and a.nbytes and b.nbytes:
                found.append((j, i))
    return found


def _together(a: Life, b: Life) -> bool:
    return a.first <= b.last and b.first <= a.last
