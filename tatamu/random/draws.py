"""torch's distributions: how many words each number takes, and what is made of them.

Each function gives ``count`` numbers in the order in which they are drawn, in the type they are
computed with; whoever calls rounds them to the tensor's dtype and lays them in its memory.
"""

from __future__ import annotations

import math

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.array import Numpy
from tatamu.random.exact import elementwise, scaled32, scaled64
from tatamu.random.generator import Generator
from tatamu.random.kernels import kernel
from tatamu.random.normal import blocks32, blocks64

__all__ = [
    "below",
    "cauchy",
    "exponential",
    "geometric",
    "integers",
    "log_normal",
    "long_normal",
    "normal",
    "permutation",
    "poisson",
    "uniform",
]

# From this range on torch takes 64 bits for an integer, not 32.
_WIDE = 1 << 28
# From this many exchanges on a kernel is compiled.
_COMPILED = 1 << 17
# From this many on torch's randperm draws in another way.
_MOST = ((1 << 32) - 1) // 20


def uniform(source: Generator, count: int, dtype: DType, low: float, high: float) -> Numpy:
    """Numbers of [low, high): ``fma(x, high - low, low)``, and ``low`` where that gives ``high``.

    float64 for float64, else float32.
    """
    if dtype is dtypes.float64:
        return scaled64(source.uniform64(count), high - low, low)
    start, end = np.float32(low), np.float32(high)
    values = source.uniform32(count)
    return values if start == 0 and end == 1 else scaled32(values, float(end - start), float(start))


def long_normal(source: Generator, count: int, dtype: DType, mean: float, std: float) -> Numpy:
    """Normal numbers, 16 or more, for memory in C order; float64 for float64, else float32.

    If 16 does not divide their number, the last 16 are drawn anew.
    """
    wide = dtype is dtypes.float64
    draw = source.uniform64 if wide else source.uniform32
    blocks = blocks64 if wide else blocks32
    whole = count - count % 16
    # In 16-bit types torch draws block by block, and nothing for a last block that is not whole.
    first = draw(count if dtype in (dtypes.float32, dtypes.float64) else whole)
    values = np.empty(count, first.dtype)
    values[:whole] = blocks(first[:whole], mean, std)
    if whole < count:
        values[-16:] = blocks(draw(16), mean, std)
    return values


def normal(source: Generator, count: int, mean: float, std: float) -> Numpy:
    """Normal numbers as torch makes fewer than 16, or those of memory in another order."""
    return scaled64(source.normal_pairs(count), float(std), float(mean))


def log_normal(source: Generator, count: int, mean: float, std: float) -> Numpy:
    """Numbers whose logarithms are normal."""
    return elementwise("exp", normal(source, count, mean, std))


def cauchy(source: Generator, count: int, median: float, sigma: float) -> Numpy:
    """Numbers with Cauchy's distribution."""
    angle = math.pi * (source.uniform64(count) - 0.5)
    return scaled64(elementwise("tan", angle), float(sigma), float(median))


def exponential(source: Generator, count: int, rate: float) -> Numpy:
    """Numbers with the exponential distribution."""
    return -1.0 / rate * elementwise("log1p", -source.uniform64(count))


def geometric(source: Generator, count: int, p: float) -> Numpy:
    """How many trials until one succeeds."""
    values = source.uniform64(count)
    logs = elementwise("log", values)
    return np.ceil(logs / math.log1p(-p))


def below(source: Generator, count: int, p: Numpy | float) -> Numpy:
    """Truths with probabilities ``p``: a number, or an array whose dtype decides the precision."""
    if isinstance(p, np.ndarray) and p.dtype != np.float64:
        return np.asarray(source.uniform32(count) < p)
    return np.asarray(source.uniform64(count) < p)


def integers(source: Generator, count: int, low: int, span: int) -> Numpy:
    """Whole numbers from ``low`` on, ``span`` of them, as int64; span 2^64 takes all."""
    if span == 1 << 64:
        return source.long_words(count).view(np.int64)
    if span >= _WIDE:
        rest = source.long_words(count) % np.uint64(span)
    else:
        rest = (source.words(count) % np.uint32(span)).astype(np.uint64)
    return (rest + np.uint64(low % (1 << 64))).view(np.int64)


def permutation(source: Generator, count: int) -> Numpy:
    """0 to count - 1 in random order: each place takes one of those from it on."""
    if count >= _MOST:
        raise NotImplementedError(f"randperm of {_MOST} numbers or more: got {count}")
    if count < 2:
        return np.arange(count)
    first = np.arange(count - 1)
    left = np.arange(count, 1, -1).astype(np.uint32)
    other = first + (source.words(count - 1) % left).astype(np.int64)
    launch = kernel("shuffle", count - 1, _COMPILED)
    if launch is None:
        order = list(range(count))
        for place, taken in enumerate(other.tolist()):
            order[place], order[taken] = order[taken], order[place]
        return np.array(order)
    exchanged = np.arange(count)
    launch((exchanged.ctypes.data, other.ctypes.data), 1)
    return exchanged


def poisson(source: Generator, rates: Numpy) -> Numpy:
    """Counts of events with these mean numbers, one after another."""
    return np.array([_one_poisson(source, rate) for rate in rates.tolist()], np.float64)


def _one_poisson(source: Generator, rate: float) -> int:
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate >= 10:
        return _transformed_rejection(source, rate)
    if rate == 0:
        return 0
    end, product, events = math.exp(-rate), 1.0, 0
    while True:
        product *= float(source.uniform64(1)[0])
        if product <= end:
            return events
        events += 1


def _transformed_rejection(source: Generator, rate: float) -> int:
    """Hoermann, *The transformed rejection method for generating Poisson random variables*, 1993
    (algorithm PTRS)."""
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = float(source.uniform64(1)[0]) - 0.5
        v = float(source.uniform64(1)[0])
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1):
            return k
