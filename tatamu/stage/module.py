"""A compilation unit: functions that call one another, and one that Python calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tatamu.stage.function import Function
from tatamu.stage.target import Target
from tatamu.stage.types import I64, PTR, PointerTo, StagingError, Type
from tatamu.stage.values import Arguments, Pointer, Value


@dataclass(frozen=True)
class Layout:
    """The order of a kernel's arguments: one block of 8-byte fields that it reads them from.

    A debug build adds, for each pointer, how many elements lie behind it (``name#count``), and
    where to report the first access outside (``#report``).
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Type | PointerTo], *, debug: bool = False) -> Layout:
        """The argument block for these fields."""
        names = list(fields)
        if debug:
            names += [f"{n}#count" for n, t in fields.items() if isinstance(t, PointerTo)]
            names.append("#report")
        return cls(tuple(names))

    def pack(self, **values: int) -> NDArray[np.int64]:
        """The block, from a number or address for every name."""
        missing = set(self.names) ^ set(values)
        if missing:
            raise StagingError(f"arguments missing or unknown: {', '.join(sorted(missing))}")
        return np.array([values[n] for n in self.names], np.int64)


class Module:
    """What is compiled together. ``name`` must be unlike that of any other loaded module."""

    def __init__(self, name: str, target: Target, *, debug: bool = False):
        self.name = name
        self.target = target
        self.debug = debug
        self.functions: list[Function] = []
        self.sites: list[str] = []
        self._declared: dict[str, str] = {}

    def function(
        self, name: str, parameters: Mapping[str, Type | PointerTo], returns: Type | None = None
    ) -> Function:
        """A function that only this module calls. Its pointers must not overlap."""
        return self._add(Function(self, name, parameters, private=True, returns=returns))

    def exported(
        self, name: str, parameters: Mapping[str, Type | PointerTo], returns: Type | None = None
    ) -> Function:
        """A function that can be called from outside."""
        return self._add(Function(self, name, parameters, private=False, returns=returns))

    def task(self, fields: Mapping[str, Type | PointerTo]) -> tuple[Function, Arguments]:
        """The entry ``(args*, begin, end, worker)`` of a kernel, and its arguments."""
        f = self.exported(self.name, {"args": PTR, "begin": I64, "end": I64, "worker": I64})
        layout = self.layout(fields)
        block = f.pointer(f.args.args, I64)
        if self.debug:
            report = f.convert("inttoptr", block.load(len(layout.names) - 1), PTR)
            f.bounds = report
        values: dict[str, Value | Pointer] = {}
        for i, (name, t) in enumerate(fields.items()):
            raw = block.load(i)
            if not isinstance(t, PointerTo):
                values[name] = raw
                continue
            base = f.convert("inttoptr", raw, PTR)
            limit = block.load(layout.names.index(f"{name}#count")) if self.debug else None
            values[name] = Pointer(f, base, t.element, None, limit)
        return f, Arguments(values)

    def layout(self, fields: Mapping[str, Type | PointerTo]) -> Layout:
        """The argument block for these fields."""
        return Layout.of(fields, debug=self.debug)

    def declare(self, name: str, returns: Type | None, parameters: Sequence[str]) -> None:
        """Declare an intrinsic, once."""
        self._declared.setdefault(
            name, f"declare {returns or 'void'} @{name}({', '.join(parameters)})"
        )

    def site(self, where: str) -> int:
        """A number (from 1) that stands for a place in the kernel's source."""
        if where not in self.sites:
            self.sites.append(where)
        return self.sites.index(where) + 1

    def check_report(self, report: NDArray[np.int64]) -> None:
        """Raise if a debug build's kernel touched what it should not."""
        site, index, limit, count = (int(n) for n in report[:4])
        if site:
            raise StagingError(
                f"{self.sites[site - 1]}: elements {index} to {index + count - 1} "
                f"are outside of 0 to {limit - 1}"
            )

    def text(self) -> str:
        """The module as LLVM IR."""
        head = [f'target triple = "{self.target.triple}"']
        return "\n".join([*head, *self._declared.values(), *(f.text() for f in self.functions)])

    def _add(self, f: Function) -> Function:
        self.functions.append(f)
        return f
