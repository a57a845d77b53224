"""The constants of torch's normal numbers, as float32 has them.

Logarithm, sine and cosine are those of the Cephes library (Moshier, 1992): Horner coefficients
from the highest power down; log 2 and pi/4 in parts that multiply whole numbers without error.
"""

from __future__ import annotations

import math
import struct

__all__ = [
    "COSINE",
    "FOUR_OVER_PI",
    "LN2",
    "LOG",
    "QUARTER_PI",
    "SINE",
    "SQRT_HALF",
    "TWO_PI",
]


def _single(*values: float) -> list[float]:
    """The nearest float32 numbers."""
    form = f"{len(values)}f"
    return list(struct.unpack(form, struct.pack(form, *values)))


SQRT_HALF, TWO_PI, FOUR_OVER_PI = _single(math.sqrt(0.5), 2 * math.pi, 4 / math.pi)
LOG = _single(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
LN2 = _single(0.693359375, -2.12194440e-4)
QUARTER_PI = _single(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
SINE = _single(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COSINE = _single(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
