"""The names that Keras gives to layers: `conv2d`, `conv2d_1`, `max_pooling2d` ..."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["clear_session", "snake_case", "unique_name"]

_given: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """A class's name as Keras writes it in names.

    >>> snake_case("MaxPooling2D"), snake_case("BatchNormalization"), snake_case("Conv2DTranspose")
    ('max_pooling2d', 'batch_normalization', 'conv2d_transpose')
    """
    spaced = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()


def unique_name(name: str) -> str:
    """The name, numbered if it was given before."""
    count = _given[name]
    _given[name] += 1
    return name if count == 0 else f"{name}_{count}"


def clear_session() -> None:
    """Begin to count anew."""
    _given.clear()
