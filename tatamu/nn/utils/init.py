"""Modules whose parameters keep whatever their memory held."""

from __future__ import annotations

import inspect
from typing import Any

from tatamu.nn.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """``module_cls(...)`` whose parameters are to be loaded, and need no first values.

    Raises RuntimeError for what is no class of modules.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    own: Any = type(f"{module_cls.__name__}", (module_cls,), {"reset_parameters": _leave})
    made = own(*args, **kwargs)
    made.__class__ = module_cls
    return made


def _leave(module: Module) -> None:
    """In the place of ``reset_parameters``: no random number is drawn."""
