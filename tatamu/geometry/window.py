"""One axis of a sliding window: how many steps it makes, what each reads, what is never read.

Convolution, transposed convolution and pooling differ only in what they do with the values read, so
each axis of each of them is a `Window`. Positions count from the first pixel of the picture:
0 <= position < size lies in the picture, everything else in its padding.
"""

from __future__ import annotations

from dataclasses import dataclass

from tatamu.errors import ArgumentError
from tatamu.geometry import words
from tatamu.geometry.words import Lang

__all__ = ["Axis", "LeftOver", "Window", "adaptive_bins", "centring", "fold"]


@dataclass(frozen=True, slots=True)
class LeftOver:
    """Positions behind the last tap, which no output reads, told apart as padding and picture."""

    padding: int
    picture: int

    def __bool__(self) -> bool:
        return self.padding > 0 or self.picture > 0


@dataclass(frozen=True, slots=True)
class Window:
    """`kernel` taps, `dilation` apart, moved by `stride` over a picture padded by `pad`.

    `pad` is (before, after).

    Raises ArgumentError if kernel, stride or dilation is below 1, or a padding below 0.

    >>> window = Window(3, stride=2, pad=(1, 1))
    >>> window.out(400)
    200
    >>> list(window.taps(0)), list(window.taps(199))
    ([-1, 0, 1], [397, 398, 399])
    >>> window.left_over(400)
    LeftOver(padding=1, picture=0)
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    pad: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.stride < 1 or self.dilation < 1 or min(self.pad) < 0:
            raise ArgumentError(
                "a window needs kernel, stride and dilation of at least 1, and no negative padding",
                arithmetic=[repr(self)],
            )

    @property
    def extent(self) -> int:
        """Positions from the first tap to the last, both included.

        >>> Window(3, dilation=2).extent
        5
        """
        return self.dilation * (self.kernel - 1) + 1

    def padded(self, size: int) -> int:
        """Positions of the picture and its padding together.

        >>> Window(3, pad=(1, 2)).padded(10)
        13
        """
        return size + sum(self.pad)

    def out(self, size: int, ceil_mode: bool = False) -> int:
        """How many outputs a picture of `size` gives; below 1 where the window does not fit.

        With `ceil_mode` a last window may hang over the end, so long as it starts inside the
        picture or the padding before it.

        >>> Window(2, stride=2).out(5), Window(2, stride=2).out(5, ceil_mode=True)
        (2, 3)
        """
        before, after = self.pad
        room = size + before + after - self.dilation * (self.kernel - 1) - 1
        if not ceil_mode:
            return room // self.stride + 1
        count = -(-room // self.stride) + 1
        return count - 1 if self.drops_last(size) else count

    def drops_last(self, size: int) -> bool:
        """Whether `ceil_mode` leaves a window out since it would start in the padding behind.

        >>> Window(2, stride=3, pad=(1, 1)).drops_last(5)
        True
        """
        before, after = self.pad
        room = size + before + after - self.extent
        return -(-room // self.stride) * self.stride >= size + before

    def back(self, size: int, output_padding: int = 0) -> int:
        """How many outputs a transposed convolution makes of `size` inputs: `out` read backwards.

        `out` floors, so several sizes lead to the same output; `output_padding` says which of them
        is meant.

        >>> Window(3, stride=2, pad=(1, 1)).back(200), Window(3, stride=2, pad=(1, 1)).back(200, 1)
        (399, 400)
        """
        before, after = self.pad
        reach = self.dilation * (self.kernel - 1) + output_padding + 1
        return (size - 1) * self.stride - before - after + reach

    def taps(self, o: int) -> range:
        """The positions that output `o` reads, in kernel order; outside 0..size they are padding.

        >>> list(Window(3, stride=2, dilation=2, pad=(1, 1)).taps(1))
        [1, 3, 5]
        """
        start = o * self.stride - self.pad[0]
        return range(start, start + self.extent, self.dilation)

    def back_taps(self, o: int) -> list[tuple[int, int]]:
        """The (input position, kernel index) pairs that a transposed layer adds up in output `o`.

        Input positions outside 0..size are to be left out.

        >>> window = Window(3, stride=2, pad=(1, 1))
        >>> window.back_taps(1), window.back_taps(2)
        ([(1, 0), (0, 2)], [(1, 1)])
        """
        pairs = []
        for j in range(self.kernel):
            i, rest = divmod(o + self.pad[0] - j * self.dilation, self.stride)
            if rest == 0:
                pairs.append((i, j))
        return pairs

    def inside(self, o: int, size: int) -> range:
        """The kernel indices whose tap of output `o` lies in the picture.

        >>> Window(3, stride=2, pad=(1, 1)).inside(0, 400)
        range(1, 3)
        """
        start = o * self.stride - self.pad[0]
        first = max(0, -(start // self.dilation))
        stop = min(self.kernel, -((start - size) // self.dilation))
        return range(first, max(first, stop))

    def interior(self, size: int) -> range:
        """The outputs that read no padding at all.

        >>> Window(3, pad=(1, 1)).interior(5)
        range(1, 4)
        """
        before = self.pad[0]
        first = -(-before // self.stride)
        stop = (size + before - self.extent) // self.stride + 1
        return range(first, max(first, stop))

    def readers(self, tap: int, size: int) -> range:
        """The outputs whose tap number ``tap`` lies in the picture, were there as many as fit.

        >>> Window(3, pad=(1, 1)).readers(0, 5), Window(3, pad=(1, 1)).readers(2, 5)
        (range(1, 6), range(0, 4))
        """
        at = self.taps(0)[tap]
        first = max(0, -(at // self.stride))
        stop = -((at - size) // self.stride)
        return range(first, max(first, stop))

    def counted(self, o: int, size: int, include_pad: bool = True) -> int:
        """Over how many taps average pooling divides output `o`, on this axis.

        Padding counts if `include_pad`; what hangs over the padded end under `ceil_mode` never
        does. The divisor is the product over the axes.

        >>> Window(2, stride=2, pad=(0, 0)).counted(2, 5)
        1
        """
        if not include_pad:
            return len(self.inside(o, size))
        padded = Window(self.kernel, self.stride, self.dilation)
        return len(padded.inside(o, size + sum(self.pad)))

    def left_over(self, size: int, ceil_mode: bool = False) -> LeftOver:
        """What lies behind the last tap, and so is never read.

        >>> Window(3, stride=4, pad=(1, 1)).left_over(8)
        LeftOver(padding=1, picture=2)
        """
        after = self.pad[1]
        rest = size + sum(self.pad) - self._reached(size, ceil_mode)
        picture = min(size, max(0, rest - after))
        return LeftOver(padding=max(0, rest) - picture, picture=picture)

    def overhang(self, size: int) -> int:
        """How many positions `ceil_mode` lets the last window hang over the padded end.

        >>> Window(2, stride=2).overhang(5)
        1
        """
        return max(0, self._reached(size, ceil_mode=True) - size - sum(self.pad))

    def skipped(self, size: int, ceil_mode: bool = False) -> list[int]:
        """The picture positions before the last tap that fall between the taps and are never read.

        >>> Window(1, stride=3).skipped(5)
        [1, 2]
        """
        if self.dilation == 1 and self.stride <= self.kernel:
            return []
        count = self.out(size, ceil_mode)
        read = {position for o in range(count) for position in self.taps(o)}
        last = min(size, self._reached(size, ceil_mode) - self.pad[0])
        return [position for position in range(last) if position not in read]

    def then(self, following: Window) -> Window:
        """The one window that does the work of this one and then the `following` one.

        Its `out`, `extent`, stride and padding are those of the pair. Its taps are the pair's where
        these lie evenly, else every position between the first and the last.

        >>> Window(3, pad=(1, 1)).then(Window(3, pad=(1, 1)))
        Window(kernel=5, stride=1, dilation=1, pad=(2, 2))
        """
        spread = self.stride * following.dilation
        extent = self.extent + spread * (following.kernel - 1)
        fine, coarse = sorted([(self.dilation, self.kernel), (spread, following.kernel)])
        if self.kernel == 1 or following.kernel == 1:
            dilation = spread if self.kernel == 1 else self.dilation
        elif coarse[0] % fine[0] == 0 and coarse[0] <= fine[0] * fine[1]:
            dilation = fine[0]
        else:
            dilation = 1
        before = self.pad[0] + self.stride * following.pad[0]
        after = self.pad[1] + self.stride * following.pad[1]
        kernel = (extent - 1) // dilation + 1
        return Window(kernel, self.stride * following.stride, dilation, (before, after))

    def explain(
        self, size: int, lang: Lang = "en", axis: str = "length", ceil_mode: bool = False
    ) -> str:
        """The arithmetic of `out(size)` and, where something is never read, what.

        `axis` (height, width, depth, length) chooses the words.

        >>> Window(3, stride=2, pad=(1, 1)).explain(8, axis="height")
        '⌊(8 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 4   floored: the bottom padding row is never read'
        >>> Window(3, stride=2, pad=(1, 1)).explain(8, "ja", "height")
        '⌊(8 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 4   切り捨て：下端のパディング 1 行は読まれない'
        """
        return Axis(self, ceil_mode=ceil_mode).explain(size, lang, axis)

    def _reached(self, size: int, ceil_mode: bool) -> int:
        """Positions of the padded picture up to and including the last tap."""
        count = self.out(size, ceil_mode)
        return (count - 1) * self.stride + self.extent if count > 0 else 0


@dataclass(frozen=True, slots=True)
class Axis:
    """A window and the way a layer uses it: forwards or transposed, flooring or with ceil_mode.

    >>> Axis(Window(3, stride=2, pad=(1, 1)), transposed=True, output_padding=1).out(200)
    400
    """

    window: Window
    transposed: bool = False
    output_padding: int = 0
    ceil_mode: bool = False
    padding_mode: str = "zeros"

    def out(self, size: int) -> int:
        """The number of outputs for `size` inputs.

        >>> Axis(Window(2, stride=2), ceil_mode=True).out(5)
        3
        """
        if self.transposed:
            return self.window.back(size, self.output_padding)
        return self.window.out(size, self.ceil_mode)

    def reads(self, o: int, size: int | None = None) -> set[int]:
        """The input positions that output `o` depends on; with `size`, only those that exist.

        A padding that repeats the picture (reflect, replicate, circular) reads what it repeats.

        >>> axis = Axis(Window(3, pad=(1, 1)))
        >>> sorted(axis.reads(0)), sorted(axis.reads(0, size=9))
        ([-1, 0, 1], [0, 1])
        """
        if self.transposed:
            taps = {i for i, _ in self.window.back_taps(o)}
        else:
            taps = set(self.window.taps(o))
        if size is None:
            return taps
        return {at for tap in taps if (at := fold(tap, size, self.padding_mode)) is not None}

    def formula(self, size: int) -> str:
        """The arithmetic of `out(size)`.

        >>> Axis(Window(3, stride=2, pad=(1, 1)), transposed=True).formula(5)
        '(5 − 1)·2 − 2·1 + 1·(3−1) + 0 + 1 = 9'
        """
        if self.transposed:
            return words.back_formula(self.window, size, self.output_padding)
        return words.formula(self.window, size, self.ceil_mode)

    def terms(self, size: int) -> list[words.Term]:
        """The pieces of `formula(size)`, each with what it stands for.

        >>> [term.role for term in Axis(Window(3)).terms(5) if term.role]
        ['size', 'padding', 'dilation', 'kernel', 'stride', 'out']
        """
        if self.transposed:
            return words.back_terms(self.window, size, self.output_padding)
        return words.terms(self.window, size, self.ceil_mode)

    def note(self, size: int, lang: Lang = "en", axis: str = "length") -> str:
        """What is worth knowing beside the formula: what is never read, or is added up unevenly.

        >>> Axis(Window(2, stride=2)).note(7, axis="width")
        'floored: the right column of the picture is never read'
        """
        if self.transposed:
            return words.back_note(self.window, axis, lang)
        return words.note(self.window, size, axis, lang, self.ceil_mode)

    def explain(self, size: int, lang: Lang = "en", axis: str = "length") -> str:
        """Formula and note in one line.

        >>> Axis(Window(2, stride=2)).explain(4)
        '⌊(4 + 2·0 − 1·(2−1) − 1) / 2⌋ + 1 = 2'
        """
        note = self.note(size, lang, axis)
        return f"{self.formula(size)}   {note}" if note else self.formula(size)


def fold(position: int, size: int, padding_mode: str = "zeros") -> int | None:
    """The picture position whose value stands at `position` of the padded picture; None for a zero.

    >>> [fold(p, 4, "reflect") for p in range(-2, 6)]
    [2, 1, 0, 1, 2, 3, 2, 1]
    >>> fold(-1, 4, "circular"), fold(-1, 4, "replicate"), fold(-1, 4)
    (3, 0, None)
    """
    if 0 <= position < size:
        return position
    if padding_mode == "reflect":
        return -position if position < 0 else 2 * (size - 1) - position
    if padding_mode == "replicate":
        return 0 if position < 0 else size - 1
    if padding_mode == "circular":
        return position % size
    return None


def adaptive_bins(size: int, out: int) -> list[tuple[int, int]]:
    """The (start, stop) positions that each of `out` outputs of an adaptive pooling reads.

    Bins overlap where `out` does not divide `size`, and repeat positions where `out` exceeds it.

    >>> adaptive_bins(7, 3)
    [(0, 3), (2, 5), (4, 7)]
    """
    return [(o * size // out, -(-(o + 1) * size // out)) for o in range(out)]


def centring(kernel: int, dilation: int = 1) -> int:
    """The padding on either side that keeps a size at stride 1, for a kernel with a middle tap.

    >>> centring(3), centring(5, dilation=2), Window(5, pad=(4, 4), dilation=2).out(7)
    (1, 4, 7)
    """
    return (kernel - 1) // 2 * dilation
