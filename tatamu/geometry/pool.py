"""The sizes of pooling over one, two or three axes, by windows or into a given number of bins."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tatamu.errors import GeometryError
from tatamu.geometry import pool_misfits as misfits
from tatamu.geometry import words
from tatamu.geometry.arguments import Ints, per_axis
from tatamu.geometry.pool_misfits import Kind
from tatamu.geometry.window import Axis, Window, adaptive_bins
from tatamu.geometry.words import AxisWords, Lang, compact

__all__ = ["AdaptiveSpec", "Doing", "Kind", "PoolSpec", "Reads", "readers", "unpooled"]

# What a pooling does with what it reads.
Doing = Literal["max", "avg", "norm"]

# What each output along one axis reads of the picture.
Reads = tuple[range, ...]


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """The windows of a pooling layer. Made by `PoolSpec.make`; frozen and hashable.

    >>> PoolSpec.make(2).out_shape((1, 8, 5, 7)), PoolSpec.make(2, ceil_mode=True).out_size((5, 7))
    ((1, 8, 2, 3), (3, 4))
    """

    windows: tuple[Window, ...]
    ceil_mode: bool = False
    kind: Kind = field(default="max", compare=False, repr=False)
    kernel: tuple[int, ...] = field(init=False, compare=False, repr=False)
    stride: tuple[int, ...] = field(init=False, compare=False, repr=False)
    padding: tuple[int, ...] = field(init=False, compare=False, repr=False)
    dilation: tuple[int, ...] = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "kernel", tuple(window.kernel for window in self.windows))
        put(self, "stride", tuple(window.stride for window in self.windows))
        put(self, "padding", tuple(window.pad[0] for window in self.windows))
        put(self, "dilation", tuple(window.dilation for window in self.windows))
        put(self, "_hash", hash((self.windows, self.ceil_mode)))

    def __hash__(self) -> int:
        return self._hash

    @staticmethod
    def make(
        kernel: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
        dims: int = 2,
        kind: Kind = "max",
    ) -> PoolSpec:
        """A spec from arguments as torch takes them; the stride is the kernel unless given.

        Equal arguments give the same object. Raises GeometryError for what torch refuses, in the
        words of its max or average pooling, as ``kind`` says.

        >>> PoolSpec.make(3, stride=2, padding=2)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        tatamu.errors.GeometryError: pad should be at most half of effective kernel size, but got \
pad=2, kernel_size=3 and dilation=1
          padding=1 is the largest: a window in the padding alone would have nothing to pool
          Padding holds zeros ...
        """
        arguments = (kernel, stride, padding, dilation, ceil_mode, dims, kind)
        try:
            return _make(*arguments)
        except TypeError:  # A list cannot be looked up in the cache.
            frozen = [tuple(value) if isinstance(value, list) else value for value in arguments]
            return _make(*frozen)

    @property
    def dims(self) -> int:
        return len(self.windows)

    def with_row(self) -> PoolSpec:
        """The same over two axes: a picture of one row, whose windows are one high.

        >>> PoolSpec.make(3, padding=1, dims=1).with_row().kernel
        (1, 3)
        """
        return _with_row(self)

    def padded(self, padding: Ints) -> PoolSpec:
        """The same windows with another padding, however wide: what unpooling takes.

        >>> PoolSpec.make(2).padded(5).padding
        (5, 5)
        """
        pads = per_axis(padding, self.dims, misfits.wrong_length("padding", self.dims, self.kind))
        return _repadded(self, pads)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Each window with the way it is used; for receptive fields and words."""
        return tuple(Axis(window, ceil_mode=self.ceil_mode) for window in self.windows)

    def out_size(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The output's spatial sizes for the input's.

        Raises GeometryError where no window fits.

        >>> PoolSpec.make(3, stride=2, ceil_mode=True).out_size((112, 113))
        (56, 56)
        """
        return self._out_size(sizes, tuple(sizes))

    def out_shape(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """The output's shape: (N, C, *sizes), or (C, *sizes) for an unbatched input.

        Raises GeometryError for a wrong rank, an empty input, or where no window fits.

        >>> PoolSpec.make(2).out_shape((8, 6, 6))
        (8, 3, 3)
        """
        shape = tuple(input_shape)
        dims = self.dims
        if len(shape) not in (dims + 1, dims + 2):
            raise misfits.wrong_rank(shape, dims, self.kind)
        if 0 in shape[-dims - 1 :]:
            raise misfits.empty(shape, dims, self.kind)
        out = self._out_size(shape[-dims:], shape[-dims - 1 :])
        return (*shape[:-dims], *out)

    def _out_size(self, sizes: Sequence[int], shown: tuple[int, ...]) -> tuple[int, ...]:
        """`shown` is the shape that torch's sentence speaks of, with or without channels."""
        if len(sizes) != len(self.windows):
            raise GeometryError(
                f"pooling over {self.dims} axes needs {self.dims} spatial sizes, but got "
                f"{len(sizes)}: {list(sizes)}"
            )
        ceil_mode = self.ceil_mode
        sides = zip(self.windows, sizes, strict=True)
        out = tuple([window.out(size, ceil_mode) for window, size in sides])
        if min(out) < 1:
            raise self._too_small(tuple(sizes), out, shown)
        return out

    def divisor(
        self, o: Sequence[int], sizes: Sequence[int], count_include_pad: bool = True
    ) -> int:
        """How many values average pooling divides by at output `o`.

        >>> PoolSpec.make(3, stride=2, padding=1).divisor((0, 0), (6, 6), count_include_pad=False)
        4
        """
        product = 1
        for window, at, size in zip(self.windows, o, sizes, strict=True):
            product *= window.counted(at, size, count_include_pad)
        return product

    def reads(self, sizes: Sequence[int]) -> tuple[Reads, ...]:
        """What each output reads of the picture, for each axis.

        >>> PoolSpec.make(3, stride=2, padding=1).reads((4, 6))[0]
        (range(0, 2), range(1, 4))
        """
        axes = zip(self.windows, sizes, self.out_size(sizes), strict=True)
        return tuple(
            tuple(window.taps(o)[_inside(window, o, size)] for o in range(count))
            for window, size, count in axes
        )

    def counts(self, sizes: Sequence[int], include_pad: bool = True) -> tuple[tuple[int, ...], ...]:
        """Over how many taps each output averages, for each axis; see ``divisor``.

        >>> PoolSpec.make(2, ceil_mode=True).counts((5, 4))
        ((2, 2, 1), (2, 2))
        """
        axes = zip(self.windows, sizes, self.out_size(sizes), strict=True)
        return tuple(
            tuple(window.counted(o, size, include_pad) for o in range(count))
            for window, size, count in axes
        )

    def axis_words(self, sizes: Sequence[int], lang: Lang = "en") -> list[AxisWords]:
        """Name, sizes, formula and note of each axis.

        >>> PoolSpec.make(2).axis_words((5, 5))[1].note
        'floored: the right column of the picture is never read'
        """
        return words.axis_words(self.axes, tuple(sizes)[-self.dims :], lang)

    def sentence(self, input_shape: Sequence[int], kind: Doing = "max", lang: Lang = "en") -> str:
        """What the layer does, in one sentence.

        >>> PoolSpec.make(2).sentence((1, 3, 8, 8))
        'A 2×2 window, moved 2 pixels at a time, kept the largest value: 8×8×3 became 4×4×3'
        >>> PoolSpec.make(2).sentence((1, 3, 8, 8), "avg", "ja")
        '2×2 の窓を 2 画素ずつ動かして平均をとり、8×8×3 を 4×4×3 にした'
        """
        out = self.out_shape(input_shape)
        before = words.channels_last(input_shape, self.dims)
        after = words.channels_last(out, self.dims)
        return words.pool_sentence(self.windows, kind, before, after, lang)

    def explain(self, input_shape: Sequence[int], kind: Doing = "max", lang: Lang = "en") -> str:
        """The sentence, and under it the arithmetic of each axis.

        >>> print(PoolSpec.make(2, ceil_mode=True).explain((3, 5, 4)))
        A 2×2 window, moved 2 pixels at a time, kept the largest value: 5×4×3 became 3×2×3
        height  ⌈(5 + 2·0 − 1·(2−1) − 1) / 2⌉ + 1 = 3   ceil_mode: the last window hangs 1 row \
over the end
        width   ⌈(4 + 2·0 − 1·(2−1) − 1) / 2⌉ + 1 = 2
        """
        rows = self.axis_words(input_shape, lang)
        return "\n".join([self.sentence(input_shape, kind, lang), *words.table(rows)])

    def _too_small(
        self, sizes: tuple[int, ...], out: tuple[int, ...], shown: tuple[int, ...]
    ) -> GeometryError:
        sentence = misfits.too_small(sizes, out, shown, self.kernel, self.kind)
        kernels = []
        for window, size in zip(self.windows, sizes, strict=True):
            largest = (size + sum(window.pad) - 1) // window.dilation + 1
            kernels.append(min(window.kernel, largest))
        fits = []
        if all(k > 0 and p <= k // 2 for k, p in zip(kernels, self.padding, strict=True)):
            fits.append(f"kernel_size={compact(kernels)} is the largest that fits")
        sides = zip(self.windows, sizes, strict=True)
        if min(window.out(size, ceil_mode=True) for window, size in sides) > 0:
            fits.append("ceil_mode=True would keep the window that does not fill up")
        rows = [row for row in self.axis_words(sizes) if row.out < 1]
        arithmetic = [f"{row.axis} {row.formula}" for row in rows]
        return GeometryError(sentence, arithmetic=arithmetic, fits=fits)


@functools.lru_cache(maxsize=1024)
def _with_row(spec: PoolSpec) -> PoolSpec:
    return PoolSpec((Window(1), *spec.windows), spec.ceil_mode, spec.kind)


@functools.lru_cache(maxsize=1024)
def _repadded(spec: PoolSpec, pads: tuple[int, ...]) -> PoolSpec:
    pairs = zip(spec.windows, pads, strict=True)
    windows = tuple(Window(w.kernel, w.stride, w.dilation, (pad, pad)) for w, pad in pairs)
    return PoolSpec(windows, spec.ceil_mode, spec.kind)


def _inside(window: Window, o: int, size: int) -> slice:
    found = window.inside(o, size)
    return slice(found.start, found.stop)


def readers(reads: Reads, size: int) -> Reads:
    """The outputs that read each input position, where every output reads neighbours.

    >>> readers(PoolSpec.make(3, stride=2, padding=1).reads((5, 5))[0], 5)
    (range(0, 1), range(0, 2), range(1, 2), range(1, 3), range(2, 3))
    """
    found = []
    first = stop = 0
    for position in range(size):
        while first < len(reads) and reads[first].stop <= position:
            first += 1
        while stop < len(reads) and reads[stop].start <= position:
            stop += 1
        found.append(range(first, max(first, stop)))
    return tuple(found)


def unpooled(
    spec: PoolSpec, sizes: Sequence[int], output_size: Sequence[int] | None
) -> tuple[int, ...]:
    """The sizes that max unpooling gives back; ``output_size`` chooses among those that fit.

    Raises ArgumentError, a ValueError with torch's sentence, for one that does not.

    >>> unpooled(PoolSpec.make(2), (3, 4), None), unpooled(PoolSpec.make(2), (3, 4), (7, 8))
    ((6, 8), (7, 8))
    """
    sides = zip(spec.windows, sizes, strict=True)
    default = tuple(window.back(size) for window, size in sides)
    if output_size is None:
        wanted = default
    else:
        wanted = tuple(output_size[2:] if len(output_size) == spec.dims + 2 else output_size)
        misfits.check_unpooled(wanted, output_size, default, spec.stride)
    misfits.check_not_negative(wanted)
    return wanted


@functools.lru_cache(maxsize=4096)
def _make(
    kernel: Ints,
    stride: Ints | None,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
    dims: int,
    kind: Kind,
) -> PoolSpec:
    def each(name: str, value: Ints) -> tuple[int, ...]:
        return per_axis(value, dims, misfits.wrong_length(name, dims, kind))

    kernels = each("kernel_size", kernel)
    strides = kernels if stride is None or stride == () else each("stride", stride)
    pads, dilations = each("padding", padding), each("dilation", dilation)
    if min(kernels) < 1 or min(strides) < 1 or min(dilations) < 1 or min(pads) < 0:
        raise misfits.not_positive(kernels, strides, dilations, pads, kind)
    if any(pad > k // 2 for pad, k in zip(pads, kernels, strict=True)):
        raise misfits.too_much_padding(kernels, pads, dilations, kind)
    pairs = [(pad, pad) for pad in pads]
    windows = tuple(
        Window(*parts) for parts in zip(kernels, strides, dilations, pairs, strict=True)
    )
    return PoolSpec(windows, bool(ceil_mode), kind)


@dataclass(frozen=True, slots=True)
class AdaptiveSpec:
    """Pooling into a given number of bins an axis; None keeps an axis as it is.

    >>> AdaptiveSpec.make((1, None)).out_shape((2, 512, 7, 9))
    (2, 512, 1, 9)
    """

    output_size: tuple[int | None, ...]
    kind: Kind = field(default="avg", compare=False, repr=False)

    @staticmethod
    def make(
        output_size: int | Sequence[int | None] | None, dims: int = 2, kind: Kind = "avg"
    ) -> AdaptiveSpec:
        """A spec from torch's argument: a number of bins, None, or one of these for each axis.

        Raises GeometryError for a wrong number of axes or a negative number of bins.

        >>> AdaptiveSpec.make(1)
        AdaptiveSpec(output_size=(1, 1))
        """
        wanted: tuple[int | None, ...]
        if output_size is None or isinstance(output_size, int):
            wanted = (output_size,) * dims
        else:
            wanted = tuple(output_size)
        if len(wanted) != dims:
            raise misfits.wrong_bins(wanted, dims, kind)
        if any(count is not None and count < 0 for count in wanted):
            raise misfits.negative_bins(wanted, dims, kind)
        return AdaptiveSpec(wanted, kind)

    @property
    def dims(self) -> int:
        return len(self.output_size)

    def with_row(self) -> AdaptiveSpec:
        """The same over two axes: a picture of one row."""
        return _bins_with_row(self)

    def out_size(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The output's spatial sizes for the input's.

        >>> AdaptiveSpec.make((3, None)).out_size((7, 5))
        (3, 5)
        """
        sides = zip(self.output_size, sizes, strict=True)
        return tuple([size if count is None else count for count, size in sides])

    def out_shape(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """The output's shape; raises GeometryError for a wrong rank or an empty input."""
        shape = tuple(input_shape)
        dims = len(self.output_size)
        if len(shape) not in (dims + 1, dims + 2):
            raise misfits.wrong_adaptive_rank(shape, dims, self.kind)
        if 0 in shape[-dims - 1 :]:
            raise misfits.empty_adaptive(shape, dims, self.kind)
        return (*shape[:-dims], *self.out_size(shape[-dims:]))

    def bins(self, sizes: Sequence[int]) -> tuple[list[tuple[int, int]], ...]:
        """The (start, stop) positions each output reads, for each axis.

        >>> AdaptiveSpec.make(2).bins((4, 5))
        ([(0, 2), (2, 4)], [(0, 3), (2, 5)])
        """
        pairs = zip(sizes, self.out_size(sizes), strict=True)
        return tuple(adaptive_bins(size, count) for size, count in pairs)

    def reads(self, sizes: Sequence[int]) -> tuple[Reads, ...]:
        """What each output reads of the picture, for each axis: its bin.

        >>> AdaptiveSpec.make(2).reads((4, 5))[1]
        (range(0, 3), range(2, 5))
        """
        return tuple(tuple(range(*pair) for pair in axis) for axis in self.bins(sizes))

    def counts(
        self, sizes: Sequence[int], include_pad: bool = False
    ) -> tuple[tuple[int, ...], ...]:
        """Over how many positions each output averages, for each axis; bins read no padding."""
        return tuple(tuple(len(found) for found in axis) for axis in self.reads(sizes))

    def windows(self, sizes: Sequence[int]) -> PoolSpec | None:
        """The windows that do the same on these sizes; None where bins differ in width.

        >>> made = AdaptiveSpec.make(2).windows((4, 6))
        >>> made.kernel, made.stride, AdaptiveSpec.make(2).windows((4, 5))
        ((2, 3), (2, 3), None)
        """
        pairs = list(zip(sizes, self.out_size(sizes), strict=True))
        if any(count < 1 or size % count for size, count in pairs):
            return None
        widths = tuple(size // count for size, count in pairs)
        return PoolSpec.make(widths, dims=self.dims, kind=self.kind)

    def explain(self, input_shape: Sequence[int], lang: Lang = "en") -> str:
        """What the layer does, in one sentence.

        >>> AdaptiveSpec.make(2).explain((1, 8, 4, 5))
        'Split into 2×2 bins of 2 rows and 3 columns: 4×5×8 became 2×2×8'
        """
        dims = len(self.output_size)
        out = self.out_shape(input_shape)
        before = words.channels_last(input_shape, dims)
        after = words.channels_last(out, dims)
        bins = self.bins(tuple(input_shape)[-dims:])
        widths = [sorted({stop - start for start, stop in axis}) for axis in bins]
        return words.bins_sentence(out[-dims:], widths, before, after, lang)


@functools.lru_cache(maxsize=1024)
def _bins_with_row(spec: AdaptiveSpec) -> AdaptiveSpec:
    return AdaptiveSpec((1, *spec.output_size), spec.kind)
