"""Which positions of a picture each output of a network depends on, through any graph of layers.

Every path counts: where two meet, an output depends on what either brings. Only taps that exist are
followed, so that no position outside the picture is ever named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from tatamu.geometry.padding import Padded
from tatamu.geometry.receptive import ReceptiveField
from tatamu.geometry.resize import Resampling
from tatamu.geometry.window import Axis, Window

__all__ = ["Reach", "Seen"]

NOTHING = (1 << 62, -1)
"""First and last of an output that depends on no position."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far outputs see by their windows alone: output o sees `size` positions from
    `start + o * step`.

    They may lie beyond the picture's edges, and between positions after a transposed layer.
    """

    size: Fraction = Fraction(1)
    step: Fraction = Fraction(1)
    start: Fraction = Fraction(0)

    def through(self, axis: Axis) -> Reach:
        """The reach of the outputs of one more layer.

        >>> reach = Reach().through(Axis(Window(3, 2, pad=(1, 1))))
        >>> int(reach.size), int(reach.step), int(reach.start)
        (3, 2, -1)
        """
        field = ReceptiveField(self.size, self.step, self.start).through(axis)
        return Reach(field.size, field.step, field.start)

    def resized(self, axis: Resampling) -> Reach | None:
        """The reach of the pixels of a resized picture; None where their taps differ in number."""
        if axis.antialias or axis.mode == "area":
            return None
        taps = {"linear": 2, "cubic": 4}.get(axis.mode, 1)
        scale = Fraction(axis.scale).limit_denominator(1 << 16)
        first = Fraction(axis.centre(0)).limit_denominator(1 << 16) - Fraction(taps - 1, 2)
        if taps == 1:
            first = Fraction(0)
        return Reach(
            self.size + self.step * (taps - 1), self.step * scale, self.start + self.step * first
        )

    def beside(self, other: Reach) -> Reach | None:
        """The reach of what takes both; None if they do not step alike.

        >>> wide, narrow = Reach().through(Axis(Window(5, pad=(2, 2)))), Reach()
        >>> int(narrow.beside(wide).size)
        5
        """
        if self.step != other.step:
            return None
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return Reach(end - start, self.step, start)


@dataclass(frozen=True, slots=True)
class Seen:
    """One axis of a picture, as a tensor's values depend on it.

    The values at place o along the tensor's dimension ``dim`` depend on no position before
    ``first[o]`` or behind ``last[o]``; with ``dim`` None all values depend on the same. Both are
    included; where nothing is seen the last lies before the first. ``reach`` is how far windows
    reach, None where no step holds; ``grid`` the output o of the reach that each place is, if it is
    not the place itself (rows and columns of a picture in one row).

    >>> three = Axis(Window(3, stride=2, pad=(1, 1)))
    >>> seen = Seen.of(5, dim=2).through(three).through(three)
    >>> seen.at(0), seen.at(1), int(seen.reach.size)
    (range(0, 4), range(1, 5), 7)
    """

    dim: int | None
    first: tuple[int, ...]
    last: tuple[int, ...]
    reach: Reach | None
    grid: tuple[int, ...] | None = None

    @staticmethod
    def of(size: int, dim: int | None) -> Seen:
        """Of the picture itself: each position sees itself."""
        positions = tuple(range(size))
        return Seen(dim, positions, positions, Reach())

    @staticmethod
    def nothing() -> Seen:
        """Of a tensor that does not depend on the picture."""
        return Seen(None, NOTHING[:1], NOTHING[1:], None)

    @property
    def empty(self) -> bool:
        """Whether no value depends on any position."""
        return all(a > b for a, b in zip(self.first, self.last, strict=True))

    def at(self, o: int) -> range:
        """From the first to the last position that output ``o`` depends on."""
        o = o if self.dim is not None else 0
        first, last = self.first[o], self.last[o]
        return range(first, last + 1) if last >= first else range(0)

    def reading(self, reads: Iterable[Sequence[int]], reach: Reach | None = None) -> Seen:
        """What outputs see that read these places, one sequence of them for each output."""
        first, last = [], []
        for places in reads:
            first.append(min((self.first[p] for p in places), default=NOTHING[0]))
            last.append(max((self.last[p] for p in places), default=NOTHING[1]))
        return Seen(self.dim, tuple(first), tuple(last), None if self.grid else reach)

    def through(self, axis: Axis) -> Seen:
        """What the outputs of a layer see that moves a window along this axis."""
        size = len(self.first)
        reads = (sorted(axis.reads(o, size)) for o in range(axis.out(size)))
        return self.reading(reads, self.reach and self.reach.through(axis))

    def resized(self, axis: Resampling) -> Seen:
        """What the pixels of a resized picture see; taps of no weight are left out.

        >>> Seen.of(2, dim=2).resized(Resampling("linear", 2, 4)).at(1)
        range(0, 2)
        """
        reads = ([at for at, weight in taps if weight] for taps in axis.taps())
        return self.reading(reads, self.reach and self.reach.resized(axis))

    def padded(self, axis: Padded) -> Seen:
        """What the positions of a padded (or cropped) picture see.

        >>> Seen.of(3, dim=2).padded(Padded("reflect", 3, 1, 0)).at(0)
        range(1, 2)
        """
        reads = ([at] if at >= 0 else [] for at in axis.sources())
        shift = Axis(Window(1, pad=(max(axis.before, 0), 0)))
        reach = self.reach and self.reach.through(shift)
        if reach and axis.before < 0:
            reach = replace(reach, start=reach.start - axis.before * reach.step)
        return self.reading(reads, reach)

    def picked(self, places: Sequence[int], dim: int | None) -> Seen:
        """The same of a tensor whose places along ``dim`` are these of this one's.

        >>> picked = Seen.of(6, dim=2).picked([1, 3, 5], dim=3)
        >>> picked.at(2), int(picked.reach.step), int(picked.reach.start)
        (range(5, 6), 2, 1)
        """
        grid = [self.grid[p] for p in places] if self.grid else list(places)
        first = tuple(self.first[p] for p in places)
        last = tuple(self.last[p] for p in places)
        step = grid[1] - grid[0] if len(grid) > 1 else 1
        even = step > 0 and all(b - a == step for a, b in pairwise(grid))
        if self.reach is None or not grid:
            return Seen(dim, first, last, None)
        if not even:
            return Seen(dim, first, last, self.reach, tuple(grid))
        own = self.reach
        reach = Reach(own.size, own.step * step, own.start + own.step * grid[0])
        return Seen(dim, first, last, reach)

    def as_one(self) -> Seen:
        """What a value sees that depends on every place along this axis.

        >>> Seen.of(4, dim=2).as_one().at(0)
        range(0, 4)
        """
        if self.dim is None:
            return self
        count = max(self.grid, default=0) + 1 if self.grid else len(self.first)
        reach = self.reach and self.reach.through(Axis(Window(max(1, count))))
        first = min(self.first, default=NOTHING[0])
        return Seen(None, (first,), (max(self.last, default=NOTHING[1]),), reach)

    def moved(self, dim: int | None) -> Seen:
        """The same along another dimension of the tensor."""
        return replace(self, dim=dim)

    def beside(self, other: Seen) -> Seen:
        """What values see that take a value of both, place by place along the same dimension.

        A tensor that has no such dimension, or only one place along it, reaches every place: it
        widens what is seen, but not the reach of the other's windows.
        """
        if self.empty or other.empty:
            return other if self.empty else self
        if self.dim is not None and other.dim is not None and self.dim != other.dim:
            return self.as_one().beside(other.as_one())
        wide, narrow = (self, other) if len(self.first) >= len(other.first) else (other, self)
        if wide.dim is None:
            wide, narrow = narrow, wide
        reach = None
        if narrow.dim is not None and len(narrow.first) == len(wide.first):
            if self.reach and other.reach and self.grid == other.grid:
                reach = self.reach.beside(other.reach)
        elif narrow.dim is None and wide.dim is None:
            reach = self.reach.beside(other.reach) if self.reach and other.reach else None
        else:
            reach = wide.reach
        count = len(wide.first)
        spread = [a * count if len(a) == 1 else a for a in (narrow.first, narrow.last)]
        first = tuple(map(min, wide.first, spread[0]))
        last = tuple(map(max, wide.last, spread[1]))
        return Seen(wide.dim, first, last, reach, wide.grid if reach else None)

    def joined(self, other: Seen) -> Seen:
        """The same of this tensor and another behind it along this dimension."""
        return Seen(self.dim, self.first + other.first, self.last + other.last, None)
