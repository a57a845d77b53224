"""Which network a text names: a user's own of a file or module, layers, or a model's builder."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tatamu.lens.layer_text import (
    LayerCall,
    build,
    fill_in,
    layer_names,
    parse_layers,
    to_half_width,
)
from tatamu.lens.words import LookError, Words

if TYPE_CHECKING:
    from tatamu.nn import Module

__all__ = ["builders", "network", "networks_of"]

Shape = tuple[int, ...]


def network(text: str, shapes: Sequence[Shape], stack: ExitStack, w: Words) -> Module:
    """The network that a text names; a user's own is loaded within torch's names, as are its calls.

    Errors in the user's code are printed as Python prints them, and end the process.
    """
    plain = to_half_width(text).strip()
    file = re.fullmatch(r"(.+\.py)(?::(.+))?", text.strip(), re.DOTALL)
    dotted = re.fullmatch(r"([A-Za-z_][\w.]*):(.+)", plain, re.DOTALL)
    if file is not None:
        path, name = file.groups()
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise LookError("run.file", path=path, why=error.strerror) from error
        stack.enter_context(_users_code(Path(path).resolve().parent))
        return _own(lambda: _loaded(path), path, name, w)
    if dotted is not None:
        path, name = dotted.groups()
        stack.enter_context(_users_code(Path.cwd()))
        if not _exists(path):
            raise LookError("run.module", name=path)
        return _own(lambda: importlib.import_module(path), path, name, w)
    if not re.match(r"[A-Za-z_]", plain):
        raise LookError("summary.target", text=text)
    calls = parse_layers(plain)
    if len(calls) > 1 or calls[0].name in layer_names():
        return _chain(calls, shapes)
    return _built(calls[0], w)


@contextmanager
def _users_code(folder: Path) -> Iterator[None]:
    """Torch's names mean tatamu, and modules are found in the folder."""
    from tatamu.interop import hook

    sys.path.insert(0, str(folder))
    try:
        with hook.install():
            yield
    finally:
        sys.path.remove(str(folder))


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _loaded(path: str) -> ModuleType:
    """A file as a module; what runs only under ``__main__`` does not run."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


def _own(load: Callable[[], ModuleType], path: str, name: str | None, w: Words) -> Module:
    """The network of a user's file or module: the named one, or the only one there is."""
    from tatamu.interop.program import ended

    with ended(w):
        module = load()
    networks = networks_of(module)
    if name is None:
        if not networks:
            raise LookError("summary.none", path=path)
        if len(networks) > 1:
            names = ", ".join(networks)
            raise LookError("summary.which", path=path, names=names, first=networks[-1])
        name = networks[0]
    call = parse_layers(name)[0]
    if not hasattr(module, call.name):
        raise LookError(
            "summary.missing", path=path, name=call.name, names=", ".join(networks) or "-"
        )
    return _made(getattr(module, call.name), call, f"{path}:{name}", w)


def networks_of(module: ModuleType) -> list[str]:
    """The names of a module's own networks: objects, and classes that are written there."""
    from tatamu.nn import Module

    found = []
    for name, thing in vars(module).items():
        written = isinstance(thing, type) and issubclass(thing, Module)
        if isinstance(thing, Module) or (written and thing.__module__ == module.__name__):
            found.append(name)
    return found


def _made(found: Any, call: LayerCall, text: str, w: Words) -> Module:
    """An object as it is; what a class or a function gives for the arguments that were written."""
    from tatamu.interop.program import ended
    from tatamu.nn import Module

    if callable(found) and (not isinstance(found, Module) or call.args or call.kwargs):
        try:
            inspect.signature(found).bind(*call.args, **dict(call.kwargs))
        except TypeError as error:
            name = text.split("(")[0]
            raise LookError("summary.arguments", text=text, why=error, name=name) from error
        with ended(w):
            found = found(*call.args, **dict(call.kwargs))
    if not isinstance(found, Module):
        raise LookError("summary.no_module", text=text, kind=type(found).__name__)
    return found


def _chain(calls: Sequence[LayerCall], shapes: Sequence[Shape]) -> Module:
    """The layers of a text; `_` is the number of channels that arrive."""
    from tatamu.nn import Sequential

    channels = shapes[0][1] if shapes and len(shapes[0]) > 1 else 1
    layers = []
    for call in calls:
        layers.append(build(fill_in(call, channels)))
        channels = getattr(layers[-1], "out_channels", channels)
    return layers[0] if len(layers) == 1 else Sequential(*layers)


def _built(call: LayerCall, w: Words) -> Module:
    """The model of a name in `tatamu.vision.models`."""
    known = builders(call.name)
    if call.name not in known:
        near = difflib.get_close_matches(call.name, [*known, *layer_names()], n=3)
        if near:
            raise LookError("summary.model_close", name=call.name, names=", ".join(near))
        raise LookError("summary.model", name=call.name)
    return _made(known[call.name], call, str(call), w)


def builders(name: str) -> dict[str, Callable[..., Any]]:
    """The builders of `tatamu.vision.models`; LookError about a name where none are."""
    try:
        models = importlib.import_module("tatamu.vision.models")
    except ModuleNotFoundError:
        raise LookError("summary.models", name=name) from None
    return {
        name: made
        for name, made in vars(models).items()
        if inspect.isfunction(made) and not name.startswith("_")
    }
