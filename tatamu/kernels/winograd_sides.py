"""One side of each of Winograd's transforms F(m x m, 3x3): a row or a column at a time.

A tile of m x m outputs comes from (m+2)^2 products, one for each pair of points at which
polynomials are evaluated (Toom and Cook). Points come in pairs +-p; beside them there are infinity
and, for m = 2 and 4, 0. They are chosen for the smallest float32 error: how large products are,
compared with the outputs that remain of them, is what rounding errors grow by. Here that is 1.5 for
m = 2, 2.2 for 3 and 4.0 for 4 (textbook points 0, +-1, +-2: 8.9; no five points are better than
3.95); for m = 6 no points are better than 17.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tatamu.stage import Function, Value

PAIRS = {3: (3 / 8, 5 / 4), 4: (5 / 8, 3 / 2)}


def weight_side(outputs: int) -> NDArray[np.float64]:
    """G: one side of the transform of the weights."""
    if outputs == 2:
        return np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    # The row of a point p is [1, p, p^2] over the product of its distances to the other points.
    points = [0.0] if outputs == 4 else []
    points += [sign * p for p in PAIRS[outputs] for sign in (1, -1)]
    rows = [
        [p**k / math.prod(p - other for other in points if other != p) for k in range(3)]
        for p in points
    ]
    return np.array([*rows, [0, 0, 1]])


def _times_plus(f: Function, k: float, x: Value, y: Value) -> Value:
    """k x + y."""
    if k == 1:
        return y + x
    if k == -1:
        return y - x
    return f.fma(x, f.constant(k, x.type), y)


def input_side(f: Function, d: list[Value], outputs: int) -> list[Value]:
    """B^T d for one row or column."""
    add = partial(_times_plus, f)
    if outputs == 2:
        return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1]]
    p, q = PAIRS[outputs]
    p2, q2 = p**2, q**2

    def product(d0: Value, d2: Value, d4: Value) -> Value:
        """That of all pairs' (x - p)(x + p)."""
        return add(p2 * q2, d0, add(-(p2 + q2), d2, d4))

    first, d = ([product(d[0], d[2], d[4])], d[1:]) if outputs == 4 else ([], d)
    even_p, odd_p = add(-q2, d[0], d[2]), add(-q2, d[1], d[3])
    even_q, odd_q = add(-p2, d[0], d[2]), add(-p2, d[1], d[3])
    return [
        *first,
        add(p, even_p, odd_p), add(-p, even_p, odd_p),
        add(q, even_q, odd_q), add(-q, even_q, odd_q),
        product(d[0], d[2], d[4]),
    ]  # fmt: skip


def output_side(f: Function, q: list[Value], outputs: int) -> list[Value]:
    """A^T q for one row or column."""
    add = partial(_times_plus, f)
    if outputs == 2:
        return [q[0] + q[1] + q[2], q[1] - q[2] + q[3]]
    a, b = PAIRS[outputs]
    *first, a_plus, a_minus, b_plus, b_minus, last = q
    sum_a, difference_a = a_plus + a_minus, a_plus - a_minus
    sum_b, difference_b = b_plus + b_minus, b_plus - b_minus
    rows = [
        first[0] + sum_a + sum_b if first else sum_a + sum_b,
        add(a, difference_a, difference_b * b),
    ]
    if outputs == 3:
        return [*rows, add(a**2, sum_a, add(b**2, sum_b, last))]
    cubes = add(a**3, difference_a, add(b**3, difference_b, last))
    return [*rows, add(a**2, sum_a, sum_b * b**2), cubes]


def gradient_side(f: Function, g: list[Value], outputs: int) -> list[Value]:
    """A g for one row or column of a tile's gradients."""
    add = partial(_times_plus, f)
    if outputs == 2:
        return [g[0], g[0] + g[1], g[0] - g[1], g[1]]
    found = [g[0]] if outputs == 4 else []
    for p in PAIRS[outputs]:
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
