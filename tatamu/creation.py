"""Making tensors: from data, from NumPy, filled, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.methods.views import sizes
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import full as filled
from tatamu.ops.layout import Size, contiguous_strides
from tatamu.runtime.storage import Storage
from tatamu.tensor import Tensor

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "empty_like",
    "from_numpy",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]


def _inferred(data: Any) -> Numpy:
    """Python numbers as an array of the dtype torch gives them."""
    if isinstance(data, (np.ndarray, np.generic)):
        return np.array(data)
    _check_lengths(data, 0)
    try:
        array = np.array(data)
    except (ValueError, TypeError) as error:
        raise ValueError(f"could not make a tensor of {type(data).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"new(): invalid data type '{_first(data).__class__.__name__}'")
    if array.dtype == np.float64 or array.size == 0:
        return dtypes.narrow(array, dtypes.get_default_dtype())
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    return array


def _first(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _check_lengths(data: Any, dim: int) -> None:
    """Raise torch's sentence for nested lists of different lengths."""
    if not isinstance(data, (list, tuple)) or not data:
        return
    nested = [isinstance(item, (list, tuple)) for item in data]
    if not any(nested):
        return
    expected = len(data[0]) if nested[0] else None
    for item, is_nested in zip(data, nested, strict=True):
        got = len(item) if is_nested else None
        if got != expected:
            raise ValueError(
                f"expected sequence of length {expected} at dim {dim + 1} (got {got})"
                if None not in (got, expected)
                else f"expected the items at dim {dim} to be all numbers or all sequences"
            )
        _check_lengths(item, dim + 1)


def tensor(data: Any, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of ``data``: a number, nested lists, a NumPy array, a tensor.

    Python floats become float32, ints int64. Raises ValueError for lists of different lengths,
    TypeError for what is no number, RuntimeError if integers are to require a gradient.

    >>> tensor([[1, 2], [3, 4]]).dtype, tensor(1.5).dtype
    (tatamu.int64, tatamu.float32)
    """
    if isinstance(data, Array):
        out: Any = cast(data, dtype or data.dtype)
        out = out.detach().clone()
    else:
        listed = _plain(data)
        array = _inferred(listed)
        own = dtypes.from_numpy_dtype(array.dtype)
        wanted = dtype or own
        if dtype is not None and not isinstance(listed, (np.ndarray, np.generic)):
            array = np.array(listed, np.float64 if dtype.is_floating_point else None)
        out = wrap(dtypes.narrow(array.astype(wanted.compute, order="C"), wanted), wanted)
    return _leaf(out, requires_grad)


def _plain(data: Any) -> Any:
    """Tensors inside lists as Python numbers."""
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data.tolist() if isinstance(data, Tensor) else data


def _leaf(out: Any, requires_grad: bool) -> Tensor:
    if requires_grad:
        if not out.dtype.is_floating_point:
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        out._requires_grad = True
    return out  # type: ignore[no-any-return]


def as_tensor(data: Any, dtype: DType | None = None) -> Tensor:
    """``data`` itself if it is a tensor of that dtype; NumPy memory is shared, the rest copied."""
    if isinstance(data, Tensor):
        return cast(data, dtype or data.dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return cast(shared, dtype or shared.dtype)
    return tensor(data, dtype=dtype)


def from_numpy(array: Numpy) -> Tensor:
    """A tensor over the memory of a NumPy array: a write to one is seen in the other.

    Raises TypeError for what is no array or has a dtype torch does not take, ValueError for
    negative strides.

    >>> a = np.zeros(3)
    >>> t = from_numpy(a)
    >>> a[0] = 7
    >>> t
    tensor([7., 0., 0.], dtype=tatamu.float64)
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtype = dtypes.from_numpy_dtype(array.dtype)
    if any(stride < 0 for stride in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().)"
        )
    if any(stride % array.itemsize for stride in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. "
            "Copy the numpy array to reallocate the memory."
        )
    out: Any = wrap(array.view(np.ndarray), dtype)
    out.storage.reordered = False
    out.storage.expose()
    return out  # type: ignore[no-any-return]


def _check_sizes(shape: Sequence[int]) -> None:
    negative = [n for n in shape if n < 0]
    if negative:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {negative[0]}: {list(shape)}"
        )


def empty(*size: Any, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose memory holds whatever it held before."""
    shape = Size(sizes(size))
    _check_sizes(shape)
    dtype = dtype or dtypes.get_default_dtype()
    storage = Storage(shape.numel() * dtype.itemsize)
    return _leaf(Tensor(storage, 0, shape, contiguous_strides(shape), dtype), requires_grad)


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: DType | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one number, whose kind gives the dtype.

    >>> full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    if dtype is None:
        dtype = tensor(fill_value).dtype
    shape = sizes((size,))
    _check_sizes(shape)
    out: Any = filled(shape, fill_value, dtype)
    return _leaf(out, requires_grad)


def zeros(*size: Any, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    return full(
        sizes(size), 0, dtype=dtype or dtypes.get_default_dtype(), requires_grad=requires_grad
    )


def ones(*size: Any, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return full(
        sizes(size), 1, dtype=dtype or dtypes.get_default_dtype(), requires_grad=requires_grad
    )


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from ``start`` (0 if only one is given) up to, not including, ``end``.

    Raises RuntimeError if the step is 0 or leads away from the end.

    >>> arange(2, 8, 2)
    tensor([2, 4, 6])
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    count = math.ceil((end - start) / step)
    values = np.asarray(start) + np.arange(count) * step
    out: Any = wrap(dtypes.narrow(values.astype(dtype.compute), dtype), dtype)
    return _leaf(out, requires_grad)


def zeros_like(x: Tensor, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape and dtype of ``x``."""
    return zeros(x.shape, dtype=dtype or x.dtype, requires_grad=requires_grad)


def ones_like(x: Tensor, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of ``x``."""
    return ones(x.shape, dtype=dtype or x.dtype, requires_grad=requires_grad)


def full_like(x: Tensor, fill_value: Any, *, dtype: DType | None = None) -> Tensor:
    """One number in the shape and dtype of ``x``."""
    return full(x.shape, fill_value, dtype=dtype or x.dtype)


def empty_like(x: Tensor, *, dtype: DType | None = None) -> Tensor:
    """Memory of the shape and dtype of ``x``, with whatever it held before."""
    return empty(x.shape, dtype=dtype or x.dtype)
