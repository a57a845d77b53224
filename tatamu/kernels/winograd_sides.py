"""One side of each of Winograd's transforms F(m x m, r x r): a row or a column at a time.

A tile of m x m outputs comes from (m+r-1)^2 products, one for each pair of points at which
polynomials are evaluated (Toom and Cook). Points come in pairs +-p; beside them there are infinity
and, where m+r-1 is even, 0. What is done to the inputs depends on their number alone, so that one
set of points serves 3x3 windows and others. They are chosen for the smallest float32 error: how
large products are, compared with the outputs that remain of them, is what rounding errors grow by.
For r = 3 that is 1.5 for m = 2, 2.2 for 3 and 4.0 for 4 (textbook points 0, +-1, +-2: 8.9; no five
points are better than 3.95); for m = 6 no points are better than 17.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tatamu.stage import Function, Value

# By the number of inputs along a side.
PAIRS = {4: (1.0,), 5: (3 / 8, 5 / 4), 6: (5 / 8, 3 / 2)}


def weight_side(outputs: int, kernel: int = 3) -> NDArray[np.float64]:
    """G: one side of the transform of the weights."""
    side = outputs + kernel - 1
    points = [sign * p for p in PAIRS[side] for sign in (1, -1)]
    if side % 2 == 0:
        points = [0.0, *points]
    # The row of a point p is [1, p, p^2...] over the product of its distances to the other points.
    rows = [
        [p**k / math.prod(p - other for other in points if other != p) for k in range(kernel)]
        for p in points
    ]
    if side == 4:
        rows[0] = [-k for k in rows[0]]  # `input_side` has the other sign, too
    return np.array([*rows, np.eye(kernel)[-1]])


def _times_plus(f: Function, k: float, x: Value, y: Value) -> Value:
    """k x + y."""
    if k == 1:
        return y + x
    if k == -1:
        return y - x
    return f.fma(x, f.constant(k, x.type), y)


def input_side(f: Function, d: list[Value]) -> list[Value]:
    """B^T d for one row or column."""
    add = partial(_times_plus, f)
    if len(d) == 4:
        return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1]]
    p, q = PAIRS[len(d)]
    p2, q2 = p**2, q**2

    def product(d0: Value, d2: Value, d4: Value) -> Value:
        """That of all pairs' (x - p)(x + p)."""
        return add(p2 * q2, d0, add(-(p2 + q2), d2, d4))

    first, d = ([product(d[0], d[2], d[4])], d[1:]) if len(d) == 6 else ([], d)
    even_p, odd_p = add(-q2, d[0], d[2]), add(-q2, d[1], d[3])
    even_q, odd_q = add(-p2, d[0], d[2]), add(-p2, d[1], d[3])
    return [
        *first,
        add(p, even_p, odd_p), add(-p, even_p, odd_p),
        add(q, even_q, odd_q), add(-q, even_q, odd_q),
        product(d[0], d[2], d[4]),
    ]  # fmt: skip


def output_side(f: Function, q: list[Value], outputs: int) -> list[Value]:
    """A^T q for one row or column: output i is the sum of p^i q over the points p."""
    add = partial(_times_plus, f)
    pairs = PAIRS[len(q)]
    *finite, last = q
    zero = finite.pop(0) if len(q) % 2 == 0 else None
    sums = [finite[2 * k] + finite[2 * k + 1] for k in range(len(pairs))]
    differences = [finite[2 * k] - finite[2 * k + 1] for k in range(len(pairs))]
    rows = []
    for i in range(outputs):
        total = zero if i == 0 else None
        if i == outputs - 1:
            total = last if total is None else total + last
        terms = zip(pairs, differences if i % 2 else sums, strict=True)
        for p, value in reversed(list(terms)):
            if total is None:
                total = value if p**i == 1 else value * p**i
            else:
                total = add(p**i, value, total)
        assert total is not None
        rows.append(total)
    return rows


def gradient_side(f: Function, g: list[Value], outputs: int) -> list[Value]:
    """A g for one row or column of a tile's gradients."""
    add = partial(_times_plus, f)
    if outputs == 2:
        return [g[0], g[0] + g[1], g[0] - g[1], g[1]]
    found = [g[0]] if outputs == 4 else []
    for p in PAIRS[outputs + 2]:
        even = add(p**2, g[2], g[0])
        odd = add(p**2, g[3], g[1]) if outputs == 4 else g[1]
        found += [add(p, odd, even), add(-p, odd, even)]
    return [*found, g[-1]]


def weight_gradient_side(f: Function, q: list[Value], outputs: int) -> list[Value]:
    """G^T q for one row or column."""
    return combined(f, weight_side(outputs).T, q)


def combined(f: Function, matrix: NDArray[np.float64], x: list[Value]) -> list[Value]:
    """A matrix times a column of values."""
    found = []
    for row in matrix:
        (k, value), *rest = ((float(k), v) for k, v in zip(row, x, strict=True) if k)
        total = value if k == 1 else value * k
        for k, v in rest:
            total = _times_plus(f, k, v, total)
        found.append(total)
    return found
