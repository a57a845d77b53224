"""Box and Muller's transform of uniform numbers into normal ones, as torch carries it out.

From 16 numbers on, torch works on blocks of 16: the first 8 give radii, the last 8 angles. In
float32 logarithm, sine and cosine are polynomials (those of Cephes) whose steps are rounded to
float32, products and sums fused where torch's compiler fuses them for AVX2. The numbers below are
held as float64, which makes a float32 product exact and the one rounding easy to do.
"""

from __future__ import annotations

import math

import numpy as np

from tatamu.kernels.box_muller_table import (
    COSINE,
    FOUR_OVER_PI,
    LN2,
    LOG,
    QUARTER_PI,
    SINE,
    SQRT_HALF,
    TWO_PI,
)
from tatamu.ops.array import Numpy
from tatamu.random.exact import elementwise, fma32, scaled64
from tatamu.random.kernels import kernel

__all__ = ["blocks32", "blocks32_by_numpy", "blocks64", "pairs"]

# From this many blocks on a kernel is compiled.
_MANY = 1 << 12
_AT_ONCE = 1024  # blocks, so that intermediate results stay in the cache


def _rounded(x: Numpy) -> Numpy:
    return x.astype(np.float32).astype(np.float64)


def _polynomial(coefficients: list[float], x: Numpy) -> Numpy:
    """Horner's scheme, each step rounded once."""
    value = fma32(coefficients[0], x, coefficients[1])
    for coefficient in coefficients[2:]:
        value = fma32(value, x, coefficient)
    return value


def _log(x: Numpy) -> Numpy:
    """The logarithm of numbers in (0, 1]: x = m 2^e with m near 1, then a polynomial in m - 1."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < SQRT_HALF
    exponent = exponent - low
    y = np.where(low, mantissa + mantissa, mantissa) - 1.0
    square = _rounded(y * y)
    value = _rounded(_polynomial(LOG, y) * y)
    value = fma32(value, square, _rounded(exponent * LN2[1]))
    value = _rounded(value - 0.5 * square)
    return fma32(exponent, LN2[0], _rounded(y + value))


def _sine_cosine(x: Numpy) -> tuple[Numpy, Numpy]:
    """Sine and cosine of numbers in [0, 2 pi): less a multiple of pi/2, then a polynomial each."""
    octant = _rounded(x * FOUR_OVER_PI).astype(np.int64)
    octant = (octant + 1) & ~1
    multiple = octant.astype(np.float64)
    for part in QUARTER_PI:
        x = fma32(multiple, part, x)
    square = _rounded(x * x)
    cosine = _rounded(_polynomial(COSINE, square) * square)
    cosine = _rounded(fma32(cosine, square, -0.5 * square) + 1.0)
    sine = fma32(_rounded(_polynomial(SINE, square) * square), x, x)
    swapped = (octant & 2) != 0
    first, second = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    second_sign = np.where(((octant + 2) & 4) != 0, -second, second)
    return np.where((octant & 4) != 0, -first, first), second_sign


def blocks32(uniform: Numpy, mean: float, std: float) -> Numpy:
    """A multiple of 16 float32 numbers of [0, 1) made normal, by a kernel if there are many."""
    launch = kernel("box_muller", len(uniform) // 16, _MANY)
    if launch is None:
        return blocks32_by_numpy(uniform, mean, std)
    out = np.ascontiguousarray(uniform).copy()
    numbers = np.array([mean, std], np.float32)
    launch((out.ctypes.data, numbers.ctypes.data), launch.workers())
    return out


def blocks32_by_numpy(uniform: Numpy, mean: float, std: float) -> Numpy:
    """As ``blocks32``, without a kernel: the same bits, several times slower."""
    out = np.empty_like(uniform).reshape(-1, 2, 8)
    mean, std = float(np.float32(mean)), float(np.float32(std))
    source = uniform.reshape(-1, 2, 8)
    for start in range(0, len(source), _AT_ONCE):
        block = source[start : start + _AT_ONCE].astype(np.float64)
        radius = _rounded(np.sqrt(-2.0 * _log(1.0 - block[:, 0])))
        sine, cosine = _sine_cosine(_rounded(TWO_PI * block[:, 1]))
        for place, wave in enumerate((cosine, sine)):
            value = _rounded(radius * wave)
            if (mean, std) != (0.0, 1.0):
                value = fma32(value, std, mean)
            out[start : start + _AT_ONCE, place] = value
    out += 0  # makes -0 what adding a mean of 0 makes of it
    return out.reshape(-1)


def blocks64(uniform: Numpy, mean: float, std: float) -> Numpy:
    """A multiple of 16 float64 numbers of [0, 1) made normal."""
    source = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * elementwise("log", 1.0 - source[:, 0]))
    angle = 2.0 * math.pi * source[:, 1]
    waves = [elementwise(name, angle) for name in ("cos", "sin")]
    return scaled64(np.stack([radius * wave for wave in waves], axis=1), std, mean).reshape(-1)


def pairs(uniform: Numpy) -> Numpy:
    """Pairs of float64 numbers of [0, 1), one after another, made normal: angle and radius."""
    source = uniform.reshape(-1, 2)
    radius = np.sqrt(-2.0 * elementwise("log1p", -source[:, 1]))
    angle = 2.0 * math.pi * source[:, 0]
    waves = [elementwise(name, angle) for name in ("cos", "sin")]
    return np.stack([radius * wave for wave in waves], axis=1).reshape(-1)
