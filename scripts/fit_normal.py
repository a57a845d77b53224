"""The numbers in tatamu/stage/rational.py: the normal distribution as a quotient of polynomials.

Lawson's method: the quotient is made linear with the denominator found so far, and fitted by least
squares whose weights grow where the error is large, until the largest error is as small as it gets.
Five powers above and five below leave 2e-8, a third of what single precision rounds away.

    python scripts/fit_normal.py > tatamu/stage/rational.py
"""

from __future__ import annotations

from math import erf, sqrt
from typing import Any

import numpy as np

END = 5.5  # from here on the distribution is 0 or 1 to seven digits
POINTS, ROUNDS = 4000, 80
ABOVE, BELOW = 6, 6


def fit() -> tuple[Any, Any, float]:
    """Coefficients of P and Q, the lowest first, and the largest relative error."""
    x = np.cos((np.arange(POINTS) + 0.5) / POINTS * np.pi / 2) * END
    wanted = np.array([erf(v * sqrt(0.5)) / (2 * v) for v in x])
    t = (x / END) ** 2
    powers = np.stack([t**i for i in range(max(ABOVE, BELOW))], 1)
    columns = [powers[:, :ABOVE], -wanted[:, None] * powers[:, 1:BELOW]]
    system = np.concatenate(columns, 1)
    weights, below = np.ones(POINTS), np.ones(POINTS)
    best: tuple[Any, Any, float] = (None, None, np.inf)
    for _ in range(ROUNDS):
        scale = np.sqrt(weights) / (wanted * below)
        found = np.linalg.lstsq(system * scale[:, None], wanted * scale, rcond=None)[0]
        p, q = found[:ABOVE], np.concatenate([[1.0], found[ABOVE:]])
        below = powers[:, :BELOW] @ q
        error = np.abs(powers[:, :ABOVE] @ p / below / wanted - 1)
        if error.max() < best[2]:
            units = END ** (2.0 * np.arange(max(ABOVE, BELOW)))
            best = p / units[:ABOVE], q / units[:BELOW], float(error.max())
        weights *= np.sqrt(error / error.max()) + 1e-3
        weights /= weights.mean()
    return best


def main() -> None:
    """Print the file."""
    p, q, error = fit()
    print(
        '"""Numbers that scripts/fit_normal.py makes, for single precision; lowest powers first."""'
    )
    print("\nfrom __future__ import annotations\n")
    print("# The normal distribution less 1/2 is x p(x^2) / q(x^2) for |x| up to its end.")
    print(f"NORMAL_END = {END}")
    for name, values in (("NORMAL_ABOVE", p), ("NORMAL_BELOW", q)):
        print(f"{name}: tuple[float, ...] = (")
        for value in values:
            print(f"    {float(np.float32(value))!r},")
        print(")")
    assert error < 3e-8, error


if __name__ == "__main__":
    main()
