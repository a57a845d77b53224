"""``torch.jit`` as far as code that is run as it stands asks for it: nothing is ever scripted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["export", "ignore", "is_scripting", "is_tracing", "script", "unused"]

T = TypeVar("T")


def is_scripting() -> bool:
    """False: code runs as Python."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def script(obj: T, *_: Any, **__: Any) -> T:
    """The function or module itself, which does the same; nothing is compiled."""
    return obj


def export(function: T) -> T:
    """The function itself: a mark for a compiler that is not there."""
    return function


unused = export


def ignore(drop: Any = False, **_: Any) -> Any:
    """The function itself, also where it is written with brackets: ``@ignore(drop=True)``."""
    if callable(drop):
        return drop
    plain: Callable[[T], T] = export
    return plain
