"""Convolution by transform as tests call it, and what is right, found without the package."""

from __future__ import annotations

from functools import partial
from itertools import product
from math import log2, prod
from typing import Any

import numpy as np

from tatamu.kernels import fft, fft_numpy
from tatamu.kernels.fft import Correlation, FFTPlan, Line
from tatamu.runtime.sharing import share

Numpy = Any


def planned(problem: Correlation) -> FFTPlan:
    """The plan, whether or not it pays."""
    plan = fft.plan(problem)
    assert not isinstance(plan, str), plan
    return plan


def every_plan(problem: Correlation) -> list[FFTPlan]:
    """A plan for each way to cut the axes."""
    ways = product(*(fft.candidates(line, problem.summed) for line in problem.lines))
    return [fft.plan_with(sides, problem) for sides in ways]


def operands(problem: Correlation, seed: int = 0) -> tuple[Numpy, Numpy]:
    """x and the taps: weights, or the gradient if summed."""
    random = np.random.default_rng(seed)
    p = problem
    x = random.standard_normal((p.images, p.groups * p.inputs, *(n.size for n in p.lines)))
    taps = [line.taps for line in p.lines]
    first = (p.images, p.groups * p.outputs) if p.summed else (p.groups * p.outputs, p.inputs)
    w = random.standard_normal((*first, *taps))
    return x.astype(p.dtype), w.astype(p.dtype)


def run(plan: FFTPlan, x: Numpy, w: Numpy, bias: Numpy | None = None, threads: int = 1) -> Numpy:
    """What the plan makes of its operands, on so many threads."""
    p = plan.problem
    shared = partial(share, workers=threads)
    space = np.full(plan.shared + threads * plan.own, 255, np.uint8)  # NaN everywhere
    work = fft_numpy.Work(plan, space, shared)
    outs = [line.out for line in p.lines]
    before = x.tobytes(), w.tobytes()
    if p.summed:
        y = np.full((p.groups * p.outputs, p.inputs, *outs), np.nan, p.dtype)
        fft_numpy.sum_products(work, x, w, y)
    else:
        y = np.moveaxis(np.full((p.images, *outs, p.groups * p.outputs), np.nan, p.dtype), -1, 1)
        packed = fft_numpy.pack(plan, w, shared)
        assert packed.nbytes == plan.packed
        fft_numpy.convolve(work, x, packed, bias, y)
    assert (x.tobytes(), w.tobytes()) == before
    return y


def definition(problem: Correlation, x: Numpy, w: Numpy) -> Numpy:
    """The sum over all taps, one after the other, in float64."""
    p = problem
    wide = np.zeros((p.images, p.groups, p.inputs, *map(_positions, p.lines)))
    inside: list[slice] = []
    for line in p.lines:
        start = max(0, -line.first)
        inside.append(slice(start, start + (line.size - 1) * line.apart + 1, line.apart))
    wide[(..., *inside)] = x.reshape(p.images, p.groups, p.inputs, *x.shape[2:])
    outs = [line.out for line in p.lines]
    if p.summed:
        y = np.zeros((p.groups, p.outputs, p.inputs, *outs))
        v = w.astype(np.float64).reshape(p.images, p.groups, p.outputs, *w.shape[2:])
    else:
        y = np.zeros((p.images, p.groups, p.outputs, *outs))
        v = w.astype(np.float64).reshape(p.groups, p.outputs, p.inputs, *w.shape[2:])
    for tap in np.ndindex(*w.shape[2:]):
        read = []
        for line, t in zip(p.lines, tap, strict=True):
            start = max(0, line.first) + t * line.spread
            read.append(slice(start, start + (line.out - 1) * line.step + 1, line.step))
        at = (..., *tap)
        if p.summed:
            y += np.einsum("ngo,ngc...->goc...", v[at], wide[(..., *read)])
        else:
            y += np.einsum("goc,ngc...->ngo...", v[at], wide[(..., *read)])
    return y.reshape(-1, p.inputs, *outs) if p.summed else y.reshape(p.images, -1, *outs)


def _positions(line: Line) -> int:
    """Enough positions for all that is read, and for all of x."""
    last = line.first + (line.out - 1) * line.step + (line.taps - 1) * line.spread
    return max(last, (line.size - 1) * line.apart) + max(0, -line.first) + 1


def bound(plan: FFTPlan, x: Numpy, w: Numpy) -> Numpy:
    """For each output, eps · (4 + log2(n)) times the norms of what its tile read and of its kernel.

    n is the transform's length. In float32 half of it is used at most; in float64, where what is
    called right is no better, nearly all.
    """
    p = plan.problem
    eps = float(np.finfo(p.dtype).eps) * (4 + log2(prod(plan.lengths)))
    wide = x.astype(np.float64).reshape(p.images, p.groups, p.inputs, *x.shape[2:]) ** 2
    axes = tuple(range(3, wide.ndim))
    outs = [line.out for line in p.lines]
    tiles = list(product(*(range(side.count) for side in plan.sides)))
    if p.summed:
        v = w.astype(np.float64).reshape(p.images, p.groups, p.outputs, *w.shape[2:]) ** 2
        total = np.zeros((p.groups, p.outputs, p.inputs))
        for tile in tiles:
            own = np.sqrt(v[(..., *_parts(plan, tile))].sum(axes))
            read = np.sqrt(wide[(..., *_reads(plan, tile))].sum(axes))
            total += np.einsum("ngo,ngc->goc", own, read)
        size = total.reshape(-1, p.inputs, *(1,) * len(outs))
        return eps * np.broadcast_to(size, (*size.shape[:2], *outs)) + np.finfo(p.dtype).tiny
    v = w.astype(np.float64).reshape(p.groups, p.outputs, p.inputs, *w.shape[2:]) ** 2
    kernels = np.sqrt(v.sum(axes))
    y = np.zeros((p.images, p.groups * p.outputs, *outs))
    for tile in tiles:
        read = np.sqrt(wide[(..., *_reads(plan, tile))].sum(axes))
        size = np.einsum("ngc,goc->ngo", read, kernels).reshape(p.images, -1)
        y[(..., *_parts(plan, tile))] = size.reshape(*size.shape, *(1,) * len(outs))
    return eps * y + np.finfo(p.dtype).tiny


def _parts(plan: FFTPlan, tile: tuple[int, ...]) -> list[slice]:
    return [slice(*side.part(t)) for side, t in zip(plan.sides, tile, strict=True)]


def _reads(plan: FFTPlan, tile: tuple[int, ...]) -> list[slice]:
    return [slice(*side.reads(t)[:2]) for side, t in zip(plan.sides, tile, strict=True)]


def check(plan: FFTPlan, seed: int = 0) -> float:
    """The plan is right within its bound; how much of the bound is used."""
    x, w = operands(plan.problem, seed)
    y = run(plan, x, w)
    error = abs(y - definition(plan.problem, x, w))
    limit = bound(plan, x, w)
    assert y.shape == error.shape
    used = float((error / limit).max())
    assert used <= 1.0, (plan.label, plan.problem, used)
    return used
