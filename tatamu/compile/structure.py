"""Tensors in nested tuples, lists and dictionaries: taken out, and put back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from tatamu.ops.array import Array

__all__ = ["Structure", "flattened"]

Structure = Callable[[Sequence[Any]], Any]
"""Puts tensors back where they were."""


def flattened(value: Any) -> tuple[list[Array], Structure, Hashable]:
    """The tensors in ``value``, how to put others in their places, and a key of all the rest.

    Raises TypeError for what is neither a container nor hashable.
    """
    tensors: list[Array] = []
    build, key = _walked(value, tensors)
    return tensors, build, key


def _walked(value: Any, tensors: list[Array]) -> tuple[Structure, Hashable]:
    if isinstance(value, Array):
        place = len(tensors)
        tensors.append(value)
        return (lambda given: given[place]), "tensor"
    if isinstance(value, Mapping):
        items = [(name, *_walked(one, tensors)) for name, one in value.items()]
        kind: Any = type(value)

        def mapping(given: Sequence[Any]) -> Any:
            return kind({name: build(given) for name, build, _ in items})

        return mapping, (kind, tuple((name, key) for name, _, key in items))
    if isinstance(value, (tuple, list)):
        parts = [_walked(one, tensors) for one in value]
        return _sequence(type(value), [build for build, _ in parts]), (
            type(value),
            tuple(key for _, key in parts),
        )
    if not isinstance(value, Hashable):
        raise TypeError(
            f"a compiled network takes and gives tensors in tuples, lists and dictionaries, "
            f"not in {type(value).__name__}"
        )
    return (lambda given: value), (type(value), value)


def _sequence(kind: Any, builders: list[Structure]) -> Structure:
    def build(given: Sequence[Any]) -> Any:
        parts = [one(given) for one in builders]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)

    return build
