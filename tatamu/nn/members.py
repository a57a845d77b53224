"""What a module has by name: its parameters, buffers and modules, in torch's three dictionaries.

torch finds a parameter by failing to find an attribute, and then looking into the dictionaries.
Here each dictionary writes what it is given among the module's ordinary attributes too, so that
``self.weight`` costs no more than any attribute, and ``model._modules["fc"] = layer`` is seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from tatamu import naming
from tatamu.ops.array import Array

__all__ = ["Members", "changes", "typename"]


class Changes:
    """How many times any module was given other members, or another mode."""

    count = 0


changes = Changes()


@naming.known_as("builtins.dict")
class Members(dict[str, Any]):
    """A dictionary of a module whose entries are attributes of the module as well."""

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        super().__init__()
        self.owner = weakref.ref(owner)

    def _attributes(self) -> dict[str, Any]:
        owner = self.owner()
        return {} if owner is None else owner.__dict__

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self._attributes()[name] = value
        changes.count += 1

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._attributes().pop(name, None)
        changes.count += 1

    def pop(self, name: str, *default: Any) -> Any:
        """As a dictionary's."""
        if name in self:
            value = self[name]
            del self[name]
            return value
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        """As a dictionary's."""
        name = next(reversed(self))
        return name, self.pop(name)

    def clear(self) -> None:
        """As a dictionary's."""
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **more: Any) -> None:
        """As a dictionary's."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As a dictionary's."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Mapping[str, Any] | Iterable[Any]) -> Members:  # type: ignore[override, misc]
        self.update(other)
        return self

    def copy(self) -> dict[str, Any]:
        """A plain dictionary of the same entries."""
        return dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def move_to_end(self, name: str, last: bool = True) -> None:
        """As an OrderedDict's, which this was in earlier versions of torch."""
        order = [other for other in self if other != name]
        order.insert(len(order) if last else 0, name)
        entries = [(other, self[other]) for other in order]
        super().clear()
        super().update(entries)


def typename(value: Any) -> str:
    """How torch names the type of a value in its sentences.

    >>> import tatamu
    >>> typename(tatamu.ones(1)), typename(3), typename([].append)
    ('tatamu.FloatTensor', 'int', 'list.append')
    """
    if isinstance(value, Array):
        return f"{naming.prefix}.{value.dtype.legacy_name}Tensor"
    named = value if hasattr(value, "__qualname__") else type(value)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"
