"""Runs snippets of code and notes what they print, warn of or raise; the tests do so too."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

__all__ = ["outcome"]


def outcome(preamble: str, code: str, names: dict[str, Any]) -> dict[str, Any]:
    """The text a snippet prints; the value of its last line, if it is an expression; its error."""
    space = {"__name__": "__main__", **names}
    printed = io.StringIO()
    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        exec(preamble, space)
        caught.clear()
        try:
            try:
                source = compile(code, "snippet", "eval")
            except SyntaxError:
                exec(compile(code, "snippet", "exec"), space)
            else:
                value = eval(source, space)
                if value is not None:
                    print(value)
        except Exception as error:  # what is raised is what is wanted
            found["kinds"] = [kind.__name__ for kind in type(error).__mro__]
            found["error"] = str(error)
    found["text"] = printed.getvalue()
    if caught:
        found["warning"] = f"{caught[0].category.__name__}: {caught[0].message}"
    return found
