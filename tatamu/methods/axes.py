"""How axes are given to a method: torch's names for them and NumPy's, one, some or all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

from tatamu.ops.folding import Reduce, reduction
from tatamu.ops.layout import Ints, wrap_dim

__all__ = ["along_axis", "reduction_of"]

P = ParamSpec("P")
R = TypeVar("R")


def along_axis(method: Callable[P, R]) -> Callable[P, R]:
    """The method also takes ``axis=`` for ``dim=`` and ``keepdims=`` for ``keepdim=``.

    >>> import tatamu
    >>> tatamu.ones(2, 3).sum(axis=1, keepdims=True).shape
    tatamu.Size([2, 1])
    """

    @functools.wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        if options:
            if "axis" in options:
                options["dim"] = options.pop("axis")
            if "keepdims" in options:
                options["keepdim"] = options.pop("keepdims")
        return method(*args, **options)

    return call


def reduction_of(
    shape: Ints, dim: int | Sequence[int] | None, keepdim: bool, overload: int = 0
) -> Reduce:
    """The axes that ``dim`` names, all for None or none. RuntimeError if one is named twice."""
    rank = len(shape)
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return reduction(tuple(range(rank)), keepdim, overload)
    dims = (dim,) if isinstance(dim, int) else dim
    axes = sorted(wrap_dim(d, rank) for d in dims)
    for axis, following in pairwise(axes):
        if axis == following:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
    return reduction(tuple(axes) if rank else (), keepdim, overload)
