"""The form of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tatamu.language import Pair

__all__ = ["Entry"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is to be said of a layer, or of some that differ in the number of axes alone.

    ``formula`` is notation, and the same in both languages. ``parameters`` are those that mean
    something else here than in `tatamu.learn.parameters`. ``pitfalls`` name texts of
    `tatamu.pitfalls`. ``example`` is Python whose printed output is shown below it.
    """

    layers: tuple[str, ...]
    meaning: Pair
    formula: tuple[str, ...] = ()
    parameters: Mapping[str, Pair] = field(default_factory=dict)
    pitfalls: tuple[str, ...] = ()
    example: str = ""
    see: tuple[str, ...] = ()


def axes(name: str, *more: str) -> tuple[str, ...]:
    """A layer for one, two and three axes.

    >>> axes("Conv")
    ('Conv1d', 'Conv2d', 'Conv3d')
    """
    return tuple(f"{each}{n}d" for each in (name, *more) for n in (1, 2, 3))
