"""Which settings of an optimizer the full suite compiles: its first; the others run nightly."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["in_full"]


def in_full(codes: Sequence[str]) -> set[str]:
    """The first code of each optimizer.

    >>> sorted(in_full(["optim.SGD(a)", "optim.SGD(b)", "optim.SGD(c)", "optim.Adam(a)"]))
    ['optim.Adam(a)', 'optim.SGD(a)']
    """
    by_class: dict[str, list[str]] = {}
    for code in codes:
        by_class.setdefault(code.split("(")[0], []).append(code)
    return {own[0] for own in by_class.values()}
