"""Numbers that scripts/fit_normal.py makes, in single precision; low powers first."""

from __future__ import annotations

# The normal distribution less 1/2 is x p(x^2) / q(x^2) for |x| up to its end.
NORMAL_END = 5.5
NORMAL_ABOVE: tuple[float, ...] = (
    0.3989422619342804,
    0.033457424491643906,
    0.004651391878724098,
    0.00016455909644719213,
    6.3015090745466296e-06,
    2.2932352905513653e-08,
)
NORMAL_BELOW: tuple[float, ...] = (
    1.0,
    0.25053173303604126,
    0.028415290638804436,
    0.0018605620134621859,
    7.21624746802263e-05,
    1.1990578059339896e-06,
)
