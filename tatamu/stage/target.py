"""The processors that code is emitted for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import cache

from tatamu.stage.types import Type


@dataclass(frozen=True, slots=True)
class Target:
    """An instruction set: what LLVM is told of it, and what kernels plan their tiles by."""

    isa: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    fma: bool

    @property
    def tag(self) -> str:
        """A short name that no other target shares; part of every symbol."""
        exact = zlib.crc32("|".join((self.triple, self.cpu, self.features)).encode())
        return f"{self.isa.lower().replace('-', '')}_{exact:08x}"

    def lanes(self, scalar: Type) -> int:
        """Elements of one vector register."""
        return self.vector_bytes // scalar.size


_LINUX = "x86_64-unknown-linux-gnu"
TARGETS = {
    "AVX-512": Target("AVX-512", _LINUX, "x86-64-v4", "", 64, 32, True),
    "AVX2": Target("AVX2", _LINUX, "x86-64-v3", "", 32, 16, True),
    "SSE2": Target("SSE2", _LINUX, "x86-64", "", 16, 16, False),
    "NEON": Target("NEON", "aarch64-unknown-linux-gnu", "generic", "+neon", 16, 32, True),
}


def elf_triple(triple: str) -> str:
    """The same processor and calling convention with ELF objects, the one kind we check."""
    if "linux" in triple or triple.endswith("-elf"):
        return triple
    return f"{triple}-elf"


def isa_of(triple: str, features: dict[str, bool]) -> str:
    """The widest instruction set that we have kernels for; '' if there is none."""
    if triple.startswith(("aarch64", "arm64")):
        return "NEON"
    if not triple.startswith(("x86_64", "amd64")):
        return ""
    wide = ("avx512f", "avx512vl", "avx512bw", "avx512dq")
    if all(features.get(f) for f in wide):
        return "AVX-512"
    return "AVX2" if features.get("avx2") and features.get("fma") else "SSE2"


@cache
def host() -> Target | None:
    """This machine's processor, with all it offers; None if no kernel can run here."""
    try:
        from llvmlite import binding as llvm
    except ImportError:
        return None
    triple = llvm.get_process_triple()
    features = llvm.get_host_cpu_features()
    isa = isa_of(triple, dict(features))
    if not isa:
        return None
    return replace(
        TARGETS[isa],
        triple=elf_triple(triple),
        cpu=llvm.get_host_cpu_name(),
        features=features.flatten(),
    )
