"""Instructions that compute: what the operators on values turn into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tatamu.stage.types import BOOL, I32, I64, StagingError, Type, caller, constant_text
from tatamu.stage.values import Value, Var

if TYPE_CHECKING:
    from tatamu.stage.module import Module

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
        """``file:line`` of the kernel's source."""
        return caller()

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
        if like.kind == "ptr":
            raise self.error(f"the number {x} is no pointer; see `k.pointer(address, element)`")
        if like.kind == "int" and not -(1 << (like.bits - 1)) <= x < 1 << like.bits:
            raise self.error(f"{x} does not fit {like}")
        try:
            text = constant_text(x, like)
        except OverflowError:
            raise self.error(f"{x} does not fit {like}") from None
        v = Value(self, text, like)
        v.scope = 0
        return v

    def index(self, x: object) -> Value:
        """An index: a Python number or an i64."""
        v = self.lift(x, I64)
        if v.type != I64:
            raise self.error(f"an index is an i64, not a {v.type}")
        return v

    def constant(self, x: float, t: Type) -> Value:
        """A constant of type ``t``; for a vector, the same in every lane."""
        return self.lift(x, t)

    def _pair(self, a: object, b: object) -> tuple[Value, Value]:
        known = a if isinstance(a, (Value, Var)) else b
        if not isinstance(known, (Value, Var)):
            raise self.error("neither side is a run-time value; make one with `k.constant(x, t)`")
        x, y = self.lift(a, known.type), self.lift(b, known.type)
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
        if condition.type not in (BOOL, BOOL.vector(x.type.lanes)):
            raise self.error(f"a {condition.type} cannot choose between values of {x.type}")
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

    def bits(self, x: Value) -> Value:
        """Floats' bits as integers of the same width."""
        return self.convert("bitcast", x, Type("int", x.type.bits, x.type.lanes))

    def from_bits(self, x: Value) -> Value:
        """The floats whose bits these integers are."""
        return self.convert("bitcast", x, Type("float", x.type.bits, x.type.lanes))

    def abs(self, x: Value) -> Value:
        """Floats without their sign."""
        return self.from_bits(self.bits(x) & ((1 << (x.type.bits - 1)) - 1))

    def flip_sign(self, x: Value, where: Value) -> Value:
        """Floats ``x``, their sign changed where ``where`` has a minus sign (-0.0 has)."""
        return self.from_bits(self.bits(x) ^ (self.bits(where) & -(1 << (x.type.bits - 1))))

    def fma(self, a: Value, b: object, c: object) -> Value:
        """``a*b + c``, rounded once where the target can, else multiplied, then added."""
        b, c = self.lift(b, a.type), self.lift(c, a.type)
        if not (a.type == b.type == c.type) or a.type.kind != "float":
            raise self.error(f"fma of {a.type}, {b.type} and {c.type}")
        if not self.module.target.fma:
            return a * b + c
        t = a.type
        name = f"llvm.fma.{f'v{t.lanes}' if t.lanes else ''}f{t.bits}"
        return self.intrinsic(name, t, [(t, self.name_of(x)) for x in (a, b, c)])

    def splat(self, x: Value, lanes: int) -> Value:
        """A scalar in every lane."""
        if x.type.lanes:
            raise self.error(f"a {x.type} is a vector already")
        t = x.type.vector(lanes)
        first = self.emit(f"insertelement {t} poison, {x.type} {self.name_of(x)}, i32 0", t)
        return self.emit(
            f"shufflevector {t} {first.name}, {t} poison, <{lanes} x i32> zeroinitializer", t
        )

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked from two vectors laid end to end."""
        if a.type != b.type or not all(0 <= i < 2 * a.type.lanes for i in lanes):
            raise self.error(f"lanes {list(lanes)} of a {a.type} and a {b.type}")
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

    def first_lanes(self, count: object, lanes: int) -> Value:
        """The mask of the first ``count`` of ``lanes`` lanes; all if there are no more."""
        few = self.min(self.max(self.index(count), 0), lanes)
        wide = self.splat(self.convert("trunc", few, I32), lanes)
        return wide > self.counting(I32, lanes)

    def counting(self, t: Type, lanes: int) -> Value:
        """The constant vector 0, 1, 2 ... of integers ``t``."""
        v = Value(self, f"<{', '.join(f'{t} {i}' for i in range(lanes))}>", t.vector(lanes))
        v.scope = 0
        return v

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
