"""The rates by which predicted costs become time: measured once per machine, kept as a note.

They are rounded to steps of a quarter, so that two measurements of one machine give the same
choices, and choices the same bits.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from tatamu.errors import CompileError
from tatamu.runtime import machine, notes
from tatamu.stage import F32, Target, host

if TYPE_CHECKING:
    from tatamu.kernels.cost import Rates

__all__ = ["rates", "typical"]

# What is assumed where nothing can be measured: a core of some years ago.
TYPICAL = {"steps": 5e9, "bandwidth": 1.2e10, "together": 2e10, "launch": 2e-6}
# Larger than the second cache, small enough that touching it for the first time takes little.
READ_BYTES = 12 * 1024 * 1024


@cache
def typical() -> Rates:
    """What is assumed of a machine before it is measured."""
    from tatamu.kernels.cost import Rates

    return Rates(**TYPICAL)


@cache
def rates() -> Rates:
    """This machine's rates: from the note if there is one, else measured (some 50 ms)."""
    from tatamu.kernels.cost import Rates

    target = host()
    if target is None:
        return typical()
    name = f"{machine.cpu().name}, {target.tag}, {machine.cores()} cores"
    known = notes.read("rates")
    kept = known.get(name)
    if isinstance(kept, dict) and _is_sound(kept):
        return Rates(**kept)
    try:
        found = _measure(target)
    except CompileError:
        return typical()
    notes.write("rates", {**known, name: found})
    return Rates(**found)


def _is_sound(found: dict[str, object]) -> bool:
    numbers = all(isinstance(v, float) and 0 < v < 1e15 for v in found.values())
    return set(found) == set(TYPICAL) and numbers


def _measure(target: Target) -> dict[str, float]:
    flops = machine.fma_peak() * 1e9
    cores = machine.cores()
    alone = machine.read_bandwidth(READ_BYTES) * 1e9
    together = machine.read_bandwidth(READ_BYTES, cores) * 1e9 if cores > 1 else alone
    return {
        "steps": rounded(flops / (2 * target.lanes(F32))),
        "bandwidth": rounded(alone),
        "together": rounded(together),
        "launch": TYPICAL["launch"],
    }


def rounded(x: float) -> float:
    """The nearest of 1, 1.25, 1.25² ...

    >>> round(rounded(1.0e9) / rounded(1.1e9), 2)
    1.0
    """
    return float(1.25 ** round(math.log(x, 1.25)))
