"""Sizes backwards: every kernel, stride, padding and dilation that leads from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tatamu.geometry.window import Axis, Window, centring

__all__ = ["Doer", "Limits", "Setting", "nearest", "needed_kernel", "settings"]

Doer = Literal["conv", "transposed", "pool"]
"""Which layer is to do it: Conv2d, ConvTranspose2d or MaxPool2d."""

_USUAL = {3: 0, 2: 1, 4: 2, 5: 3, 7: 4, 1: 5}
"""Kernels in the order in which networks use them; the others follow by size."""

MOST_TRIED = 4096


@dataclass(frozen=True)
class Limits:
    """How far is searched: the largest kernel and dilation.

    Strides have no limit but the size. Padding goes as far as the layer allows: a convolution's
    window has to touch the picture, pooling's by half, and what a transposed one cuts off may not
    be more than its taps reach.
    """

    kernel: int = 11
    dilation: int = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to do it, on one axis."""

    kernel: int
    stride: int
    padding: int
    dilation: int
    output_padding: int = 0
    ceil_mode: bool = False

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.dilation, (self.padding, self.padding))

    def axis(self, doer: Doer) -> Axis:
        """The window as its layer uses it."""
        return Axis(self.window, doer == "transposed", self.output_padding, self.ceil_mode)

    @property
    def reads_all(self) -> bool:
        """Whether the taps leave no gaps between them, the ends of the picture aside.

        >>> Setting(3, 2, 1, 1).reads_all, Setting(3, 4, 1, 1).reads_all
        (True, False)
        """
        return len({j * self.dilation % self.stride for j in range(self.kernel)}) == self.stride

    @property
    def family(self) -> int:
        """0 for what networks are made of, 1 for the rest.

        Those are a window centred on its pixel, tiles side by side, and twice the stride wide
        (4, 2, 1), which upsamples evenly.
        """
        centred = self.kernel % 2 == 1 and self.padding == centring(self.kernel, self.dilation)
        tiled = self.kernel == self.stride and self.padding == 0
        even = self.kernel == 2 * self.stride and 2 * self.padding == self.stride
        return 0 if centred or (self.dilation == 1 and (tiled or even)) else 1

    @property
    def rank(self) -> tuple[int, ...]:
        """Usual choices come first.

        >>> Setting(3, 2, 1, 1).rank < Setting(7, 2, 3, 1).rank < Setting(3, 2, 0, 1).rank
        True
        """
        return (
            self.dilation > 1 and self.family != 0,
            not self.reads_all,
            self.ceil_mode,
            self.family,
            self.dilation > 1,
            _USUAL.get(self.kernel, 4 + self.kernel),
            self.output_padding,
            self.dilation,
            abs(self.padding - centring(self.kernel, self.dilation)),
            self.padding,
            self.stride,
        )


def settings(
    size: int, out: int, doer: Doer = "conv", limits: Limits | None = None
) -> list[Setting]:
    """All settings that make `out` of `size` within the limits, usual ones first.

    Where a single output comes out, the stride makes no step: the smallest stands for all. A kernel
    of one has no dilation. Pooling is listed with ceil_mode only where it makes a difference.

    >>> [(s.kernel, s.stride, s.padding, s.dilation) for s in settings(224, 112)[:3]]
    [(3, 2, 1, 1), (2, 2, 0, 1), (4, 2, 1, 1)]
    >>> settings(4, 8, "transposed")[0]
    Setting(kernel=3, stride=2, padding=1, dilation=1, output_padding=1, ceil_mode=False)
    >>> settings(7, 1)[0].kernel
    7
    """
    limits = limits or Limits()
    ways = {"conv": _forward, "transposed": _transposed, "pool": _pooled}
    found: list[Setting] = []
    for kernel in range(1, limits.kernel + 1):
        for dilation in range(1, (limits.dilation if kernel > 1 else 1) + 1):
            extent = Window(kernel, dilation=dilation).extent
            most = kernel // 2 if doer == "pool" else extent - 1
            for padding in range(most + 1):
                once = Window(kernel, 1, dilation, (padding, padding))
                found += ways[doer](once, size, out)
    alone = out == 1 and doer != "transposed"
    return sorted(found, key=lambda s: (alone and s.window.left_over(size).picture > 0, s.rank))


