"""Writes a kernel, compiles it for a target and calls it: natively, or NEON under Unicorn."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Mapping

import neon
import numpy as np
from numpy.typing import NDArray

from tatamu.stage import TARGETS, Arguments, Function, Module, PointerTo, Target, Type, host
from tatamu.stage.compile import load, object_code

_X86 = ["AVX-512", "AVX2", "SSE2"]
_HOST = host()
# What the processor can run, widest first; NEON always, since Unicorn can.
NATIVE = _X86[_X86.index(_HOST.isa) :] if _HOST is not None and _HOST.isa in _X86 else []
RUNNABLE = [*NATIVE, "NEON"]

_numbers = itertools.count()
_TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

Fields = Mapping[str, Type | PointerTo]
Write = Callable[[Function, Arguments], object]


def unique(name: str) -> str:
    """A module name that nobody else loads."""
    return f"test_{name}_{next(_numbers)}"


class Kernel:
    """A compiled task, called with arrays and numbers by name; ``name`` replaces the module's."""

    def __init__(self, module: Module, fields: Fields, name: str = ""):
        self.module = module
        self.name = name or module.name
        self.layout = module.layout(fields)
        self.code = object_code(module.text().replace(module.name, self.name), module.target)
        if module.target.isa == "NEON":
            return
        (self._address,) = load(self.code, self.name)
        self._task = _TASK(self._address)

    def __call__(
        self,
        *,
        begin: int = 0,
        end: int = 1,
        worker: int = 0,
        counts: Mapping[str, int] | None = None,
        **values: NDArray[np.generic] | int,
    ) -> None:
        """Run; a debug build's report is raised. ``counts`` replaces arrays' own lengths."""
        report = np.zeros(4, np.int64)
        if self.module.debug:
            for name, v in list(values.items()):
                if isinstance(v, np.ndarray):
                    values[f"{name}#count"] = (counts or {}).get(name, v.size)
            values["#report"] = report
        if self.module.target.isa == "NEON":
            neon.call(self.code, self.name, self.layout, values, begin, end, worker)
        else:
            numbers = {
                n: v.ctypes.data if isinstance(v, np.ndarray) else v for n, v in values.items()
            }
            self._task(self.layout.pack(**numbers).ctypes.data, begin, end, worker)
        self.module.check_report(report)


def kernel(target: Target | str, fields: Fields, write: Write, *, debug: bool = False) -> Kernel:
    """The task whose body ``write(f, a)`` stages."""
    t = TARGETS[target] if isinstance(target, str) else target
    m = Module(unique("kernel"), t, debug=debug)
    f, a = m.task(fields)
    write(f, a)
    return Kernel(m, fields)
