"""``torch.serialization``: checkpoints read and written without torch.

``load`` reads torch's zip format, its older stream, and safetensors; ``save`` writes them. Nothing
that a file asks for is ever run: see ``load``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tatamu import missing
from tatamu.serialization import allowed, reading
from tatamu.serialization.reading import load
from tatamu.serialization.stored import location as default_restore_location
from tatamu.serialization.writing import save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allow classes and functions that ``load`` may call for a file, or (class, full name) pairs.

    Each of them runs with whatever the file gives it: allow only what is harmless with any
    arguments. Names of ``os``, ``sys``, ``posix`` and ``nt`` stay refused.
    """
    allowed.users().update(dict(allowed.full_name(thing) for thing in safe_globals))


def get_safe_globals() -> list[Any]:
    """What was allowed."""
    return list(allowed.users().values())


def clear_safe_globals() -> None:
    """Allow nothing more than what ``load`` knows itself."""
    allowed.users().clear()


class safe_globals:
    """Allow classes within a ``with`` block, as ``add_safe_globals`` does for good.

    >>> import argparse, io, tatamu
    >>> file = io.BytesIO()
    >>> tatamu.save(argparse.Namespace(lr=0.1), file)
    >>> _ = file.seek(0)
    >>> with safe_globals([argparse.Namespace]):
    ...     tatamu.load(file)
    Namespace(lr=0.1)
    """

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: object) -> None:
        for name, _ in map(allowed.full_name, self.safe_globals):
            allowed.users().pop(name, None)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names that a file asks for and that are not allowed. Nothing is made of the file."""
    return reading.unsafe_globals(f, lambda name: allowed.find(name) is not None)


if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.serialization", __name__)
