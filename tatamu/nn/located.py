"""Where in a model an error happened: one line in the message, written on the way out.

    Given groups=1, weight of size [12, 5, 3, 3], expected input[2, 6, 5, 5] to have ...
      at model.features[4], Conv2d(5, 12, kernel_size=(3, 3), stride=(1, 1))

The innermost module adds the line; each module around it puts its child's name in front. Nothing is
done, and nothing is remembered, unless something is raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tatamu.errors import GeometryError

if TYPE_CHECKING:
    from tatamu.nn.module import Module

__all__ = ["KINDS", "hint", "locate"]

KINDS = (RuntimeError, ValueError, TypeError, IndexError)
_NOTE = "_tatamu_place"


class Place:
    """The message as it was raised, and the innermost module with the path to it so far."""

    def __init__(self, error: BaseException, module: Module) -> None:
        self.text = error.args[0]
        self.module = module
        self.outer = module
        self.path = ""
        self.title = repr(module).split("\n", 1)[0].removesuffix("(")

    def __str__(self) -> str:
        return f"model{self.path}, {self.title}"


def _step(parent: Module, child: Module) -> str:
    """How Python reaches ``child`` from ``parent``: ``.features[4]``."""
    for name, module in parent.named_modules():
        if module is child:
            parts = name.split(".")
            return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts)
    return ""


def locate(error: Any, module: Module) -> None:
    """Write into ``error`` that it passed through ``module``."""
    if not error.args or not isinstance(error.args[0], str):
        return
    place = getattr(error, _NOTE, None)
    if place is None:
        place = Place(error, module)
        setattr(error, _NOTE, place)
    elif place.outer is not module:
        place.path = _step(module, place.outer) + place.path
        place.outer = module
    if isinstance(error, GeometryError):
        error.where = str(place)
        return
    first, *rest = place.text.split("\n")
    error.args = ("\n".join([first, f"  at {place}", *rest]), *error.args[1:])


def hint(error: AttributeError) -> None:
    """Write below the error what the module has that is spelled alike."""
    owner = error.obj
    if not hasattr(owner, "named_modules") or len(error.args) != 1:
        return
    import difflib

    names = [name for name in dir(owner) if not name.startswith("_")]
    near = difflib.get_close_matches(str(error.name), names)
    if near:
        error.args = (f"{error.args[0]}\n  it has {', '.join(near)}",)
        error.obj = None  # else Python adds its own guess
