"""What there is instead of a name that is not there: a note below the error Python raised."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable
from types import ModuleType

from tatamu.interop import names
from tatamu.interop.namespace import Namespace, nearest

__all__ = ["explain_missing"]

Say = Callable[..., str]
FROM = re.compile(r"cannot import name '([^']+)' from '([^']+)'")


def explain_missing(error: BaseException, say: Say) -> None:
    """Add what exists instead to an ImportError about one of the names tatamu stands for."""
    if not isinstance(error, ImportError):
        return
    found = FROM.match(str(error))
    if found:
        name, module = found.groups()
        if module in names.known():
            lines = _instead(name, module, importlib.import_module(module), say)
            error.add_note("\n".join(f"  {line}" for line in lines))
        return
    missing = error.name or ""
    top = missing.partition(".")[0]
    if top in names.TOPS and missing not in names.known():
        error.add_note("  " + _instead_of_module(missing, say))
    elif isinstance(error, ModuleNotFoundError) and top.startswith("torch"):
        served = ", ".join(name for name in names.TOPS if name in names.known())
        error.add_note("  " + say("run.missing.library", name=top, served=served))


def _instead(name: str, place: str, module: ModuleType, say: Say) -> list[str]:
    """What tatamu's own module says of a name, else the names that look like it."""
    if isinstance(module, Namespace) and (told := module.told(name)):
        return told
    lines = [say("run.missing.name", name=name, module=place)]
    close = nearest(name, module)
    return [*lines, say("run.missing.close", close=", ".join(close))] if close else lines


def _instead_of_module(missing: str, say: Say) -> str:
    parent, known = missing, sorted(names.known())
    while parent and parent not in known:
        parent = parent.rpartition(".")[0]
    if not parent:
        served = ", ".join(name for name in names.TOPS if name in known)
        return say("run.missing.library", name=missing, served=served)
    close = difflib.get_close_matches(missing, known, n=3, cutoff=0.8)
    if not close:
        close = [name for name in known if name.rpartition(".")[0] == parent]
    return say("run.missing.module", name=missing, close=", ".join(close or [parent]))
