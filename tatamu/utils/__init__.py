"""Helpers beside the layers, under torch's names: data, checkpoint, hooks."""

from typing import TYPE_CHECKING

from tatamu.lazy import importer

if TYPE_CHECKING:
    from tatamu.utils import checkpoint, data, hooks

__all__ = ["checkpoint", "data", "hooks"]

__getattr__ = importer(__name__, {name: name for name in __all__})


def __dir__() -> list[str]:
    return [*globals(), *__all__]
