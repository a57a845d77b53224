"""Making random tensors: torch's own numbers, bit for bit, for the same seed."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tatamu import dtypes, filled
from tatamu.dtypes import DType
from tatamu.filled import must_be_differentiable
from tatamu.functions.function import function
from tatamu.methods.random import fill
from tatamu.methods.views import sizes
from tatamu.ops.array import Array, wrap
from tatamu.ops.layout import Size, contiguous_strides, ordered_like
from tatamu.random import default_generator, draws
from tatamu.random.generator import Generator
from tatamu.runtime.storage import Storage
from tatamu.tensor import Tensor

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]

bernoulli = function(Tensor.bernoulli)
multinomial = function(Tensor.multinomial)


def blank(shape: Any, dtype: DType, strides: Any = None, out: Any = None) -> Any:
    """Memory to fill: ``out``, or a new tensor, in C order unless ``strides`` say otherwise."""
    size = Size(shape)
    negative = [n for n in size if n < 0]
    if negative:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {negative[0]}: {list(size)}"
        )
    return filled.blank(size, dtype, strides) if out is None else _resized(out, size)


def _resized(out: Tensor, size: Size) -> Tensor:
    """``out`` with new memory in C order if it has another shape."""
    if out.shape != size:
        out.storage = Storage(size.numel() * out.dtype.itemsize)
        out.offset, out.shape, out.strides = 0, size, contiguous_strides(size)
        out._array = None
    return out


def _check_out(out: Tensor | None, dtype: DType | None) -> None:
    if out is not None and dtype is not None and dtype is not out.dtype:
        raise RuntimeError(
            f"dtype {dtype.legacy_name} does not match dtype of out parameter "
            f"({out.dtype.legacy_name})"
        )


def blank_like(x: Array, dtype: DType | None = None) -> Any:
    """A tensor of the shape and memory order of ``x``, with whatever its memory holds."""
    strides = ordered_like(x.shape, x.strides, x.shape)
    theirs = ordered_like(x.shape, x.shown_strides(), x.shape)
    # A turned view of what we laid out is made as torch has it, else what we chose stays.
    own = theirs is None and x.storage.reordered
    tensor = blank(x.shape, dtype or x.dtype, strides if own else theirs)
    tensor.storage.reordered = own and strides is not None
    return tensor


_IGNORED = ("device", "layout", "pin_memory", "names", "memory_format")


def check_options(name: str, options: dict[str, Any]) -> None:
    """TypeError for keywords that torch's function has not; another device than the CPU is told."""
    for key, value in options.items():
        if key not in _IGNORED:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        if key == "device" and value is not None and str(value) != "cpu":
            raise RuntimeError(
                f"Expected device 'cpu', but got {value!r}\n"
                "  tatamu computes on the CPU only: device='cpu', or leave it out"
            )


def _room(name: str, size: Any, dtype: DType, out: Any, options: dict[str, Any]) -> Any:
    """Memory for a tensor whose size is given as arguments, or as ``size=``."""
    if "size" in options:
        size = (options.pop("size"),)
    check_options(name, options)
    return blank(sizes(size), dtype, out=out)


def _finished(tensor: Any, requires_grad: bool) -> Any:
    must_be_differentiable(tensor.dtype, requires_grad)
    return tensor.requires_grad_() if requires_grad else tensor


