"""Kernels written in Python, compiled by LLVM.

>>> from tatamu.stage import F32, I64, Module, PointerTo, TARGETS
>>> m = Module("double", TARGETS["AVX2"])
>>> f, a = m.task({"x": PointerTo(F32), "n": I64})
>>> x = a.pointer("x")
>>> for i in f.loop(a.n):          # runs; `for i in range(4)` would unroll
...     x.store(i, x.load(i) * 2.0)
>>> "fmul float" in m.text()
True
"""

from tatamu.stage.flow import Branch, Loop
from tatamu.stage.function import Function
from tatamu.stage.module import Layout, Module
from tatamu.stage.target import TARGETS, Target, host
from tatamu.stage.types import (
    BOOL,
    F32,
    F64,
    I8,
    I32,
    I64,
    PTR,
    PointerTo,
    StagingError,
    Type,
)
from tatamu.stage.values import Arguments, Pointer, Value, Var

__all__ = [
    "BOOL",
    "F32",
    "F64",
    "I8",
    "I32",
    "I64",
    "PTR",
    "TARGETS",
    "Arguments",
    "Branch",
    "Function",
    "Layout",
    "Loop",
    "Module",
    "Pointer",
    "PointerTo",
    "StagingError",
    "Target",
    "Type",
    "Value",
    "Var",
    "host",
]
