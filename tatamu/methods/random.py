"""The methods of Tensor that fill it with random numbers, in torch's order of drawing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.ops.array import Array, Numpy, local, wrap
from tatamu.ops.cast import overwrite
from tatamu.ops.inplace import check_writable, write
from tatamu.random import default_generator, draws
from tatamu.random.generator import Generator

__all__ = ["Random", "fill"]

_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
_LARGEST = {
    "float64": np.finfo(np.float64).max,
    "float32": float(np.finfo(np.float32).max),
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
}


def _axes(x: Array) -> list[int]:
    """The axes from the slowest in memory to the fastest: the order numbers are drawn in."""
    strides = x.shown_strides()
    return sorted(range(len(x.shape)), key=lambda axis: -strides[axis])


def fill(x: Array, draw: Callable[[int], Numpy]) -> None:
    """Overwrite ``x`` with what ``draw`` gives for its number of elements, in memory order."""
    check_writable(x)
    count = x.shape.numel()
    if count == 0:
        return
    values = dtypes.narrow(_computed(draw(count), x.dtype), x.dtype)
    axes = _axes(x)
    if axes == sorted(axes):
        shaped = values.reshape(x.shape)
    else:
        shaped = values.reshape([x.shape[axis] for axis in axes]).transpose(np.argsort(axes))
    if local.grad and x._requires_grad:
        write(overwrite, None, x, wrap(shaped, x.dtype))
        return
    np.copyto(x.array, shaped, casting="unsafe")
    x.storage.touch()


def _computed(values: Numpy, dtype: DType) -> Numpy:
    """In the type that ``dtype`` is computed with: 16-bit floats are rounded by way of float32."""
    return values.astype(dtype.compute, copy=False)


def _refuse(x: Array, kernel: str) -> None:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{x.dtype.legacy_name}'")


def _number(value: Any, method: str, name: str, position: int) -> float:
    """A number, or a tensor of one, as a number; TypeError with torch's sentence for others."""
    if isinstance(value, Array):
        if value.shape:
            raise TypeError(
                f"{method}(): argument '{name}' (position {position}) must be float, not Tensor"
            )
        return float(dtypes.widen(value.array, value.dtype))
    return float(value)


def _only(method: str, named: dict[str, Any], *names: str) -> None:
    """TypeError for another keyword than ``names``, those that are no names in Python."""
    for key in named:
        if key not in names:
            raise TypeError(f"{method}() got an unexpected keyword argument '{key}'")


