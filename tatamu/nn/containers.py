"""Containers of modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from tatamu.nn.module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """Modules applied one after the other; given as arguments or as an OrderedDict of names.

    >>> from tatamu import nn
    >>> net = nn.Sequential(nn.ReLU(), nn.Flatten())
    >>> net[0], len(net), net[1:]
    (ReLU(), 2, Sequential(
      (1): Flatten(start_dim=1, end_dim=-1)
    ))
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            for place, module in enumerate(modules):
                self.add_module(str(place), module)

    def _name_at(self, place: int) -> str:
        names = list(self._module_names)
        if not -len(names) <= place < len(names):
            raise IndexError(f"index {place} is out of range")
        return names[place]

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return type(self)(OrderedDict(list(self.named_children())[place]))
        return getattr(self, self._name_at(place))

    def __setitem__(self, place: int, module: Module) -> None:
        setattr(self, self._name_at(place), module)

    def __delitem__(self, place: int) -> None:
        delattr(self, self._name_at(place))
        rest = [module for _, module in self.named_children()]
        for name in list(self._module_names):
            delattr(self, name)
        for index, module in enumerate(rest):
            self.add_module(str(index), module)

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[Module]:
        return iter(module for _, module in self.named_children())

    def append(self, module: Module) -> Sequential:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def forward(self, input: Any) -> Any:
        for name in self._module_names:
            input = self.__dict__[name](input)
        return input
