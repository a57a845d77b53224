"""A module under another library's name: the names of one of tatamu's modules, the same objects."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from tatamu.interop import names

__all__ = ["Namespace", "nearest"]


class Namespace(ModuleType):
    """A module whose names are those of ``source``, and further namespaces below it."""

    def __init__(
        self,
        name: str,
        source: ModuleType | None,
        extras: Mapping[str, Any],
        reach: Callable[[str], ModuleType] = importlib.import_module,
    ) -> None:
        super().__init__(name, None if source is None else source.__doc__)
        own = self.__dict__
        own["_source"] = source
        own["_reach"] = reach  # how a namespace below this one is had
        if source is not None:
            own.update((k, v) for k, v in _public(source).items() if not _is_module(v))
            own["__file__"] = getattr(source, "__file__", None)
        own.update(extras)
        own["__all__"] = sorted(k for k in own if not k.startswith("_"))

    def __getattr__(self, name: str) -> Any:
        below = f"{self.__name__}.{name}"
        if below in names.known():
            return self.__dict__["_reach"](below)
        sentence = f"module {self.__name__!r} has no attribute {name!r}"
        if _dunder(name):
            raise AttributeError(sentence, name=name, obj=self)
        found = getattr(self.__dict__["_source"], name, None)
        if found is not None and not _is_module(found):
            return found
        hints = self.told(name)
        if not hints and (close := nearest(name, self)):
            hints = [f"what there is: {', '.join(close)}"]
        text = "\n  ".join([sentence, *hints])
        # Where hints are given, Python is kept from adding its own behind them.
        raise AttributeError(text, name=None if hints else name, obj=self)

    def told(self, name: str) -> list[str]:
        """What tatamu's own module says of a name it lacks: what torch has by it, what to use."""
        try:
            getattr(self.__dict__["_source"], name)
        except AttributeError as error:
            return [line.strip() for line in str(error).split("\n")[1:]]
        return []

    def __setattr__(self, name: str, value: Any) -> None:
        """A function put in another's place, or a switch, counts for tatamu as well."""
        super().__setattr__(name, value)
        source = self.__dict__.get("_source")
        if source is None or _is_module(value) or _dunder(name):
            return
        if name in vars(source):
            setattr(source, name, value)

    def __dir__(self) -> list[str]:
        below = f"{self.__name__}."
        nested = {n.removeprefix(below).split(".")[0] for n in names.known() if n.startswith(below)}
        return sorted(nested | set(self.__dict__) - {"_reach", "_source"})


def nearest(name: str, namespace: ModuleType) -> list[str]:
    """Up to three names of a namespace that look like ``name``, as one would write them.

    >>> import tatamu
    >>> nearest("con2d", tatamu.nn.functional)[0]
    'tatamu.nn.functional.conv2d'
    """
    public = [known for known in dir(namespace) if not known.startswith("_")]
    folded: dict[str, str] = {}
    for known in public:
        folded.setdefault(known.lower(), known)
    close = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.7)
    return [f"{namespace.__name__}.{folded[found]}" for found in close]


def _public(source: ModuleType) -> dict[str, Any]:
    listed = getattr(source, "__all__", None)
    if listed is None:
        listed = [name for name in vars(source) if not name.startswith("_")]
    return {name: getattr(source, name) for name in listed if not _dunder(name)}


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType)


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def ours(name: str) -> bool:
    """Whether the imported module of a name is one of these."""
    return isinstance(sys.modules.get(name), Namespace)
