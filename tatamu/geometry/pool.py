"""The sizes of pooling over one, two or three axes, by windows or into a given number of bins."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tatamu.errors import GeometryError
from tatamu.geometry import words
from tatamu.geometry.arguments import Ints, letters, per_axis
from tatamu.geometry.window import Axis, Window, adaptive_bins
from tatamu.geometry.words import AxisWords, Lang, compact

__all__ = ["AdaptiveSpec", "PoolSpec"]

Kind = Literal["max", "avg"]

_NUMBER = {1: "one", 2: "two", 3: "three"}


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """The windows of a pooling layer. Made by `PoolSpec.make`; frozen and hashable.

    >>> PoolSpec.make(2).out_shape((1, 8, 5, 7)), PoolSpec.make(2, ceil_mode=True).out_size((5, 7))
    ((1, 8, 2, 3), (3, 4))
    """

    windows: tuple[Window, ...]
    ceil_mode: bool = False
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
    ) -> PoolSpec:
        """A spec from arguments as torch takes them; the stride is the kernel unless given.

        Equal arguments give the same object. Raises GeometryError for what torch refuses, in the
        words of torch's max pooling.

        >>> PoolSpec.make(3, stride=2, padding=2)
        Traceback (most recent call last):
        tatamu.errors.GeometryError: pad should be at most half of effective kernel size, but got \
