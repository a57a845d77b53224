"""Sliding blocks of pictures as columns and back, and channels shuffled between groups."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from tatamu.errors import GeometryError
from tatamu.functions.function import of_tensor
from tatamu.geometry import Window
from tatamu.geometry.arguments import Ints
from tatamu.ops import blocks as ops
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["channel_shuffle", "fold", "unfold"]


def _pair(value: Ints, name: str) -> tuple[int, int]:
    if not isinstance(value, Sequence):
        return value, value
    if len(value) != 2:
        raise GeometryError(f"It is expected {name} equals to 2, but got size {len(value)}")
    return value[0], value[1]


class _Spec:
    """Kernel, dilation, padding and stride, checked with torch's sentences."""

    def __init__(self, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> None:
        self.kernel = _pair(kernel, "kernel_size")
        self.dilation = _pair(dilation, "dilation")
        self.padding = _pair(padding, "padding")
        self.stride = _pair(stride, "stride")
        for name, short, pair in (
            ("kernel size", "kernel", self.kernel),
            ("stride", "stride", self.stride),
            ("dilation", "dilation", self.dilation),
        ):
            if min(pair) <= 0:
                raise GeometryError(
                    f"{name} should be greater than zero, but got {short}_height: {pair[0]} "
                    f"{short}_width: {pair[1]}"
                )
        if min(self.padding) < 0:
            raise GeometryError(
                f"padding should be non-negative, but got pad_height: {self.padding[0]} "
                f"pad_width: {self.padding[1]}"
            )
        rows = zip(self.kernel, self.stride, self.dilation, self.padding, strict=True)
        self.windows = tuple(Window(k, s, d, (p, p)) for k, s, d, p in rows)

    def counts(self, size: Sequence[int]) -> tuple[int, ...]:
        """Blocks along each axis; not positive where none fits."""
        return tuple(w.out(n) for w, n in zip(self.windows, size, strict=True))

    def words(self) -> str:
        """The arguments as torch lists them."""
        return f"kernel_size={self.kernel}, dilation={self.dilation}, padding={self.padding}"


@of_tensor("im2col")
def unfold(
    input: Tensor, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """Each block that a window covers as a column: (N, C, H, W) makes (N, C kH kW, blocks).

    (C, H, W) makes (C kH kW, blocks). A convolution is a matrix product with these columns. Raises
    GeometryError, a RuntimeError with torch's sentence, where no block fits.

    >>> import tatamu
    >>> unfold(tatamu.arange(6.0).reshape(1, 1, 2, 3), 2)
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """
    spec = _Spec(kernel_size, dilation, padding, stride)
    rank, shape = len(input.shape), list(input.shape)
    if rank not in (3, 4) or 0 in shape[rank - 3 :]:
        raise GeometryError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {shape}"
        )
    size = tuple(shape[-2:])
    counts = spec.counts(size)
    if min(counts) < 1:
        raise GeometryError(
            f"Given input with spatial size {size}, {spec.words()}, calculated shape of the array "
            f"of sliding blocks as {counts}, but its components must be at least one."
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"im2col_out_cpu\" not implemented for '{input.dtype.legacy_name}'\n"
            "  the input holds integers: x.float() makes them float32"
        )
    return apply(ops.im2col, ops.blocks_of(spec.windows, size), input)


@of_tensor("col2im")
def fold(
    input: Tensor,
    output_size: Ints,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
) -> Tensor:
    """Columns, as ``unfold`` makes them, added up where their blocks lay in a picture.

    (N, C kH kW, blocks) makes (N, C, H, W). Where blocks overlap, the picture that comes back is a
    multiple of the one they were taken from. Raises GeometryError, a RuntimeError with torch's
    sentence, where sizes do not fit.

    >>> import tatamu
    >>> fold(tatamu.ones(1, 4, 2), (2, 3), 2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    size = _pair(output_size, "output_size")
    spec = _Spec(kernel_size, dilation, padding, stride)
    rank, shape = len(input.shape), list(input.shape)
    if rank not in (2, 3) or 0 in shape[rank - 2 :]:
        raise GeometryError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {shape}"
        )
    if shape[-2] % prod(spec.kernel):
        raise GeometryError(
            f"Expected size of input's dimension {rank - 2} to be divisible by the product of "
            f"kernel_size, but got input.size({rank - 2})={shape[-2]} and "
            f"kernel_size={spec.kernel}."
        )
    counts = spec.counts(size)
    if shape[-1] != prod(counts):
        raise GeometryError(
            f"Given output_size={size}, {spec.words()}, stride={spec.stride}, expected size of "
            f"input's dimension {rank - 1} to match the calculated number of sliding blocks "
            f"{counts[0]} * {counts[1]} = {prod(counts)}, but got "
            f"input.size({rank - 1})={shape[-1]}."
        )
    return apply(ops.col2im, ops.blocks_of(spec.windows, size), input)


@of_tensor()
def channel_shuffle(input: Tensor, groups: int) -> Any:
    """The channels of each of ``groups`` dealt out to all: (N, C, ...) stays (N, C, ...).

    Raises GeometryError, a RuntimeError with torch's sentence, unless groups divide the channels.

    >>> import tatamu
    >>> channel_shuffle(tatamu.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    shape = list(input.shape)
    if len(shape) <= 2:
        raise GeometryError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {shape}"
        )
    if groups <= 0:
        raise GeometryError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise GeometryError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
            f"{groups} groups."
        )
    dealt = input.reshape(shape[0], groups, shape[1] // groups, -1).transpose(1, 2)
    return dealt.reshape(*shape)
