"""Kernels in memory: found in this process, on disk, or compiled, in that order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tatamu.runtime.cache import KernelCache, default_folder, key
from tatamu.stage import Module, Target
from tatamu.stage.compile import load, object_code


@dataclass(frozen=True, slots=True)
class Compiled:
    """A loaded object: the addresses of its functions, and what it took to get it."""

    addresses: tuple[int, ...]
    seconds: float
    cached: bool


@dataclass(slots=True)
class Counts:
    """What this process has spent on machine code."""

    compiled: int = 0
    compile_seconds: float = 0.0
    from_disk: int = 0
    load_seconds: float = 0.0


counts = Counts()
_loaded: dict[tuple[str, ...], Compiled] = {}
_lock = threading.RLock()


def compiled(write: Callable[[], Module], target: Target, *symbols: str) -> Compiled:
    """The functions ``symbols`` of one module; ``write`` is called only if nobody has it yet.

    Raises :class:`tatamu.errors.CompileError` where LLVM cannot make it.
    """
    found = _loaded.get(symbols)
    if found is not None:
        return found
    with _lock:
        if symbols not in _loaded:
            _loaded[symbols] = _make(write, target, symbols)
        return _loaded[symbols]


def _make(write: Callable[[], Module], target: Target, symbols: tuple[str, ...]) -> Compiled:
    start = time.perf_counter()
    disk = KernelCache(default_folder())
    name = key(symbols[0], target)
    code = disk.read(name)
    cached = code is not None
    if code is None:
        code = object_code(write().text(), target)
        disk.write(name, code)
    addresses = load(code, *symbols)
    seconds = time.perf_counter() - start
    if cached:
        counts.from_disk += 1
        counts.load_seconds += seconds
    else:
        counts.compiled += 1
        counts.compile_seconds += seconds
    return Compiled(addresses, seconds, cached)


# A fork waits until no other thread is inside LLVM: its own locks cannot be made anew.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
