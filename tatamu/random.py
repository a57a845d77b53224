"""Random numbers: the Mersenne Twister, read as torch's CPU generator reads it.

``uniform`` gives torch's numbers bit for bit: 24 bits of each 32-bit word for float32, 53 bits of
two words for float64. ``normal`` does for fewer than 16 numbers (Box and Muller, in double
precision, every second value kept for the next call); for more it follows torch's order of
operations, but sine and logarithm may differ in the last digits from those that torch vectorises.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu.dtypes import DType, float64
from tatamu.ops.array import Numpy

__all__ = ["Generator", "default_generator", "initial_seed", "manual_seed", "scaled", "seed"]

_DEFAULT_SEED = 67280421310721


class Generator:
    """A stream of random numbers.

    >>> g = Generator().manual_seed(0)
    >>> g.words(2).tolist()
    [2357136044, 2546248239]
    """

    def __init__(self, device: str = "cpu") -> None:
        if str(device) != "cpu":
            raise RuntimeError(f"Generator: tatamu computes on the CPU; got device {device!r}")
        self.manual_seed(_DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``. The twister uses its lowest 32 bits."""
        self._seed = seed
        self._state: Any = None
        self._spare: float | None = None
        return self

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self._seed

    def get_state(self) -> Any:
        """Where the stream stands, for ``set_state``."""
        self.words(0)
        return self._seed, self._state.get_state(), self._spare

    def set_state(self, new_state: Any) -> Generator:
        """Go on from where the stream stood."""
        self._seed, words, self._spare = new_state
        self.words(0)
        self._state.set_state(words)
        return self

    def words(self, count: int) -> Numpy:
        """The next ``count`` 32-bit words."""
        if self._state is None:
            # Made when first needed: numpy.random is a tenth of the time that NumPy's import takes.
            self._state = np.random.RandomState(self._seed & 0xFFFFFFFF)
        words: Numpy = self._state.randint(0, 1 << 32, size=count, dtype=np.uint32)
        return words

    def uniform(self, count: int, dtype: DType) -> Numpy:
        """Numbers in [0, 1): float64 for float64, else float32."""
        if dtype is float64:
            high, low = self.words(2 * count).reshape(count, 2).astype(np.uint64).T
            whole = ((high << np.uint64(32)) | low) & np.uint64((1 << 53) - 1)
            return whole.astype(np.float64) * 2.0**-53
        return (self.words(count) & np.uint32((1 << 24) - 1)).astype(np.float32) * np.float32(
            2.0**-24
        )

    def normal(self, count: int, dtype: DType) -> Numpy:
        """Numbers of mean 0 and variance 1: float64 for float64, else float32."""
        kind = np.float64 if dtype is float64 else np.float32
        if count < 16:
            return np.array([self._one_normal() for _ in range(count)], kind)
        values = self.uniform(count, dtype)
        whole = count - count % 16
        values[:whole] = _box_muller(values[:whole].reshape(-1, 16)).reshape(-1)
        if whole < count:
            values[-16:] = _box_muller(self.uniform(16, dtype).reshape(1, 16)).reshape(-1)
        return values

    def _one_normal(self) -> float:
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        first, second = self.uniform(2, float64).tolist()
        radius = math.sqrt(-2.0 * math.log1p(-second))
        angle = 2.0 * math.pi * first
        self._spare = radius * math.sin(angle)
        return radius * math.cos(angle)


def _box_muller(blocks: Numpy) -> Numpy:
    """Blocks of 16 uniform numbers to normal ones: the first 8 give the radius."""
    kind = blocks.dtype.type
    radius = np.sqrt(kind(-2.0) * np.log(kind(1.0) - blocks[:, :8]))
    angle = kind(2.0 * math.pi) * blocks[:, 8:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def scaled(uniform: Numpy, low: float, high: float) -> Numpy:
    """Numbers of [0, 1) stretched to [low, high), rounded once: ``fma(x, high - low, low)``.

    torch's compiler makes that of the formula. A product of two float32 is exact in float64; one of
    two float64 is split in halves and its rounding error added back (Dekker, 1971).
    """
    kind = uniform.dtype.type
    start, span = kind(low), kind(kind(high) - kind(low))
    if kind is np.float32:
        exact = uniform.astype(np.float64) * np.float64(span) + np.float64(start)
        return np.asarray(exact.astype(np.float32))
    product = uniform * span
    x_high, x_low = _halves(uniform)
    s_high, s_low = _halves(span)
    lost = ((x_high * s_high - product) + x_high * s_low + x_low * s_high) + x_low * s_low
    total = product + start
    part = total - product
    lost = lost + (product - (total - part)) + (start - part)
    return np.asarray(total + lost)


def _halves(x: Any) -> tuple[Any, Any]:
    """A float64 as the sum of two of 26 bits."""
    shifted = x * 134217729.0
    high = shifted - (shifted - x)
    return high, x - high


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default stream anew, as ``torch.manual_seed`` does, and return it.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> tatamu.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def seed() -> int:
    """Seed the default stream from the operating system's entropy and return the seed."""
    import secrets

    value = secrets.randbits(64)
    default_generator.manual_seed(value)
    return value
