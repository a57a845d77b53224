"""The numbers in tatamu/stage/coefficients.py: minimax polynomials by Remez' exchange.

The first terms of each series, which carry most of the value, are left exact (the polynomial q
stands for the rest), so that rounding the coefficients to the type they are used in costs little.
Needs mpmath:

    python scripts/fit_polynomials.py > tatamu/stage/coefficients.py
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

from mpmath import (
    atanh,
    cos,
    erf,
    erfc,
    expm1,
    linspace,
    log,
    lu_solve,
    matrix,
    mp,
    mpf,
    pi,
    sin,
    sqrt,
    workprec,
)

mp.prec = 200
GRID = 600
ROUNDS = 40


@dataclass(frozen=True)
class Fit:
    """``target`` on [low, high] by ``terms`` powers; the error counts ``weight`` times."""

    name: str
    series: str
    target: Callable[[mpf], mpf]
    weight: Callable[[mpf], mpf]
    low: mpf
    high: mpf
    terms: dict[int, int]  # by the bits of the type


def _limit(f: Callable[[mpf], mpf]) -> Callable[[mpf], mpf]:
    """``f`` with more bits, as quotients of tiny differences need."""

    def careful(x: mpf) -> mpf:
        with workprec(600):
            return f(x)

    return careful


HALF_LN2 = log(2) / 2 * mpf("1.0001")
QUARTER_PI = pi / 4 * mpf("1.0001")
S = (sqrt(2) - 1) / (sqrt(2) + 1) * mpf("1.0001")
TINY = mpf(10) ** -12

FITS = [
    Fit(
        "EXP",
        "e^r = 1 + r + r^2 q(r) for |r| <= log(2) / 2",
        _limit(lambda r: (expm1(r) - r) / r**2),
        lambda r: abs(r**2 / expm1(r)) + mpf("0.01"),  # never 0, as the exchange needs
        -HALF_LN2,
        HALF_LN2,
        {32: 6, 64: 11},
    ),
    Fit(
        "LOG",
        "log((1 + s) / (1 - s)) = 2 s + s^3 q(s^2) for sqrt(1/2) <= (1 + s) / (1 - s) <= sqrt(2)",
        _limit(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z),
        lambda z: z * sqrt(z) / (2 * atanh(sqrt(z))),
        TINY,
        S**2,
        {32: 4, 64: 7},
    ),
    Fit(
        "SIN",
        "sin r = r + r^3 q(r^2) for |r| <= pi / 4",
        _limit(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z),
        lambda z: z * sqrt(z) / sin(sqrt(z)),
        TINY,
        QUARTER_PI**2,
        {32: 3, 64: 6},
    ),
    Fit(
        "COS",
        "cos r = 1 - r^2 / 2 + r^4 q(r^2) for |r| <= pi / 4",
        _limit(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2),
        lambda z: z**2 / cos(sqrt(z)),
        TINY,
        QUARTER_PI**2,
        {32: 3, 64: 6},
    ),
    Fit(
        "ERF_NEAR",
        "erf x = x + x q(x^2) for 0 <= x <= 1",
        lambda z: erf(sqrt(z)) / sqrt(z) - 1,
        lambda z: sqrt(z) / erf(sqrt(z)),
        TINY,
        mpf(1),
        {32: 7, 64: 13},
    ),
    Fit(
        "ERF_FAR",
        "erf x = 1 - exp(q(x - 1)) for x from 1 to 4 (6), where erf is 1 to the last bit",
        lambda u: log(erfc(1 + u)),
        lambda u: erfc(1 + u) / erf(1 + u),
        mpf(0),
        mpf(5),
        {32: 8, 64: 20},
    ),
]

# Where ERF_FAR ends, less 1.
ERF_ENDS = {32: mpf(3), 64: mpf(5)}

# Cody and Waite's splitting: a whole number times any part but the last is exact.
SPLITS = [
    (
        "LN2",
        "log(2) in parts: a whole number below 2^8 (2^13) times the first is exact",
        log(2),
        {32: (16,), 64: (40,)},
    ),
    (
        "HALF_PI",
        "pi / 2 in parts, both in double precision: whole numbers to 2^20 times all but the last "
        "are exact",
        pi / 2,
        {32: (33,), 64: (33, 33, 33)},
    ),
]

HEAD = '''"""Numbers that scripts/fit_polynomials.py makes: minimax polynomials and split constants.

