"""Pictures: opening photo files, turning them into tensors, and the networks that classify them."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tatamu import naming

_PARTS = ("datasets", "io", "models", "ops", "transforms", "utils")


def __getattr__(name: str) -> Any:
    if name in _PARTS and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{naming.vision()}' has no attribute '{name}'")
