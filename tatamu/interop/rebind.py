"""Classes and functions written for torch, bound anew to tatamu: their code as it is, the names
it uses that mean torch meaning tatamu.
"""

from __future__ import annotations

import functools
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

from tatamu import dtypes, nn
from tatamu.interop import names
from tatamu.interop.hook import aside

__all__ = ["Rebinder", "is_theirs"]

SPOKEN_FOR = ("torch", "torchvision")
SEARCHED = ("torch", "torch.nn.functional", "torch.linalg", "torch.special", "torch.fft")


def is_theirs(kind: Any) -> bool:
    """Whether torch itself defines something; what torchvision does is bound anew as a user's."""
    return str(getattr(kind, "__module__", "")).partition(".")[0] == "torch"


class Absent:
    """Stands for a global name that has no counterpart: an error only where it is used."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise self._error


class Rebinder(ABC):
    """What stands for torch's objects: each is made once, and cycles come to an end.

    What has no counterpart raises ``error``, with a text that names it.
    """

    error: type[Exception]

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        self._held: list[Any] = []
        self._globals: dict[int, dict[str, Any]] = {}

    @abstractmethod
    def module(self, theirs: Any) -> Any:
        """What stands for a module."""

    @abstractmethod
    def tensor(self, theirs: Any) -> Any:
        """What stands for a tensor."""

    def keep(self, theirs: Any, ours: Any) -> Any:
        """Remember what stands for an object, and the object, so that its id stays its own."""
        self.done[id(theirs)] = ours
        self._held.append(theirs)
        return ours

    def value(self, theirs: Any) -> Any:
        """What stands for any value: itself, unless torch is in it."""
        if id(theirs) in self.done:
            return self.done[id(theirs)]
        if isinstance(theirs, type):
            return self.kind(theirs)
        if isinstance(theirs, ModuleType):
            return self._namespace(theirs)
        if isinstance(theirs, FunctionType):
            return self._named(theirs) if is_theirs(theirs) else self._of_vision(theirs)
        if isinstance(theirs, BuiltinFunctionType):
            return self._builtin(theirs, theirs.__name__)
        if isinstance(theirs, MethodType):
            return MethodType(self.value(theirs.__func__), self.value(theirs.__self__))
        if isinstance(theirs, functools.partial):
            words = {name: self.value(word) for name, word in theirs.keywords.items()}
            return functools.partial(self.value(theirs.func), *self.value(theirs.args), **words)
        return self._contents(theirs)

    def _contents(self, theirs: Any) -> Any:
        kinds = {base.__name__ for base in type(theirs).__mro__ if is_theirs(base)}
        if "Module" in kinds:
            return self.module(theirs)
        if "Tensor" in kinds:
            return self.tensor(theirs)
        if "dtype" in kinds:
            return dtypes.BY_NAME[str(theirs).rpartition(".")[2]]
        if "device" in kinds:
            return str(theirs)
        if "Size" in kinds:
            return tuple(theirs)
        if kinds:
            raise self.error(f"from_torch knows nothing that stands for {theirs!r}")
        if type(theirs) in (list, set, frozenset):
            return type(theirs)(self.value(part) for part in theirs)
        if isinstance(theirs, tuple):
            parts = [self.value(part) for part in theirs]
            return type(theirs)(*parts) if hasattr(theirs, "_fields") else tuple(parts)
        if isinstance(theirs, dict):
            copy = theirs.copy()
            copy.update((key, self.value(part)) for key, part in theirs.items())
            return copy
        return theirs

    # ---- classes ----

    def kind(self, theirs: type) -> Any:
        """What stands for a class: tatamu's of the same name, or the user's own bound anew."""
        if id(theirs) in self.done:
            return self.done[id(theirs)]
        if is_theirs(theirs):
            return self._named(theirs)
        if not any(is_theirs(base) for base in theirs.__mro__):
            return theirs
        bases = tuple(self.kind(base) for base in theirs.__bases__)
        made = type(theirs)(theirs.__name__, bases, {"__module__": theirs.__module__})
        made.__qualname__ = theirs.__qualname__
        self.keep(theirs, made)
        for name, value in vars(theirs).items():
            if name not in ("__dict__", "__weakref__", "__module__", "__annotations__"):
                setattr(made, name, self._member(value, made))
        return made

    def _member(self, value: Any, owner: type) -> Any:
        if isinstance(value, FunctionType):
            return self.function(value, owner)
        if isinstance(value, (staticmethod, classmethod)):
            return type(value)(self._member(value.__func__, owner))
        if isinstance(value, property):
            parts = (value.fget, value.fset, value.fdel)
            return property(*(self._member(part, owner) for part in parts))
        return self.value(value)

    # ---- functions ----

    def function(self, theirs: FunctionType, owner: type | None = None) -> FunctionType:
        """A function with the same code, over names that mean tatamu."""
        if owner is None and id(theirs) in self.done:
            known: FunctionType = self.done[id(theirs)]
            return known
        space = self._globals.setdefault(
            id(theirs.__globals__),
            {"__builtins__": __builtins__, "__name__": theirs.__module__},
        )
        closure = tuple(CellType() for _ in theirs.__closure__ or ())
        made = FunctionType(theirs.__code__, space, theirs.__name__, None, closure or None)
        self.keep(theirs, made)
        for cell, old in zip(closure, theirs.__closure__ or (), strict=True):
            cell.cell_contents = self.value(old.cell_contents)
        made.__defaults__ = self.value(theirs.__defaults__)
        made.__kwdefaults__ = self.value(theirs.__kwdefaults__)
        made.__qualname__, made.__doc__ = theirs.__qualname__, theirs.__doc__
        made.__dict__.update(theirs.__dict__)
        for name in used_names(theirs.__code__):
            if name in theirs.__globals__ and name not in space:
                space[name] = None  # a cycle ends here
                try:
                    space[name] = self.value(theirs.__globals__[name])
                except self.error as error:
                    space[name] = Absent(error)
        return made

    def _of_vision(self, theirs: FunctionType) -> Any:
        """Tatamu's function in place of torchvision's where it has it; a user's is bound anew."""
        place = theirs.__module__ or ""
        if place in names.known() and hasattr(aside(place), theirs.__name__):
            return getattr(aside(place), theirs.__name__)
        return self.function(theirs)

    # ---- torch's own ----

    def _namespace(self, theirs: ModuleType) -> ModuleType:
        name = theirs.__name__
        if name.partition(".")[0] not in SPOKEN_FOR:
            return theirs
        if name not in names.known():
            raise self.error(f"from_torch cannot convert what uses {name}: tatamu has no {name}")
        return aside(name)

    def _named(self, theirs: Any) -> Any:
        """Tatamu's class or function of the same name."""
        name, home = theirs.__name__, theirs.__module__
        places = [home, home.rpartition(".")[0], "torch.nn", *SEARCHED]
        for place in places:
            if place in names.known() and hasattr(aside(place), name):
                return getattr(aside(place), name)
        if hasattr(nn, name):
            return getattr(nn, name)
        raise self.error(f"from_torch cannot convert what uses {home}.{name}: tatamu has none")

    def _builtin(self, theirs: Any, name: str) -> Any:
        """Torch's functions that are no Python functions do not say where they are from."""
        for place in SEARCHED:
            module = sys.modules.get(place)
            if module is None or getattr(module, name, None) is not theirs:
                continue
            try:
                return getattr(aside(place), name)
            except AttributeError as error:
                raise self.error(f"from_torch cannot convert what uses it: {error}") from error
        return theirs


def used_names(code: CodeType) -> Iterator[str]:
    """Every name that code, and the code within it, may read of its globals."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from used_names(constant)
