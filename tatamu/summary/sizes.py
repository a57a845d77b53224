"""Sizes of what goes into layers and comes out of them, however it is nested."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tatamu.creation import from_numpy
from tatamu.tensor import Tensor

__all__ = ["mapped", "memory_of", "product", "size_and_width", "sizes_of"]

STORAGE_OBJECT = 64
"""Bytes of the object that holds a tensor's memory in torch; they count as input, too."""


def product(sizes: Iterable[Any]) -> int:
    """The product of all numbers in a nested list.

    >>> product([2, [3, 4]]), product([])
    (24, 1)
    """
    return math.prod(product(n) if isinstance(n, Iterable) else n for n in sizes)


def size_and_width(value: Any, batch_dim: int | None) -> tuple[list[Any], int]:
    """The size that stands in the table for what a layer was given or gave, and the bytes of a
    number in it: those of its first tensor; of a dictionary's last value.

    TypeError for what is neither tensor nor collection.
    """
    if value is None:
        return [], 0
    if isinstance(value, (list, tuple)) and value and _sized(getattr(value[0], "data", None)):
        first = value[0].data
        size = list(first.size())
        if batch_dim is not None:
            size = _one_at(size, batch_dim)
        return size, first.element_size()
    if isinstance(value, dict):
        size, width = _nested(list(value.values())[-1])
        if batch_dim is not None:
            size = [_one_at(size, batch_dim)]
        return size, width
    if isinstance(value, (Tensor, np.ndarray)):
        return _nested(value)
    if isinstance(value, (list, tuple)):
        size, width = _nested(value)
        if batch_dim is not None and batch_dim < len(size):
            size[batch_dim] = 1
        return size, width
    raise TypeError(
        "Model contains a layer with an unsupported input or output type: "
        f"{value}, type: {type(value)}"
    )


def _one_at(size: list[Any], batch_dim: int) -> list[Any]:
    """A size for one sample."""
    return [*size[:batch_dim], 1, *size[batch_dim + 1 :]]


def _sized(value: Any) -> bool:
    return hasattr(value, "size")


def _nested(value: Any) -> tuple[list[Any], int]:
    """The size of the first tensor inside."""
    if hasattr(value, "tensors"):
        return _nested(value.tensors)
    if isinstance(value, np.ndarray):
        return list(value.shape), value.itemsize
    if isinstance(value, Tensor):
        return list(value.size()), value.element_size()
    if not hasattr(value, "__getitem__") or not value:
        return [], 0
    if isinstance(value, dict):
        return _nested(list(value.values()))
    if callable(getattr(value, "size", None)) and callable(getattr(value, "element_size", None)):
        return list(value.size()), value.element_size()
    if isinstance(value, (list, tuple)):
        return _nested(value[0])
    return [], 0


def mapped(
    data: Any, of_tensor: Callable[[Tensor], Any], gather: Callable[[Any], Callable[..., Any]]
) -> Any:
    """``data`` with every tensor in it replaced; ``gather`` of a collection rebuilds it.

    An array counts as the tensor over it, but stays what it is where a tensor takes its place.
    """
    if isinstance(data, Tensor):
        return of_tensor(data)
    if isinstance(data, np.ndarray):
        found = of_tensor(from_numpy(data))
        return data if isinstance(found, Tensor) else found
    if isinstance(data, Mapping):
        return gather(data)({key: mapped(each, of_tensor, gather) for key, each in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return gather(data)(*(mapped(each, of_tensor, gather) for each in data))
    if isinstance(data, Iterable) and not isinstance(data, str):
        return gather(data)([mapped(each, of_tensor, gather) for each in data])
    return data


def sizes_of(data: Any) -> Any:
    """The same collections with sizes in the place of tensors."""
    return mapped(data, lambda tensor: tensor.size(), type)


def memory_of(data: Any) -> Any:
    """Bytes behind all tensors, as torch counts its storage."""

    def total(collection: Any) -> Callable[..., Any]:
        if isinstance(collection, Mapping):
            return lambda entries: sum(entries.values())
        return sum

    return mapped(data, lambda tensor: tensor.storage.nbytes + STORAGE_OBJECT, total)