class Random(Array):
    """Random numbers in place. ``generator`` is whence they come, the default stream if None."""

    __slots__ = ()

    def uniform_(
        self, from_: Any = 0.0, to: Any = 1.0, *, generator: Generator | None = None, **named: Any
    ) -> Self:
        """Fill with numbers spread evenly over [from, to).

        Raises RuntimeError if ``from`` is above ``to``, or the dtype does not hold them.

        >>> import tatamu
        >>> _ = tatamu.manual_seed(0)
        >>> tatamu.empty(2).uniform_(-1, 1)
        tensor([-0.0075,  0.5364])
        """
        _refuse(self, "check_uniform_bounds")
        _only("uniform_", named, "from")
        low = _number(named.get("from", from_), "uniform_", "from", 1)
        high = _number(to, "uniform_", "to", 2)
        largest = _LARGEST[self.dtype.name]
        for name, bound in (("from", low), ("to", high)):
            if not -largest <= bound <= largest:
                raise RuntimeError(f"{name} is out of bounds for {self.dtype.c_name}")
        if low > high:
            raise RuntimeError(
                "uniform_ expects to return a [from, to) range, but found "
                f"from={low:g} > to={high:g}"
            )
        if high - low > largest:
            raise RuntimeError(
                "uniform_ expects to-from <= std::numeric_limits<"
                f"{self.dtype.legacy_name}>::max(), but found to={high:g} and from={low:g} which "
                "result in to-from to exceed the limit"
            )
        source = generator or default_generator

        start, end = _rounded(np.array([low, high], self.dtype.compute), self.dtype)

        def draw(count: int) -> Numpy:
            values = _rounded(draws.uniform(source, count, self.dtype, low, high), self.dtype)
            above = values == end
            if above.any():
                values[above] = start
            return values

        fill(self, draw)
        return self

    def normal_(
        self, mean: Any = 0.0, std: Any = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Fill with normally distributed numbers.

        Raises RuntimeError if ``std`` is negative.

        >>> import tatamu
        >>> _ = tatamu.manual_seed(0)
        >>> tatamu.empty(2).normal_(10, 0.1)
        tensor([10.1541,  9.9707])
        """
        middle, deviation = _number(mean, "normal_", "mean", 1), _number(std, "normal_", "std", 2)
        if not deviation >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {deviation:g}")
        if self.shape.numel():
            _refuse(self, "normal_kernel_cpu")
        source = generator or default_generator

        def draw(count: int) -> Numpy:
            if count >= 16 and self.is_contiguous():  # type: ignore[attr-defined]
                return draws.long_normal(source, count, self.dtype, middle, deviation)
            return draws.normal(source, count, middle, deviation)

        fill(self, draw)
        return self

    def log_normal_(
        self, mean: Any = 1.0, std: Any = 2.0, *, generator: Generator | None = None
    ) -> Self:
        """Fill with numbers whose logarithms are normally distributed."""
        middle, deviation = (
            _number(mean, "log_normal_", "mean", 1),
            _number(std, "log_normal_", "std", 2),
        )
        if not deviation > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={deviation:g}")
        if self.shape.numel():
            _refuse(self, "log_normal_cpu")
        source = generator or default_generator
        fill(self, lambda count: draws.log_normal(source, count, middle, deviation))
        return self

    def cauchy_(
        self, median: Any = 0.0, sigma: Any = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Fill with numbers of Cauchy's distribution."""
        middle, width = (
            _number(median, "cauchy_", "median", 1),
            _number(sigma, "cauchy_", "sigma", 2),
        )
        if not width > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={width:g}")
        self._continuous("Cauchy", self.dtype.c_name)
        source = generator or default_generator
        fill(self, lambda count: draws.cauchy(source, count, middle, width))
        return self

    def exponential_(self, lambd: Any = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with exponentially distributed numbers of the rate ``lambd``."""
        rate = _number(lambd, "exponential_", "lambd", 1)
        if not rate > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
        self._continuous("Exponential", self.dtype.legacy_name)
        source = generator or default_generator
        fill(self, lambda count: draws.exponential(source, count, rate))
        return self

    def _continuous(self, name: str, name_of_dtype: str) -> None:
        if not self.dtype.is_floating_point and self.shape.numel():
            raise RuntimeError(
                f"{name} distribution is a continuous probability distribution. dtype must be a "
                f"floating point but you specified {name_of_dtype}"
            )

    def geometric_(self, p: Any, *, generator: Generator | None = None) -> Self:
        """Fill with the numbers of trials until one, of success probability ``p``, succeeds."""
        chance = _number(p, "geometric_", "p", 1)
        if not 0 < chance < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={chance:g}")
        source = generator or default_generator
        fill(self, lambda count: draws.geometric(source, count, chance))
        return self

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Self:
        """Fill with ones, of probability ``p`` (a number or a tensor), and zeros.

        Raises RuntimeError if a probability is not between 0 and 1.

        >>> import tatamu
        >>> _ = tatamu.manual_seed(0)
        >>> tatamu.empty(5).bernoulli_(0.5)
        tensor([0., 0., 1., 0., 0.])
        """
        source = generator or default_generator
        if not isinstance(p, Array):
            if not 0 <= p <= 1:
                raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
            fill(self, lambda count: draws.below(source, count, float(p)))
            return self
        _refuse(p, "bernoulli_tensor_cpu_p_")
        chances = np.broadcast_to(dtypes.widen(p.array, p.dtype), self.shape)
        ordered = chances.transpose(_axes(self)).reshape(-1)
        if not ((ordered >= 0) & (ordered <= 1)).all():
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error "
                "message be improved?  If so, please report an enhancement request to PyTorch.)"
            )
        fill(self, lambda count: draws.below(source, count, ordered))
        return self

    def bernoulli(self, p: Any = None, *, generator: Generator | None = None) -> Self:
        """Ones and zeros; an element is the probability of its one, or ``p`` that of all."""
        out: Any = wrap(np.empty(self.shape, self.dtype.numpy), self.dtype)
        out.bernoulli_(self if p is None else p, generator=generator)
        return out  # type: ignore[no-any-return]

    def random_(self, *bounds: Any, generator: Generator | None = None, **named: Any) -> Self:
        """Fill with whole numbers: ``random_()``, ``random_(to)`` or ``random_(from, to)``.

        Without bounds they go as far as the dtype holds all whole numbers.

        >>> import tatamu
        >>> _ = tatamu.manual_seed(0)
        >>> tatamu.empty(4, dtype=tatamu.int64).random_(10)
        tensor([4, 9, 3, 0])
        """
        _only("random_", named, "from", "to")
        given = [*bounds, *[named[name] for name in ("from", "to") if name in named]]
        source = generator or default_generator
        if not given:
            low, span = 0, _whole_range(self.dtype)
            wide = self.dtype in (dtypes.int64, dtypes.float64)

            def draw(count: int) -> Numpy:
                words = source.long_words(count) if wide else source.words(count)
                return np.asarray((words % words.dtype.type(span)).astype(np.int64))

            fill(self, draw)
            return self
        low, end = (0, given[0]) if len(given) == 1 else given
        low, span = _span(self, int(low), None if end is None else int(end))
        fill(self, lambda count: draws.integers(source, count, low, span))
        return self

    def multinomial(
        self, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
    ) -> Self:
        """Indices drawn with the weights in ``self``: a vector, or each row of a matrix.

        Raises RuntimeError where weights are negative, not finite or all zero, and where more are
        wanted than there are and ``replacement`` is off.
        """
        from tatamu.random.weighted import multinomial

        out: Any = multinomial(self, num_samples, replacement, generator or default_generator)
        return out  # type: ignore[no-any-return]


def _rounded(values: Numpy, dtype: DType) -> Numpy:
    """Values as ``dtype`` holds them, in the type it is computed with."""
    return dtypes.widen(dtypes.narrow(values, dtype), dtype)


def _whole_range(dtype: DType) -> int:
    """How many whole numbers ``random_()`` draws from."""
    if dtype is dtypes.bool_:
        return 2
    if dtype.is_floating_point:
        return (1 << _DIGITS[dtype.name]) + 1
    return int(np.iinfo(dtype.numpy).max) + 1


def _span(x: Array, low: int, end: int | None) -> tuple[int, int]:
    """Where ``random_(low, end)`` starts and from how many numbers it draws."""
    dtype = x.dtype
    if end is None and low == -(1 << 63):
        return low, 1 << 64
    if end is not None and low >= end:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={end}"
        )
    if dtype.is_floating_point:
        low = _nearest(low, dtype, 1)
        if end is not None:
            end = _nearest(end, dtype, -1)
            if low >= end:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                    f"but got from={low} >= to={end}"
                )
    last = _whole_range(dtype) - 1 if end is None else end - 1
    _check_range(x, low, last)
    return low, last - low + 1


def _nearest(bound: int, dtype: DType, step: int) -> int:
    """The bound, moved inwards if the number next to it is rounded across it."""
    inside = int(_rounded(np.array(bound + step, dtype.compute), dtype))
    crossed = inside < bound if step > 0 else inside >= bound
    if not crossed:
        return bound
    log = abs(bound + step).bit_length() - 1
    return inside + step * (1 << (log - _DIGITS[dtype.name] + 1))


def _check_range(x: Array, low: int, last: int) -> None:
    dtype = x.dtype
    if dtype.is_floating_point:
        largest: float = _LARGEST[dtype.name]
        smallest: float = -largest
    elif dtype is dtypes.bool_:
        smallest, largest = 0, 1
    else:
        smallest, largest = np.iinfo(dtype.numpy).min, np.iinfo(dtype.numpy).max
    for name, value in (("from", low), ("to - 1", last)):
        if not smallest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {dtype.c_name}")
        digits = _DIGITS.get(dtype.name, 64)
        if not -(1 << digits) <= value <= 1 << digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {dtype.c_name} can support discrete uniform distribution only "
                "within this range. This warning will become an error in version 1.7 release, "
                "please fix the code in advance",
                stacklevel=4,
            )
