"""The sizes of a convolution or a transposed convolution over one, two or three axes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tatamu.errors import ArgumentError, GeometryError
from tatamu.geometry import misfits, words
from tatamu.geometry.arguments import Ints, per_axis
from tatamu.geometry.window import Axis, Window
from tatamu.geometry.words import AxisWords, Lang

__all__ = ["PADDING_MODES", "ConvSpec"]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

Pads = int | str | Sequence[int] | Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ConvSpec:
    """Everything about a convolution but its channels and its numbers. Made by `ConvSpec.make`.

    Frozen and hashable, so that kernels and shapes can be cached by it. `padding` keeps the user's
    spelling for reprs and takes no part in comparison: padding='same' equals the numbers it means.

    >>> spec = ConvSpec.make(3, stride=2, padding=1)
    >>> spec.windows[0]
    Window(kernel=3, stride=2, dilation=1, pad=(1, 1))
    >>> spec.out_shape((1, 3, 400, 600), (8, 3, 3, 3))
    (1, 8, 200, 300)
    """

    windows: tuple[Window, ...]
    groups: int = 1
    transposed: bool = False
    output_padding: tuple[int, ...] = ()
    padding_mode: str = "zeros"
    padding: str | tuple[int, ...] | tuple[tuple[int, int], ...] = field(default=(), compare=False)
    kernel: tuple[int, ...] = field(init=False, compare=False, repr=False)
    stride: tuple[int, ...] = field(init=False, compare=False, repr=False)
    dilation: tuple[int, ...] = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "kernel", tuple(window.kernel for window in self.windows))
        put(self, "stride", tuple(window.stride for window in self.windows))
        put(self, "dilation", tuple(window.dilation for window in self.windows))
        # No string may enter: its hash differs between processes, and specs are pickled.
        put(self, "_hash", hash((self.windows, self.groups, self.transposed, self.output_padding)))

    def __hash__(self) -> int:
        return self._hash

    @staticmethod
    def make(
        kernel: Ints,
        stride: Ints = 1,
        padding: Pads = 0,
        dilation: Ints = 1,
        groups: int = 1,
        transposed: bool = False,
        output_padding: Ints = 0,
        padding_mode: str = "zeros",
        dims: int = 2,
    ) -> ConvSpec:
        """A spec from arguments as torch takes them: integers, or one integer for each axis.

        `padding` may also be 'same', 'valid', or a (before, after) pair for each axis. With an even
        kernel, 'same' puts the extra position after. Equal arguments give the same object.

        Raises GeometryError for what torch refuses, in torch's words; those that torch's modules
        raise as ValueError are ArgumentError, which is a ValueError too.

        >>> ConvSpec.make(4, padding="same").windows[0].pad
        (1, 2)
        >>> ConvSpec.make(3, stride=0)
        Traceback (most recent call last):
        tatamu.errors.GeometryError: non-positive stride is not supported
          stride=(0, 0)
          stride=1 is the smallest
        """
        arguments = (
            kernel, stride, padding, dilation, groups,
            transposed, output_padding, padding_mode, dims,
        )  # fmt: skip
        try:
            return _make(*arguments)
        except TypeError:  # A list cannot be looked up in the cache.
            return _make(*map(_frozen, arguments))

    @property
    def dims(self) -> int:
        return len(self.windows)

    @property
    def name(self) -> str:
        """The function's name in torch.

        >>> ConvSpec.make(3, transposed=True, dims=1).name
        'conv_transpose1d'
        """
        return f"conv{'_transpose' if self.transposed else ''}{len(self.windows)}d"

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Each window with the way it is used; for receptive fields and words."""
        extra = self.output_padding
        return tuple(
            Axis(window, self.transposed, more, padding_mode=self.padding_mode)
            for window, more in zip(self.windows, extra, strict=True)
        )

    def out_size(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The output's spatial sizes for the input's.

        Raises GeometryError where the kernel does not fit, a size is 0 or the padding cannot be
        filled.

        >>> ConvSpec.make(3, stride=2, padding=1).out_size((400, 600))
        (200, 300)
        """
        if len(sizes) != len(self.windows):
            raise misfits.wrong_axes(self, sizes)
        out = self._counts(sizes)
        if min(out) < 1 or min(sizes) < 1 or self.padding_mode != "zeros":
            misfits.check_sizes(self, tuple(sizes), out, tuple(sizes))
        return out

    def _counts(self, sizes: Sequence[int]) -> tuple[int, ...]:
        if self.transposed:
            sides = zip(self.windows, sizes, self.output_padding, strict=True)
            return tuple([window.back(size, extra) for window, size, extra in sides])
        return tuple([window.out(size) for window, size in zip(self.windows, sizes, strict=True)])

    def out_shape(
        self,
        input_shape: Sequence[int],
        weight_shape: Sequence[int],
        bias_shape: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """The output's shape: (N, C, *sizes), or (C, *sizes) for an unbatched input.

        Weights are (out, in / groups, *kernel), transposed (in, out / groups, *kernel). Raises
        GeometryError, in torch's words, where ranks, channels, groups, bias or sizes do not fit.

        >>> ConvSpec.make(3).out_shape((2, 6, 5, 5), (12, 5, 3, 3))
        Traceback (most recent call last):
        tatamu.errors.GeometryError: Given groups=1, weight of size [12, 5, 3, 3], expected \
input[2, 6, 5, 5] to have 5 channels, but got 6 channels instead
          the weight reads 5 channels; the input has 6
          in_channels=6 would accept this input; a 1x1 Conv2d(6, 5, 1) in front would adapt it
        """
        bias = None if bias_shape is None else tuple(bias_shape)
        return _out_shape(self, tuple(input_shape), tuple(weight_shape), bias)

    def weight_shape(self, in_channels: int, out_channels: int) -> tuple[int, ...]:
        """The shape of the weights of a layer with these channels.

        Raises ArgumentError if the groups do not divide them.

        >>> ConvSpec.make(3, groups=2).weight_shape(4, 6)
        (6, 2, 3, 3)
        """
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % self.groups:
                raise misfits.channels_not_divisible(name, channels, self.groups)
        if self.transposed:
            return (in_channels, out_channels // self.groups, *self.kernel)
        return (out_channels, in_channels // self.groups, *self.kernel)

    def with_output_size(
        self, input_shape: Sequence[int], output_size: Sequence[int] | None
    ) -> ConvSpec:
        """The transposed spec whose output has `output_size`; itself for None.

        `output_size` may lead with channels, or batch and channels, which are ignored as in torch.
        Raises ArgumentError, naming the sizes that are possible.

        >>> spec = ConvSpec.make(3, stride=2, padding=1, transposed=True)
        >>> spec.with_output_size((1, 8, 5, 5), (10, 9)).output_padding
        (1, 0)
        """
        if output_size is None:
            return self
        dims = self.dims
        rank = len(input_shape)
        if len(output_size) not in (dims, rank):
            raise ArgumentError(
                f"ConvTranspose{dims}D: for {rank}D input, output_size must have {dims} or {rank} "
                f"elements (got {len(output_size)})"
            )
        wanted = tuple(output_size)[-dims:]
        sizes = tuple(input_shape)[-dims:]
        smallest = [w.back(size) for w, size in zip(self.windows, sizes, strict=True)]
        extra = tuple(want - least for want, least in zip(wanted, smallest, strict=True))
        if not all(0 <= more < step for more, step in zip(extra, self.stride, strict=True)):
            raise misfits.output_size(self, sizes, wanted, smallest)
        return replace(self, output_padding=extra)

    def forwards(self) -> ConvSpec:
        """The convolution that a transposed one is the transpose of.

        >>> ConvSpec.make(3, stride=2, transposed=True, output_padding=1).forwards().transposed
        False
        """
        return replace(self, transposed=False, output_padding=(0,) * self.dims)

    def macs(self, input_shape: Sequence[int], weight_shape: Sequence[int]) -> int:
        """Multiply-adds of the layer, those with padding included, the bias not.

        >>> ConvSpec.make(3, stride=2, padding=1).macs((1, 3, 400, 600), (8, 3, 3, 3))
        12960000
        """
        # Each position of the one side meets every weight once.
        meeting = input_shape if self.transposed else self.out_shape(input_shape, weight_shape)
        batch = math.prod(meeting[: -self.dims - 1])
        return batch * math.prod(meeting[-self.dims :]) * math.prod(weight_shape)

    def axis_words(self, sizes: Sequence[int], lang: Lang = "en") -> list[AxisWords]:
        """Name, sizes, formula and note of each axis.

        >>> ConvSpec.make(3).axis_words((5, 5), "ja")[0].name
        '高さ'
        """
        return words.axis_words(self.axes, tuple(sizes)[-self.dims :], lang)

    def sentence(self, input_shape: Sequence[int], out_channels: int, lang: Lang = "en") -> str:
        """What the layer does, in one sentence.

        >>> spec = ConvSpec.make(3, stride=2, padding=1)
        >>> spec.sentence((1, 3, 400, 600), 8)
        'A 3×3 window, moved 2 pixels at a time, turned 400×600×3 into 200×300×8'
        >>> spec.sentence((1, 3, 400, 600), 8, "ja")
        '3×3 の窓を 2 画素ずつ動かして、400×600×3 を 200×300×8 にした'
        """
        before = words.channels_last(input_shape, self.dims)
        out = self.out_size(tuple(input_shape)[-self.dims :])
        after = words.channels_last((out_channels, *out), self.dims)
        if self.transposed:
            return words.stamp_sentence(self.kernel, self.stride, before, after, lang)
        channels = input_shape[-self.dims - 1]
        split = words.groups_words(self.groups, channels, lang)
        return words.window_sentence(self.windows, split, before, after, lang)

    def explain(self, input_shape: Sequence[int], out_channels: int, lang: Lang = "en") -> str:
        """The sentence, and under it the arithmetic of each axis.

        >>> print(ConvSpec.make(3, stride=2, padding=1).explain((3, 400, 600), 8))
        A 3×3 window, moved 2 pixels at a time, turned 400×600×3 into 200×300×8
        height  ⌊(400 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 200   floored: the bottom padding row is \
never read
        width   ⌊(600 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 300   floored: the right padding column is \
never read
        """
        rows = self.axis_words(input_shape, lang)
        return "\n".join([self.sentence(input_shape, out_channels, lang), *words.table(rows)])


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _wrong_length(name: str, dims: int) -> Callable[[tuple[int, ...]], GeometryError]:
    def refuse(values: tuple[int, ...]) -> GeometryError:
        return GeometryError(
            f"expected {name} to be a single integer value or a list of {dims} values to match "
            f"the convolution dimensions, but got {name}={list(values)}"
        )

    return refuse


@functools.lru_cache(maxsize=4096)
def _make(
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    dilation: Ints,
    groups: int,
    transposed: bool,
    output_padding: Ints,
    padding_mode: str,
    dims: int,
) -> ConvSpec:
    kernels = per_axis(kernel, dims, _wrong_length("kernel_size", dims))
    strides = per_axis(stride, dims, _wrong_length("stride", dims))
    dilations = per_axis(dilation, dims, _wrong_length("dilation", dims))
    extras = per_axis(output_padding, dims, _wrong_length("output_padding", dims))
    misfits.check_positive(kernels, strides, dilations, groups)
    if padding_mode not in PADDING_MODES:
        raise misfits.unknown_padding_mode(padding_mode, PADDING_MODES)
    if transposed:
        misfits.check_transposed(padding, padding_mode, extras, strides, dilations)
    pads, spelling = _pads(padding, kernels, strides, dilations)
    windows = tuple(Window(*parts) for parts in zip(kernels, strides, dilations, pads, strict=True))
    return ConvSpec(windows, groups, transposed, extras, padding_mode, spelling)


def _pads(
    padding: Pads,
    kernels: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[tuple[tuple[int, int], ...], str | tuple[int, ...] | tuple[tuple[int, int], ...]]:
    """The (before, after) pair of each axis, and the padding as the user will see it again."""
    dims = len(kernels)
    if padding == "same":
        if max(strides) > 1:
            raise misfits.same_with_stride(strides)
        totals = [d * (k - 1) for k, d in zip(kernels, dilations, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals), "same"
    if padding == "valid":
        return ((0, 0),) * dims, "valid"
    if isinstance(padding, str):
        raise misfits.unknown_padding(padding)
    if isinstance(padding, tuple) and all(isinstance(pair, tuple) for pair in padding):
        pairs = tuple((before, after) for before, after in padding)
        misfits.check_pads(pairs)
        return pairs, pairs
    each = per_axis(padding, dims, _wrong_length("padding", dims))  # type: ignore[arg-type]
    pairs = tuple((pad, pad) for pad in each)
    misfits.check_pads(pairs)
    return pairs, each


@functools.lru_cache(maxsize=4096)
def _out_shape(
    spec: ConvSpec,
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
) -> tuple[int, ...]:
    dims = spec.dims
    misfits.check_operands(spec, input_shape, weight_shape, bias_shape)
    sizes = input_shape[-dims:]
    channels = weight_shape[1] * spec.groups if spec.transposed else weight_shape[0]
    out = spec._counts(sizes)
    misfits.check_sizes(spec, sizes, out, input_shape)
    return (*input_shape[: -dims - 1], channels, *out)
