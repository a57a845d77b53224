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
from tatamu.stage.types import BOOL, I32, I64, PTR, PointerTo, StagingError, Type
from tatamu.stage.values import Arguments, Pointer, Value

if TYPE_CHECKING:
    from tatamu.stage.module import Module


def _kind(x: Value | Pointer | Type | PointerTo) -> str:
    if isinstance(x, (Pointer, PointerTo)):
        return f"pointer to {x.element}"
    return str(x if isinstance(x, Type) else x.type)


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
        self.where = self.caller()
        self._stack: list[str] = []
        self._private = private
        self.signature: list[str] = []
        self.parameters = parameters
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
        if self.module.debug and not self._private:
            raise self.error(
                "a debug build checks what tasks touch; an exported function cannot be checked"
            )
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
        base = Value(self, name, PTR)
        base.scope = 0
        limit = None if self.bounds is None else self.lift(count, I64)
        return Pointer(self, base, element, None, limit)

    def select_pointer(self, condition: Value, a: Pointer, b: Pointer) -> Pointer:
        """The pointer ``a`` where ``condition`` holds, else ``b``."""
        if a.element != b.element:
            raise self.error(f"pointers to {a.element} and to {b.element}")
        if a.limit is None or b.limit is None:
            return Pointer(self, self.select(condition, a.address, b.address), a.element)
        base = self.select(condition, a.base, b.base)
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
        if callee.module is not self.module:
            raise self.error(f"{callee.name} belongs to the module {callee.module.name}")
        wanted = list(callee.parameters.values())
        likes = [t if isinstance(t, Type) else PTR for t in wanted] + [I64] * len(args)
        passed = [
            a if isinstance(a, Pointer) else self.lift(a, t)
            for a, t in zip(args, likes, strict=False)
        ]
        given, asked = [_kind(a) for a in passed], [_kind(t) for t in wanted]
        if given != asked:
            raise self.error(f"{callee.name}({', '.join(asked)}) called with ({', '.join(given)})")
        if callee.checked and self.bounds is None:
            raise self.error("a debug build checks what tasks call; this function is exported")
        texts: list[str] = []
        for a in passed:
            if not isinstance(a, Pointer):
                texts.append(f"{a.type} {self.name_of(a)}")
                continue
            texts.append(f"ptr {self.name_of(a.base)}")
            if callee.checked:
                offset = "0" if a.offset is None else self.name_of(a.offset)
                limit = str(2**62) if a.limit is None else self.name_of(a.limit)
                texts += [f"i64 {offset}", f"i64 {limit}"]
        if callee.checked and self.bounds is not None:
            texts.append(f"ptr {self.name_of(self.bounds)}")
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
        self._report(bad, index, limit, count)
        return self.select(bad, 0, index)

    def check_lanes(self, index: Value, mask: Value, limit: Value) -> Value:
        """Report lanes of the mask that lie outside, counted from ``index``; gives the others."""
        lanes = mask.type.lanes
        at = self.splat(index, lanes) + self.counting(I64, lanes)
        inside = (at >= 0) & (at < self.splat(limit, lanes))
        outside = (mask & (inside == 0)).name
        name = f"llvm.vector.reduce.or.v{lanes}i1"
        self._report(self.intrinsic(name, BOOL, [(mask.type, outside)]), index, limit, lanes)
        return mask & inside

    def _report(self, bad: Value, index: Value, limit: Value, count: int) -> None:
        assert self.bounds is not None
        report = Pointer(self, self.bounds, I64)
        site = self.module.site(self.caller())
        with self.when(bad), self.when(report.load() == 0):
            for at, what in enumerate((site, index, limit, count)):
                report.store(at, what)

    @property
    def checked(self) -> bool:
        """Whether its pointers come with their bounds: in a debug build."""
        return self._private and self.module.debug

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
        given = None if value is None else value.type
        if given != self.returns:
            raise self.error(
                f"{self.name} returns {self.returns or 'nothing'}, not {given or 'nothing'}"
            )
        self.line("ret void" if value is None else f"ret {value.type} {self.name_of(value)}")
        self._finished = True

    def text(self) -> str:
        """The function as LLVM IR."""
        if self._unfinished:
            raise self.unfinished()
        if not self._finished:
            if self.returns is not None:
                raise StagingError(
                    f"{self.where}: {self.name} returns {self.returns}, but ends without `ret`"
                )
            self.ret()
        kind = "internal " if self._private else ""
        head = f"define {kind}{self.returns or 'void'} @{self.symbol}({', '.join(self.signature)})"
        entry = ["entry:", *self._stack, "br label %body"]
        return "\n".join([f"{head} nounwind {{", *entry, *self.lines, "}"])
