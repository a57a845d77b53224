"""Cases that together show every value there is, though not every combination of values.

The full suite runs these; ``-m nightly`` runs the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import pytest

from tatamu.stage import host

T = TypeVar("T", bound=Any)

HOST = host()
HOST_ISA = HOST.isa if HOST else ""


def values(case: Any, place: Hashable = ()) -> set[Hashable]:
    """What a case shows: each of its elements, or fields, where it stands."""
    if isinstance(case, tuple):
        parts = list(enumerate(case))
    elif is_dataclass(case) and not isinstance(case, type):
        parts = [(f.name, getattr(case, f.name)) for f in fields(case)]
    else:
        return {(place, repr(case))}
    return set().union(*(values(part, (place, name)) for name, part in parts))


def covering(
    cases: Iterable[T], shown: Callable[[T], set[Any]] = values, besides: Iterable[T] = ()
) -> list[T]:
    """Few of ``cases`` that show, with those ``besides``, all that any of them shows.

    Always the one that adds the most.
    """
    left = [(case, shown(case)) for case in cases]
    missing = set().union(*(facts for _, facts in left)).difference(*map(shown, besides))
    chosen = []
    while missing:
        case, facts = max(left, key=lambda pair: len(pair[1] & missing))
        chosen.append(case)
        missing -= facts
    return chosen


def most(cases: Iterable[T], shown: Callable[[T], set[Any]] = values) -> list[T]:
    """All that begin with the host's instruction set, unless in float64; few that cover the rest.

    Float64 is seen among the values of a case, or of the tile that it holds.
    """
    cases = list(cases)
    first = [c for c in cases if c[0] == HOST_ISA and "'float64'" not in repr(c)]
    others = [c for c in cases if c not in first]
    kept = [*first, *covering(others, shown, first)]
    return [c for c in cases if c in kept]


def varied(
    names: str,
    cases: Iterable[tuple[Any, ...]],
    kept: Sequence[tuple[Any, ...]] | None = None,
    ids: Callable[..., str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrisation by ``cases``; those that are not among ``kept`` (``most``) are nightly."""
    cases = list(cases)
    kept = most(cases) if kept is None else kept
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(
                *case,
                marks=() if case in kept else pytest.mark.nightly,
                id=ids(*case) if ids else None,
            )
            for case in cases
        ],
    )


Which = Callable[[Iterable[T]], list[T]]
few_and_all = pytest.mark.parametrize(
    "which",
    [pytest.param(covering, id="few"), pytest.param(list, id="all", marks=pytest.mark.nightly)],
)
