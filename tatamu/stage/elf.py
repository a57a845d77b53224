"""Reading just enough of an ELF object to know that LLVM can be trusted with it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tatamu.errors import CompileError

# How an object's header calls the processors, by the first part of the triple.
_MACHINES = {"x86_64": 62, "aarch64": 183, "arm64": 183}

# What an object may leave undefined. Empty: kernels carry all they need, down to copying.
ALLOWED_UNDEFINED: frozenset[str] = frozenset()

_SYMTAB = 2
_UNDEFINED = 0


@dataclass(frozen=True, slots=True)
class Symbols:
    """Names an object defines and names it expects from elsewhere."""

    defined: frozenset[str]
    undefined: frozenset[str]


def symbols(code: bytes) -> Symbols:
    """The symbol table of a 64-bit little-endian relocatable ELF object.

    Raises :class:`tatamu.errors.CompileError` if it is anything else or is cut short.
    """
    try:
        return _symbols(code)
    except (struct.error, IndexError, OverflowError, ValueError) as e:
        raise CompileError(f"the object is damaged: {e}") from e


def check_machine(code: bytes, triple: str) -> None:
    """Refuse an object for another processor family than the triple's."""
    (found,) = struct.unpack_from("<H", code, 18)
    wanted = _MACHINES.get(triple.split("-")[0])
    if found != wanted:
        raise CompileError(f"the object is for machine {found}, this processor is {wanted}")


def _symbols(code: bytes) -> Symbols:
    if code[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", code, 16)[0] != 1:
        raise CompileError("not a 64-bit little-endian relocatable ELF object")
    table_at = struct.unpack_from("<Q", code, 40)[0]
    entry_size, count = struct.unpack_from("<HH", code, 58)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", code, table_at + i * entry_size) for i in range(count)
    ]
    defined: set[str] = set()
    undefined: set[str] = set()
    for header in headers:
        kind, offset, size = header[1], header[4], header[5]
        if kind != 8 and offset + size > len(code):  # 8: occupies no bytes of the file
            raise CompileError("the object is cut short")
        if kind != _SYMTAB:
            continue
        strings = headers[header[6]][4]
        for at in range(offset, offset + size, 24):
            name_at, info, _, section = struct.unpack_from("<IBBH", code, at)
            end = code.index(b"\0", strings + name_at)
            name = code[strings + name_at : end].decode("ascii")
            if info >> 4 == 0 or not name:  # local
                continue
            (undefined if section == _UNDEFINED else defined).add(name)
    return Symbols(frozenset(defined), frozenset(undefined))


def check(code: bytes) -> None:
    """Refuse an object that LLVM would crash on or that would call unknown functions."""
    unknown = symbols(code).undefined - ALLOWED_UNDEFINED
    if unknown:
        raise CompileError(f"the object needs {', '.join(sorted(unknown))}, which no kernel may")
