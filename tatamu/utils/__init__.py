"""Helpers beside the layers, under torch's names: data."""

from typing import TYPE_CHECKING

from tatamu.lazy import importer

if TYPE_CHECKING:
    from tatamu.utils import data

__all__ = ["data"]

__getattr__ = importer(__name__, {"data": "data"})


def __dir__() -> list[str]:
    return [*globals(), *__all__]
