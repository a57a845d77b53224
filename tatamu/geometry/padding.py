"""Padding: which input position each padded position repeats."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Padded"]

Taps = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Padded:
    """One axis. Modes are constant, reflect, edge and wrap; negative widths crop.

    >>> Padded("reflect", 4, 2, 1).sources()
    (2, 1, 0, 1, 2, 3, 2)
    >>> Padded("constant", 3, 1, -1).sources()
    (-1, 0, 1)
    """

    mode: str
    size: int
    before: int
    after: int

    @property
    def out(self) -> int:
        """Positions after padding."""
        return self.size + self.before + self.after

    def sources(self) -> tuple[int, ...]:
        """For each padded position the one it repeats, or -1."""
        return tuple(self._source(o - self.before) for o in range(self.out))

    def _source(self, at: int) -> int:
        if self.mode == "edge":
            return min(max(at, 0), self.size - 1)
        if self.mode == "wrap":
            return at % self.size
        if self.mode == "reflect":
            period = max(2 * (self.size - 1), 1)
            return min(at % period, -at % period)
        return at if 0 <= at < self.size else -1

    def runs(self) -> list[tuple[int, int, int]]:
        """Stretches of neighbours that repeat neighbours, as (source or -1, first, count).

        >>> Padded("edge", 4, 1, 1).runs()
        [(0, 0, 1), (0, 1, 4), (3, 5, 1)]
        """
        found: list[tuple[int, int, int]] = []
        for o, source in enumerate(self.sources()):
            if found:
                start, first, count = found[-1]
                if source == (start if start < 0 else start + count):
                    found[-1] = start, first, count + 1
                    continue
            found.append((source, o, 1))
        return found

    def taps(self) -> tuple[Taps, ...]:
        """The sources in the form that `Resampling` has; nowhere may there be none."""
        return tuple(((source, 1.0),) for source in self.sources())

    def transposed(self) -> tuple[Taps, ...]:
        """For each input position the padded ones that repeat it."""
        found: list[list[tuple[int, float]]] = [[] for _ in range(self.size)]
        for o, source in enumerate(self.sources()):
            if source >= 0:
                found[source].append((o, 1.0))
        return tuple(tuple(taps) for taps in found)
