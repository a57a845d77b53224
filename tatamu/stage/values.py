"""What kernels compute with: values in SSA form, variables that loops carry, and pointers.

A :class:`Value` exists only when the kernel runs, so it has no truth and no length while the
kernel is being written; asking for either is an error that names the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tatamu.stage.types import BOOL, StagingError, Type, caller

if TYPE_CHECKING:
    from tatamu.stage.arithmetic import Arithmetic
    from tatamu.stage.flow import Flow
    from tatamu.stage.function import Function


class Value:
    """A run-time number or vector. Python operators on it emit instructions."""

    __slots__ = ("fn", "name", "scope", "type")

    def __init__(self, fn: Arithmetic, name: str, type: Type):
        self.fn = fn
        self.name = name
        self.type = type
        self.scope = fn.scope

    def get(self) -> Value:
        """This value; lets a :class:`Var` and a value be used alike."""
        return self

    def __add__(self, other: object) -> Value:
        return self.fn.arithmetic("add", self, other)

    def __radd__(self, other: object) -> Value:
        return self.fn.arithmetic("add", self, other)

    def __sub__(self, other: object) -> Value:
        return self.fn.arithmetic("sub", self, other)

    def __rsub__(self, other: object) -> Value:
        return self.fn.arithmetic("sub", other, self)

    def __mul__(self, other: object) -> Value:
        return self.fn.arithmetic("mul", self, other)

    def __rmul__(self, other: object) -> Value:
        return self.fn.arithmetic("mul", self, other)

    def __truediv__(self, other: object) -> Value:
        return self.fn.arithmetic("fdiv", self, other)

    def __rtruediv__(self, other: object) -> Value:
        return self.fn.arithmetic("fdiv", other, self)

    def __floordiv__(self, other: object) -> Value:
        """Unsigned, as indices are: the quotient of a negative number is huge."""
        return self.fn.arithmetic("udiv", self, other)

    def __mod__(self, other: object) -> Value:
        """Unsigned, as indices are."""
        return self.fn.arithmetic("urem", self, other)

    def __and__(self, other: object) -> Value:
        return self.fn.arithmetic("and", self, other)

    def __or__(self, other: object) -> Value:
        return self.fn.arithmetic("or", self, other)

    def __xor__(self, other: object) -> Value:
        return self.fn.arithmetic("xor", self, other)

    def __lshift__(self, other: object) -> Value:
        return self.fn.arithmetic("shl", self, other)

    def __rshift__(self, other: object) -> Value:
        return self.fn.arithmetic("ashr", self, other)

    def __neg__(self) -> Value:
        return self.fn.negate(self)

    def __lt__(self, other: object) -> Value:
        return self.fn.compare("lt", self, other)

    def __le__(self, other: object) -> Value:
        return self.fn.compare("le", self, other)

    def __gt__(self, other: object) -> Value:
        return self.fn.compare("gt", self, other)

    def __ge__(self, other: object) -> Value:
        return self.fn.compare("ge", self, other)

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return self.fn.compare("eq", self, other)

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return self.fn.compare("ne", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise self.fn.error(
            "a run-time value has no truth while the kernel is written; use `with k.when(cond):`"
        )

    def __index__(self) -> int:
        raise self.fn.error(
            "a run-time value cannot drive a Python range, which unrolls; "
            "use `k.loop(n)`, which runs"
        )

    def __iter__(self) -> None:
        raise self.fn.error("a run-time value cannot be iterated over")


class Var:
    """A value that code may replace. Loops and branches carry it in registers (phi nodes)."""

    __slots__ = ("current", "fn", "type", "where")

    def __init__(self, fn: Flow, initial: Value):
        self.fn = fn
        self.current = initial.name
        self.type = initial.type
        self.where = fn.caller()

    def get(self) -> Value:
        """The value it has here."""
        if self not in self.fn.variables:
            raise self.fn.error(
                f"the variable made at {self.where} is used outside the loop or branch "
                "it belongs to"
            )
        return Value(self.fn, self.current, self.type)

    def set(self, value: object) -> None:
        """Replace its value by one of the same type."""
        new = self.fn.lift(value, self.type)
        if new.type != self.type:
            raise self.fn.error(f"a variable of type {self.type} cannot hold a {new.type}")
        self.get()
        self.current = self.fn.name_of(new)

    def add(self, value: object) -> None:
        """Replace it by itself plus ``value``."""
        self.set(self.get() + value)


class Pointer:
    """An address of elements of one type, indexed in elements.

    In a debug build it also knows how many elements may be touched (``limit``) and where it
    stands among them (``offset``); an access outside is reported and led to element 0.
    """

    __slots__ = ("base", "element", "fn", "limit", "offset")

    def __init__(
        self,
        fn: Function,
        base: Value,
        element: Type,
        offset: Value | None = None,
        limit: Value | None = None,
    ):
        self.fn = fn
        self.base = base
        self.element = element
        self.offset = offset
        self.limit = limit

    def at(self, index: object) -> Pointer:
        """The pointer ``index`` elements further on."""
        if isinstance(index, int) and index == 0:
            return self
        if self.limit is None:
            return Pointer(self.fn, self._address(index), self.element)
        step = self.fn.index(index)
        moved = step if self.offset is None else self.offset + step
        return Pointer(self.fn, self.base, self.element, moved, self.limit)

    @property
    def address(self) -> Value:
        """Where it points to."""
        return self._address(0)

    def load(self, index: object = 0) -> Value:
        """One element."""
        address = self._checked(index, 1)
        return self.fn.emit(
            f"load {self.element}, ptr {address}, align {self.element.size}", self.element
        )

    def vec(self, index: object, lanes: int, mask: Value | None = None) -> Value:
        """``lanes`` neighbouring elements; lanes outside ``mask`` are not read and are zero."""
        t = self.element.vector(lanes)
        align = self.element.size
        if mask is None:
            address = self._checked(index, lanes)
            return self.fn.emit(f"load {t}, ptr {address}, align {align}", t)
        mask = self._allowed(index, mask, lanes)
        address = self._address(index).name
        return self.fn.intrinsic(
            f"llvm.masked.load.v{lanes}{_short(self.element)}.p0",
            t,
            [
                ("ptr", address),
                ("i32", str(align)),
                (mask.type, self.fn.name_of(mask)),
                (t, "zeroinitializer"),
            ],
        )

    def splat(self, index: object, lanes: int) -> Value:
        """One element, repeated in every lane."""
        return self.fn.splat(self.load(index), lanes)

    def store(self, index: object, value: object, mask: Value | None = None) -> None:
        """Write an element or a vector of neighbouring elements (only the lanes in ``mask``)."""
        v = self.fn.lift(value, self.element)
        if v.type.scalar != self.element:
            raise self.fn.error(f"a {v.type} cannot be stored to elements of {self.element}")
        align = self.element.size
        if mask is None:
            address = self._checked(index, max(v.type.lanes, 1))
            self.fn.line(f"store {v.type} {self.fn.name_of(v)}, ptr {address}, align {align}")
            return
        mask = self._allowed(index, mask, v.type.lanes)
        address = self._address(index).name
        self.fn.intrinsic(
            f"llvm.masked.store.v{v.type.lanes}{_short(self.element)}.p0",
            None,
            [
                (v.type, self.fn.name_of(v)),
                ("ptr", address),
                ("i32", str(align)),
                (mask.type, self.fn.name_of(mask)),
            ],
        )

    def prefetch(self, index: object = 0, *, write: bool = False, locality: int = 3) -> None:
        """Ask for the cache line of an element; ``locality`` 3 is the first cache, 0 none."""
        address = self._address(index).name
        self.fn.intrinsic(
            "llvm.prefetch.p0",
            None,
            [("ptr", address), ("i32", str(int(write))), ("i32", str(locality)), ("i32", "1")],
        )

    def atomic_load(self, index: object = 0) -> Value:
        """One element, in one order with every other atomic access that all threads agree on."""
        address = self._checked(index, 1)
        return self.fn.emit(
            f"load atomic {self.element}, ptr {address} seq_cst, align {self.element.size}",
            self.element,
        )

    def atomic_store(self, value: object, index: object = 0) -> None:
        """Store one element in one order that all threads agree on."""
        v = self._one(value)
        address = self._checked(index, 1)
        self.fn.line(
            f"store atomic {self.element} {self.fn.name_of(v)}, ptr {address} seq_cst, "
            f"align {self.element.size}"
        )

    def atomic_add(self, value: object, index: object = 0) -> Value:
        """Add to one element indivisibly; gives what stood there before."""
        v = self._one(value)
        address = self._checked(index, 1)
        return self.fn.emit(
            f"atomicrmw add ptr {address}, {self.element} {self.fn.name_of(v)} seq_cst, "
            f"align {self.element.size}",
            self.element,
        )

    def compare_exchange(self, expected: object, new: object, index: object = 0) -> Value:
        """Put ``new`` where ``expected`` stands, indivisibly; true if it did."""
        address = self._checked(index, 1)
        old, put = (self.fn.name_of(self._one(v)) for v in (expected, new))
        pair = f"{{ {self.element}, i1 }}"
        both = self.fn.fresh()
        self.fn.line(
            f"{both} = cmpxchg ptr {address}, {self.element} {old}, {self.element} {put} "
            f"seq_cst seq_cst, align {self.element.size}"
        )
        return self.fn.emit(f"extractvalue {pair} {both}, 1", BOOL)

    def _address(self, index: object) -> Value:
        if self.limit is not None and self.offset is not None:
            index = self.offset + index
        if isinstance(index, int) and index == 0:
            return self.base
        i = self.fn.index(index)
        return self.fn.emit(
            f"getelementptr {self.element}, ptr {self.fn.name_of(self.base)}, "
            f"i64 {self.fn.name_of(i)}",
            self.base.type,
        )

    def _checked(self, index: object, count: int) -> str:
        if self.limit is None:
            return self._address(index).name
        return self._led_back(index, count)

    def _one(self, value: object) -> Value:
        v = self.fn.lift(value, self.element)
        if v.type != self.element:
            raise self.fn.error(f"a {v.type} cannot be stored to elements of {self.element}")
        return v

    def _allowed(self, index: object, mask: Value, lanes: int) -> Value:
        """The mask; in a debug build without the lanes that lie outside, which are reported."""
        if mask.type != BOOL.vector(lanes):
            raise self.fn.error(f"a mask of {mask.type} for {lanes} lanes")
        if self.limit is None:
            return mask
        where = self.fn.index(index)
        if self.offset is not None:
            where = self.offset + where
        return self.fn.check_lanes(where, mask, self.limit)

    def _led_back(self, index: object, count: int) -> str:
        where = self.fn.index(index)
        if self.offset is not None:
            where = self.offset + where
        assert self.limit is not None
        safe = self.fn.check_bounds(where, count, self.limit)
        return Pointer(self.fn, self.base, self.element)._address(safe).name


class Arguments:
    """Parameters by name: numbers as attributes, pointers by ``pointer``."""

    def __init__(self, values: Mapping[str, Value | Pointer]):
        self._values = values

    def pointer(self, name: str) -> Pointer:
        """The pointer called ``name``."""
        p = self._values.get(name)
        if not isinstance(p, Pointer):
            raise StagingError(f"{caller()}: no pointer among the arguments is called {name!r}")
        return p

    def __getattr__(self, name: str) -> Value:
        v = self._values.get(name)
        if not isinstance(v, Value):
            raise StagingError(f"{caller()}: no number among the arguments is called {name!r}")
        return v


def _short(t: Type) -> str:
    return f"{t.kind[0]}{t.bits}"


__all__ = ["Arguments", "Pointer", "Value", "Var"]
