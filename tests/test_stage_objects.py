"""Objects: what is refused before LLVM sees it, and that no kernel calls a library."""

from __future__ import annotations

import ctypes
import json
import struct
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding
from stage_runner import NATIVE, unique

from tatamu.errors import CompileError
from tatamu.kernels import direct_emit
from tatamu.stage import F32, F64, I64, TARGETS, Module, PointerTo, elf, host
from tatamu.stage import math as stage_math
from tatamu.stage.compile import assembly, load, object_code, versions
from tatamu.stage.target import elf_triple, isa_of

natively = pytest.mark.skipif(not NATIVE, reason="this processor runs no x86 code")
HEADER = 64
REFUSED = (
    r"^not a 64-bit little-endian relocatable ELF object$|^the object is (damaged: |cut short)"
)


def simple(isa: str, name: str = "add") -> bytes:
    m = Module(name, TARGETS[isa])
    f = m.exported(name, {"x": I64}, I64)
    inner = m.function("hidden", {"x": I64}, I64)
    inner.ret(inner.args.x + 1)
    f.ret(f.call(inner, f.args.x))
    return object_code(m.text(), m.target)


@pytest.mark.parametrize("isa", TARGETS)
def test_an_object_says_what_it_defines(isa: str) -> None:
    symbols = elf.symbols(simple(isa))
    assert symbols.undefined == frozenset()
    assert symbols.defined == {"add"}


@natively
def test_load_and_call() -> None:
    name = unique("loaded")
    (address,) = load(simple("SSE2", name), name)
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(41) == 42


@natively
def test_load_refuses_names_that_are_not_defined() -> None:
    with pytest.raises(CompileError, match=r"^the object does not define other, still$"):
        load(simple("SSE2"), "add", "still", "other")
    with pytest.raises(CompileError, match=r"^the object does not define add\.hidden$"):
        load(simple("SSE2"), "add.hidden")


@natively
def test_load_refuses_another_processors_code() -> None:
    with pytest.raises(CompileError, match="the object is for machine 183, this processor is 62"):
        load(simple("NEON"), "add")


@pytest.mark.parametrize("isa", TARGETS)
def test_truncated_objects(isa: str) -> None:
    code = simple(isa)
    for length in [*range(0, len(code), 7), *range(len(code) - 70, len(code))]:
        with pytest.raises(CompileError, match=REFUSED):
            elf.check(code[:length])


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0x7E), (4, 1), (5, 2), (16, 2), (16, 3)],
    ids=["magic", "32 bits", "big-endian", "executable", "shared"],
)
def test_foreign_objects(at: int, value: int) -> None:
    code = bytearray(simple("SSE2"))
    code[at] = value
    with pytest.raises(CompileError, match="not a 64-bit little-endian relocatable ELF object"):
        elf.check(bytes(code))


@pytest.mark.parametrize("junk", [b"", b"\0" * 100, b"\x7fELF", b"MZ" * 40, b"\xca\xfe" * 40])
def test_what_is_no_object_at_all(junk: bytes) -> None:
    with pytest.raises(CompileError):
        elf.check(junk)


def test_flipped_bits_in_headers_never_raise_anything_else() -> None:
    code = simple("SSE2")
    (table,) = struct.unpack_from("<Q", code, 40)
    places = [*range(HEADER), *range(table, len(code))]
    r = np.random.default_rng(5)
    refused = 0
    for flips in (1, 3, 10):
        for _ in range(1500):
            damaged = bytearray(code)
            for place in r.choice(places, flips):
                damaged[place] ^= 1 << r.integers(8)
            try:
                symbols = elf.symbols(bytes(damaged))
            except CompileError:
                refused += 1
            else:
                assert isinstance(symbols.defined, frozenset)
    assert refused > 1000


def test_sizes_beyond_any_file_are_damage() -> None:
    code = bytearray(simple("SSE2"))
    struct.pack_into("<Q", code, 40, 2**63 + 5)
    with pytest.raises(CompileError, match="the object is damaged: "):
        elf.check(bytes(code))


def calls_out(isa: str) -> str:
    """A module that asks for a C function."""
    m = Module("outward", TARGETS[isa])
    f = m.exported("outward", {"x": F64}, F64)
    m.declare("cbrt", F64, ["double"])
    f.ret(f.emit(f"call double @cbrt(double {f.args.x.name})", F64))
    return m.text()


@pytest.mark.parametrize("isa", TARGETS)
def test_an_object_that_needs_a_library_is_refused(isa: str) -> None:
    with pytest.raises(CompileError, match=r"^the object needs cbrt, which no kernel may$"):
        object_code(calls_out(isa), TARGETS[isa])


