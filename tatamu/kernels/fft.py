"""Convolution by fast Fourier transform: which tiles, how much memory, what it costs.

A product of two transforms is the transform of a convolution round a circle (Oppenheim and
Schafer, Discrete-Time Signal Processing, chapter 8). So the picture is cut into tiles that overlap
by the kernel ("overlap-save"): of each tile of length L, the outputs whose taps do not wrap round
are kept. In `summed` problems, gradients of weights, the kernel is as large as the picture and the
outputs are few: there the kernel is cut, and the tiles' products are added up before one transform
back. The work grows with the logarithm of the tile, not with the kernel.

All tensors pass through one description, `Correlation`: forward, input gradient and weight gradient
differ in it alone. `fft_numpy` does what is planned here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod

import numpy as np

from tatamu.geometry import Window
from tatamu.kernels.cost import Cost
from tatamu.kernels.problem import DTYPES
from tatamu.stage import F32, Target

__all__ = ["Correlation", "FFTPlan", "Line", "Side", "accepts", "cost", "plan"]

# Bytes of working space, at most, whatever the problem: half is shared, half the threads' own.
WORKSPACE = 64 * 1024 * 1024
# Bytes of transformed weights that a layer may keep.
PACKED = 256 * 1024 * 1024
# Numbers that one step of a thread takes up at least, so that Python's part of it is small.
BLOCK = 128 * 1024

# Nanoseconds, measured on one core at 118 GFLOP/s in float32; float64 takes `WIDE` as long.
PASS = 1.25  # a transform along one axis, for each number
LONG = 0.1  # how much longer it takes for each doubling beyond 512 numbers
LINE = 50.0  # the same, for each line of numbers that is one transform
MOVE = 1.2  # laying a number out for it, or storing the result
LOOP = 0.75  # a complex multiply-add between whole planes
PRODUCT = (12.0, 2.0, 0.4, 0.1)  # by matrices: each frequency, number moved, weight, multiply-add
CALL = 15_000.0  # a step of a thread, as far as it is Python
LARGE = 256 * 1024  # numbers from which on a tile's columns no longer fit the second cache
WIDE = 1.6
# Work that one thread does alone, since handing out steps takes time, too.
ALONE = 2_000_000.0
# It must be that much faster than plain arithmetic, of which two threads do twice as much.
MARGIN = 1.5
# Multiply-adds a nanosecond of plain float32 arithmetic on that core.
PEAK = 59.0
WIDE_PEAK = 2.0
DEPTHWISE = 2.5  # how much longer a depthwise multiply-add takes

# Into how many tiles an axis may be cut.
PARTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 512, 1024)


@dataclass(frozen=True, slots=True)
class Line:
    """One axis: output p is the sum over taps t of w[t] x[first + step p + spread t].

    x is zero outside its ``size`` numbers, which lie ``apart`` positions from each other, with
    zeros in between.
    """

    size: int
    taps: int
    out: int
    first: int = 0
    spread: int = 1
    step: int = 1
    apart: int = 1


@dataclass(frozen=True, slots=True)
class Correlation:
    """y[n,g,o,p] = sum over c, t of w[g,o,c,t] x[n,g,c,...], along one to three lines.

    ``inputs`` and ``outputs`` are channels of one group. If ``summed``, the weights have an axis of
    images too, y has none, and channels are not added up but kept apart: y[g,o,c,p] = sum over n, t
    of w[n,g,o,t] x[n,g,c,...].
    """

    dtype: str
    images: int
    groups: int
    inputs: int
    outputs: int
    lines: tuple[Line, ...]
    summed: bool = False

    @property
    def taps(self) -> int:
        """Taps of the whole window."""
        return prod(line.taps for line in self.lines)

    @property
    def macs(self) -> int:
        """Multiply-adds by the definition, those with zeros included."""
        outputs = prod(line.out for line in self.lines)
        return self.images * self.groups * self.inputs * self.outputs * self.taps * outputs

    @property
    def itemsize(self) -> int:
        """Bytes of one real number."""
        return np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class Side:
    """One axis in ``count`` tiles of ``each`` outputs (summed: taps) and ``length`` positions."""

    line: Line
    length: int
    each: int
    count: int
    summed: bool

    def part(self, tile: int) -> tuple[int, int]:
        """The first of the tile's outputs or taps, and the one behind its last."""
        whole = self.line.taps if self.summed else self.line.out
        return tile * self.each, min((tile + 1) * self.each, whole)

    def reads(self, tile: int) -> tuple[int, int, int]:
        """Which of x's numbers lie in the tile, from and to, and where in it the first comes."""
        line = self.line
        begin = line.first + tile * self.each * (line.spread if self.summed else line.step)
        first = max(0, -(-begin // line.apart))
        stop = min(line.size, -(-(begin + self.length) // line.apart))
        return first, max(first, stop), first * line.apart - begin


@dataclass(frozen=True, eq=False)
class FFTPlan:
    """One problem worked out. A job takes so many groups, tiles and outputs at a time."""

    problem: Correlation
    sides: tuple[Side, ...]
    matrices: bool
    groups: int
    tiles: int
    outputs: int
    nanoseconds: float

    @property
    def lengths(self) -> tuple[int, ...]:
        """The transform's lengths."""
        return tuple([side.length for side in self.sides])

    @property
    def spectrum(self) -> tuple[int, ...]:
        """The shape of a transformed tile: half of the last axis says all."""
        return (*self.lengths[:-1], self.lengths[-1] // 2 + 1)

    @property
    def frequencies(self) -> int:
        """How many complex numbers that is."""
        return prod(self.spectrum)

    @property
    def all_tiles(self) -> int:
        """Tiles of all images."""
        return self.problem.images * prod(side.count for side in self.sides)

    @property
    def planes(self) -> int:
        """How many tiles a thread transforms at once."""
        p = self.problem
        most = p.groups * (p.inputs * p.outputs if p.summed else max(p.inputs, p.outputs))
        return max(1, min(most, BLOCK // prod(self.lengths)))

    @property
    def shared(self) -> int:
        """Bytes of working space for one job: transformed inputs, outputs and, if summed, taps."""
        p = self.problem
        out = p.inputs if p.summed else self.tiles
        planes = p.inputs * self.tiles + self.outputs * out
        if p.summed:
            planes += self.outputs * self.tiles
        return self.groups * planes * self.frequencies * 2 * p.itemsize

    @property
    def own(self) -> int:
        """Bytes of working space of each thread."""
        transforms = 3 * self.planes * self.frequencies
        return max(transforms, _product_space(self)) * 2 * self.problem.itemsize

    @property
    def packed(self) -> int:
        """Bytes of the transformed weights, none of which are kept if summed."""
        p = self.problem
        planes = 0 if p.summed else p.groups * p.inputs * p.outputs
        return planes * self.frequencies * 2 * p.itemsize

    @property
    def packing(self) -> tuple[object, ...]:
        """What the order of transformed weights depends on: plans that agree can share them."""
        p = self.problem
        taps = tuple([(line.taps, line.spread) for line in p.lines])
        channels = p.groups, p.inputs, p.outputs
        return "FFT", self.lengths, self.matrices, channels, taps

    def workers(self, threads: int) -> int:
        """How many threads pay, and have enough of the working space."""
        if self.nanoseconds < ALONE:
            return 1
        return max(1, min(threads, (WORKSPACE - self.shared) // self.own))

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        return f"FFT {'×'.join(map(str, self.lengths))}"


def accepts(problem: Correlation, target: Target | None) -> str | None:
    """None if the transform serves this problem and pays, else why not."""
    reason = _unserved(problem)
    if reason is not None:
        return reason
    plain = plain_nanoseconds(problem, target)
    least = _least(problem)
    if least * MARGIN < plain:
        found = plan(problem)
        if isinstance(found, str):
            return found
        least = found.nanoseconds
    if least * MARGIN >= plain:
        return f"too little to gain: {least / 1e6:.3g} ms expected, {plain / 1e6:.3g} ms without"
    return None


def _unserved(problem: Correlation) -> str | None:
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if not problem.macs:
        return "there is nothing to compute"
    return None


def cost(problem: Correlation, target: Target) -> Cost:
    """What it is expected to take; ``accepts(problem, target)`` must be None."""
    found = plan(problem)
    assert not isinstance(found, str)
    # Vector multiply-adds a nanosecond: AVX-512 takes two beats for one, on the machine measured.
    rate = PEAK / max(target.lanes(F32), 8)
    # Python's threads share less of the work than a pool's: it has to win on one.
    scratch = found.shared + found.own + found.packed
    return Cost(found.nanoseconds * rate, moved=0.0, items=1, scratch=scratch)


def plain_nanoseconds(problem: Correlation, target: Target | None) -> float:
    """The time that one core takes for the problem without a transform.

    Direct kernels fill their vectors with the outputs of a group, depthwise ones with groups.
    Without a target, NumPy takes one tap after the other.
    """
    inputs, outputs = problem.inputs, problem.outputs
    positions = problem.macs / (inputs * outputs)
    if target is None:
        return positions * (0.5 * (inputs + outputs) + 0.03 * inputs * outputs)
    wide = WIDE_PEAK if problem.itemsize == 8 else 1.0
    if inputs == outputs == 1 and problem.groups > 1:
        lanes = target.lanes(DTYPES[problem.dtype])
        return positions * wide * DEPTHWISE / PEAK / (min(lanes, problem.groups) / lanes)
    narrow = target.lanes(F32) // 2  # as fast as full vectors, on the machine measured
    return positions * wide * inputs * -(-outputs // narrow) * narrow / PEAK


@lru_cache(maxsize=1024)
def plan(problem: Correlation) -> FFTPlan | str:
    """The cheapest plan that fits the working space, or why there is none."""
    reason = _unserved(problem)
    if reason is not None:
        return reason
    best: FFTPlan | None = None
    smallest = None
    for sides in product(*(candidates(line, problem.summed) for line in problem.lines)):
        found = plan_with(sides, problem)
        needed = max(2 * found.shared, 2 * found.own)
        if found.packed > PACKED or needed > WORKSPACE:
            smallest = min(smallest or found, found, key=lambda f: f.packed + f.shared + f.own)
        elif best is None or found.nanoseconds < best.nanoseconds:
            best = found
    if best is not None:
        return best
    assert smallest is not None
    megabytes = 1024 * 1024
    return (
        f"{smallest.label} needs {smallest.packed / megabytes:.0f} MB of transformed weights and "
        f"{(smallest.shared + smallest.own) / megabytes:.0f} MB to work in; "
        f"{PACKED // megabytes} and {WORKSPACE // megabytes // 2} are allowed"
    )


def plan_with(sides: tuple[Side, ...], problem: Correlation) -> FFTPlan:
    """The plan with tiles of given sides: jobs as large as the working space allows."""
    lengths = [side.length for side in sides]
    frequencies = prod(lengths[:-1]) * (lengths[-1] // 2 + 1)
    room = WORKSPACE // 2 // (frequencies * 2 * problem.itemsize)
    all_tiles = problem.images * prod(side.count for side in sides)
    inputs, outputs, summed = problem.inputs, problem.outputs, problem.summed
    if summed:
        # Sums of one job come first, what is left takes tiles.
        each = max(1, min(outputs, (room - inputs) // (inputs + 1)))
        tiles = max(1, min(all_tiles, (room - each * inputs) // (inputs + each)))
        groups = max(1, min(problem.groups, room // (each * inputs + tiles * (inputs + each))))
    else:
        tiles = max(1, min(all_tiles, room // (inputs + outputs)))
        each = max(1, min(outputs, room // tiles - inputs))
        groups = max(1, min(problem.groups, room // (tiles * (inputs + each))))
    tiles = _even(all_tiles, tiles)
    matrices = _by_matrices(inputs, outputs, tiles, summed)
    nanoseconds = _nanoseconds(problem, sides, matrices, -(-outputs // each), tiles)
    return FFTPlan(problem, sides, matrices, groups, tiles, each, nanoseconds)


def _even(count: int, most: int) -> int:
    """The size of equal parts, none above ``most``."""
    return -(-count // -(-count // most))


def _by_matrices(inputs: int, outputs: int, tiles: int, summed: bool) -> bool:
    a, b = (tiles, inputs) if summed else (inputs, tiles)
    return _product(a, outputs, b, matrices=True) < _product(a, outputs, b, matrices=False)


def _product(added: int, outputs: int, columns: int, *, matrices: bool) -> float:
    """Nanoseconds of one frequency: a matrix (outputs, added) times one (added, columns)."""
    if not matrices:
        return LOOP * added * outputs * columns + 0.3 * added * outputs
    one, moved, weight, multiply = PRODUCT
    numbers, weights = (added + outputs) * columns, added * outputs
    return one + moved * numbers + weights * (weight + multiply * columns)


def _product_space(plan: FFTPlan) -> int:
    """Complex numbers that a thread needs to multiply ``frequencies_each`` of them."""
    p = plan.problem
    added, columns = (plan.tiles, p.inputs) if p.summed else (p.inputs, plan.tiles)
    each, groups = product_block(plan)
    if not plan.matrices:
        return groups * columns * each
    own_weights = plan.outputs * added if p.summed else 0
    return each * ((added + plan.outputs) * columns + own_weights)


def product_block(plan: FFTPlan) -> tuple[int, int]:
    """Frequencies and groups that a thread multiplies at once: what the second cache holds."""
    p = plan.problem
    added, columns = (plan.tiles, p.inputs) if p.summed else (p.inputs, plan.tiles)
    if plan.matrices:
        numbers = (added + plan.outputs) * columns + plan.outputs * added
        return max(8, min(plan.frequencies, BLOCK // numbers)), 1
    each = max(256, min(plan.frequencies, BLOCK // 2 // columns))
    each = min(each, plan.frequencies)
    return each, max(1, min(plan.groups, BLOCK // 2 // (columns * each)))


def _transform(problem: Correlation, sides: tuple[Side, ...]) -> float:
    """Nanoseconds of one tile's transform, there or back."""
    points = prod(side.length for side in sides)
    far = 1.3 if points > LARGE and len(sides) > 1 else 1.0
    wide = WIDE if problem.itemsize == 8 else 1.0
    passes = sum(PASS * (1 + LONG * max(0.0, log2(side.length) - 9)) for side in sides)
    lines = points / sides[-1].length + sum(points / 2 / side.length for side in sides[:-1])
    call = CALL / max(1, BLOCK // points)
    return points * wide * (passes * far + MOVE) + lines * LINE + call


def _nanoseconds(
    p: Correlation, sides: tuple[Side, ...], matrices: bool, blocks: int, tiles: int
) -> float:
    """The time of one core, weights transformed anew, as in every step of training."""
    points = prod(side.length for side in sides)
    frequencies = points / 2 + prod(side.length for side in sides[:-1])
    count = p.images * prod(side.count for side in sides)
    jobs = -(-count // tiles)
    if p.summed:
        planes = count * (p.inputs * blocks + p.outputs) + p.inputs * p.outputs
        each = _product(tiles, p.outputs, p.inputs, matrices=matrices)
    else:
        planes = count * (p.inputs + p.outputs) + p.inputs * p.outputs
        each = _product(p.inputs, p.outputs, tiles, matrices=matrices)
    wide = 2.0 if p.itemsize == 8 else 1.0
    work = planes * _transform(p, sides) + jobs * frequencies * each * wide
    return p.groups * work + 5 * CALL


def _least(problem: Correlation) -> float:
    """A time that no plan stays under, quickly found: tiles cover outputs, or taps if summed."""
    p = problem
    outs = prod(line.out for line in p.lines)
    moved, still = (p.taps, outs) if p.summed else (outs, p.taps)
    numbers = p.images * (p.inputs + p.outputs) * moved + p.inputs * p.outputs * still
    return p.groups * numbers * (PASS * len(p.lines) + MOVE) + 5 * CALL


@lru_cache(maxsize=4096)
def candidates(line: Line, summed: bool) -> tuple[Side, ...]:
    """Ways to cut an axis: for each number of tiles, the shortest that serves."""
    moved, step = (line.taps, line.spread) if summed else (line.out, line.step)
    still, apart = (line.out, line.step) if summed else (line.taps, line.spread)
    window = Window(Window(still, dilation=apart).extent)
    found: dict[int, Side] = {}
    for parts in PARTS:
        each = -(-moved // parts)
        extent = Window(each, dilation=step).extent
        if parts > 1 and extent < window.extent // 4:
            break
        length = good_length(window.back(extent))
        each = min(moved, Window(1, step).out(window.out(length)))
        found.setdefault(length, Side(line, length, each, ceil(moved / each), summed))
        if each == 1:
            break
    return tuple(found.values())


@lru_cache(maxsize=4096)
def good_length(least: int) -> int:
    """The next even number that a transform does quickly: without prime factors above 7 (5)."""
    length = max(2, least + least % 2)
    while True:
        rest = length
        for factor in (2, 3, 5, 7) if length <= 1024 else (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
