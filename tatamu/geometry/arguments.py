"""Arguments as torch takes them: one integer for every axis, or one each."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

__all__ = ["Ints", "letters", "per_axis"]

Ints = int | Sequence[int]


def per_axis(
    value: Ints, dims: int, refuse: Callable[[tuple[int, ...]], Exception]
) -> tuple[int, ...]:
    """`value` once for each of `dims` axes; raises `refuse(values)` if there are too many or few.

    >>> per_axis(3, 2, ValueError), per_axis((3,), 2, ValueError), per_axis([3, 5], 2, ValueError)
    ((3, 3), (3, 3), (3, 5))
    """
    try:
        return (operator.index(value),) * dims  # type: ignore[arg-type]
    except TypeError:
        values = tuple(map(operator.index, value))  # type: ignore[arg-type]
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise refuse(values)
    return values


def letters(prefix: str, values: Sequence[int]) -> str:
    """Values named by axis, as torch's pooling names them.

    >>> letters("d", (2, 0))
    'dH: 2 dW: 0'
    """
    axes = "THW"[-len(values) :]
    return " ".join(f"{prefix}{axis}: {value}" for axis, value in zip(axes, values, strict=True))
