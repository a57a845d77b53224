"""Containers of modules: a chain, a list, a dictionary."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Self

from tatamu.nn.module import Module, indented

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Listed(Module):
    """Modules under the names '0', '1', ...: what Sequential and ModuleList share."""

    def _name_at(self, place: Any) -> str:
        names = list(self._modules)
        at = operator.index(place)
        if not -len(names) <= at < len(names):
            raise IndexError(f"index {at} is out of range")
        return names[at]

    def __setitem__(self, place: int, module: Module) -> None:
        setattr(self, self._name_at(place), module)

    def __delitem__(self, place: int | slice) -> None:
        names = list(self._modules)
        for name in names[place] if isinstance(place, slice) else [self._name_at(place)]:
            delattr(self, name)
        self._modules = {str(at): module for at, module in enumerate(self._modules.values())}

    def __getitem__(self, place: int | slice) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Any:
        """Take a module out, and give it."""
        value = self[key]
        del self[key]
        return value

    def _put(self, index: int, module: Module) -> None:
        for at in range(len(self), index, -1):
            self._modules[str(at)] = self._modules[str(at - 1)]
        self._modules[str(index)] = module


class Sequential(_Listed):
    """Modules applied one after the other; given as arguments or as an OrderedDict of names.

    It is indexed, sliced and changed like a list; ``+`` and ``*`` make longer ones.

    >>> from tatamu import nn
    >>> net = nn.Sequential(nn.ReLU(), nn.Flatten())
    >>> net[0], len(net), net[1:]
    (ReLU(), 2, Sequential(
      (1): Flatten(start_dim=1, end_dim=-1)
    ))
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = len(args) == 1 and isinstance(args[0], OrderedDict)
        pairs = args[0].items() if named else ((str(at), m) for at, m in enumerate(args))
        for name, module in pairs:
            self.add_module(name, module)

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return type(self)(OrderedDict(list(self._modules.items())[place]))
        return self._modules[self._name_at(place)]

    def _check_other(self, other: Any) -> None:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )

    def __add__(self, other: Any) -> Sequential:
        self._check_other(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Self:
        self._check_other(other)
        return self.extend(list(other))

    def _check_times(self, other: Any) -> None:
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")

    def __mul__(self, other: int) -> Sequential:
        self._check_times(other)
        return Sequential(*(list(self) * other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        self._check_times(other)
        return self.extend(list(self) * (other - 1))

    def insert(self, index: int, module: Module) -> Self:
        """Add a module at a place. IndexError if there is none, AssertionError for no module."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._put(index + len(self) if index < 0 else index, module)
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add all modules of another at the end."""
        for module in sequential:
            self.append(module)
        return self

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list whose modules the module that holds it finds.

    >>> from tatamu import nn
    >>> nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return type(self)(list(self._modules.values())[place])
        return self._modules[self._name_at(place)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def insert(self, index: int, module: Module) -> None:
        """Add a module at a place."""
        self._put(index, module)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end. TypeError for what cannot be iterated over."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleList.extend should be called with an iterable, but got "
                + type(modules).__name__
            )
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self) -> str:
        if not len(self):
            return f"{self._get_name()}()"
        runs: list[tuple[int, int, str]] = []
        for at, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], at, text)
            else:
                runs.append((at, at, text))
        lines = []
        for first, last, text in runs:
            name = f"({first}): " if first == last else f"({first}-{last}): {last - first + 1} x "
            lines.append(indented(name + text))
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary whose modules the module that holds it finds.

    >>> from tatamu import nn
    >>> nn.ModuleDict({"act": nn.ReLU()})["act"]
    ReLU()
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take a module out, and give it."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Names and modules."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add the modules of a mapping, or of pairs.

        Raises TypeError for what cannot be iterated over, ValueError for what is no pair.
        """
        for key, module in pairs_of(modules, "ModuleDict", "ModuleDict"):
            self[key] = module


def pairs_of(given: Any, kind: str, method_of: str) -> list[tuple[str, Any]]:
    """The entries of a mapping or a sequence of pairs, checked with torch's sentences."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{method_of}.update should be called with an iterable of key/value pairs, but got "
            + type(given).__name__
        )
    if isinstance(given, Mapping) or hasattr(given, "items"):
        return list(given.items())
    for place, pair in enumerate(given):
        element = f"{kind} update sequence element #{place}"
        if not isinstance(pair, Iterable):
            raise TypeError(f"{element} should be Iterable; is{type(pair).__name__}")
        length = len(list(pair))
        if length != 2:
            raise ValueError(f"{element} has length {length}; 2 is required")
    return [(key, value) for key, value in given]