def rand(
    *size: Any,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Random numbers from [0, 1).

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> rand(2, 2)
    tensor([[0.4963, 0.7682],
            [0.0885, 0.1320]])
    """
    _check_out(out, dtype)
    tensor = _room("rand", size, dtype or dtypes.get_default_dtype(), out, options)
    return _finished(tensor.uniform_(generator=generator), requires_grad)  # type: ignore[no-any-return]


def randn(
    *size: Any,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Normally distributed random numbers of mean 0 and deviation 1.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> randn(2, 2)
    tensor([[ 1.5410, -0.2934],
            [-2.1788,  0.5684]])
    """
    _check_out(out, dtype)
    tensor = _room("randn", size, dtype or dtypes.get_default_dtype(), out, options)
    return _finished(tensor.normal_(generator=generator), requires_grad)  # type: ignore[no-any-return]


def randint(
    *bounds_and_size: Any,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Whole numbers: ``randint(high, size)`` from 0 on, ``randint(low, high, size)`` from low on.

    Raises RuntimeError if no number lies between them.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> randint(10, (4,)), randint(3, 5, size=(2,))
    (tensor([4, 9, 3, 0]), tensor([4, 4]))
    """
    given = list(bounds_and_size)
    size = named.pop("size", None)
    if size is None:
        size = given.pop()
    low = named.pop("low", None)
    high = named.pop("high", None)
    if high is None:
        high = given.pop()
    if low is None:
        low = given.pop() if given else 0
    check_options("randint", named)
    _check_out(out, dtype)
    kind = dtype or dtypes.int64
    must_be_differentiable(kind, requires_grad)
    tensor = blank(sizes((size,)), kind, out=out)
    tensor.random_(operator.index(low), operator.index(high), generator=generator)
    return _finished(tensor, requires_grad)  # type: ignore[no-any-return]


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DType = dtypes.int64,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """The numbers from 0 to ``n`` - 1 in random order.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    check_options("randperm", options)
    tensor = blank((n,), dtype, out=out)
    fill(tensor, lambda count: draws.permutation(generator or default_generator, count))
    return _finished(tensor, requires_grad)  # type: ignore[no-any-return]


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Normally distributed numbers: of one mean and deviation and a size, or of tensors of them.

    Raises RuntimeError if a deviation is negative.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> normal(tatamu.tensor([0.0, 100.0]), 1.0)
    tensor([ 1.5410, 99.7066])
    """
    check_options("normal", options)
    if size is not None:
        tensor = blank(sizes((size,)), dtype or dtypes.get_default_dtype(), out=out)
        return _finished(tensor.normal_(mean, std, generator=generator), requires_grad)  # type: ignore[no-any-return]
    tensors = [x for x in (mean, std) if isinstance(x, Array)]
    if not tensors:
        raise TypeError(
            "normal() received an invalid combination of arguments\n"
            "  numbers for mean and std need a size: normal(0.0, 1.0, size=(2, 3))"
        )
    shape = np.broadcast_shapes(*[x.shape for x in tensors])
    tensor = blank(shape, tensors[0].dtype, out=out)
    if not isinstance(std, Array):
        return tensor.normal_(0, std, generator=generator).add_(mean.detach())  # type: ignore[no-any-return]
    if std.shape.numel() and not (dtypes.widen(std.array, std.dtype) >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    tensor.normal_(0, 1, generator=generator).mul_(std.detach())  # type: ignore[attr-defined]
    return tensor.add_(mean.detach() if isinstance(mean, Array) else mean)  # type: ignore[no-any-return,attr-defined]


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts of events, the elements being their mean numbers.

    Raises RuntimeError if one is negative.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> poisson(tatamu.tensor([1.0, 50.0]))
    tensor([ 2., 62.])
    """
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"poisson_cpu\" not implemented for '{input.dtype.legacy_name}'"
        )
    rates = dtypes.widen(input.array, input.dtype).reshape(-1)
    counts = draws.poisson(generator or default_generator, rates)
    narrow = dtypes.narrow(counts.astype(input.dtype.compute), input.dtype)
    return wrap(narrow.reshape(input.shape), input.dtype)  # type: ignore[return-value]


def rand_like(
    input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False,
    generator: Generator | None = None, **options: Any,
) -> Tensor:  # fmt: skip
    """Random numbers from [0, 1) in the shape, dtype and memory order of a tensor."""
    check_options("rand_like", options)
    return _finished(blank_like(input, dtype).uniform_(generator=generator), requires_grad)  # type: ignore[no-any-return]


def randn_like(
    input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False,
    generator: Generator | None = None, **options: Any,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers in the shape, dtype and memory order of a tensor."""
    check_options("randn_like", options)
    return _finished(blank_like(input, dtype).normal_(generator=generator), requires_grad)  # type: ignore[no-any-return]


def randint_like(
    input: Tensor, *bounds: int, dtype: DType | None = None, requires_grad: bool = False,
    generator: Generator | None = None, **named: Any,
) -> Tensor:  # fmt: skip
    """Whole numbers in the shape, dtype and memory order of a tensor."""
    given = list(bounds)
    high = named.pop("high") if "high" in named else given.pop()
    low = named.pop("low") if "low" in named else given.pop() if given else 0
    check_options("randint_like", named)
    tensor = blank_like(input, dtype).random_(low, high, generator=generator)
    return _finished(tensor, requires_grad)  # type: ignore[no-any-return]
