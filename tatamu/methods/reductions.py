"""The methods of Tensor that take axes away, and softmax, which keeps them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tatamu import return_types
from tatamu.dtypes import DType, bool_, int64, uint8, widen
from tatamu.methods.axes import along_axis, reduction_of
from tatamu.ops.arithmetic import div
from tatamu.ops.array import Array, wrap
from tatamu.ops.cast import cast
from tatamu.ops.clamp import maximum, minimum
from tatamu.ops.common import floating
from tatamu.ops.comparison import eq
from tatamu.ops.expand import sum_
from tatamu.ops.folding import Reduce, count, reduction
from tatamu.ops.layout import wrap_dim
from tatamu.ops.op import Op, apply, apply_all
from tatamu.ops.reduce import (
    along,
    amax,
    amin,
    both_largest,
    both_smallest,
    max_along,
    maximal,
    mean,
    min_along,
    minimal,
)
from tatamu.ops.reshape import reshape
from tatamu.ops.softmax import axis_of, log_softmax, softmax
from tatamu.ops.totals import logsumexp, nansum, prod
from tatamu.ops.var import BESIDE_MEAN, Spread, spread_about, std, var

__all__ = ["Reductions"]

Dims = int | Sequence[int] | None


class Reductions(Array):
    """Sums, extremes, variances, over all axes or some."""

    __slots__ = ()

    def _reduction(self, dim: Dims, keepdim: bool) -> Reduce:
        """torch's node of a reduction has another number where axes are named."""
        return reduction_of(self.shape, dim, keepdim, overload=int(dim is not None))

    @along_axis
    def sum(self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Self:
        """The sum over all axes or some. Integers and truth values sum to int64.

        >>> import tatamu
        >>> tatamu.ones(2, 3).sum(dim=1)
        tensor([3., 3.])
        """
        x = self if dtype is None else cast(self, dtype)
        total = apply(sum_, self._reduction(dim, keepdim), x)
        return total if dtype is None else cast(total, dtype)

    @along_axis
    def mean(self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Self:
        """The mean over all axes or some. RuntimeError for integers without a ``dtype``.

        >>> import tatamu
        >>> tatamu.tensor([[1.0, 2.0], [3.0, 6.0]]).mean()
        tensor(3.)
        """
        if dtype is not None and not dtype.is_floating_point:
            raise RuntimeError(
                "mean(): could not infer output dtype. Optional dtype must be either a floating "
                f"point or complex dtype. Got: {dtype.legacy_name}\n"
                "  a mean of whole numbers is seldom one itself"
            )
        x = self if dtype is None else cast(self, dtype)
        return apply(mean, self._reduction(dim, keepdim), x)

    @along_axis
    def prod(
        self, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
    ) -> Self:
        """The product over all axes or along one. Integers and truth values multiply to int64.

        >>> import tatamu
        >>> tatamu.tensor([[1, 2], [3, 4]]).prod(dim=1)
        tensor([ 2, 12])
        """
        x = self if dtype is None else cast(self, dtype)
        total = apply(prod, self._reduction(dim, keepdim), x)
        return total if dtype is None else cast(total, dtype)

    @along_axis
    def nansum(
        self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None
    ) -> Self:
        """The sum of all that is not NaN."""
        x = self if dtype is None else cast(self, dtype)
        total = apply(nansum, reduction_of(self.shape, dim, keepdim), x)
        return total if dtype is None else cast(total, dtype)

    @along_axis
    def nanmean(
        self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None
    ) -> Self:
        """The mean of all that is not NaN. RuntimeError for integers."""
        if not self.dtype.is_floating_point:
            raise RuntimeError(
                "nanmean(): expected input to have floating point or complex dtype but got "
                f"{self.dtype.legacy_name}\n  integers are never NaN: x.float().mean() will do"
            )
        gone = reduction_of(self.shape, dim, keepdim)
        numbers = apply(sum_, gone, eq(self, self))
        return div(self.nansum(dim, keepdim, dtype=dtype), numbers)

    @along_axis
    def logsumexp(self, dim: int | Sequence[int], keepdim: bool = False) -> Self:
        """The logarithm of the sum of e to the power of each element, which never overflows.

        >>> import tatamu
        >>> tatamu.tensor([1000.0, 998.0]).logsumexp(0)
        tensor(1000.1270)
        """
        x = cast(self, floating(self.dtype))
        return apply(logsumexp, reduction_of(self.shape, dim, keepdim), x)

    def _about(
        self, name: str, dim: Any, unbiased: Any, keepdim: bool, correction: float | None
    ) -> Spread:
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
                stacklevel=4,
            )
        return spread_about(gone.axes, keepdim, correction)

    @along_axis
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

    @along_axis
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

    def _beside_mean(
        self, name: str, dim: Any, unbiased: Any, keepdim: bool, correction: float | None
    ) -> tuple[Self, Self]:
        """``var_mean`` or ``std_mean``, which torch has as functions alone."""
        about = self._about(name, dim, unbiased, keepdim, correction)
        spread, middle = BESIDE_MEAN[name]
        return apply(spread, about, self), apply(middle, reduction(about.axes, keepdim), self)

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

    @along_axis
    def amax(self, dim: int | Sequence[int] = (), keepdim: bool = False) -> Self:
        """The largest over all axes or some; equals share the gradient."""
        return apply(amax, reduction_of(self.shape, dim, keepdim), self)

    @along_axis
    def amin(self, dim: int | Sequence[int] = (), keepdim: bool = False) -> Self:
        """The smallest over all axes or some; equals share the gradient."""
        return apply(amin, reduction_of(self.shape, dim, keepdim), self)

    @along_axis
    def aminmax(self, *, dim: int | None = None, keepdim: bool = False) -> Any:
        """The smallest and the largest, over all axes or along one.

        >>> import tatamu
        >>> tatamu.tensor([3, 1, 2]).aminmax().max
        tensor(3)
        """
        gone = reduction_of(self.shape, dim, keepdim)
        return return_types.aminmax(
            apply(both_smallest, gone, self), apply(both_largest, gone, self)
        )

    @along_axis
    def max(self, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        """The largest element; along an axis the largest and their positions.

        With another tensor in place of ``dim``, ``maximum``. Raises RuntimeError for an empty
        tensor, IndexError for an empty axis.

        >>> import tatamu
        >>> values, indices = tatamu.tensor([[1, 5], [7, 3]]).max(dim=1)
        >>> values, indices
        (tensor([5, 7]), tensor([1, 0]))
        """
        if isinstance(dim, Array) or other is not None:
            return maximum(self, dim if other is None else other)
        if dim is None:
            return apply(maximal, reduction_of(self.shape, None, False, overload=1), self)
        return return_types.max(*self._extreme(dim, True, keepdim))

    @along_axis
    def min(self, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        """The smallest element; along an axis the smallest and their positions."""
        if isinstance(dim, Array) or other is not None:
            return minimum(self, dim if other is None else other)
        if dim is None:
            return apply(minimal, reduction_of(self.shape, None, False, overload=1), self)
        return return_types.min(*self._extreme(dim, False, keepdim))

    @along_axis
    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """The position of the largest element, counted through all or along an axis."""
        return self._position_of(True, dim, keepdim)

    @along_axis
    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """The position of the smallest element, counted through all or along an axis."""
        return self._position_of(False, dim, keepdim)

    def _extreme(self, dim: int, largest: bool, keepdim: bool) -> tuple[Any, ...]:
        axis = wrap_dim(dim, len(self.shape))
        op = max_along if largest else min_along
        if not self.shape:
            flat = reshape(self, (1,))
            return apply_all(op, along(0, 1, largest), flat)
        return apply_all(op, along(axis, self.shape[axis], largest, keepdim), self)

    def _position_of(self, largest: bool, dim: int | None, keepdim: bool) -> Self:
        name = "argmax" if largest else "argmin"
        if self.dtype is bool_:
            raise RuntimeError(
                f"{name}(): does not support bool input\n  x.int() makes 0 and 1 of it"
            )
        size = self.shape.numel() if dim is None else 1
        if dim is not None and self.shape:
            size = self.shape[wrap_dim(dim, len(self.shape))]
        if size == 0:
            which = "to be specified for input.numel() == 0." if dim is None else ""
            raise IndexError(
                f"{name}(): Expected reduction dim {which or f'{dim} to have non-zero size.'}\n"
                f"  the input is {list(self.shape)}: there is nothing to choose from"
            )
        if dim is not None:
            return self._extreme(dim, largest, keepdim)[1]  # type: ignore[no-any-return]
        flat = reshape(self, (self.shape.numel(),))
        place = flat._extreme(0, largest, False)[1]
        return reshape(place, (1,) * len(self.shape) if keepdim else ())  # type: ignore[no-any-return]

    def _truth(self, ufunc: np.ufunc, dim: Dims, keepdim: bool) -> Any:
        gone = reduction_of(self.shape, dim, keepdim)
        found = ufunc.reduce(widen(self.array, self.dtype) != 0, axis=gone.axes, keepdims=keepdim)
        kind = uint8 if self.dtype is uint8 else bool_
        return wrap(np.asarray(found, kind.numpy), kind)

    @along_axis
    def all(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Whether all elements are other than zero, over all axes or some."""
        return self._truth(np.logical_and, dim, keepdim)  # type: ignore[no-any-return]

    @along_axis
    def any(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Whether some element is other than zero, over all axes or some."""
        return self._truth(np.logical_or, dim, keepdim)  # type: ignore[no-any-return]

    @along_axis
    def count_nonzero(self, dim: Dims = None) -> Any:
        """How many elements are other than zero, over all axes or some.

        >>> import tatamu
        >>> tatamu.tensor([[0, 1], [2, 3]]).count_nonzero(dim=0)
        tensor([1, 2])
        """
        gone = reduction_of(self.shape, dim, False)
        counted = np.count_nonzero(widen(self.array, self.dtype), axis=gone.axes)
        return wrap(np.asarray(counted, np.int64), int64)
