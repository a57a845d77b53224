"""A transposed convolution read as a convolution: zeros between the pixels, zeros around them."""

from __future__ import annotations

from dataclasses import dataclass

from tatamu.geometry.window import Window

__all__ = ["Insertion"]


@dataclass(frozen=True, slots=True)
class Insertion:
    """One axis. A stride of s puts s − 1 zeros between neighbours, the border before and after.

    The flipped kernel then moves one position at a time over what `board` spans; a negative border
    cuts positions off.

    >>> one = Insertion(Window(3, stride=2, pad=(1, 1)), 4, output_padding=1)
    >>> one.stretched, one.before, one.after, one.out
    (7, 1, 2, 8)
    >>> list(one.taps(0)), one.board
    ([-1, 0, 1], range(-1, 9))
    """

    window: Window
    size: int
    output_padding: int = 0

    @property
    def stretched(self) -> int:
        """The picture's positions with the zeros between them."""
        return Window(1, self.window.stride).back(self.size)

    @property
    def before(self) -> int:
        """Zeros in front: dilation · (kernel − 1) − padding."""
        return self.window.extent - 1 - self.window.pad[0]

    @property
    def after(self) -> int:
        """Zeros behind: as many, and the output padding."""
        return self.window.extent - 1 - self.window.pad[1] + self.output_padding

    @property
    def moving(self) -> Window:
        """The window of the convolution that follows, which knows of the border as its padding."""
        return Window(self.window.kernel, 1, self.window.dilation)

    @property
    def out(self) -> int:
        """How many outputs that convolution has."""
        return self.moving.out(self.stretched + self.before + self.after)

    @property
    def board(self) -> range:
        """All positions: those of the stretched picture count from 0."""
        return range(min(0, -self.before), max(self.stretched, self.stretched + self.after))

    def taps(self, o: int) -> range:
        """The positions that output `o` reads."""
        taps = self.moving.taps(o)
        return range(taps.start - self.before, taps.stop - self.before, taps.step)

    def source(self, at: int) -> int | None:
        """The input pixel at a position; None for a zero.

        >>> one = Insertion(Window(2, stride=2), 2)
        >>> [one.source(at) for at in one.board]
        [None, 0, None, 1, None]
        """
        index, rest = divmod(at, self.window.stride)
        return index if rest == 0 and 0 <= index < self.size else None
