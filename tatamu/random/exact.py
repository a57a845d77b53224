"""Arithmetic that rounds once, where a processor with FMA does, in NumPy alone.

torch's compilers make ``fma(a, b, c)`` of ``a * b + c``: the product is not rounded. Here the same
bits come out on any processor. Logarithm, sine and the like are the C library's, which torch and
Python's ``math`` call; NumPy has its own, which differ in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from tatamu.ops.array import Numpy
from tatamu.random.kernels import kernel

__all__ = ["elementwise", "fma32", "fma64", "scaled32", "scaled64"]

# From this many elements on a kernel calls the C library, and is compiled for that.
_FEW, _MANY = 64, 1 << 16
_AT_ONCE = 1 << 14  # so that intermediate results stay in the cache

# A float64 lies halfway between two float32 if its lowest 29 bits are these.
_LOWEST = np.int64((1 << 29) - 1)
_HALFWAY = np.int64(1 << 28)


def elementwise(name: str, x: Numpy) -> Numpy:
    """A function of the C library, by name, of each element of a float64 array.

    >>> elementwise("log", np.array([1.0, 0.0]))
    array([  0., -inf])
    """
    address = _address(name)
    launch = kernel("c_function", x.size, _MANY) if address and x.size >= _FEW else None
    if launch is None:
        function = _FUNCTIONS[name]
        found = np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size)
        return found.reshape(x.shape)
    source = np.ascontiguousarray(x)
    out = np.empty_like(source)
    launch((source.ctypes.data, out.ctypes.data, address), launch.workers())
    return out


def _exp(x: float) -> float:
    return math.exp(x) if x < 710 else math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "cos": math.cos, "exp": _exp, "log": _log, "log1p": math.log1p, "sin": math.sin,
    "tan": math.tan,
}  # fmt: skip


@lru_cache(maxsize=16)
def _address(name: str) -> int:
    """Where the function that Python's ``math`` calls lies; 0 where that cannot be told."""
    import ctypes

    for library in (None, "libm.so.6"):
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (AttributeError, OSError, TypeError):
            continue
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


def fma32(a: Any, b: Any, c: Any) -> Numpy:
    """``a * b + c`` of float32 numbers that are held as float64, rounded once to float32.

    The product is exact in float64, the sum may not be. Rounded a second time, to float32, it goes
    astray only if it came to lie halfway between two float32: there the sum's own error decides.

    >>> fma32(np.array([3.0]), 0.5, np.float64(2.0**-30))
    array([1.5])
    """
    product = np.asarray(a * b)
    total = product + c
    halfway = (total.view(np.int64) & _LOWEST) == _HALFWAY
    if halfway.any():
        addend = np.broadcast_to(c, total.shape)[halfway]
        near, error = _two_sum(product[halfway], addend)
        past = np.nextafter(near, np.copysign(np.inf, error))
        total[halfway] = np.where(error == 0, near, past)
    return np.asarray(total.astype(np.float32).astype(np.float64))


def fma64(a: Any, b: Any, c: Any) -> Numpy:
    """``a * b + c`` of float64 numbers, rounded once.

    The product is split without loss (Dekker, 1971). The three parts are added with the lower two
    rounded to odd, so that the last rounding is the only one (Boldo and Melquiond, 2008).

    >>> fma64(np.array([1 + 2.0**-52]), 1 - 2.0**-52, -1.0)
    array([-4.93038066e-32])
    """
    product = np.asarray(a * b)
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    lost = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    upper, lower = _two_sum(c, lost)
    total, rest = _two_sum(product, upper)
    small, error = _two_sum(lower, rest)
    even = (small.view(np.int64) & 1) == 0
    toward = np.copysign(np.inf, error)
    odd = np.where((error != 0) & even, np.nextafter(small, toward), small)
    return np.asarray(total + odd)


def scaled32(x: Numpy, factor: float, term: float) -> Numpy:
    """``x * factor + term`` of a vector of float32 numbers, rounded once."""
    wide, shift = np.float64(np.float32(factor)), np.float64(np.float32(term))
    out = np.empty_like(x)
    for start in range(0, len(x), _AT_ONCE):
        part = x[start : start + _AT_ONCE].astype(np.float64)
        out[start : start + _AT_ONCE] = fma32(part, wide, shift)
    return out


def scaled64(x: Numpy, factor: float, term: float) -> Numpy:
    """``x * factor + term`` of float64 numbers, rounded once."""
    if factor == 1 and term == 0:
        return x + 0.0
    flat = x.reshape(-1)
    out = np.empty_like(flat)
    for start in range(0, len(flat), _AT_ONCE):
        out[start : start + _AT_ONCE] = fma64(flat[start : start + _AT_ONCE], factor, term)
    return out.reshape(x.shape)


def _two_sum(a: Any, b: Any) -> tuple[Numpy, Numpy]:
    """A sum, and what it lost in rounding (Knuth)."""
    total = np.asarray(a + b)
    part = total - a
    return total, np.asarray((a - (total - part)) + (b - part))


def _halves(x: Any) -> tuple[Any, Any]:
    """A float64 as the sum of two of 26 bits."""
    shifted = x * 134217729.0
    high = shifted - (shifted - x)
    return high, x - high
