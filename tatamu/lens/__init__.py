"""The lens: what each layer did to a picture, as frozen records and pure renderers of them.

`record(model, picture)` is a whole network's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tatamu.lens.recording import record

__all__ = ["record"]


def __getattr__(name: str) -> object:
    """What is public is loaded when it is first asked for."""
    if name == "record":
        from tatamu.lens.recording import record

        return record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
