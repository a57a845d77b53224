"""How Keras lets things be named: 'relu' for a function, 'adam' for an optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["chosen"]


def chosen(identifier: Any, known: Mapping[str, Any], what: str) -> Any:
    """What a name, a class, or a thing itself stands for; ValueError with Keras's sentence."""
    if isinstance(identifier, str):
        found = known.get(identifier) or known.get(identifier.lower())
        if found is None:
            names = ", ".join(sorted({name for name in known if name == name.lower()}))
            raise ValueError(
                f"Could not interpret {what} identifier: {identifier}\n  known are: {names}"
            )
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier) or hasattr(identifier, "apply_gradients"):
        return identifier
    raise ValueError(f"Could not interpret {what} identifier: {identifier}")
