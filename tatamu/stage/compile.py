"""From LLVM IR to machine code in memory. The only file that calls LLVM.

LLVM ends the process where Python would raise: on a truncated object, a symbol that nobody
defines, a missing back end. So an object is looked at (`elf.check`) before LLVM sees it, and
whatever comes from disk has had its checksum compared before that.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from tatamu.errors import CompileError
from tatamu.stage import elf
from tatamu.stage.target import Target


@dataclass(slots=True)
class Work:
    """What this process has had LLVM do."""

    objects: int = 0
    seconds: float = 0.0


work = Work()

# Held whenever LLVM works: the engine is shared by every thread.
_lock = threading.RLock()


@cache
def _binding() -> Any:
    try:
        from llvmlite import binding as llvm
    except ImportError as e:
        raise CompileError(f"llvmlite cannot be imported: {e}") from e
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def _machine(target: Target) -> Any:
    llvm = _binding()
    try:
        backend = llvm.Target.from_triple(target.triple)
    except RuntimeError:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        try:
            backend = llvm.Target.from_triple(target.triple)
        except RuntimeError as e:
            raise CompileError(f"LLVM has no code generator for {target.triple}") from e
    # The text is in SSA form with its loops unrolled by hand: codegen alone, at its cheapest
    # level that allocates registers well, is all it takes.
    return backend.create_target_machine(
        cpu=target.cpu, features=target.features, opt=1, reloc="pic", codemodel="small", jit=True
    )


@cache
def _engine() -> Any:
    # One engine for all objects: an engine each would cost 1.3 ms and two memory mappings.
    llvm = _binding()
    backend = llvm.Target.from_default_triple()
    empty = llvm.parse_assembly("")
    # Its memory manager keeps the sections of an object near one another, as the small code
    # model needs.
    return llvm.create_mcjit_compiler(empty, backend.create_target_machine(jit=True), use_lmm=True)


def object_code(text: str, target: Target) -> bytes:
    """Machine code for the module ``text``, as an ELF object.

    Raises :class:`tatamu.errors.CompileError` if the text is not valid or needs a function that
    no object may ask for.
    """
    llvm = _binding()
    with _lock:
        try:
            module = llvm.parse_assembly(text)
            module.verify()
        except RuntimeError as e:
            raise CompileError(f"LLVM does not accept the kernel: {e}") from e
        start = time.perf_counter()
        code = bytes(_machine(target).emit_object(module))
        work.seconds += time.perf_counter() - start
        work.objects += 1
    elf.check(code)
    return code


def assembly(text: str, target: Target) -> str:
    """The same module as assembly text, for counting instructions and spills."""
    with _lock:
        return str(_machine(target).emit_assembly(_binding().parse_assembly(text)))


def load(code: bytes, *names: str) -> tuple[int, ...]:
    """Put an object that ``object_code`` made into memory; the addresses of its functions.

    No two loaded objects may define the same name. Raises
    :class:`tatamu.errors.CompileError` if the object is not one of ours.
    """
    elf.check(code)
    elf.check_machine(code, _binding().get_process_triple())
    missing = set(names) - elf.symbols(code).defined
    if missing:
        raise CompileError(f"the object does not define {', '.join(sorted(missing))}")
    with _lock:
        engine = _engine()
        engine.add_object_file(_binding().ObjectFileRef.from_data(code))
        engine.finalize_object()
        return tuple(int(engine.get_function_address(name)) for name in names)


def versions() -> str:
    """What the machine code depends on beside its source: llvmlite and LLVM."""
    llvm = _binding()
    return f"llvmlite {llvmlite_version()}, LLVM {'.'.join(map(str, llvm.llvm_version_info))}"


def llvmlite_version() -> str:
    """The version of llvmlite that is installed."""
    from llvmlite import __version__

    return str(__version__)
