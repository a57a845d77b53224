"""Winograd kernels as tests call them, and a bound on their error, found without the package.

The bound is that of the algorithm itself: the same transforms and products, with every number and
every matrix squared and the root taken at the end (rounding errors of either sign add up like
that), times some roundings. The matrices are derived here from the points, as fractions;
test_kernels_winograd.py shows them to be right.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from covering import most, values, varied
from direct_cases import (
    RUNNABLE,
    Layer,
    Numpy,
    exact,
    launch,
    name_of,
    problem_of,
    square,
    weights_for,
    winograd_tiles,
)
from direct_runner import Winograd

from tatamu.kernels import winograd
from tatamu.kernels.winograd_emit import WinogradTile

Tried = tuple[str, WinogradTile]
ALL_TILES = [(isa, tile) for isa, target in RUNNABLE.items() for tile in winograd_tiles(target)]
# Each takes a tenth of a second to compile: of every element type and transform some widths, and
# together all widths.
WIDTHS = {"float32": (4, 2), "float64": (3, 1)}
CHOSEN = [
    (i, tile)
    for i, tile in ALL_TILES
    if tile.vectors in WIDTHS[tile.dtype][: 1 if tile.outputs == 3 else 2]
]
TILES = most(CHOSEN, lambda case: values(case) | {(case[0], case[1].dtype)})
every_tile = varied("isa,tile", CHOSEN, TILES, ids=name_of)
PADS = [((p, p), (q, q)) for p, q in ((0, 0), (1, 1), (2, 2), (0, 2), (5, 1), (9, 9))]
SAME = square(3, pad=1)


# ---- the kernel, and how far off it may be -------------------------------------------------------


def times(a: list[Fraction], b: list[Fraction]) -> list[Fraction]:
    """The product of two polynomials."""
    found = [Fraction(0)] * (len(a) + len(b) - 1)
    for (i, x), (j, y) in product(enumerate(a), enumerate(b)):
        found[i + j] += x * y
    return found


@cache
def matrices(outputs: int, kernel: int = 3) -> tuple[Numpy, Numpy, Numpy]:
    """B^T, G and A^T of Toom and Cook, from the points; the last one is infinity."""
    half, wide, near, far = Fraction(5, 8), Fraction(3, 2), Fraction(3, 8), Fraction(5, 4)
    points = {4: [Fraction(0), Fraction(1), Fraction(-1)],
              5: [near, -near, far, -far],
              6: [Fraction(0), half, -half, wide, -wide]}[outputs + kernel - 1]  # fmt: skip
    b, g = [], []
    for p in points:
        others = [[-q, Fraction(1)] for q in points if q != p]
        row = [Fraction(1)]
        for factor in others:
            row = times(row, factor)
        scale = prod((p - q for q in points if q != p), start=Fraction(1))
        b.append([*row, Fraction(0)])
        g.append([p**k / scale for k in range(kernel)])
    row = [Fraction(1)]
    for p in points:
        row = times(row, [-p, Fraction(1)])
    last = [*[Fraction(0)] * (kernel - 1), Fraction(1)]
    a = [[p**i for p in points] + [Fraction(int(i == outputs - 1))] for i in range(outputs)]
    return np.array([*b, row]), np.array([*g, last]), np.array(a)


def exact_and_bound(
    outputs: int, layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None
) -> tuple[Numpy, Numpy]:
    """The right result, and how far off each of its numbers may be."""
    kernel = layer.kernel[0]
    b, g, a = (m.astype(float) ** 2 for m in matrices(outputs, kernel))
    (top, bottom), (left, right) = layer.pads
    height, width = (n + sum(p) - kernel + 1 for n, p in zip(x.shape[2:], layer.pads, strict=True))
    more = [-n % outputs for n in (height, width)]
    sides = (0, 0), (0, 0), (top, bottom + more[0]), (left, right + more[1])
    wide = np.pad(x.astype(np.float64) ** 2, sides)
    patches = np.lib.stride_tricks.sliding_window_view(wide, (outputs + kernel - 1,) * 2, (2, 3))
    patches = patches[:, :, ::outputs, ::outputs]
    v = np.einsum("ai,nctuij,bj->abntuc", b, patches, b, optimize=True)
    u = np.einsum("ai,ocij,bj->abco", g, w.astype(np.float64) ** 2, g, optimize=True)
    products = (v.reshape(*v.shape[:2], -1, v.shape[-1]) @ u).reshape(*v.shape[:-1], len(w))
    y = np.einsum("ia,jb,abntuo->notiuj", a, a, products, optimize=True)
    y = y.reshape(len(x), len(w), height + more[0], width + more[1])[:, :, :height, :width]
    channels, facts = x.shape[1], np.finfo(x.dtype)
    right, _ = exact(layer, x, w, bias)
    size = np.sqrt(y) + abs(right)
    if bias is not None:
        size += abs(bias.astype(np.float64))[:, None, None]
    roundings = 6 + np.sqrt(min(channels, 16) + channels / 16)
    roundings *= 1 if x.dtype == np.float32 else 2
    return right, roundings * facts.eps * size + 1000 * channels * facts.tiny


def transformed(
    isa: str, tile: WinogradTile, layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None = None
) -> Numpy:
    """What the kernel of this tile makes of ``x`` as it lies in memory."""
    problem = problem_of(layer.spec(), x, len(w))
    return launch(winograd.plan_with(tile, problem, RUNNABLE[isa]), x, w, bias)


def assert_close(outputs: int, y: Numpy, layer: Layer, x: Numpy, w: Numpy, b: Any) -> None:
    right, most = exact_and_bound(outputs, layer, x, w, b)
    assert y.shape == right.shape
    error = abs(y - right)
    worst = np.unravel_index(np.argmax(error / most), error.shape)
    assert (error <= most).all(), (worst, y[worst], right[worst], most[worst])


def check(isa: str, tile: WinogradTile, layer: Layer, x: Numpy, w: Numpy, bias: Any) -> None:
    assert_close(tile.outputs, transformed(isa, tile, layer, x, w, bias), layer, x, w, bias)


def check_runner(
    run: Winograd, tile: WinogradTile, x: Numpy, outputs: int, layer: Layer, short: str = ""
) -> None:
    w, bias = weights_for(layer, x, outputs)
    y = run(problem_of(layer.spec(), x, outputs), x, w, bias, short)
    assert_close(tile.outputs, y, layer, x, w, bias)
