"""Sliding blocks of pictures as columns (im2col), and columns added back (col2im).

Y[n, (c, tap), block] = X[n, c, where the block's tap lies], 0 in the padding

Each is the other's derivative. A tap of all blocks is one strided slice of the padded picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tatamu.geometry import Window
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import moved_bytes, none
from tatamu.ops.layout import Ints
from tatamu.ops.op import NOTHING, Call, Op, Out, Sample, apply

__all__ = ["Blocks", "blocks_of", "col2im", "im2col"]


class Blocks(NamedTuple):
    """A window over each axis of pictures of ``size``."""

    windows: tuple[Window, ...]
    size: Ints

    @property
    def counts(self) -> Ints:
        """How many blocks there are along each axis."""
        return tuple(w.out(n) for w, n in zip(self.windows, self.size, strict=True))


@lru_cache(maxsize=256)
def blocks_of(windows: tuple[Window, ...], size: Ints) -> Blocks:
    """The one Blocks of these arguments."""
    return Blocks(windows, size)


def _taps(attrs: Blocks) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The number of each tap, and where it lies in the padded picture, for all blocks."""
    steps = [[w.dilation * tap for tap in range(w.kernel)] for w in attrs.windows]
    for number, starts in enumerate(product(*steps)):
        places = zip(starts, attrs.windows, attrs.counts, strict=True)
        yield number, (..., *(slice(a, a + w.stride * n, w.stride) for a, w, n in places))


def _kernel(attrs: Blocks) -> int:
    return prod(window.kernel for window in attrs.windows)


def _gather(attrs: Blocks, x: Numpy) -> Numpy:
    *lead, channels = x.shape[:-2]
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [window.pad for window in attrs.windows])
    out = np.empty((*lead, channels, _kernel(attrs), *attrs.counts), x.dtype)
    for number, where in _taps(attrs):
        out[..., number, :, :] = padded[where]
    return out.reshape(*lead, channels * _kernel(attrs), prod(attrs.counts))


def _scatter(attrs: Blocks, y: Numpy) -> Numpy:
    *lead, rows = y.shape[:-1]
    blocks = y.reshape(*lead, rows // _kernel(attrs), _kernel(attrs), *attrs.counts)
    axes = list(zip(attrs.windows, attrs.size, strict=True))
    out = np.zeros((*blocks.shape[:-3], *(w.padded(n) for w, n in axes)), y.dtype)
    for number, where in _taps(attrs):
        out[where] += blocks[..., number, :, :]
    inside: Any = (..., *(slice(w.pad[0], w.pad[0] + n) for w, n in axes))
    return np.ascontiguousarray(out[inside])


def _columns(call: Call) -> tuple[Out, ...]:
    *lead, channels = call.shape(0)[:-2]
    rows = channels * _kernel(call.attrs)
    return (Out((*lead, rows, prod(call.attrs.counts)), call.dtype(0)),)


def _picture(call: Call) -> tuple[Out, ...]:
    *lead, rows = call.shape(0)[:-1]
    return (Out((*lead, rows // _kernel(call.attrs), *call.attrs.size), call.dtype(0)),)


def _im2col_vjp(node: Node, g: Array) -> tuple[Array]:
    return (apply(col2im, node.call.attrs, g),)


def _col2im_vjp(node: Node, g: Array) -> tuple[Array]:
    return (apply(im2col, node.call.attrs, g),)


_CASES = (
    Blocks((Window(2), Window(2)), (3, 4)),
    Blocks((Window(2, 2, 1, (1, 1)), Window(3, 1, 2, (0, 1))), (4, 6)),
)


def _pictures(random: np.random.Generator) -> Iterable[Sample]:
    for attrs in _CASES:
        yield Sample(attrs, (random.uniform(-1, 1, (2, 3, *attrs.size)),))


def _blocks(random: np.random.Generator) -> Iterable[Sample]:
    for attrs in _CASES:
        shape = (2, 3 * _kernel(attrs), prod(attrs.counts))
        yield Sample(attrs, (random.uniform(-1, 1, shape),))


im2col = Op(
    name="im2col",
    title="Im2Col",
    shape=_columns,
    reference=_gather,
    vjp=_im2col_vjp,
    saves=NOTHING,
    aliases=False,
    flops=none,
    bytes=moved_bytes,
    samples=_pictures,
    kernels=(),
)

col2im = Op(
    name="col2im",
    title="Col2Im",
    shape=_picture,
    reference=_scatter,
    vjp=_col2im_vjp,
    saves=NOTHING,
    aliases=False,
    flops=lambda call: prod(call.shape(0)),
    bytes=moved_bytes,
    samples=_blocks,
    kernels=(),
)
