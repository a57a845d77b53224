"""Filling parameters with their first values, as ``torch.nn.init`` does, with torch's numbers."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, cast

import numpy as np

from tatamu import dtypes, missing
from tatamu.autograd import no_grad
from tatamu.functions.random import blank, blank_like, randperm
from tatamu.random.generator import Generator
from tatamu.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "skipped",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

P = ParamSpec("P")

_LINEAR = {
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "sigmoid",
}  # fmt: skip


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many inputs an output is made of, and how many outputs an input goes into.

    >>> fans((8, 3, 3, 3))
    (27, 72)
    """
    if len(shape) < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """``fans`` under the name by which scripts for torch call it."""
    return fans(tensor.shape)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """One of the two; ValueError for another mode than "fan_in" and "fan_out"."""
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return fans(tensor.shape)[mode == "fan_out"]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights are to grow to make up for an activation.

    ``param`` is the slope of leaky ReLU. Raises ValueError for an unknown name, or a slope that is
    no number.

    >>> calculate_gain("relu")
    1.4142135623730951
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    gains = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return gains[nonlinearity]


_skipping = False


@contextmanager
def skipped() -> Iterator[None]:
    """Within the block tensors are not filled: for models whose values are to be loaded.

    No random number is drawn, and memory holds what it held. Large models are made in an instant.

    >>> from tatamu import nn
    >>> with skipped():
    ...     layer = nn.Linear(20_000, 20_000)
    """
    global _skipping
    before, _skipping = _skipping, True
    try:
        yield
    finally:
        _skipping = before


def _filling(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Nothing of it is for the gradient, and nothing is done where it is skipped."""

    @functools.wraps(function)
    def fill(*args: P.args, **options: P.kwargs) -> Tensor:
        if _skipping:
            kept: Any = args[0] if args else options["tensor"]
            return cast("Tensor", kept)
        with no_grad():
            return function(*args, **options)

    return fill


@_filling
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@_filling
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Normal with this mean and deviation."""
    return tensor.normal_(mean, std, generator=generator)


def _normal_share(x: float) -> float:
    """How much of the normal distribution lies below ``x``."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


@_filling
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal, but only numbers in [a, b]: those outside are drawn again.

    Where less than three in ten would be inside, uniform numbers of [a, b] are drawn instead and
    kept with a probability in proportion to the density. Warns if the mean is more than two
    deviations outside of [a, b].
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=3,
        )
    if _normal_share((b - mean) / std) - _normal_share((a - mean) / std) > 0.3:
        low, high = (blank((), tensor.dtype).fill_(bound).item() for bound in (a, b))
        tensor.normal_(mean, std, generator=generator)
        while True:
            values = dtypes.widen(tensor.array, tensor.dtype)
            outside = (values < low) | (values > high)
            if not outside.any():
                return tensor
            _replace(tensor, outside, blank_like(tensor).normal_(mean, std, generator=generator))
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    pending = np.ones(tensor.shape, np.bool_)
    candidates, chances = blank_like(tensor), blank_like(tensor)
    while pending.any():
        _replace(tensor, pending, candidates.uniform_(a, b, generator=generator))
        chance = chances.uniform_(generator=generator).log_()
        pending &= dtypes.widen(chance.array, chance.dtype) > _log_density(
            candidates, mean, std, peak
        )
    return tensor


def _log_density(x: Tensor, mean: float, std: float, peak: float) -> Any:
    """The logarithm of the normal density over that of its peak, each step rounded to the dtype.

    So are the numbers that torch adds, not those that it multiplies with.
    """
    kind = x.dtype.compute.type
    value = x.array
    mean, peak = (blank((), x.dtype).fill_(number).item() for number in (mean, peak))
    steps: list[Callable[[Any], Any]] = [
        lambda v: v - kind(mean),
        lambda v: v / kind(std),
        lambda v: v * v,
        lambda v: v * kind(-0.5),
        lambda v: v - kind(peak),
    ]
    for step in steps:
        value = dtypes.narrow(step(dtypes.widen(value, x.dtype)), x.dtype)
    return dtypes.widen(value, x.dtype)


def _replace(tensor: Tensor, where: Any, source: Tensor) -> None:
    """Overwrite the elements where ``where`` holds."""
    np.copyto(tensor.array, source.array, where=where)
    tensor.storage.touch()


@_filling
def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


@_filling
def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return tensor.zero_()


@_filling
def eye_(tensor: Tensor) -> Tensor:
    """Ones on the diagonal of a matrix, zeros elsewhere: a Linear that passes its inputs on.

    Raises ValueError for what is no matrix.
    """
    if len(tensor.shape) != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    tensor.zero_()
    for place in range(min(tensor.shape)):
        tensor[place, place] = 1
    return tensor


@_filling
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight that passes its channels on: one 1 in the middle of each kernel.

    Raises ValueError for other than 3 to 5 axes, or if ``groups`` do not divide the channels.
    """
    rank = len(tensor.shape)
    if rank not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    outputs = tensor.shape[0] // groups
    middle = tuple([n // 2 for n in tensor.shape[2:]])
    tensor.zero_()
    for group in range(groups):
        for channel in range(min(outputs, tensor.shape[1])):
            tensor[(group * outputs + channel, channel, *middle)] = 1
    return tensor


def _nothing_to_do(tensor: Tensor) -> bool:
    """Whether the tensor is empty, of which torch warns."""
    if 0 not in tensor.shape:
        return False
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return True


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform, scaled by the inputs and outputs together.

    Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks*,
    2010.
    """
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(sum(fans(tensor.shape)))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal, scaled as ``xavier_uniform_``."""
    std = gain * math.sqrt(2.0 / float(sum(fans(tensor.shape))))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform, scaled so that deviations neither grow nor fade through the layers.

    He, Zhang, Ren and Sun, *Delving deep into rectifiers*, 2015. Warns of an empty tensor.
    """
    if _nothing_to_do(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    bound = math.sqrt(3.0) * (calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal, scaled as ``kaiming_uniform_``."""
    if _nothing_to_do(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


@_filling
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Rows, or columns if there are more of them, that are at right angles and of length ``gain``.

    The drawn numbers are torch's; the factorisation is NumPy's, whose LAPACK rounds in another
    order, so that results differ from torch's in the last digits. Saxe, McClelland and Ganguli,
    *Exact solutions to the nonlinear dynamics of learning in deep linear neural networks*, 2013.
    Raises ValueError for less than two axes.
    """
    if len(tensor.shape) < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if 0 in tensor.shape:
        return tensor
    rows = tensor.shape[0]
    drawn = blank((rows, tensor.shape.numel() // rows), tensor.dtype)
    matrix = drawn.normal_(0, 1, generator=generator).array
    wide = matrix.shape[0] < matrix.shape[1]
    q, r = np.linalg.qr(matrix.T if wide else matrix)
    q = q * np.sign(np.diagonal(r))
    np.copyto(tensor.array, (q.T if wide else q).reshape(tensor.shape))
    return tensor.mul_(gain)


@_filling
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Normal, but in each column the share ``sparsity`` of the numbers is 0.

    Which ones is drawn from the default stream, as torch does, whatever ``generator`` is. Martens,
    *Deep learning via Hessian-free optimization*, 2010. Raises ValueError for what is no matrix.
    """
    if len(tensor.shape) != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor.array[randperm(rows).array[:zeros], column] = 0
    return tensor


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The name without ``_``, which warns."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **options)

    call.__name__ = call.__qualname__ = old
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.nn.init", __name__)
