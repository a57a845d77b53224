"""What the command line's parser refuses, in one sentence that says what would do instead.

The parser's exceptions are told apart by the names of their classes: Typer takes them from Click or
from a copy of its own, depending on its version.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from tatamu.lens.words import LookError


def usage_problem(error: Any, command: str, example: str) -> LookError:
    """A usage error of Typer's as a `LookError`; `example` is a complete call of the command."""
    kind = type(error).__name__
    if kind == "NoSuchOption":
        options = error.ctx.command.get_params(error.ctx)
        known = [name for option in options for name in option.opts if name.startswith("--")]
        close = difflib.get_close_matches(error.option_name, known, n=1, cutoff=0.5)
        if close:
            return LookError("usage.option_close", name=error.option_name, close=close[0])
        return LookError("usage.option", name=error.option_name, command=command)
    if kind == "BadOptionUsage":
        key = "usage.flag" if "not take" in error.message else "usage.value"
        return LookError(key, name=error.option_name, command=command)
    if kind == "MissingParameter" and error.param:
        name = error.param.metavar or error.param.name.upper()
        return LookError("usage.missing", command=command, name=name, example=example)
    if kind == "BadParameter" and error.param:
        option, default = error.param.opts[-1], error.param.default
        return LookError("usage.number", name=option, default=default)
    extra = re.fullmatch(r"Got unexpected extra argument\S* \((.+)\)", error.message)
    if extra:
        return LookError("usage.extra", command=command, extra=extra[1])
    return LookError("usage.other", command=command, why=error.message.rstrip("."))


def unknown_command(name: str, known: list[str]) -> LookError:
    """For a first word that is no command: the closest one, else it may be meant for `look`."""
    close = difflib.get_close_matches(name, known, n=1)
    return LookError("usage.command", name=name, close=close[0] if close else f"look {name}")
