"""Writing one compiled function in Python.

A Python ``for`` over a ``range`` unrolls; ``for i in f.loop(n)`` runs. A Python ``if`` decides
while the kernel is written; ``with f.when(condition)`` decides when it runs. The text that comes
out is LLVM IR in SSA form already: variables become phi nodes here, so that no optimisation pass
has to run (each would cost the user more time at first use than it gains).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tatamu.stage.flow import Flow
from tatamu.stage.types import I32, I64, PTR, PointerTo, StagingError, Type
from tatamu.stage.values import Arguments, Pointer, Value

if TYPE_CHECKING:
    from tatamu.stage.module import Module


class Function(Flow):
    """One function of a module: its instructions in the order they were written."""

    def __init__(
        self,
        module: Module,
        name: str,
        parameters: Mapping[str, Type | PointerTo],
        *,
        private: bool,
        returns: Type | None,
    ):
        super().__init__(module, name)
        self.returns = returns
        self._stack: list[str] = []
        self._private = private
        self.signature: list[str] = []
        self.args = Arguments({n: self._parameter(n, t) for n, t in parameters.items()})
        self.bounds: Value | None = None
        if private and module.debug:
            self.bounds = self._scalar("bounds", PTR)

    def _scalar(self, name: str, t: Type) -> Value:
        self.signature.append(f"{t} %{name}")
        return Value(self, f"%{name}", t)

    def _parameter(self, name: str, t: Type | PointerTo) -> Value | Pointer:
        if isinstance(t, Type):
            return self._scalar(name, t)
        self.signature.append(f"ptr {'' if t.shared else 'noalias '}%{name}")
        base = Value(self, f"%{name}", PTR)
        if not self.module.debug:
            return Pointer(self, base, t.element)
        offset, limit = self._scalar(f"{name}.offset", I64), self._scalar(f"{name}.limit", I64)
        return Pointer(self, base, t.element, offset, limit)

    def stack(self, element: Type, count: int) -> Pointer:
        """``count`` elements of the function's own, gone when it returns."""
        name = self.fresh()
        self._stack.append(f"{name} = alloca {element}, i32 {count}, align 64")
        p = Pointer(self, Value(self, name, PTR), element)
        p.base.scope = 0
        return p

    def select_pointer(self, condition: Value, a: Pointer, b: Pointer) -> Pointer:
        """The pointer ``a`` where ``condition`` holds, else ``b``."""
        base = self.select(condition, a.base, b.base)
        if a.limit is None or b.limit is None:
            return Pointer(self, base, a.element)
        offsets = (self.lift(0 if p.offset is None else p.offset, I64) for p in (a, b))
        return Pointer(
            self,
            base,
            a.element,
            self.select(condition, *offsets),
            self.select(condition, a.limit, b.limit),
        )

    def pointer(self, address: Value, element: Type) -> Pointer:
        """A pointer made from an address that was loaded as a number or pointer."""
        if address.type == I64:
            address = self.convert("inttoptr", address, PTR)
        return Pointer(self, address, element)

    def call(self, callee: Function, *args: object) -> Value:
        """Call another function of this module."""
        texts: list[str] = []
        for a in args:
            if isinstance(a, Pointer):
                texts.append(f"ptr {self.name_of(a.base)}")
                if self.bounds is not None:
                    offset = "0" if a.offset is None else self.name_of(a.offset)
                    limit = str(2**62) if a.limit is None else self.name_of(a.limit)
                    texts += [f"i64 {offset}", f"i64 {limit}"]
            else:
                v = self.lift(a, I64)
                texts.append(f"{v.type} {self.name_of(v)}")
        if self.bounds is not None:
            texts.append(f"ptr {self.bounds.name}")
        given, wanted = ([t.split()[0] for t in ts] for ts in (texts, callee.signature))
        if given != wanted:
            raise self.error(
                f"{callee.name}({', '.join(callee.signature)}) called with ({', '.join(given)})"
            )
        call = f"call {callee.returns or 'void'} @{callee.symbol}({', '.join(texts)})"
        if callee.returns is None:
            self.line(call)
            return Value(self, "", I64)
        return self.emit(call, callee.returns)

    def call_address(
        self, address: Value, returns: Type | None, *args: Value, variadic: str = ""
    ) -> Value | None:
        """Call the C function at an address; ``variadic`` is its C signature if it has `...`."""
        if address.type == I64:
            address = self.convert("inttoptr", address, PTR)
        passed = ", ".join(f"{a.type} {self.name_of(a)}" for a in args)
        call = f"call {returns or 'void'} {variadic}{self.name_of(address)}({passed})"
        if returns is None:
            self.line(call)
            return None
        return self.emit(call, returns)

    def check_bounds(self, index: Value, count: int, limit: Value) -> Value:
        """Report an index outside ``[0, limit - count]`` and give 0 in its place."""
        bad = (index < 0) | (index + count > limit)
        assert self.bounds is not None
        report = Pointer(self, self.bounds, I64)
        site = self.module.site(self.caller())
        with self.when(bad), self.when(report.load() == 0):
            for at, what in enumerate((self.lift(site, I64), index, limit, self.lift(count, I64))):
                report.store(at, what)
        return self.select(bad, self.lift(0, I64), index)

    @property
    def symbol(self) -> str:
        """Its name in the object file; private functions carry the module's."""
        return f"{self.module.name}.{self.name}" if self._private else self.name

    @contextmanager
    def denormals_flushed(self) -> Iterator[None]:
        """Numbers too small to be normal count as zero inside; each would cost 100 cycles."""
        if self.module.target.triple.startswith("x86_64"):
            saved, flushed = self.stack(I32, 1), self.stack(I32, 1)
            self.intrinsic("llvm.x86.sse.stmxcsr", None, [("ptr", saved.base.name)])
            flushed.store(0, saved.load() | 0x8040)  # flush to zero, denormals are zero
            self.intrinsic("llvm.x86.sse.ldmxcsr", None, [("ptr", flushed.base.name)])
            yield
            self.intrinsic("llvm.x86.sse.ldmxcsr", None, [("ptr", saved.base.name)])
            return
        before = self.intrinsic("llvm.aarch64.get.fpcr", I64, [])
        self.intrinsic("llvm.aarch64.set.fpcr", None, [(I64, (before | 1 << 24).name)])
        yield
        self.intrinsic("llvm.aarch64.set.fpcr", None, [(I64, before.name)])

    def pause(self) -> None:
        """Tell the core that this is a waiting loop."""
        if self.module.target.triple.startswith("x86_64"):
            self.intrinsic("llvm.x86.sse2.pause", None, [])
        else:
            self.intrinsic("llvm.aarch64.hint", None, [(I32, "1")])

    def ret(self, value: Value | None = None) -> None:
        """Return; writing on is an error."""
        self.line("ret void" if value is None else f"ret {value.type} {self.name_of(value)}")
        self._finished = True

    def text(self) -> str:
        """The function as LLVM IR."""
        if self._unfinished:
            raise StagingError(
                f"{self._unfinished[-1]}: `break`, `return` or an exception left "
                "this loop unfinished; a staged loop always runs to its end"
            )
        if not self._finished:
            self.ret()
        kind = "internal " if self._private else ""
        head = f"define {kind}{self.returns or 'void'} @{self.symbol}({', '.join(self.signature)})"
        entry = ["entry:", *self._stack, "br label %body"]
        return "\n".join([f"{head} nounwind {{", *entry, *self.lines, "}"])
