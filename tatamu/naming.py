"""The name that texts are written under: ``tatamu.float32``, or ``torch.float32`` for a script that
was written for torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["OWN", "known_as", "prefix", "speak", "vision"]

OWN = "tatamu"
prefix = OWN
"""The name in use. Read it as ``naming.prefix`` when a text is made, never earlier."""

C = TypeVar("C", bound=type)
_names: dict[type, tuple[tuple[str, str], tuple[str, str]]] = {}
"""(module, name) of a class as we have it, and as torch has it."""


def known_as(path: str) -> Callable[[C], C]:
    """Say what torch calls a class: ``@known_as("nn.parameter.Parameter")``.

    While another name than our own is spoken, ``type(x)`` prints with it and this path. Where torch
    raises one of Python's own errors, the path is that: ``@known_as("builtins.RuntimeError")``; a
    class of torchvision's is named from ``torchvision`` on.
    """
    module, _, name = path.rpartition(".")

    def note(kind: C) -> C:
        _names[kind] = ((kind.__module__, kind.__qualname__), (module, name))
        _rename(kind)
        return kind

    return note


def _rename(kind: type) -> None:
    own, (module, name) = _names[kind]
    whole = module.partition(".")[0] in ("builtins", "torchvision")
    home = module if whole else f"{prefix}.{module}".rstrip(".")
    spoken = (home, name)
    kind.__module__, kind.__qualname__ = own if prefix == OWN else spoken
    kind.__name__ = kind.__qualname__


def vision() -> str:
    """What ``tatamu.vision`` is called beside ``prefix``.

    >>> vision()
    'tatamu.vision'
    """
    return "tatamu.vision" if prefix == OWN else "torchvision"


def speak(name: str) -> None:
    """Write texts under ``name`` from now on: dtypes, sizes, classes, sentences of errors.

    >>> import tatamu
    >>> speak("torch"); print(tatamu.float32, tatamu.Size([2, 3]), tatamu.Tensor)
    torch.float32 torch.Size([2, 3]) <class 'torch.Tensor'>
    >>> speak("tatamu"); print(tatamu.float32, tatamu.Size([2, 3]), tatamu.Tensor)
    tatamu.float32 tatamu.Size([2, 3]) <class 'tatamu.tensor.Tensor'>
    """
    global prefix
    prefix = name
    for kind in _names:
        _rename(kind)