pad=2, kernel_size=3 and dilation=1
          padding=1 is the largest: a window in the padding alone would have nothing to pool
        """
        arguments = (kernel, stride, padding, dilation, ceil_mode, dims)
        try:
            return _make(*arguments)
        except TypeError:  # A list cannot be looked up in the cache.
            frozen = [tuple(value) if isinstance(value, list) else value for value in arguments]
            return _make(*frozen)

    @property
    def dims(self) -> int:
        return len(self.windows)

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
            raise _wrong_rank(shape, dims)
        if 0 in shape[-dims - 1 :]:
            raise _empty(shape, dims)
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

    def axis_words(self, sizes: Sequence[int], lang: Lang = "en") -> list[AxisWords]:
        """Name, sizes, formula and note of each axis.

        >>> PoolSpec.make(2).axis_words((5, 5))[1].note
        'floored: the right column of the picture is never read'
        """
        return words.axis_words(self.axes, tuple(sizes)[-self.dims :], lang)

    def sentence(self, input_shape: Sequence[int], kind: Kind = "max", lang: Lang = "en") -> str:
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

    def explain(self, input_shape: Sequence[int], kind: Kind = "max", lang: Lang = "en") -> str:
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
        if self.dims == 1:
            sentence = f"max_pool1d() Invalid computed output size: {out[0]}"
        else:
            channels = shown[: -self.dims]
            sentence = (
                f"Given input size: ({'x'.join(map(str, shown))}). Calculated output size: "
                f"({'x'.join(map(str, (*channels, *out)))}). Output size is too small"
            )
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


@functools.lru_cache(maxsize=4096)
def _make(
    kernel: Ints, stride: Ints | None, padding: Ints, dilation: Ints, ceil_mode: bool, dims: int
) -> PoolSpec:
    kernels = per_axis(kernel, dims, _wrong_length("kernel_size", dims))
    strides = kernels
    if stride is not None and stride != ():
        strides = per_axis(stride, dims, _wrong_length("stride", dims))
    pads = per_axis(padding, dims, _wrong_length("padding", dims))
    dilations = per_axis(dilation, dims, _wrong_length("dilation", dims))
    if min(kernels) < 1 or min(strides) < 1 or min(dilations) < 1 or min(pads) < 0:
        raise _not_positive(kernels, strides, dilations, pads)
    if any(pad > k // 2 for pad, k in zip(pads, kernels, strict=True)):
        raise _too_much_padding(kernels, pads, dilations)
    pairs = [(pad, pad) for pad in pads]
    windows = tuple(
        Window(*parts) for parts in zip(kernels, strides, dilations, pairs, strict=True)
    )
    return PoolSpec(windows, bool(ceil_mode))


def _wrong_length(name: str, dims: int) -> Callable[[tuple[int, ...]], GeometryError]:
    def refuse(values: tuple[int, ...]) -> GeometryError:
        if dims == 1:
            return GeometryError(
                f"max_pool1d() {name} must be an int, list of ints or tuple of ints of size 1 but "
                f"got size {len(values)}"
            )
        omitted = "be omitted, a single int," if name == "stride" else "be a single int,"
        return GeometryError(
            f"max_pool{dims}d: {name} must either {omitted} or a tuple of {_NUMBER[dims]} ints"
        )

    return refuse


def _not_positive(
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: tuple[int, ...],
) -> GeometryError:
    if min(padding) < 0:
        if len(kernel) == 1:
            return GeometryError(f"max_pool1d() padding must be non-negative, but got {padding[0]}")
        return GeometryError(f"pad must be non-negative, but got pad: {min(padding)}")
    if len(kernel) == 1:
        named = {"kernel_size": kernel[0], "stride": stride[0], "dilation": dilation[0]}
        name = next(name for name, value in named.items() if value < 1)
        return GeometryError(
            f"max_pool1d() {name} must be greater than zero, but got {named[name]}"
        )
    if min(kernel) < 1:
        return GeometryError(
            f"kernel size should be greater than zero, but got {letters('k', kernel)}"
        )
    if 0 in stride:
        return GeometryError("stride should not be zero", arithmetic=[f"stride={stride}"])
    if min(stride) < 1:
        return GeometryError(f"stride should be greater than zero, but got {letters('d', stride)}")
    return GeometryError(
        f"dilation should be greater than zero, but got {letters('dilation', dilation)}"
    )


def _too_much_padding(
    kernel: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> GeometryError:
    sides = zip(kernel, padding, dilation, strict=True)
    k, pad, gap = next(side for side in sides if side[1] > side[0] // 2)
    if len(kernel) == 1:
        sentence = (
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={pad} and kernel_size={k}"
        )
    else:
        sentence = (
            "pad should be at most half of effective kernel size, but got "
            f"pad={pad}, kernel_size={k} and dilation={gap}"
        )
    most = compact([value // 2 for value in kernel])
    return GeometryError(
        sentence,
        fits=[
            f"padding={most} is the largest: a window in the padding alone would have nothing "
            "to pool"
        ],
    )


def _wrong_rank(shape: tuple[int, ...], dims: int) -> GeometryError:
    sentence = f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input"
    if dims == 1:
        return _empty(shape, dims)
    return GeometryError(sentence, arithmetic=[f"the input has size {list(shape)}"])


def _empty(shape: tuple[int, ...], dims: int) -> GeometryError:
    if dims == 3:
        axis = shape[-dims - 1 :].index(0)
        return GeometryError(
            "max_pool3d(): Expected input's non-batch dimensions to have positive length, but "
            f"input has a shape of {list(shape)} and non-batch dimension {axis} has length zero!"
        )
    name = "max_pool1d: " if dims == 1 else ""
    return GeometryError(
        f"{name}Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch "
        f"size for input, but got:{list(shape)}"
    )


@dataclass(frozen=True, slots=True)
class AdaptiveSpec:
    """Pooling into a given number of bins an axis; None keeps an axis as it is.

    >>> AdaptiveSpec.make((1, None)).out_shape((2, 512, 7, 9))
    (2, 512, 1, 9)
    """

    output_size: tuple[int | None, ...]

    @staticmethod
    def make(output_size: int | Sequence[int | None] | None, dims: int = 2) -> AdaptiveSpec:
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
            raise GeometryError(
                f"adaptive_avg_pool{dims}d: output_size must be {dims}",
                arithmetic=[f"output_size={wanted} has {len(wanted)}"],
            )
        if any(count is not None and count < 0 for count in wanted):
            raise GeometryError(
                f"adaptive_avg_pool{dims}d: elements of output_size must be greater than or equal "
                f"to 0 but received {{{', '.join(map(str, wanted))}}}"
            )
        return AdaptiveSpec(wanted)

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
            raise GeometryError(
                f"adaptive_avg_pool{dims}d(): Expected {dims + 1}D or {dims + 2}D tensor, but got "
                f"{list(shape)}"
            )
        if 0 in shape[-dims - 1 :]:
            first = len(shape) - dims - 1
            raise GeometryError(
                f"adaptive_avg_pool{dims}d(): Expected input to have non-zero size for non-batch "
                f"dimensions, but input has sizes {list(shape)} with dimension "
                f"{shape.index(0, first)} being empty"
            )
        return (*shape[:-dims], *self.out_size(shape[-dims:]))

    def bins(self, sizes: Sequence[int]) -> tuple[list[tuple[int, int]], ...]:
        """The (start, stop) positions each output reads, for each axis.

        >>> AdaptiveSpec.make(2).bins((4, 5))
        ([(0, 2), (2, 4)], [(0, 3), (2, 5)])
        """
        pairs = zip(sizes, self.out_size(sizes), strict=True)
        return tuple(adaptive_bins(size, count) for size, count in pairs)

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
