"""Instructions that compute: what the operators on values turn into."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tatamu.stage.types import BOOL, I32, I64, StagingError, Type, constant_text
from tatamu.stage.values import Value, Var

if TYPE_CHECKING:
    from tatamu.stage.module import Module

_HERE = str(Path(__file__).parent)
_FLOAT_OPS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "fdiv": "fdiv"}
_INT_COMPARE = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}
# Ordered comparisons are false for NaN; `ne` is true for it, as in Python.
_FLOAT_COMPARE = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}


class Arithmetic:
    """A list of instructions that grows, with names for what they give."""

    def __init__(self, module: Module, name: str):
        self.module = module
        self.name = name
        self.lines: list[str] = ["body:"]
        self.scope = 0
        self._open = {0}
        self._names = 0
        self._finished = False

    def caller(self) -> str:
        """``file:line`` of the innermost code outside this folder."""
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith(_HERE) and frame.f_back is not None:
            frame = frame.f_back
        return f"{frame.f_code.co_filename}:{frame.f_lineno}"

    def error(self, message: str) -> StagingError:
        """An error that starts with the place in the kernel's source."""
        return StagingError(f"{self.caller()}: {message}")

    def fresh(self) -> str:
        """A name for one more value."""
        self._names += 1
        return f"%v{self._names}"

    def label(self, hint: str) -> str:
        """A name for one more basic block."""
        self._names += 1
        return f"{hint}{self._names}"

    def line(self, text: str) -> None:
        """Append one instruction."""
        if self._finished:
            raise self.error(f"function {self.name} is finished already")
        self.lines.append(text)

    def emit(self, text: str, t: Type) -> Value:
        """Append an instruction that gives a value."""
        name = self.fresh()
        self.line(f"{name} = {text}")
        return Value(self, name, t)

    def name_of(self, value: Value | Var) -> str:
        """The value's name, if it may be used here."""
        v = value.get()
        if v.fn is not self:
            raise self.error(f"a value of function {v.fn.name} is used in {self.name}")
        if v.scope not in self._open:
            raise self.error(
                "a value is used outside the loop or branch that computes it; "
                "carry it out in a variable, `k.var(...)`"
            )
        return v.name

    def lift(self, x: object, like: Type) -> Value:
        """A Python number as a constant of type ``like``; values pass through."""
        if isinstance(x, Var):
            return x.get()
        if isinstance(x, Value):
            return x
        if isinstance(x, bool) or not isinstance(x, (int, float)):
            raise self.error(f"cannot compute with a {type(x).__name__} in a kernel")
        if like.kind == "int" and isinstance(x, float):
            raise self.error(f"{x} is a float, the other side is an integer ({like})")
        v = Value(self, constant_text(x, like), like)
        v.scope = 0
        return v

    def constant(self, x: float, t: Type) -> Value:
        """A constant of type ``t``; for a vector, the same in every lane."""
        return self.lift(x, t)

    def _pair(self, a: object, b: object) -> tuple[Value, Value]:
        like = a.type if isinstance(a, (Value, Var)) else b.type  # type: ignore[attr-defined]
        x, y = self.lift(a, like), self.lift(b, like)
        if x.type != y.type:
            raise self.error(f"types differ: {x.type} and {y.type}")
        return x, y

    def arithmetic(self, op: str, a: object, b: object) -> Value:
        """One operation on two numbers of one type; the neutral element costs nothing."""
        if (
            isinstance(b, int)
            and isinstance(a, Value)
            and (
                (b == 0 and op in ("add", "sub", "or", "shl", "ashr"))
                or (b == 1 and op in ("mul", "udiv"))
            )
            and a.type.kind == "int"
        ):
            return a
        x, y = self._pair(a, b)
        if x.type.kind == "ptr":
            raise self.error("pointers move by `p.at(index)`")
        if x.type.kind == "float":
            if op not in _FLOAT_OPS:
                raise self.error(f"{op} is for integers, not for {x.type}")
            op = _FLOAT_OPS[op]
        elif op == "fdiv":
            raise self.error("`/` is for floats; integers divide by `//`")
        return self.emit(f"{op} {x.type} {self.name_of(x)}, {self.name_of(y)}", x.type)

    def negate(self, x: Value) -> Value:
        """Minus ``x``."""
        if x.type.kind == "int":
            return self.arithmetic("sub", 0, x)
        return self.emit(f"fneg {x.type} {self.name_of(x)}", x.type)

    def compare(self, op: str, a: object, b: object) -> Value:
        """A truth value, or a vector of them; integers compare signed."""
        x, y = self._pair(a, b)
        word = (
            f"fcmp {_FLOAT_COMPARE[op]}" if x.type.kind == "float" else f"icmp {_INT_COMPARE[op]}"
        )
        return self.emit(
            f"{word} {x.type} {self.name_of(x)}, {self.name_of(y)}", Type("int", 1, x.type.lanes)
        )

    def select(self, condition: Value, a: object, b: object) -> Value:
        """``a`` where ``condition`` holds, else ``b``; both are computed."""
        x, y = self._pair(a, b)
        return self.emit(
            f"select {condition.type} {self.name_of(condition)}, "
            f"{x.type} {self.name_of(x)}, {y.type} {self.name_of(y)}",
            x.type,
        )

    def min(self, a: Value, b: object) -> Value:
        """The smaller of two integers or floats (``b`` where one is NaN)."""
        return self.select(a < b, a, b)

    def max(self, a: Value, b: object) -> Value:
        """The larger of two integers or floats (``b`` where one is NaN)."""
        return self.select(a > b, a, b)

    def fma(self, a: Value, b: Value, c: Value | Var) -> Value:
        """``a*b + c``, rounded once where the target can, else multiplied, then added."""
        c = c.get()
        if not (a.type == b.type == c.type):
            raise self.error(f"fma of {a.type}, {b.type} and {c.type}")
        if not self.module.target.fma:
            return a * b + c
        t = a.type
        name = f"llvm.fma.{f'v{t.lanes}' if t.lanes else ''}f{t.bits}"
        return self.intrinsic(name, t, [(t, self.name_of(x)) for x in (a, b, c)])

    def splat(self, x: Value, lanes: int) -> Value:
        """A scalar in every lane."""
        t = x.type.vector(lanes)
        first = self.emit(f"insertelement {t} poison, {x.type} {self.name_of(x)}, i32 0", t)
        return self.emit(
            f"shufflevector {t} {first.name}, {t} poison, <{lanes} x i32> zeroinitializer", t
        )

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked from two vectors laid end to end."""
        picks = ", ".join(f"i32 {i}" for i in lanes)
        return self.emit(
            f"shufflevector {a.type} {self.name_of(a)}, {b.type} {self.name_of(b)}, "
            f"<{len(lanes)} x i32> <{picks}>",
            a.type.scalar.vector(len(lanes)),
        )

    def lane(self, v: Value, i: int) -> Value:
        """One lane of a vector."""
        if not 0 <= i < v.type.lanes:
            raise self.error(f"lane {i} of a {v.type}")
        return self.emit(f"extractelement {v.type} {self.name_of(v)}, i32 {i}", v.type.scalar)

    def first_lanes(self, count: Value, lanes: int) -> Value:
        """The mask of the first ``count`` of ``lanes`` lanes."""
        wide = self.splat(self.convert("trunc", count, I32), lanes)
        steps = ", ".join(f"i32 {i}" for i in range(lanes))
        return self.emit(f"icmp sgt {wide.type} {wide.name}, <{steps}>", BOOL.vector(lanes))

    def convert(self, how: str, x: Value, to: Type) -> Value:
        """LLVM's conversion ``how`` (trunc, zext, sext, sitofp, fptosi, fpext, bitcast ...)."""
        return self.emit(f"{how} {x.type} {self.name_of(x)} to {to}", to)

    def intrinsic(
        self, name: str, returns: Type | None, args: Sequence[tuple[Type | str, str]]
    ) -> Value:
        """Call an LLVM intrinsic; it is declared once per module."""
        self.module.declare(name, returns, [str(t) for t, _ in args])
        call = f"call {returns or 'void'} @{name}({', '.join(f'{t} {v}' for t, v in args)})"
        if returns is None:
            self.line(call)
            return Value(self, "", I64)
        return self.emit(call, returns)
