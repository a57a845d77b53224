"""The methods of Tensor that take axes away, and softmax, which keeps them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np

from tatamu.dtypes import DType, int64
from tatamu.ops.arithmetic import mul
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.common import full, interned
from tatamu.ops.expand import sum_
from tatamu.ops.folding import Reduce, count, reduced, reduction
from tatamu.ops.index import index
from tatamu.ops.layout import wrap_dim
from tatamu.ops.op import Op, apply, apply_all
from tatamu.ops.pad import Pad, pad_op
from tatamu.ops.reduce import along, amax, amin, extreme, mean
from tatamu.ops.reshape import reshape
from tatamu.ops.softmax import axis_of, log_softmax, softmax
from tatamu.ops.var import spread_about, std, var

__all__ = ["Reductions", "ValuesIndices"]


class ValuesIndices(NamedTuple):
    """What ``max(dim)`` and ``min(dim)`` give."""

    values: Any
    indices: Any


class Reductions(Array):
    """Sums, extremes, variances, over all axes or some."""

    __slots__ = ()

    def _reduction(self, dim: int | Sequence[int] | None, keepdim: bool) -> Reduce:
        rank = len(self.shape)
        if dim is None or dim == ():
            return reduction(tuple(range(rank)), keepdim)
        dims = (dim,) if isinstance(dim, int) else dim
        axes = sorted(wrap_dim(d, rank) for d in dims) if rank else []
        for axis, following in pairwise(axes):
            if axis == following:
                raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
        return reduction(tuple(axes), keepdim)

    def sum(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DType | None = None,
    ) -> Self:
        """The sum over all axes or some. Integers and truth values sum to int64.

        >>> import tatamu
        >>> tatamu.ones(2, 3).sum(dim=1)
        tensor([3., 3.])
        """
        x = self if dtype is None else cast(self, dtype)
        return apply(sum_, self._reduction(dim, keepdim), x)

    def mean(
        self,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        *,
        dtype: DType | None = None,
    ) -> Self:
        """The mean over all axes or some. RuntimeError for integers without a ``dtype``.

        >>> import tatamu
        >>> tatamu.tensor([[1.0, 2.0], [3.0, 6.0]]).mean()
        tensor(3.)
        """
        x = self if dtype is None else cast(self, dtype)
        return apply(mean, self._reduction(dim, keepdim), x)

    def prod(
        self, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
    ) -> Self:
        """The product over all axes or along one. Integers and truth values multiply to int64.

        >>> import tatamu
        >>> tatamu.tensor([[1, 2], [3, 4]]).prod(dim=1)
        tensor([ 2, 12])
        """
        x = cast(self, dtype or (self.dtype if self.dtype.is_floating_point else int64))
        if dim is None or not x.shape:
            x = reshape(x, (x.shape.numel(),))
        axis = wrap_dim(dim or 0, len(x.shape))
        if not x.shape[axis]:
            gone = reduction((axis,), keepdim and dim is not None)
            return full(reduced(x.shape, gone), 1, x.dtype)  # type: ignore[return-value]
        # Halves are multiplied until one is left: so the gradient holds beside zeros, too.
        size, there = 1, x.shape[axis]
        while size < there:
            size *= 2
        if size > there:
            widths = ((0, size - there), *((0, 0) for _ in x.shape[axis + 1 :]))
            x = apply(pad_op, interned(Pad(widths, "constant", 1.0)), x)
        before = (slice(None),) * axis
        while size > 1:
            size //= 2
            halves = [index(x, (*before, half, ...)) for half in (slice(size), slice(size, None))]
            x = mul(*halves)
        return x if keepdim and dim is not None else index(x, (*before, 0, ...))

    def _about(
        self, name: str, dim: Any, unbiased: Any, keepdim: bool, correction: float | None
    ) -> Any:
        """What ``var`` and ``std`` are asked for, in whichever of torch's two forms."""
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1 if unbiased is None or unbiased else 0
        gone = self._reduction(dim, keepdim)
        if count(self.shape, gone.axes) <= correction and self.dtype.is_floating_point:
            warnings.warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than "
                "the reduction factor (input numel divided by output numel).",
                stacklevel=3,
            )
        return spread_about(gone.axes, keepdim, correction)

    def var(
        self,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Self:
        """The variance over all axes or some, of n - ``correction`` (1) degrees of freedom.

        RuntimeError for integers.

        >>> import tatamu
        >>> x = tatamu.tensor([1.0, 3.0])
        >>> x.var(), x.var(correction=0), x.var(unbiased=False)
        (tensor(2.), tensor(1.), tensor(1.))
        """
        return apply(var, self._about("var", dim, unbiased, keepdim, correction), self)

    def std(
        self,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Self:
        """The standard deviation: the root of ``var``."""
        return apply(std, self._about("std", dim, unbiased, keepdim, correction), self)

    def softmax(self, dim: int, dtype: DType | None = None) -> Self:
        """exp over the sum of exp along ``dim``; see ``nn.functional.softmax``."""
        return self._along(softmax, dim, dtype)

    def log_softmax(self, dim: int, dtype: DType | None = None) -> Self:
        """The logarithm of ``softmax``."""
        return self._along(log_softmax, dim, dtype)

    def _along(self, op: Op, dim: int, dtype: DType | None) -> Self:
        x = self if dtype is None else cast(self, dtype)
        axis = wrap_dim(dim, len(x.shape))
        if not x.shape:
            return reshape(apply(op, axis_of(0), reshape(x, (1,))), ())
        return apply(op, axis_of(axis), x)

    def amax(self, dim: int | Sequence[int] = (), keepdim: bool = False) -> Self:
        """The largest over all axes or some; equals share the gradient."""
        return apply(amax, self._reduction(dim, keepdim), self)

    def amin(self, dim: int | Sequence[int] = (), keepdim: bool = False) -> Self:
        """The smallest over all axes or some; equals share the gradient."""
        return apply(amin, self._reduction(dim, keepdim), self)

    def max(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The largest element; along an axis the largest and their positions.

        Raises RuntimeError for an empty tensor, IndexError for an empty axis.

        >>> import tatamu
        >>> values, indices = tatamu.tensor([[1, 5], [7, 3]]).max(dim=1)
        >>> values, indices
        (tensor([5, 7]), tensor([1, 0]))
        """
        if dim is None:
            return self.amax()
        return ValuesIndices(*self._extreme(dim, True, keepdim))

    def min(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The smallest element; along an axis the smallest and their positions."""
        if dim is None:
            return self.amin()
        return ValuesIndices(*self._extreme(dim, False, keepdim))

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """The position of the largest element, counted through all or along an axis."""
        return self._position_of(True, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """The position of the smallest element, counted through all or along an axis."""
        return self._position_of(False, dim, keepdim)

    def _extreme(self, dim: int, largest: bool, keepdim: bool) -> tuple[Any, ...]:
        axis = wrap_dim(dim, len(self.shape))
        if not self.shape:
            return self.amax(), wrap(np.array(0), int64)
        return apply_all(extreme, along(axis, self.shape[axis], largest, keepdim), self)

    def _position_of(self, largest: bool, dim: int | None, keepdim: bool) -> Self:
        if dim is not None:
            return self._extreme(dim, largest, keepdim)[1]  # type: ignore[no-any-return]
        flat = reshape(self, (self.shape.numel(),))
        return flat._extreme(0, largest, keepdim)[1]  # type: ignore[no-any-return]
