"""Keras's initial values. The distributions are Keras's; the random bits are NumPy's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu.interop.keras.choosing import chosen
from tatamu.random import default_generator

__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Initializer",
    "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomNormal", "RandomUniform",
    "TruncatedNormal", "VarianceScaling", "Zeros", "get",
]  # fmt: skip


class Initializer:
    """Makes an array of a shape. With a seed it makes the same one every time."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def random(self) -> np.random.Generator:
        """A source of random numbers: of the seed, or fed by the default generator."""
        seed = int(default_generator.words(1)[0]) if self.seed is None else self.seed
        return np.random.default_rng(seed)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.make(tuple(shape)).astype(np.float32 if dtype is None else dtype)

    def make(self, shape: tuple[int, ...]) -> Any:
        """The numbers; every subclass has its own."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it makes")


class Zeros(Initializer):
    """Zeros."""

    def make(self, shape: tuple[int, ...]) -> Any:
        """Zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """Ones."""

    def make(self, shape: tuple[int, ...]) -> Any:
        """Ones."""
        return np.ones(shape)


class Constant(Initializer):
    """One number, or an array of the right shape.

    >>> Constant(2)((1, 2)).tolist()
    [[2.0, 2.0]]
    """

    def __init__(self, value: Any = 0.0) -> None:
        super().__init__()
        self.value = value

    def make(self, shape: tuple[int, ...]) -> Any:
        """The number everywhere."""
        return np.broadcast_to(np.asarray(self.value), shape).copy()


class RandomNormal(Initializer):
    """A normal distribution."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def make(self, shape: tuple[int, ...]) -> Any:
        """Numbers of the distribution."""
        return self.random().normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """A normal distribution without what lies more than two deviations from the mean."""

    def make(self, shape: tuple[int, ...]) -> Any:
        """Numbers of the distribution; those too far out are drawn again."""
        random = self.random()
        drawn = random.standard_normal(shape)
        while (far := np.abs(drawn) > 2).any():
            drawn[far] = random.standard_normal(int(far.sum()))
        return drawn * self.stddev + self.mean


class RandomUniform(Initializer):
    """An even distribution."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def make(self, shape: tuple[int, ...]) -> Any:
        """Numbers of the distribution."""
        return self.random().uniform(self.minval, self.maxval, shape)


# What a normal distribution keeps of its deviation when it is cut off at two of them.
_KEPT = 0.87962566103423978


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs an output adds up, and how many outputs an input has a part in.

    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    if len(shape) < 2:
        count = shape[0] if shape else 1
        return count, count
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class VarianceScaling(Initializer):
    """Numbers whose variance goes with the number of inputs or outputs (Glorot & Bengio 2010)."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: {scale}")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def make(self, shape: tuple[int, ...]) -> Any:
        """Numbers of the distribution."""
        fan_in, fan_out = fans(shape)
        share = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, share)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return self.random().uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return self.random().normal(0.0, math.sqrt(variance), shape)
        # what is cut off takes this share of the deviation away
        return TruncatedNormal(0.0, math.sqrt(variance) / 0.87962566103423978, self.seed).make(
            shape
        )


def _scaled(name: str, scale: float, mode: str, distribution: str) -> type[VarianceScaling]:
    def __init__(self: VarianceScaling, seed: int | None = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)

    doc = f"Variance {scale:g} over {mode}, {distribution.replace('_', ' ')}."
    return type(name, (VarianceScaling,), {"__init__": __init__, "__doc__": doc})


GlorotUniform = _scaled("GlorotUniform", 1.0, "fan_avg", "uniform")
GlorotNormal = _scaled("GlorotNormal", 1.0, "fan_avg", "truncated_normal")
HeUniform = _scaled("HeUniform", 2.0, "fan_in", "uniform")
HeNormal = _scaled("HeNormal", 2.0, "fan_in", "truncated_normal")
LecunUniform = _scaled("LecunUniform", 1.0, "fan_in", "uniform")
LecunNormal = _scaled("LecunNormal", 1.0, "fan_in", "truncated_normal")


class Orthogonal(Initializer):
    """Rows or columns at right angles (Saxe et al. 2013)."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def make(self, shape: tuple[int, ...]) -> Any:
        """An orthogonal matrix in the shape asked for."""
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = self.random().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q = q * np.sign(np.diag(r))
        return self.gain * (q.T if rows < columns else q).reshape(shape)


_KNOWN: dict[str, Any] = {
    "zeros": Zeros, "ones": Ones, "constant": Constant, "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal, "random_uniform": RandomUniform,
    "variance_scaling": VarianceScaling, "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal, "he_uniform": HeUniform, "he_normal": HeNormal,
    "lecun_uniform": LecunUniform, "lecun_normal": LecunNormal, "orthogonal": Orthogonal,
    "uniform": RandomUniform, "normal": RandomNormal,
}  # fmt: skip
_KNOWN |= {kind.__name__: kind for kind in list(_KNOWN.values())}


def get(identifier: Any) -> Any:
    """The initializer of a name or an object. ValueError with Keras's sentence for others."""
    return chosen(identifier, _KNOWN, "initializer")
