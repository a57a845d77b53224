"""What the parts of a model are called."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from tatamu.nn.module import Module

__all__ = ["names_of"]


def names_of(model: Any) -> tuple[dict[int, str], dict[int, str]]:
    """Parameters and buffers by the id of their storages, modules by their own."""
    if not isinstance(model, Module):
        return {}, {}
    tensors: Iterator[Any] = chain(model.named_parameters(), model.named_buffers())
    names = {id(tensor.storage): name for name, tensor in tensors}
    return names, {id(module): name for name, module in model.named_modules()}
