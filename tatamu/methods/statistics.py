"""The methods of Tensor that describe many numbers by few: quantiles, counts, covariances."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tatamu import return_types
from tatamu.dtypes import bool_, float64, int64, narrow, widen
from tatamu.methods.axes import along_axis
from tatamu.ops.arithmetic import add, div, mul, sub
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.ops.cast import cast
from tatamu.ops.clamp import clamp
from tatamu.ops.common import constant, floating, interned
from tatamu.ops.comparison import where
from tatamu.ops.expand import sum_
from tatamu.ops.folding import reduction
from tatamu.ops.layout import wrap_dim
from tatamu.ops.matmul import matmul
from tatamu.ops.op import apply, apply_all
from tatamu.ops.permute import permute
from tatamu.ops.pointwise import sqrt
from tatamu.ops.reduce import along, take
from tatamu.ops.reshape import reshape
from tatamu.ops.sorting import pick, sort
from tatamu.ops.totals import trace

__all__ = ["Statistics"]

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


class Statistics(Array):
    """Quantiles, counts and covariances."""

    __slots__ = ()

    def trace(self) -> Self:
        """The sum of a matrix's diagonal. RuntimeError for what is no matrix."""
        return apply(trace, None, self)

    @along_axis
    def quantile(
        self,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Self:
        """The number below which a share ``q`` lies: of all, or along an axis.

        ``q`` is a number or a vector, whose axis comes first then. RuntimeError unless it lies in
        [0, 1]. A NaN makes the result NaN; ``nanquantile`` leaves it out.

        >>> import tatamu
        >>> tatamu.tensor([1.0, 2.0, 4.0]).quantile(0.75)
        tensor(3.)
        """
        return self._quantile("quantile", q, dim, keepdim, interpolation)

    @along_axis
    def nanquantile(
        self,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Self:
        """The quantile of all that is not NaN."""
        return self._quantile("nanquantile", q, dim, keepdim, interpolation)

    def _quantile(self, name: str, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Self:
        shares = self._shares(name, q, interpolation)
        rank = len(self.shape)
        if dim is None or not rank:
            x = reshape(self, (self.shape.numel(),))
            axis, left = 0, ((1,) * rank if keepdim else ())
        else:
            axis = wrap_dim(dim, rank)
            x = permute(self, (*(a for a in range(rank) if a != axis), axis))
            kept = list(self.shape)
            kept[axis : axis + 1] = [1] if keepdim else []
            left = tuple(kept)
        last = len(x.shape) - 1
        values = apply_all(sort, pick(last), x)[0]
        numbers = (values.array == values.array).sum(axis=-1, keepdims=True)
        ranks = _ranks(name, shares.reshape(-1), numbers, x.shape[-1], interpolation)
        below, above = (self._at(values, of(ranks)) for of in (np.floor, np.ceil))
        weights = ranks - np.floor(ranks)
        if interpolation == "midpoint":
            weights = np.where(weights > 0, 0.5, 0).astype(ranks.dtype)
        found = _between(below, above, weights) if weights.any() else below
        found = permute(found, (last, *range(last)))
        return reshape(found, (*shares.shape, *left))  # type: ignore[return-value]

    def _shares(self, name: str, q: Any, interpolation: str) -> Numpy:
        """``q`` as numbers of this tensor's dtype, after torch's checks."""
        if self.shape.numel() == 0:
            raise RuntimeError(f"{name}() input tensor must be non-empty")
        if self.dtype.name not in ("float32", "float64"):
            raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
        if isinstance(q, Array):
            if len(q.shape) > 1:
                raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
            if q.dtype is not self.dtype:
                raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
            shares = q.array
        else:
            if not 0 <= q <= 1:
                raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
            shares = np.asarray(q, self.dtype.numpy)
        if interpolation not in INTERPOLATIONS:
            raise RuntimeError(
                f"{name}() interpolation must be one of linear, lower, higher, midpoint or "
                f"nearest, but got {interpolation}"
            )
        if not np.all((shares >= 0) & (shares <= 1)):
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
        return shares

    def _at(self, values: Array, places: Numpy) -> Array:
        held = wrap(places.astype(np.int64), int64)
        return apply(take, along(len(values.shape) - 1, values.shape[-1], True, True), values, held)

    # ---- counts ----

    def bincount(self, weights: Array | None = None, minlength: int = 0) -> Self:
        """How often each number from 0 on stands, or the sum of its weights.

        RuntimeError unless they are a vector of integers, none negative.

        >>> import tatamu
        >>> tatamu.tensor([1, 3, 1]).bincount()
        tensor([0, 2, 0, 1])
        """
        if self.dtype.is_floating_point or self.dtype is bool_:
            raise NotImplementedError(
                f"\"bincount_cpu\" not implemented for '{self.dtype.legacy_name}'\n"
                "  x.long() makes integers of it"
            )
        if minlength < 0:
            raise RuntimeError("minlength should be >= 0")
        if len(self.shape) != 1 or (self.array < 0).any():
            raise RuntimeError(
                "bincount only supports 1-d non-negative integral inputs.\n"
                f"  the input is {list(self.shape)}: flatten() makes a vector of it"
            )
        if weights is None:
            counted = np.bincount(self.array, minlength=minlength)
            return wrap(counted, int64)  # type: ignore[return-value]
        if weights.shape != self.shape:
            raise RuntimeError("weights should be 1-d and have the same length as input")
        kind = weights.dtype if weights.dtype.name == "float32" else float64
        heavy = widen(weights.array, weights.dtype)
        summed = np.bincount(self.array, heavy, minlength)
        return wrap(summed.astype(kind.numpy), kind)  # type: ignore[return-value]

    def histc(self, bins: int = 100, min: float = 0, max: float = 0) -> Self:
        """How many elements fall into each of ``bins`` equal parts of [min, max].

        The range is that of the elements if both bounds are equal. NotImplementedError for
        integers, RuntimeError for a range that is not finite.
        """
        if not self.dtype.is_floating_point:
            raise NotImplementedError(
                f"\"histogram_cpu\" not implemented for '{self.dtype.legacy_name}'\n"
                "  x.float() makes it float32"
            )
        if bins <= 0:
            raise RuntimeError(
                f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0"
            )
        x = widen(self.array, self.dtype).reshape(-1)
        low, high = _range("torch.histc", x, float(min), float(max))
        inside = x[(x >= low) & (x <= high)]
        kind = x.dtype.type
        places = ((inside - kind(low)) * kind(bins) / (kind(high) - kind(low))).astype(np.int64)
        counted = np.bincount(np.minimum(places, bins - 1), minlength=bins)
        return wrap(narrow(counted.astype(x.dtype), self.dtype), self.dtype)  # type: ignore[return-value]

    def histogram(
        self,
        bins: Any,
        *,
        range: tuple[float, float] | None = None,
        weight: Array | None = None,
        density: bool = False,
    ) -> Any:
        """How many elements fall between neighbouring edges, and the edges.

        ``bins`` is their number or a tensor of edges. With ``density`` the area is 1.
        """
        if not self.dtype.is_floating_point:
            raise NotImplementedError(
                f"\"histogramdd\" not implemented for '{self.dtype.legacy_name}'\n"
                "  x.float() makes it float32"
            )
        x = self.array.reshape(-1)
        if isinstance(bins, Array):
            edges = bins.array
        else:
            low, high = _range("torch.histogram", x, *(range or (0.0, 0.0)))
            edges = np.linspace(low, high, bins + 1).astype(x.dtype)
        heavy = None if weight is None else weight.array.reshape(-1)
        counted, _ = np.histogram(x, edges.astype(np.float64), weights=heavy, density=density)
        hist = wrap(counted.astype(x.dtype), self.dtype)
        return return_types.histogram(hist, wrap(np.array(edges), self.dtype))

    # ---- covariance ----

    def cov(
        self,
        *,
        correction: int = 1,
        fweights: Array | None = None,
        aweights: Array | None = None,
    ) -> Self:
        """The covariances of variables (rows), of n - ``correction`` degrees of freedom.

        ``fweights`` says how often each observation (column) stands, ``aweights`` how much it
        counts. RuntimeError for more than two axes.

        >>> import tatamu
        >>> tatamu.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).cov()
        tensor([[ 1., -1.],
                [-1.,  1.]])
        """
        if len(self.shape) > 2:
            raise RuntimeError(
                "cov(): expected input to have two or fewer dimensions but got an input with "
                f"{len(self.shape)} dimensions"
            )
        x = cast(self, floating(self.dtype))
        if len(x.shape) < 2:
            x = reshape(x, (1, x.shape.numel()))
        weights = None
        for given in (fweights, aweights):
            if given is not None:
                share = cast(given, x.dtype)
                weights = share if weights is None else mul(weights, share)
        row = reduction((1,), True)
        total: Array = constant(x.shape[1], x.dtype)
        if weights is not None:
            total = apply(sum_, reduction((0,)), weights)
        weighted = x if weights is None else mul(x, weights)
        centred = sub(x, div(apply(sum_, row, weighted), total))
        factor: Array = sub(total, constant(correction, x.dtype))
        if aweights is not None:
            heavy = cast(aweights, x.dtype)
            assert weights is not None
            squares = apply(sum_, reduction((0,)), mul(weights, heavy))
            factor = sub(total, div(mul(constant(correction, x.dtype), squares), total))
        right = centred if weights is None else mul(centred, weights)
        factor = apply(clamp, _NOT_NEGATIVE, factor)
        found = div(matmul(centred, permute(right, (1, 0))), factor)
        size = self.shape[0] if len(self.shape) == 2 else 1
        return reshape(found, () if size == 1 else (size, size))

    def corrcoef(self) -> Self:
        """The correlations of variables (rows), held between -1 and 1."""
        if len(self.shape) > 2:
            raise RuntimeError(
                "corrcoef(): expected input to have two or fewer dimensions but got an input with "
                f"{len(self.shape)} dimensions"
            )
        found = self.cov()
        if not found.shape:
            return div(found, found)
        spread = sqrt(apply(sum_, reduction((1,), True), mul(found, _identity(found))))
        scaled = div(div(found, spread), permute(spread, (1, 0)))
        return apply(clamp, _UNIT, scaled)


_NOT_NEGATIVE = interned((0, None))
_UNIT = interned((-1, 1))


def _identity(like: Array) -> Array:
    return wrap(np.eye(like.shape[0], dtype=np.bool_), bool_)


def _range(name: str, x: Numpy, low: float, high: float) -> tuple[float, float]:
    """The bounds of a histogram: those given, or else those of the numbers."""
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not np.isfinite([low, high]).all():
        raise RuntimeError(f"{name}: range of [{low:g}, {high:g}] is not finite")
    return low, high


def _ranks(name: str, shares: Numpy, numbers: Numpy, size: int, interpolation: str) -> Numpy:
    """Where in order the quantiles lie; at the end, where NaN stands, if there is one."""
    if name == "nanquantile":
        ranks = shares * np.maximum(numbers - 1, 0).astype(shares.dtype)
    else:
        ranks = np.where(numbers < size, size - 1, shares * shares.dtype.type(size - 1))
    ranks = ranks.astype(shares.dtype)
    roundings: dict[str, Any] = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
    return np.asarray(roundings[interpolation](ranks) if interpolation in roundings else ranks)


def _between(below: Array, above: Array, weights: Numpy) -> Array:
    """From one to the other by a weight, counted from the nearer."""
    dtype = below.dtype
    weight = wrap(weights, dtype)
    step = sub(above, below)
    near = add(below, mul(weight, step))
    far = sub(above, mul(step, sub(constant(1.0, dtype), weight)))
    found: Array = where(wrap(np.asarray(weights < 0.5), bool_), near, far)
    return found
