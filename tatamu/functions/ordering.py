"""Order, search, and what runs along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.functions.function import function
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.layout import wrap_dim
from tatamu.tensor import Tensor

__all__ = [
    "argsort",
    "bucketize",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "diff",
    "isin",
    "kthvalue",
    "logcumsumexp",
    "median",
    "mode",
    "msort",
    "nanmedian",
    "searchsorted",
    "sort",
    "topk",
    "trapezoid",
    "trapz",
    "unique",
    "unique_consecutive",
]

argsort = function(Tensor.argsort)
cummax = function(Tensor.cummax)
cummin = function(Tensor.cummin)
cumprod = function(Tensor.cumprod)
cumsum = function(Tensor.cumsum)
diff = function(Tensor.diff)
kthvalue = function(Tensor.kthvalue)
logcumsumexp = function(Tensor.logcumsumexp)
median = function(Tensor.median)
mode = function(Tensor.mode)
msort = function(Tensor.msort)
nanmedian = function(Tensor.nanmedian)
sort = function(Tensor.sort)
topk = function(Tensor.topk)
unique = function(Tensor.unique)
unique_consecutive = function(Tensor.unique_consecutive)


def _plain(x: Any) -> Numpy:
    """The numbers of a tensor, or one number, in a form that NumPy compares."""
    return dtypes.widen(x.array, x.dtype) if isinstance(x, Array) else np.asarray(x)


def _held(array: Any, dtype: dtypes.DType) -> Any:
    return wrap(np.ascontiguousarray(array, dtype.numpy).reshape(np.shape(array)), dtype)


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each number of ``input`` would go into a sorted sequence, so that it stays sorted.

    Before equal numbers, or behind them with ``right``. Sequences along the last axis take the
    numbers of the same place. RuntimeError, with torch's sentences, where shapes do not fit.

    >>> import tatamu
    >>> tatamu.searchsorted(tatamu.tensor([1, 3, 5]), tatamu.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    rows, wanted = _plain(sorted_sequence), _plain(input)
    if rows.ndim != 1 and rows.shape[:-1] != wanted.shape[:-1]:
        if not isinstance(input, Array):
            raise RuntimeError(
                "torch.searchsorted(): input value can be a scalar only when boundaries tensor "
                f"dimension is 1, but we got boundaries tensor dim({rows.ndim}) and input value's "
                "dim(0) numel(1)"
            )
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(rows.shape)} and input value tensor {list(wanted.shape)}"
        )
    if sorter is not None:
        rows = np.take_along_axis(rows, sorter.array, -1)
    end: Any = "right" if right or side == "right" else "left"
    kind = dtypes.int32 if out_int32 else dtypes.int64
    if rows.ndim == 1:
        return _held(np.searchsorted(rows, wanted, end), kind)  # type: ignore[no-any-return]
    found = np.empty(wanted.shape, np.int64)
    for at in np.ndindex(rows.shape[:-1]):
        found[at] = np.searchsorted(rows[at], wanted[at], end)
    return _held(found, kind)  # type: ignore[no-any-return]


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Between which of the boundaries each number lies; see ``searchsorted``.

    >>> import tatamu
    >>> tatamu.bucketize(tatamu.tensor([0.5, 2.0, 9.0]), tatamu.tensor([1.0, 2.0, 3.0]))
    tensor([0, 1, 3])
    """
    if len(boundaries.shape) != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({len(boundaries.shape)})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is one of ``test_elements``.

    >>> import tatamu
    >>> tatamu.isin(tatamu.tensor([1, 2, 3]), tatamu.tensor([2, 5]))
    tensor([False,  True, False])
    """
    found = np.isin(_plain(elements), _plain(test_elements), assume_unique, invert)
    return _held(found, dtypes.bool_)  # type: ignore[no-any-return]


def _strips(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """The areas between neighbours along an axis, under straight lines, twice over."""
    if not y.shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = wrap_dim(dim, len(y.shape))
    before = (slice(None),) * axis
    later, sooner = y[(*before, slice(1, None))], y[(*before, slice(0, -1))]
    width: Any = dx
    if x is not None:
        if x.shape[-1] != y.shape[axis]:
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point\n"
                f"  y has {y.shape[axis]} along the axis, x {x.shape[-1]}"
            )
        width = x.diff(dim=-1 if len(x.shape) == 1 else axis)
        if len(x.shape) == 1:
            width = width.reshape(*(-1 if at == axis else 1 for at in range(len(y.shape))))
    return (later + sooner) * width, axis


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The area under the straight lines between samples, ``dx`` or as ``x`` says apart.

    >>> import tatamu
    >>> tatamu.trapezoid(tatamu.tensor([0.0, 1.0, 2.0]))
    tensor(2.)
    """
    strips, axis = _strips("trapezoid", y, x, dx, dim)
    return strips.sum(axis) * 0.5  # type: ignore[no-any-return]


def trapz(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """``trapezoid`` under its older name."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1
) -> Tensor:
    """The areas so far under the straight lines between samples."""
    strips, axis = _strips("cumulative_trapezoid", y, x, dx, dim)
    return (strips * 0.5).cumsum(axis)  # type: ignore[no-any-return]
