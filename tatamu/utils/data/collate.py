"""Samples made into batches: tensors of numbers stacked, whatever containers they lie in."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from tatamu.creation import as_tensor, tensor
from tatamu.dtypes import float64
from tatamu.ops.arithmetic import add
from tatamu.ops.array import wrap
from tatamu.ops.index import _placed, place
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["default_collate", "default_convert"]

_TEXT = re.compile(r"[SaUO]")


def _no_numbers(kind: Any) -> TypeError:
    return TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {kind}\n  a transform that makes tensors, or collate_fn=, says what becomes of it"
    )


def _stacked(batch: Sequence[Tensor]) -> Tensor:
    """One tensor with a new first axis. RuntimeError for shapes that differ."""
    first = batch[0]
    for index, item in enumerate(batch):
        if item.shape != first.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at "
                f"entry 0 and {list(item.shape)} at entry {index}\n"
                "  samples of one batch must have one shape: resize or pad them"
            )
    if not any(item.requires_grad for item in batch):
        out: Any = wrap(np.stack([item.array for item in batch]), first.dtype)
        return out  # type: ignore[no-any-return]
    shape = (len(batch), *first.shape)
    parts = [apply(place, _placed(shape, (i, ...)), item) for i, item in enumerate(batch)]
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


def _rebuilt(like: Any, made: Any) -> Any:
    """A container as ``like`` with other contents, or a plain one where that cannot be."""
    try:
        if isinstance(like, MutableMapping):
            out = copy.copy(like)
            out.update(made)
            return out
        if isinstance(like, MutableSequence):
            changed = copy.copy(like)
            for index, item in enumerate(made):
                changed[index] = item
            return changed
        return type(like)(made)
    except TypeError:
        return made


def default_collate(batch: Any) -> Any:
    """A list of samples as a batch: numbers as tensors, tensors stacked, containers inside out.

    Python floats become float64. Raises TypeError for what is none of these (text stays a list),
    RuntimeError for samples whose shapes or lengths differ.

    >>> default_collate([(1, 0.5), (2, 1.5)])
    [tensor([1, 2]), tensor([0.5000, 1.5000], dtype=tatamu.float64)]
    >>> default_collate([{"name": "a"}, {"name": "b"}])
    {'name': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, np.ndarray):
        if _TEXT.search(first.dtype.str):
            raise _no_numbers(first.dtype)
        return _stacked([as_tensor(item) for item in batch])
    if isinstance(first, (np.bool_, np.number)):
        return as_tensor(np.array(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _rebuilt(first, {k: default_collate([item[k] for item in batch]) for k in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*[default_collate(part) for part in zip(*batch, strict=False)])
    if isinstance(first, Sequence):
        if any(len(item) != len(first) for item in batch):
            raise RuntimeError(
                "each element in list of batch should be of equal size\n"
                f"  the samples' lengths are {[len(item) for item in batch]}"
            )
        parts = [default_collate(part) for part in zip(*batch, strict=True)]
        return parts if isinstance(first, tuple) else _rebuilt(first, parts)
    raise _no_numbers(type(first))


def default_convert(data: Any) -> Any:
    """A sample with NumPy's arrays and numbers as tensors, in whatever containers they lie.

    >>> default_convert([np.array([1, 2]), "a"])
    [tensor([1, 2]), 'a']
    """
    if isinstance(data, np.ndarray):
        return data if _TEXT.search(data.dtype.str) else as_tensor(data)
    if isinstance(data, (np.bool_, np.number)):
        return as_tensor(np.array(data))
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(item) for item in data])
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(item) for item in data])
    return data


Collate = Callable[[Any], Any]