Keyed by the bits of the type they serve; constant terms first.
"""

from __future__ import annotations
'''


def main() -> None:
    """Print the module; the largest error of each polynomial goes to the other stream."""
    print(HEAD)
    for fit in FITS:
        table = {}
        for bits, terms in fit.terms.items():
            high = ERF_ENDS[bits] if fit.name == "ERF_FAR" else fit.high
            table[bits], error = rounded(fit, high, terms, bits)
            print(f"{fit.name} {bits}: error 2^{float(log(error, 2)):.1f}", file=sys.stderr)
        show(fit.name, fit.series, table)
    for name, what, x, widths in SPLITS:
        show(name, what, {bits: split(x, w) for bits, w in widths.items()})


def show(name: str, comment: str, table: dict[int, tuple[float, ...]]) -> None:
    """Print one table as Python."""
    print(f"# {comment}\n{name}: dict[int, tuple[float, ...]] = {{")
    for bits, numbers in table.items():
        print(f"    {bits}: (", *(f"        {n!r}," for n in numbers), "    ),", sep="\n")
    print("}\n" if name != SPLITS[-1][0] else "}")


def split(x: mpf, widths: tuple[int, ...]) -> tuple[float, ...]:
    """Parts of so many bits each, and the rest, that add up to ``x``."""
    parts = []
    for width in widths:
        shift = width - int(mp.floor(log(abs(x), 2))) - 1
        part = mp.nint(x * mpf(2) ** shift) / mpf(2) ** shift
        parts.append(float(part))
        x -= part
    return (*parts, float(x))


def rounded(fit: Fit, high: mpf, terms: int, bits: int) -> tuple[tuple[float, ...], mpf]:
    """Coefficients that the type can hold, constant first, and their largest weighted error."""
    grid = [(fit.low + high - (high - fit.low) * cos(pi * t)) / 2 for t in linspace(0, 1, GRID)]
    wanted = [fit.target(x) for x in grid]
    weights = [fit.weight(x) for x in grid]
    found = [to_type(c, bits) for c in remez(grid, wanted, weights, terms)]
    values = [sum(mpf(c) * x**power for power, c in enumerate(found)) for x in grid]
    errors = [w * (v - y) for w, v, y in zip(weights, values, wanted, strict=True)]
    return tuple(found), max(abs(e) for e in errors)


def to_type(x: mpf, bits: int) -> float:
    """The nearest number of the type."""
    return float(struct.unpack("<f", struct.pack("<f", float(x)))[0]) if bits == 32 else float(x)


def remez(grid: list[mpf], wanted: list[mpf], weights: list[mpf], terms: int) -> list[mpf]:
    """The polynomial that makes the largest weighted error on the grid smallest."""
    columns = [[w * x**p for x, w in zip(grid, weights, strict=True)] for p in range(terms)]
    scaled = [w * v for w, v in zip(weights, wanted, strict=True)]
    points = [round(i * (len(grid) - 1) / terms) for i in range(terms + 1)]
    coefficients: list[mpf] = []
    for _ in range(ROUNDS):
        rows = [[c[i] for c in columns] + [mpf((-1) ** k)] for k, i in enumerate(points)]
        solved = lu_solve(matrix(rows), matrix([scaled[i] for i in points]))
        coefficients = [solved[k] for k in range(terms)]
        errors = [
            s - sum(c * column[i] for c, column in zip(coefficients, columns, strict=True))
            for i, s in enumerate(scaled)
        ]
        new = extrema(errors, terms + 1)
        if new is None or new == points:
            break
        points = new
    return coefficients


def extrema(errors: list[mpf], count: int) -> list[int] | None:
    """The largest error of each run of one sign; the ``count`` neighbours that are largest."""
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if peaks and (errors[peaks[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > count:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return peaks if len(peaks) == count else None


if __name__ == "__main__":
    main()