@pytest.mark.slow
@pytest.mark.parametrize("isa", TARGETS)
@pytest.mark.parametrize("which", ["few", pytest.param("all", marks=pytest.mark.nightly)])
def test_no_kernel_needs_a_library(isa: str, which: str) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("emit_all.py")), isa, which],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    panels = len(direct_emit.pixels_by_vectors(TARGETS[isa]))
    assert len(found) >= 3 + 8 + 2 * panels + 4 * panels  # Winograd has two sizes of each
    assert {name: undefined for name, undefined in found.items() if undefined} == {}


@pytest.mark.parametrize("isa", TARGETS)
def test_functions_use_vector_instructions_alone(isa: str) -> None:
    """Rounding and scaling stay in vector registers: no lane is computed by itself."""
    lanes = TARGETS[isa].lanes(F32)
    for name in ("exp", "sigmoid", "tanh", "erf", "log"):
        m = Module("lanes", TARGETS[isa])
        f = m.exported("lanes", {"x": PointerTo(F32)})
        x = f.args.pointer("x")
        x.store(0, getattr(stage_math, name)(f, x.vec(0, lanes)))
        text = assembly(m.text(), m.target)
        words = [line.split()[0] for line in text.splitlines() if line.startswith("\t")]
        scalar = [w for w in words if w.endswith("ss") or w.startswith(("cvt", "vcvt", "fcvt"))]
        broadcasts = [w for w in scalar if w in ("vbroadcastss", "movss", "vmovss")]
        assert scalar == broadcasts


def test_versions_name_compiler_and_binding() -> None:
    assert versions().startswith("llvmlite ")
    assert ", LLVM " in versions()


def test_without_llvmlite_there_is_no_target_and_compiling_says_why() -> None:
    script = """
        import sys
        sys.modules["llvmlite"] = None
        from tatamu.errors import CompileError
        from tatamu.stage import TARGETS, host
        from tatamu.stage.compile import object_code
        assert host() is None
        try:
            object_code("", TARGETS["SSE2"])
        except CompileError as e:
            print(e)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=60,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.stdout.startswith("llvmlite cannot be imported: "), done.stderr


def test_a_processor_that_llvm_does_not_know() -> None:
    strange = replace(TARGETS["SSE2"], triple="pdp11-unknown-none")
    with pytest.raises(CompileError, match="LLVM has no code generator for pdp11-unknown-none"):
        object_code("", strange)


def test_which_instruction_set_a_processor_has() -> None:
    wide = dict.fromkeys(("avx512f", "avx512vl", "avx512bw", "avx512dq", "avx2", "fma"), True)
    x86 = "x86_64-unknown-linux-gnu"
    assert isa_of(x86, wide) == "AVX-512"
    assert isa_of(x86, wide | {"avx512bw": False}) == "AVX2"
    assert isa_of(x86, {"avx2": True, "fma": False}) == "SSE2"
    assert isa_of(x86, {}) == "SSE2"
    assert isa_of("amd64-portbld-freebsd", {}) == "SSE2"
    assert isa_of("arm64-apple-darwin23.0.0", {}) == isa_of("aarch64-linux", {}) == "NEON"
    assert isa_of("riscv64-unknown-linux-gnu", {}) == ""


def test_a_processor_without_kernels_is_no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "get_process_triple", lambda: "riscv64-unknown-linux-gnu")
    assert host.__wrapped__() is None


def test_objects_are_elf_everywhere() -> None:
    assert elf_triple("x86_64-unknown-linux-gnu") == "x86_64-unknown-linux-gnu"
    assert elf_triple("x86_64-pc-windows-msvc") == "x86_64-pc-windows-msvc-elf"
    for triple in ("arm64-apple-darwin23.0.0", "x86_64-pc-windows-msvc"):
        isa = isa_of(triple, {})
        target = replace(TARGETS[isa], triple=elf_triple(triple))
        m = Module("anywhere", target)
        m.exported("anywhere", {"x": I64}, I64).ret(m.functions[0].args.x)
        assert elf.symbols(object_code(m.text(), target)).defined == {"anywhere"}


def test_targets_have_tags_and_lanes_of_their_own() -> None:
    assert len({t.tag for t in TARGETS.values()}) == len(TARGETS)
    assert replace(TARGETS["SSE2"], features="+avx").tag != TARGETS["SSE2"].tag
    lanes = {isa: (t.lanes(F32), t.lanes(F64)) for isa, t in TARGETS.items()}
    assert lanes == {"AVX-512": (16, 8), "AVX2": (8, 4), "SSE2": (4, 2), "NEON": (4, 2)}
