"""Names of a package that are imported when first asked for, so that importing it costs little."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["importer"]


def importer(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of ``package``: ``places`` says in which of its modules a name is.

    A module's own name is its place, too. AttributeError, as Python has it, for other names.
    """

    def find(name: str) -> Any:
        place = places.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{place}")
        value = module if name == place else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return find
