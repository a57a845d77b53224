"""Convolution by fast Fourier transform, done with NumPy as `fft` plans it.

NumPy's transforms, products and large copies let other threads run meanwhile, so steps are shared
out among Python threads. What a step is depends on the plan alone, and each writes what no other
does: any number of threads gives the same bits.

Transforms are scaled by the root of their length both ways ("ortho"): unscaled, NumPy computes
single precision in double, at a sixth of the speed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Window
from tatamu.kernels.fft import FFTPlan, product_block

__all__ = ["Share", "Work", "convolve", "pack", "sum_products"]

Numpy = NDArray[Any]
Share = Callable[[Callable[[int, int], None], int], None]
"""``share(step, count)`` calls ``step(index, worker)`` for every index, on some worker."""

# A tile: its image, and its number along each axis.
Tile = tuple[int, ...]


def convolve(work: Work, x: Numpy, weights: Numpy, bias: Numpy | None, y: Numpy) -> None:
    """Fill y (n, groups · outputs, *) from x (n, groups · inputs, *) and weights from `pack`."""
    plan, p = work.plan, work.plan.problem
    for groups in _ranges(p.groups, plan.groups):
        for tiles in _ranges(plan.all_tiles, plan.tiles):
            work.reuse()
            given = work.planes(len(groups), p.inputs, len(tiles))
            work.there(x, _flat(groups, p.inputs), tiles, given)
            start = work.taken
            for outputs in _ranges(p.outputs, plan.outputs):
                work.taken = start
                sums = work.planes(len(groups), len(outputs), len(tiles))
                work.multiply(_chosen(plan, weights, groups, outputs), given, sums, add=False)
                work.back(sums, tiles, y, bias, _flat(groups, p.outputs, outputs))


def sum_products(work: Work, x: Numpy, g: Numpy, y: Numpy) -> None:
    """Fill y (groups · outputs, inputs, *) from x (n, groups · inputs, *) and g of all outputs."""
    plan, p = work.plan, work.plan.problem
    for groups in _ranges(p.groups, plan.groups):
        for outputs in _ranges(p.outputs, plan.outputs):
            work.reuse()
            sums = work.planes(len(groups), len(outputs), p.inputs)
            start = work.taken
            own = _flat(groups, p.outputs, outputs)
            for tiles in _ranges(plan.all_tiles, plan.tiles):
                work.taken = start
                given = work.planes(len(groups), p.inputs, len(tiles))
                taps = work.planes(len(groups), len(outputs), len(tiles))
                work.there(x, _flat(groups, p.inputs), tiles, given)
                work.there(g, own, tiles, taps, as_taps=True)
                work.multiply(taps, given.swapaxes(1, 2), sums, add=tiles.start > 0)
            work.back_summed(sums, y[own.start : own.stop])


def pack(plan: FFTPlan, weight: Numpy, share: Share) -> Numpy:
    """Weights (groups · outputs, inputs, *) transformed: (g, o, c, frequency) or (g, f, o, c)."""
    p = plan.problem
    flat = weight.reshape(p.groups, p.outputs * p.inputs, *weight.shape[2:])
    shape = (p.groups, p.outputs * p.inputs, plan.frequencies)
    dtype = np.result_type(weight.dtype, np.complex64)
    packed = np.empty((shape[0], shape[2], shape[1]) if plan.matrices else shape, dtype)
    by_plane = packed.swapaxes(1, 2) if plan.matrices else packed
    blocks = _blocks(shape[1], plan.planes)
    extents = [slice(None, None, line.spread) for line in p.lines]
    sizes = [Window(line.taps, dilation=line.spread).extent for line in p.lines]

    def step(index: int, worker: int) -> None:
        group, block = index // len(blocks), blocks[index % len(blocks)]
        wide = np.zeros((block.stop - block.start, *sizes), weight.dtype)
        wide[(slice(None), *extents)] = flat[group, block]
        spectrum = np.fft.rfft(wide, plan.lengths[-1], norm="ortho")
        for axis in range(len(plan.lengths) - 2, -1, -1):
            spectrum = np.fft.fft(spectrum, plan.lengths[axis], axis + 1, norm="ortho")
        np.conjugate(spectrum, out=spectrum)
        spectrum *= weight.dtype.type(sqrt(prod(plan.lengths)))
        by_plane[group, block] = spectrum.reshape(len(wide), -1)

    share(step, p.groups * len(blocks))
    if plan.matrices:
        return packed.reshape(p.groups, plan.frequencies, p.outputs, p.inputs)
    return packed.reshape(p.groups, p.outputs, p.inputs, plan.frequencies)


class Work:
    """The working space of one call, and what is done in it.

    ``space`` holds ``plan.shared`` bytes, then ``plan.own`` for each worker.
    """

    def __init__(self, plan: FFTPlan, space: Numpy, share: Share):
        self.plan = plan
        self.taken = 0
        self.share = share
        self._real = np.dtype(plan.problem.dtype)
        self._complex = np.result_type(self._real, np.complex64)
        numbers = space.view(self._complex)
        first = plan.shared // self._complex.itemsize
        self.shared = numbers[:first]
        self._own = numbers[first:].reshape(-1, plan.own // self._complex.itemsize)

    def reuse(self) -> None:
        """Begin a job: all that is shared is free again."""
        self.taken = 0

    def planes(self, *counts: int) -> Numpy:
        """Shared space for so many transformed tiles, their frequencies in one row each."""
        shape = (*counts, self.plan.frequencies)
        start, self.taken = self.taken, self.taken + prod(shape)
        return self.shared[start : self.taken].reshape(shape)

    def there(
        self, x: Numpy, channels: range, tiles: range, out: Numpy, *, as_taps: bool = False
    ) -> None:
        """Transform tiles of x, or of the taps, into planes (g, c, tile, frequency)."""
        plan = self.plan
        into = out.reshape(len(channels), len(tiles), *plan.spectrum)
        blocks = _blocks(len(channels), plan.planes)

        def step(index: int, worker: int) -> None:
            number, block = index // len(blocks), blocks[index % len(blocks)]
            image, *tile = self._tile(tiles[number])
            own = channels[block]
            planes = into[block, number]
            source = x[image, own.start : own.stop]
            boxes = self._taps(tile) if as_taps else self._box(tile)
            if any(first == stop for first, stop, *_ in boxes):
                planes[...] = 0
                return
            self._transform(source, boxes, planes, worker)
            if as_taps:
                np.conjugate(planes, out=planes)

        self.share(step, len(tiles) * len(blocks))

    def _transform(self, source: Numpy, boxes: list[Box], out: Numpy, worker: int) -> None:
        """Lay a block of channels out with its zeros before and between, and transform it."""
        lengths = self.plan.lengths
        sizes = [place + (stop - first - 1) * gap + 1 for first, stop, place, gap in boxes]
        wide = self._slot(worker, 0, (len(source), *sizes), real=True)
        if any(place or gap > 1 for _, _, place, gap in boxes):
            wide[...] = 0
        inside = [slice(place, None, gap) for _, _, place, gap in boxes]
        read = [slice(first, stop) for first, stop, _, _ in boxes]
        wide[(slice(None), *inside)] = source[(slice(None), *read)]
        shape = [len(source), *sizes[:-1], out.shape[-1]]
        values = wide
        for axis in range(len(lengths), 0, -1):
            shape[axis] = out.shape[axis]
            # The first of all, then by turns: what is read is never what is written.
            slot = self._slot(worker, 1 + (len(lengths) - axis) % 2, tuple(shape))
            target = out if axis == 1 else slot
            transform = np.fft.rfft if axis == len(lengths) else np.fft.fft
            values = transform(values, lengths[axis - 1], axis, norm="ortho", out=target)

    def multiply(self, a: Numpy, b: Numpy, y: Numpy, *, add: bool) -> None:
        """y (g, o, m, f) of a (g, o, k, f) times b (g, k, m, f), or added to it.

        Packed weights for matrices come as (g, f, o, k).
        """
        plan = self.plan
        each, groups = product_block(plan)
        steps = list(product(_blocks(len(y), groups), _blocks(plan.frequencies, each)))
        one = self._matrices if plan.matrices else self._loops

        def step(index: int, worker: int) -> None:
            one(a, b, y, *steps[index], add, worker)

        self.share(step, len(steps))

    def _loops(
        self, a: Numpy, b: Numpy, y: Numpy, groups: slice, part: slice, add: bool, worker: int
    ) -> None:
        a, b, y = a[groups, ..., part], b[groups, ..., part], y[groups, ..., part]
        (term,) = self._carve(worker, [(len(y), *y.shape[2:])])
        for o, k in product(range(a.shape[1]), range(a.shape[2])):
            factor, total = a[:, o, k, None], y[:, o]
            if k == 0 and not add:
                np.multiply(factor, b[:, k], out=total)
            else:
                np.multiply(factor, b[:, k], out=term)
                np.add(total, term, out=total)

    def _matrices(
        self, a: Numpy, b: Numpy, y: Numpy, groups: slice, part: slice, add: bool, worker: int
    ) -> None:
        group, count = groups.start, part.stop - part.start
        outputs, added, columns = y.shape[1], b.shape[1], y.shape[2]
        sizes: list[tuple[int, ...]] = [(count, added, columns), (count, outputs, columns)]
        if self.plan.problem.summed:
            sizes.append((count, outputs, added))
        right, result, *copy = self._carve(worker, sizes)
        right[...] = b[group, :, :, part].transpose(2, 0, 1)
        left = a[group, part]
        if copy:
            left = copy[0]
            left[...] = a[group, :, :, part].transpose(2, 0, 1)
        np.matmul(left, right, out=result)
        total = y[group, :, :, part].transpose(2, 0, 1)
        if add:
            np.add(total, result, out=total)
        else:
            total[...] = result

    def back(
        self, sums: Numpy, tiles: range, y: Numpy, bias: Numpy | None, channels: range
    ) -> None:
        """Transform sums (g, o, tile, f) back, and store each tile's own outputs in y."""
        plan = self.plan
        given = sums.reshape(len(channels), len(tiles), *plan.spectrum)
        blocks = _blocks(len(channels), plan.planes)

        def step(index: int, worker: int) -> None:
            number, block = index // len(blocks), blocks[index % len(blocks)]
            image, *tile = self._tile(tiles[number])
            parts = [side.part(t) for side, t in zip(plan.sides, tile, strict=True)]
            counts = [stop - first for first, stop in parts]
            result = self._inverse(given[block, number], counts, worker)
            own = channels[block]
            target: Any = (image, slice(own.start, own.stop), *(slice(*part) for part in parts))
            if bias is None:
                y[target] = result
            else:
                ones = (1,) * len(parts)
                np.add(result, bias[own.start : own.stop].reshape(-1, *ones), out=y[target])

        self.share(step, len(tiles) * len(blocks))

    def back_summed(self, sums: Numpy, y: Numpy) -> None:
        """Transform sums (g, o, c, f) back into y (g · o, c, *)."""
        plan = self.plan
        given = sums.reshape(-1, *plan.spectrum)
        into = y.reshape(-1, *y.shape[2:])
        assert np.shares_memory(into, y)
        counts = [line.out for line in plan.problem.lines]
        scale = self._real.type(sqrt(prod(plan.lengths)))
        blocks = _blocks(len(given), plan.planes)

        def step(index: int, worker: int) -> None:
            block = blocks[index]
            result = self._inverse(given[block], counts, worker)
            np.multiply(result, scale, out=into[block])

        self.share(step, len(blocks))

    def _inverse(self, planes: Numpy, counts: list[int], worker: int) -> Numpy:
        """Transform planes back, leaving out as soon as may be what is not kept."""
        plan = self.plan
        values = planes
        for axis, count in enumerate(counts[:-1], 1):
            slot = self._slot(worker, axis % 2, values.shape)
            values = np.fft.ifft(values, axis=axis, norm="ortho", out=slot)
            values = values[(slice(None),) * axis + (self._kept(axis - 1, count),)]
        shape = (*values.shape[:-1], plan.lengths[-1])
        slot = self._slot(worker, len(counts) % 2, shape, real=True)
        values = np.fft.irfft(values, plan.lengths[-1], norm="ortho", out=slot)
        result: Numpy = values[..., self._kept(len(counts) - 1, counts[-1])]
        return result

    def _kept(self, axis: int, count: int) -> slice:
        step = self.plan.problem.lines[axis].step
        return slice(0, count * step, step)

    def _box(self, tile: list[int]) -> list[Box]:
        """What a tile reads of x along each axis: from, to, the first one's place, the gap."""
        sides = zip(self.plan.sides, tile, strict=True)
        return [(*side.reads(number), side.line.apart) for side, number in sides]

    def _taps(self, tile: list[int]) -> list[Box]:
        """The same of the taps."""
        sides = zip(self.plan.sides, tile, strict=True)
        return [(*side.part(number), 0, side.line.spread) for side, number in sides]

    def _tile(self, number: int) -> Tile:
        counts = (self.plan.problem.images, *(side.count for side in self.plan.sides))
        return tuple([int(n) for n in np.unravel_index(number, counts)])

    def _slot(self, worker: int, slot: int, shape: tuple[int, ...], real: bool = False) -> Numpy:
        """One of three pieces of a worker's own space."""
        size = self._own.shape[1] // 3
        piece = self._own[worker, slot * size : (slot + 1) * size]
        if real:
            piece = piece.view(self._real)
        return piece[: prod(shape)].reshape(shape)

    def _carve(self, worker: int, shapes: list[tuple[int, ...]]) -> list[Numpy]:
        """A worker's own space, cut for arrays of these shapes."""
        found, start = [], 0
        for shape in shapes:
            found.append(self._own[worker, start : start + prod(shape)].reshape(shape))
            start += prod(shape)
        return found


# Along one axis: the first number read, the one behind the last, the first one's place, the gap.
Box = tuple[int, int, int, int]


def _ranges(count: int, each: int) -> list[range]:
    """``count`` in parts of ``each``."""
    return [range(first, min(first + each, count)) for first in range(0, count, each)]


def _blocks(count: int, each: int) -> list[slice]:
    return [slice(part.start, part.stop) for part in _ranges(count, each)]


def _flat(groups: range, each: int, some: range | None = None) -> range:
    """The channels of some groups, each of which has so many; of one group also some only."""
    if some is None or len(some) == each:
        return range(groups.start * each, groups.stop * each)
    return range(groups.start * each + some.start, groups.start * each + some.stop)


def _chosen(plan: FFTPlan, weights: Numpy, groups: range, outputs: range) -> Numpy:
    own = weights[groups.start : groups.stop]
    some = slice(outputs.start, outputs.stop)
    return own[:, :, some] if plan.matrices else own[:, some]
