"""The types a kernel is made of, and how LLVM spells them."""

from __future__ import annotations

import contextlib
import math
import struct
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What stands between a kernel's source and the error: this folder, and `with` statements.
_OURS = (str(Path(__file__).parent / ""), contextlib.__file__)


class StagingError(Exception):
    """A kernel is written wrongly; the message starts with the file and line that did it."""


def caller() -> str:
    """``file:line`` of the innermost code outside this folder: the kernel's source."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_OURS) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


@dataclass(frozen=True, slots=True)
class Type:
    """An integer, a float or a pointer; or a vector of them when ``lanes`` is not 0."""

    kind: str
    bits: int
    lanes: int = 0

    def vector(self, lanes: int) -> Type:
        """A vector of ``lanes`` of this scalar."""
        return _vector(self, lanes)

    @property
    def scalar(self) -> Type:
        """The type of one lane."""
        return Type(self.kind, self.bits) if self.lanes else self

    @property
    def size(self) -> int:
        """Bytes of one lane."""
        return max(self.bits, 8) // 8

    def __str__(self) -> str:
        return _text(self)


@cache
def _vector(scalar: Type, lanes: int) -> Type:
    return Type(scalar.kind, scalar.bits, lanes)


@cache
def _text(t: Type) -> str:
    if t.lanes:
        return f"<{t.lanes} x {t.scalar}>"
    if t.kind == "float":
        return {16: "half", 32: "float", 64: "double"}[t.bits]
    return "ptr" if t.kind == "ptr" else f"i{t.bits}"


@dataclass(frozen=True, slots=True)
class PointerTo:
    """A parameter or argument that points to elements of one type.

    ``shared`` says that another pointer may lead to the same memory.
    """

    element: Type
    shared: bool = False


BOOL = Type("int", 1)
I8 = Type("int", 8)
I32 = Type("int", 32)
I64 = Type("int", 64)
F32 = Type("float", 32)
F64 = Type("float", 64)
PTR = Type("ptr", 64)


def constant_text(value: float, t: Type) -> str:
    """A Python number as an LLVM constant of type ``t``; vectors repeat it in every lane."""
    if t.lanes:
        if value == 0 and math.copysign(1.0, value) > 0:
            return "zeroinitializer"
        return f"splat ({t.scalar} {constant_text(value, t.scalar)})"
    if t.kind == "float":
        # LLVM writes even a float's constant with a double's digits, but it must be exact.
        exact = struct.unpack("<f", struct.pack("<f", value))[0] if t.bits == 32 else float(value)
        return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"
    return str(int(value))
