"""Which positions of a picture each output of a network depends on, through any graph of layers.

Every path counts: where two meet, an output depends on what either brings. Only taps that exist are
followed, so that no position outside the picture is ever named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tatamu.geometry.receptive import ReceptiveField
from tatamu.geometry.resize import Resampling
from tatamu.geometry.window import Axis, Window

__all__ = ["Reach", "Seen"]

NOTHING = (1 << 62, -1)
"""First and last of an output that depends on no position."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far outputs see by their windows alone: output o `size` positions from `start + o * step`.

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
        """The reach of the pixels of a resized picture; None where taps differ with antialiasing."""
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
    ``first[o]`` or behind ``last[o]``; those of a tensor without such a dimension (``dim`` None), or
    where it is gone, all on the same. Both are included; where nothing is seen the last lies before
    the first. ``reach`` is how far its windows reach, None where no step holds.

    >>> three = Axis(Window(3, stride=2, pad=(1, 1)))
    >>> seen = Seen.of(5, dim=2).through(three).through(three)
    >>> seen.at(0), seen.at(1), int(seen.reach.size)
    (range(0, 4), range(1, 5), 7)
    """

    dim: int | None
    first: tuple[int, ...]
    last: tuple[int, ...]
    reach: Reach | None

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
        return Seen(self.dim, tuple(first), tuple(last), reach)

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

    def as_one(self) -> Seen:
        """What a value sees that depends on every place along this axis.

        >>> Seen.of(4, dim=2).as_one().at(0)
        range(0, 4)
        """
        if self.dim is None:
            return self
        reach = self.reach and self.reach.through(Axis(Window(max(1, len(self.first)))))
        return Seen(None, (min(self.first, default=NOTHING[0]),),
                    (max(self.last, default=NOTHING[1]),), reach)  # fmt: skip

    def alike(self, dim: int, size: int) -> Seen:
        """The same of a tensor in which all places along ``dim`` see what ``as_one`` does."""
        one = self.as_one()
        return replace(one, dim=dim, first=one.first * size, last=one.last * size, reach=None)

    def moved(self, dim: int | None) -> Seen:
        """The same along another dimension of the tensor."""
        return replace(self, dim=dim)

    def beside(self, other: Seen) -> Seen:
        """What values see that take a value of both, place by place along the same dimension.

        A tensor that has no such dimension reaches every place; it widens what is seen, but not the
        reach of the other's windows.
        """
        if self.empty or other.empty:
            return other if self.empty else self
        if self.dim is None and other.dim is not None:
            return other.beside(self)
        if other.dim is None and self.dim is not None:
            count = len(self.first)
            other = replace(other, first=other.first * count, last=other.last * count, reach=None)
            reach = self.reach
        else:
            both = self.reach is not None and other.reach is not None
            reach = self.reach.beside(other.reach) if both else None  # type: ignore[union-attr, arg-type]
        if len(self.first) != len(other.first):  # one of them is a single place, repeated
            if len(self.first) == 1:
                return other.beside(replace(self, dim=None)) if other.dim is not None else other
            return self.beside(replace(other, dim=None))
        first = tuple(map(min, self.first, other.first))
        last = tuple(map(max, self.last, other.last))
        return Seen(self.dim, first, last, reach)
