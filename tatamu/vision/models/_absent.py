"""Packages of ``torchvision.models`` that are there to say what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tatamu import naming

__all__ = ["absent"]


def absent(package: str, sentence: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package without models: ``sentence`` says what it lacks."""

    def missing(name: str) -> Any:
        said = f"module '{naming.vision()}.models.{package}' has no attribute '{name}'"
        if not name.startswith("__"):
            said += f"\n  {sentence}"
        raise AttributeError(said)

    return missing
