"""Runs AArch64 objects on any machine: a linker of a few lines, and Unicorn as the processor.

Registers, memory layout and relocations follow the *ELF for the Arm 64-bit Architecture* and the
*Procedure Call Standard* of Arm.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, Uc
from unicorn.arm64_const import (
    UC_ARM64_REG_CPACR_EL1,
    UC_ARM64_REG_LR,
    UC_ARM64_REG_SP,
    UC_ARM64_REG_X0,
    UC_ARM64_REG_X1,
    UC_ARM64_REG_X2,
    UC_ARM64_REG_X3,
)

from tatamu.stage import Layout

PAGE = 4096
CODE = 0x10000000
DATA = 0x40000000
STACK = 0x70000000
STACK_SIZE = 1 << 20
RETURN = 0x7F000000  # nothing is mapped here: execution stops on arrival

_FP_AND_NEON = 3 << 20
_REGISTERS = (UC_ARM64_REG_X0, UC_ARM64_REG_X1, UC_ARM64_REG_X2, UC_ARM64_REG_X3)

# Relocations (name: number) that kernels compiled with the small code model contain.
ABS64, ABS32, PREL64, PREL32 = 257, 258, 260, 261
ADR_PREL_PG_HI21, ADD_ABS_LO12_NC = 275, 277
JUMP26, CALL26 = 282, 283
LOW12_SHIFT = {278: 0, 284: 1, 285: 2, 286: 3, 299: 4}  # LDST8 ... LDST128_ABS_LO12_NC


@dataclass(frozen=True)
class Image:
    """An object's sections at their addresses, and where its functions begin."""

    memory: bytes
    symbols: Mapping[str, int]


@dataclass(frozen=True)
class _Section:
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


def link(code: bytes, base: int = CODE) -> Image:
    """Lay out the sections that occupy memory and apply their relocations."""
    sections = _sections(code)
    memory = bytearray()
    address: dict[int, int] = {}
    for i, s in enumerate(sections):
        if not s.flags & 2:  # does not occupy memory
            continue
        memory += bytes(-len(memory) % max(s.align, 1))
        address[i] = base + len(memory)
        memory += bytes(s.size) if s.kind == 8 else code[s.offset : s.offset + s.size]
    table = next(s for s in sections if s.kind == 2)
    values: list[int] = []
    names: dict[str, int] = {}
    for at in range(table.offset, table.offset + table.size, 24):
        name, _, _, index, value, _ = struct.unpack_from("<IBBHQQ", code, at)
        values.append(address.get(index, 0) + value)
        start = sections[table.link].offset + name
        names[code[start : code.index(b"\0", start)].decode()] = values[-1]
    for s in sections:
        if s.kind != 4 or s.info not in address:  # relocations with addends
            continue
        for at in range(s.offset, s.offset + s.size, 24):
            offset, info, addend = struct.unpack_from("<QQq", code, at)
            place = address[s.info] + offset
            target = values[info >> 32] + addend
            _relocate(memory, place - base, info & 0xFFFFFFFF, target, place)
    return Image(bytes(memory), names)


def _sections(code: bytes) -> list[_Section]:
    (table,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    found = []
    for i in range(count):
        _, kind, flags, _, offset, length, link_, info, align, _ = struct.unpack_from(
            "<IIQQQQIIQQ", code, table + i * size
        )
        found.append(_Section(kind, flags, offset, length, link_, info, align))
    return found


def _relocate(memory: bytearray, at: int, kind: int, target: int, place: int) -> None:
    """Write ``target`` into the instruction or word at ``at``."""
    if kind in (ABS64, PREL64):
        struct.pack_into("<Q", memory, at, (target - place * (kind == PREL64)) % 2**64)
        return
    if kind in (ABS32, PREL32):
        struct.pack_into("<I", memory, at, (target - place * (kind == PREL32)) % 2**32)
        return
    (word,) = struct.unpack_from("<I", memory, at)
    if kind in (JUMP26, CALL26):
        word |= ((target - place) >> 2) & 0x3FFFFFF
    elif kind == ADR_PREL_PG_HI21:
        pages = (target >> 12) - (place >> 12)
        word |= (pages & 3) << 29 | ((pages >> 2) & 0x7FFFF) << 5
    elif kind == ADD_ABS_LO12_NC:
        word |= (target & 0xFFF) << 10
    elif kind in LOW12_SHIFT:
        word |= ((target & 0xFFF) >> LOW12_SHIFT[kind]) << 10
    else:
        raise NotImplementedError(f"AArch64 relocation {kind}")
    struct.pack_into("<I", memory, at, word)


def call(
    code: bytes,
    symbol: str,
    layout: Layout,
    values: Mapping[str, NDArray[np.generic] | int],
    begin: int = 0,
    end: int = 1,
    worker: int = 0,
) -> None:
    """Call a task; arrays are copied in, and back when it is done.

    A page that is not mapped follows each array, so that touching it fails.
    """
    image = link(code)
    cpu = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    cpu.reg_write(UC_ARM64_REG_CPACR_EL1, _FP_AND_NEON)
    cpu.mem_map(CODE, _pages(len(image.memory)))
    cpu.mem_write(CODE, image.memory)
    cpu.mem_map(STACK, STACK_SIZE)
    numbers: dict[str, int] = {}
    placed: list[tuple[NDArray[np.generic], int]] = []
    free = DATA
    for name, value in values.items():
        if not isinstance(value, np.ndarray):
            numbers[name] = int(value)
            continue
        size = _pages(max(value.nbytes, 1))
        cpu.mem_map(free, size)
        # Ends where the page ends, as far as the element's alignment allows.
        numbers[name] = free + size - value.nbytes
        cpu.mem_write(numbers[name], value.tobytes())
        placed.append((value, numbers[name]))
        free += size + PAGE
    block = layout.pack(**numbers).tobytes()
    cpu.mem_map(free, _pages(len(block)))
    cpu.mem_write(free, block)
    for register, argument in zip(_REGISTERS, (free, begin, end, worker), strict=True):
        cpu.reg_write(register, argument % 2**64)
    cpu.reg_write(UC_ARM64_REG_SP, STACK + STACK_SIZE - 64)
    cpu.reg_write(UC_ARM64_REG_LR, RETURN)
    cpu.emu_start(image.symbols[symbol], RETURN)
    for array, at in placed:
        raw = bytes(cpu.mem_read(at, array.nbytes))
        array[...] = np.frombuffer(raw, array.dtype).reshape(array.shape)


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE
