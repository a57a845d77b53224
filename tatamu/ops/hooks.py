"""Hooks, and whatever else few tensors and nodes of the graph carry with them."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Self

from tatamu.naming import known_as

__all__ = ["Hooks", "Notes", "RemovableHandle"]

Hooks = OrderedDict[int, Callable[..., Any]]


@known_as("utils.hooks.RemovableHandle")
class RemovableHandle:
    """Takes a hook off again: with ``remove()``, or where its ``with`` block ends."""

    __slots__ = ("hooks", "id")

    _ids = itertools.count()

    def __init__(self, hooks: Hooks, hook: Callable[..., Any], *, first: bool = False) -> None:
        self.hooks = weakref.ref(hooks)
        self.id = next(self._ids)
        hooks[self.id] = hook
        if first:
            hooks.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Take the hook off; nothing happens the second time."""
        hooks = self.hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


class Notes:
    """What is noted about a node, or about a leaf, whose own hooks are those of its output 0.

    ``hooks`` see the gradient of an output, ``retained`` are tensors that keep it, ``before`` and
    ``after`` surround the node's (for a leaf: the adding up), ``accumulated`` is called last.
    """

    __slots__ = ("accumulated", "accumulator", "after", "before", "hooks", "metadata", "retained")

    def __init__(self) -> None:
        self.hooks: dict[int, Hooks] = {}
        self.retained: dict[int, weakref.ref[Any]] = {}
        self.before: Hooks = OrderedDict()
        self.after: Hooks = OrderedDict()
        self.accumulated: Hooks = OrderedDict()
        self.metadata: dict[Any, Any] = {}
        self.accumulator: weakref.ref[Any] | None = None

    def keeper(self, place: int) -> Any:
        """The tensor that keeps the gradient of an output, if there is one and it is alive."""
        kept = self.retained.get(place)
        return None if kept is None else kept()

    def hooked(self, place: int) -> Hooks:
        """The hooks on an output, to add one."""
        return self.hooks.setdefault(place, OrderedDict())
