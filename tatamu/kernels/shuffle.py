"""Numbers exchanged one after another: the inner loop of a random permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tatamu.stage import I64, Layout, Module, PointerTo, Target, Type

__all__ = ["ShufflePlan", "accepts", "plan"]

FIELDS: dict[str, Type | PointerTo] = {
    "order": PointerTo(I64),
    "partners": PointerTo(I64),
    "count": I64,
}


def accepts(count: int, target: Target) -> str | None:
    """None: it runs everywhere."""
    return None


@dataclass(frozen=True, slots=True)
class ShufflePlan:
    """So many exchanges, in one piece: each depends on those before."""

    count: int
    target: Target

    label = "shuffle"
    items = 1

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return 500 * self.count

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return f"shuffle_{self.target.tag}"

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; order and partners (fields 0 and 1) are for the call to fill."""
        return Layout.of(FIELDS).pack(order=0, partners=0, count=self.count)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.target)


def plan(count: int, target: Target) -> ShufflePlan:
    """Work out the plan."""
    return ShufflePlan(count, target)


def emit(target: Target, *, debug: bool = False) -> Module:
    """Number i of ``order`` changes places with number ``partners[i]``."""
    m = Module(f"shuffle_{target.tag}", target, debug=debug)
    f, a = m.task(FIELDS)
    order, partners = a.pointer("order"), a.pointer("partners")
    for _ in f.loop(f.args.end, start=f.args.begin):
        for place in f.loop(a.count):
            partner = partners.load(place)
            own, other = order.load(place), order.load(partner)
            order.store(place, other)
            order.store(partner, own)
    return m
