"""Kernels for many numbers at once: made when first needed, and not missed where there are none."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from tatamu.errors import CompileError

if TYPE_CHECKING:
    from tatamu.runtime.launch import Launch

__all__ = ["kernel"]

_loaded: set[str] = set()


def kernel(name: str, count: int, many: int) -> Launch | None:
    """``tatamu.kernels.name`` for ``count`` items, ready; None where it cannot run.

    It is compiled for ``many`` items, and once it is there serves fewer, too.
    """
    if count < many and name not in _loaded:
        return None
    launch = _ready(name, count)
    if launch is not None:
        _loaded.add(name)
    return launch


@lru_cache(maxsize=64)
def _ready(name: str, count: int) -> Launch | None:
    from tatamu.ops.planned import refusal, target

    algorithm = import_module(f"tatamu.kernels.{name}")
    try:
        if refusal(algorithm, count):
            return None
        plan = algorithm.plan(count, target())
        from tatamu.runtime.launch import Launch

        return Launch(plan)
    except CompileError:
        return None
