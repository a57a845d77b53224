"""Transposed convolution without zeros: one dense convolution for every phase of the stride.

Output o of a transposed axis adds up x[i] w[j] over all o = s i + d j - a (s: stride, d: dilation,
a: padding). Outputs whose o + a leave the same rest modulo s meet the same taps, and from one to
the next the inputs they read move by one position: a convolution of stride 1 with those taps in
reverse order, d / gcd(s, d) apart. Nothing is multiplied by a zero that stride put there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from tatamu.geometry.window import Window

__all__ = ["Phase", "apart", "phases"]


@dataclass(frozen=True, slots=True)
class Phase:
    """The outputs ``first``, ``first + step`` ... (``count`` of them) of one transposed axis.

    They are what ``window`` makes of the inputs from ``start`` to ``stop``, with the kernel's
    ``taps`` in this order. Without taps (``window`` is None then) they are sums of nothing.
    """

    first: int
    step: int
    count: int
    taps: tuple[int, ...]
    window: Window | None
    start: int
    stop: int


def phases(window: Window, size: int, out: int) -> tuple[Phase, ...]:
    """The phases of an axis on which ``size`` inputs become ``out`` outputs.

    >>> for phase in phases(Window(3, stride=2, pad=(1, 1)), 4, 7):
    ...     print(phase.first, phase.count, phase.taps, phase.window.pad, phase.start, phase.stop)
    0 4 (1,) (0, 0) 0 4
    1 3 (2, 0) (0, 0) 0 4
    """
    return tuple(_phase(window, size, out, first) for first in range(min(window.stride, out)))


def apart(window: Window, size: int, out: int) -> bool:
    """Whether each input of a transposed axis makes outputs that no other input has a part in.

    There are as many phases then as taps, each of one tap, and together they are the outputs in
    order: those of one input lie next to one another.

    >>> apart(Window(2, stride=2), 4, 8), apart(Window(3, stride=2), 4, 9)
    (True, False)
    """
    return window == Window(window.stride, window.stride) and out == size * window.stride


def _phase(window: Window, size: int, out: int, first: int) -> Phase:
    step = window.stride
    count = -(-(out - first) // step)
    met = [(i, j) for i, j in reversed(window.back_taps(first))]
    nothing = Phase(first, step, count, (), None, 0, 0)
    if not met:
        return nothing
    spread = window.dilation // gcd(step, window.dilation)
    lowest, highest = met[0][0], met[-1][0] + count - 1
    start, stop = max(0, lowest), min(size, highest + 1)
    if stop <= start:
        return nothing
    pad = (start - lowest, highest + 1 - stop)
    taps = tuple(j for _, j in met)
    return Phase(first, step, count, taps, Window(len(taps), 1, spread, pad), start, stop)