def _steps(once: Window, size: int, out: int) -> range:
    """The strides with which a window of stride 1 makes `out` steps, flooring.

    Its last start is at `room`; `out` starts fit if ⌊room / stride⌋ = out − 1.
    """
    room = once.out(size) - 1
    if room < 0:
        return range(0)
    least = room // out + 1
    return range(least, (least if out == 1 else room // (out - 1)) + 1)


def _forward(once: Window, size: int, out: int) -> Iterator[Setting]:
    for stride in _steps(once, size, out):
        yield Setting(once.kernel, stride, once.pad[0], once.dilation)


def _pooled(once: Window, size: int, out: int) -> Iterator[Setting]:
    yield from _forward(once, size, out)
    room = once.out(size) - 1
    if room < 1 or out == 1:
        return  # rounding up is the same, or one window has no other to be rounded up to
    # Rounding up adds one window at most. Of two, the second has to start within the picture.
    last = size + once.pad[0] if out == 2 else room // (out - 2) + 1
    for stride in range(room // (out + 1) + 1, last + 1):
        window = Window(once.kernel, stride, once.dilation, once.pad)
        if window.out(size, ceil_mode=True) == out != window.out(size):
            yield Setting(once.kernel, stride, once.pad[0], once.dilation, ceil_mode=True)


def _transposed(once: Window, size: int, out: int) -> Iterator[Setting]:
    # What is left for the steps between the inputs and for output_padding.
    rest = out - once.back(1)
    if rest < 0:
        return
    if size == 1:
        stride = 1 if rest < max(1, once.dilation) else rest + 1
        yield Setting(once.kernel, stride, once.pad[0], once.dilation, rest)
        return
    for stride in range(rest // (size - 1), 0, -1):
        extra = rest - (size - 1) * stride
        if extra >= max(stride, once.dilation):
            if extra >= once.dilation + rest // (size - 1):
                return
            continue
        yield Setting(once.kernel, stride, once.pad[0], once.dilation, extra)


def nearest(size: int, out: int, doer: Doer, limits: Limits | None = None) -> list[int]:
    """The sizes that can be reached next below and next above `out`; fewer where there is none.

    >>> nearest(224, 150, "conv")
    [127, 194]
    """
    limits = limits or Limits()
    found = []
    for tried in (range(out - 1, 0, -1), range(out + 1, out + MOST_TRIED)):
        if not tried:
            continue
        for near in tried[:MOST_TRIED]:
            if any(True for _ in _some(size, near, doer, limits)):
                found.append(near)
                break
    return found


def _some(size: int, out: int, doer: Doer, limits: Limits) -> Iterator[Setting]:
    """Settings in no order, the first of them quickly."""
    ways = {"conv": _forward, "transposed": _transposed, "pool": _pooled}
    for kernel in range(limits.kernel, 0, -1):
        for dilation in range(limits.dilation if kernel > 1 else 1, 0, -1):
            extent = Window(kernel, dilation=dilation).extent
            for padding in range(kernel // 2 if doer == "pool" else extent - 1, -1, -1):
                yield from ways[doer](Window(kernel, 1, dilation, (padding, padding)), size, out)


def needed_kernel(size: int, out: int, doer: Doer, limits: Limits | None = None) -> Setting | None:
    """The setting of smallest kernel beyond the limit that does it without dilation, if any does.

    >>> needed_kernel(224, 150, "conv")
    Setting(kernel=75, stride=1, padding=0, dilation=1, output_padding=0, ceil_mode=False)
    """
    limits = limits or Limits()
    ways = {"conv": _forward, "transposed": _transposed, "pool": _pooled}
    for kernel in range(limits.kernel + 1, min(max(size, out), MOST_TRIED) + 1):
        most = kernel // 2 if doer == "pool" else kernel - 1
        for padding in sorted({0, centring(kernel), most}):
            for setting in ways[doer](Window(kernel, pad=(padding, padding)), size, out):
                return setting
    return None
