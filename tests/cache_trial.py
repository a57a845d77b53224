"""A kernel of its own in a cache folder of its own, for the tests of the cache."""

from __future__ import annotations

import ctypes
import os
from itertools import count
from pathlib import Path

import pytest

from tatamu.runtime import compiled, threads
from tatamu.runtime.cache import key
from tatamu.stage import I64, Module, PointerTo, host
from tatamu.stage.compile import load as load_for_good
from tatamu.stage.compile import object_code

HOST = host()

_numbers = count()

written: list[str] = []
"""Symbols of such kernels, once for each time that one was written: tests/conftest.py reads it."""


def constant_module(name: str, number: int) -> Module:
    """A kernel that writes ``number`` to its argument."""
    assert HOST is not None
    m = Module(name, HOST)
    _, a = m.task({"y": PointerTo(I64)})
    a.pointer("y").store(0, number)
    return m


class Trial:
    """A kernel of its own in a folder of its own, and how often it was written and loaded."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        assert HOST is not None
        self.symbol = f"trial_{os.getpid()}_{next(_numbers)}"
        self.number = 1000 + next(_numbers)
        self.folder = folder
        self.key = key(self.symbol, HOST)
        self.path = folder / f"{self.key.hex()}.o"
        self.written = 0
        self.loaded: list[bytes] = []
        self._pretended = False

        def load(code: bytes, *names: str) -> tuple[int, ...]:
            self.loaded.append(code)
            if self._pretended:
                return (1,)
            return load_for_good(code, *names)

        patch.setattr(compiled, "load", load)
        patch.setenv("TATAMU_CACHE", str(folder))

    def write(self) -> Module:
        self.written += 1
        written.append(self.symbol)
        return constant_module(self.symbol, self.number)

    def code(self) -> bytes:
        assert HOST is not None
        return object_code(constant_module(self.symbol, self.number).text(), HOST)

    def get(self, *, really: bool = False) -> compiled.Compiled:
        """The kernel as a new process would get it; ``really`` put into memory, once at most."""
        assert HOST is not None
        compiled._loaded.pop((self.symbol,), None)
        self._pretended = not really
        return compiled.compiled(self.write, HOST, self.symbol)

    def check_runs(self) -> compiled.Compiled:
        """The kernel, really loaded: it gives its number."""
        got = self.get(really=True)
        y = (ctypes.c_int64 * 1)()
        threads.task(got.addresses[0])((ctypes.c_int64 * 1)(ctypes.addressof(y)), 0, 1, 0)
        assert y[0] == self.number
        return got
