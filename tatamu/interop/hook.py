"""``install``: in this process, torch's names mean tatamu's modules."""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, TracebackType
from typing import Any

from tatamu import naming, version
from tatamu.interop import names
from tatamu.interop.namespace import Namespace, ours

__all__ = ["Installed", "install", "installed", "uninstall"]

_lock = threading.RLock()


class Finder(MetaPathFinder, Loader):
    """Finds a namespace for each of the names; asked before any folder is searched."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top not in names.TOPS or fullname not in names.known() or _foreign(top):
            return None
        return ModuleSpec(fullname, self, origin="tatamu", is_package=True)

    def create_module(self, spec: ModuleSpec) -> Namespace:
        return make_namespace(spec.name, importlib.import_module)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the namespace is complete when it is made."""


def _foreign(top: str) -> bool:
    """Whether the real library has been imported."""
    return top in sys.modules and not ours(top)


_finder = Finder()


def make_namespace(name: str, reach: Callable[[str], ModuleType]) -> Namespace:
    """The namespace of a known name; ``reach`` gives the ones below it."""
    module = names.source(name)
    extras: dict[str, Any] = {
        extra: getattr(version, held) for extra, held in names.EXTRAS.get(name, {}).items()
    }
    if module is None:
        extras.update(_layers(name))
    made = Namespace(name, importlib.import_module(module) if module else None, extras, reach)
    _name_classes_beside(name, made)
    if name.startswith("torchvision"):
        _name_classes_of_vision()
    return made


def _layers(name: str) -> dict[str, Any]:
    """What one of torch's modules of layers holds: its classes, and names beside them."""
    nn = importlib.import_module("tatamu.nn")
    listed = names.class_paths().get(name, ())
    found = {kind: getattr(nn, kind) for kind in listed if hasattr(nn, kind)}
    beside = getattr(nn, "modules", None)
    part = getattr(beside, name.rpartition(".")[2], None)
    if isinstance(part, ModuleType):
        found.update((k, v) for k, v in vars(part).items() if not k.startswith("__"))
    return found


@functools.cache
def aside(name: str) -> Namespace:
    """The namespace of a known name without installing it: where torch itself is imported."""
    return make_namespace(name, aside)


class Installed:
    """What ``install`` did. Used with ``with``, the names are given back at the end."""

    def __init__(self, did: bool, text: str) -> None:
        self.did = did
        self.text = text

    def __enter__(self) -> Installed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.did:
            uninstall()

    def __repr__(self) -> str:
        return f"<{self.text}>"


def install() -> Installed:
    """See ``tatamu.install``."""
    with _lock:
        if installed():
            return Installed(False, "tatamu: torch's names mean tatamu already")
        foreign = [top for top in names.TOPS if top not in names.APART and _foreign(top)]
        if foreign:
            listed = " and ".join(foreign)
            text = f"tatamu: {listed} is imported already; nothing was changed"
            warnings.warn(
                f"{listed} was imported before tatamu.install(); nothing was changed\n"
                "  restart Python, and call tatamu.install() before the first import of torch",
                RuntimeWarning,
                stacklevel=3,
            )
            return Installed(False, text)
        _name_classes()
        sys.meta_path.insert(0, _finder)
        naming.speak("torch")
        _tell_children()
        return Installed(True, "tatamu: torch's names mean tatamu in this process")


def uninstall() -> None:
    """See ``tatamu.uninstall``."""
    with _lock:
        if not installed():
            return
        sys.meta_path.remove(_finder)
        for name in [name for name in sys.modules if ours(name)]:
            del sys.modules[name]
        naming.speak(naming.OWN)


def installed() -> bool:
    """Whether torch's names mean tatamu now."""
    return _finder in sys.meta_path


def installed_elsewhere(name: str = "torch") -> str | None:
    """Where a library that tatamu stands before is installed; None where it is not."""
    found = PathFinder.find_spec(name)
    return None if found is None else found.origin


def _name_classes() -> None:
    """``type(layer)`` prints torch's path."""
    nn = importlib.import_module("tatamu.nn")
    for path, kinds in names.class_paths().items():
        for kind in kinds:
            _name_class(getattr(nn, kind, None), f"{path}.{kind}")
    for name in names.classes_beside():
        module = sys.modules.get(names.source(name) or "")
        if module is not None:
            _name_classes_beside(name, module)
    _name_classes_of_vision()


def _name_classes_of_vision() -> None:
    """Classes of models and blocks lie where torchvision has them: in modules of the same names."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("tatamu.vision.models.", "tatamu.vision.ops.")):
            path = name.replace("tatamu.vision", "torchvision", 1)
            for key, kind in list(vars(module).items()):
                if getattr(kind, "__module__", None) == name:
                    _name_class(kind, f"{path}.{key}")


def _name_classes_beside(name: str, module: ModuleType) -> None:
    for kind, path in names.classes_beside().get(name, {}).items():
        _name_class(vars(module).get(kind), f"{path}.{kind}")


def _name_class(kind: Any, path: str) -> None:
    """Say where torch has a class, if it is one of tatamu's and that is not yet known."""
    ours = isinstance(kind, type) and kind.__module__.startswith("tatamu.")
    if ours and kind not in naming._names:
        naming.known_as(path.removeprefix("torch."))(kind)


class _InChild:
    """Something that installs the names where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _install_in_child, ()


def _install_in_child() -> None:
    install()


def _tell_children() -> None:
    """Have processes that multiprocessing starts anew (spawn, forkserver) install the names, too.

    What such a process is to do reaches it pickled, before it imports the script.
    """
    spawn: Any = importlib.import_module("multiprocessing.spawn")
    if getattr(spawn.get_preparation_data, "tells", False):
        return
    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = prepare(name)
        if installed():
            data["tatamu"] = _InChild()
        return data

    get_preparation_data.tells = True  # type: ignore[attr-defined]
    spawn.get_preparation_data = get_preparation_data
