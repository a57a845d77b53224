"""Elements picked, put and added by index tensors and masks."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.functions.function import function
from tatamu.ops.array import wrap
from tatamu.tensor import Tensor

__all__ = [
    "argwhere",
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take",
    "take_along_dim",
    "unravel_index",
]

argwhere = function(Tensor.argwhere)
gather = function(Tensor.gather)
index_add = function(Tensor.index_add)
index_copy = function(Tensor.index_copy)
index_fill = function(Tensor.index_fill)
index_put = function(Tensor.index_put)
index_select = function(Tensor.index_select)
masked_fill = function(Tensor.masked_fill)
masked_scatter = function(Tensor.masked_scatter)
masked_select = function(Tensor.masked_select)
nonzero = function(Tensor.nonzero)
put = function(Tensor.put)
scatter = function(Tensor.scatter)
scatter_add = function(Tensor.scatter_add)
scatter_reduce = function(Tensor.scatter_reduce)
take = function(Tensor.take)
take_along_dim = function(Tensor.take_along_dim)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Numbers of elements, counted over all axes, as an index for each axis.

    >>> import tatamu
    >>> unravel_index(tatamu.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    places = np.stack(np.unravel_index(indices.array % max(prod(sizes), 1), sizes), -1)
    found: Any = tuple([wrap(places[..., axis], dtypes.int64) for axis in range(len(sizes))])
    return found  # type: ignore[no-any-return]
