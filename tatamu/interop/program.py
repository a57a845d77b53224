"""A script run as ``python`` would run it: its arguments, ``__main__``, path, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Literal

from tatamu.interop.missing import explain_missing

__all__ = ["Kind", "Program", "ended", "run", "visible"]

Kind = Literal["file", "module", "code", "stdin"]
PACKAGE = str(Path(__file__).parents[1])
INTERRUPTED = 130
Say = Callable[..., str]


@dataclass(frozen=True)
class Program:
    """What to run: a file, folder or archive, a module (``-m``), code (``-c``) or standard input.

    ``text`` is the path, the module's name or the code; ``arguments`` are the program's own.
    """

    kind: Kind
    text: str
    arguments: tuple[str, ...] = ()


def run(program: Program) -> None:
    """Run a program as this process's ``__main__``, and return or raise as it does.

    ``FileNotFoundError`` and its like are raised before anything of the process has changed.
    """
    if program.kind == "module":
        _run_module(program)
    elif program.kind == "file":
        _run_file(program)
    else:
        code = sys.stdin.buffer.read() if program.kind == "stdin" else program.text
        dash, name = ("-", "<stdin>") if program.kind == "stdin" else ("-c", "<string>")
        sys.argv[:] = [dash, *program.arguments]
        first_on_path("")
        more = {"__file__": "<stdin>"} if program.kind == "stdin" else {}
        _execute(code, name, more)


def _run_file(program: Program) -> None:
    path = program.text
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        import runpy

        first_on_path(path)
        sys.argv[:] = [path, *program.arguments]
        runpy.run_path(path, run_name="__main__")
        return
    with open(path, "rb") as file:
        source = file.read()
    full = os.path.abspath(path)
    sys.argv[:] = [path, *program.arguments]
    first_on_path(os.path.dirname(os.path.realpath(path)))
    _execute(source, full, {"__file__": full, "__loader__": SourceFileLoader("__main__", full)})


def _run_module(program: Program) -> None:
    import runpy

    sys.argv[:] = ["-m", *program.arguments]
    first_on_path(os.getcwd())
    runpy.run_module(program.text, run_name="__main__", alter_sys=True)


def first_on_path(folder: str) -> None:
    """The program's folder in place of that of the command that runs it."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _execute(source: str | bytes, name: str, names: dict[str, Any]) -> None:
    """Run source text in a new ``__main__``, which stays: threads and exit handlers may use it."""
    code = compile(source, name, "exec", dont_inherit=True)
    exec(code, vars(new_main(names)))


def new_main(names: dict[str, Any]) -> ModuleType:
    """A fresh ``__main__`` in place of the former."""
    main = ModuleType("__main__")
    vars(main).update({"__annotations__": {}, "__cached__": None, **names})
    sys.modules["__main__"] = main
    return main


@contextmanager
def ended(say: Say, everything: bool = False) -> Iterator[None]:
    """How a program's end becomes the process's: uncaught errors are printed as Python prints them.

    Of the traceback only the frames of the user's own code are shown, or ``everything``. Names of
    torch's that are not there are followed by what there is instead. Raises SystemExit: 1 after an
    error, 130 after Ctrl-C.
    """
    sys.excepthook = sys.__excepthook__  # a command line's parser may have put its own there
    try:
        yield
    except KeyboardInterrupt as error:
        print("\n" + say("run.interrupted", where=_last_place(error)), file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        explain_missing(error, say)
        if not everything:
            hide_frames(error)
        sys.stdout.flush()
        if sys.excepthook is sys.__excepthook__:
            import traceback

            traceback.print_exception(error)  # which knows the lines of a notebook's cells, too
        else:
            sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


def hide_frames(error: BaseException) -> None:
    """Leave only the user's frames in the tracebacks of an error and of those behind it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = visible(one.__traceback__)
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def visible(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without tatamu's own frames and those that started the script."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = [t for t in frames if not _hidden(t.tb_frame.f_code.co_filename)]
    following: TracebackType | None = None
    for one in reversed(kept):
        one.tb_next = following
        following = one
    return following


def _hidden(filename: str) -> bool:
    return filename.startswith((PACKAGE + os.sep, "<frozen runpy>", "<frozen importlib"))


def _last_place(error: BaseException) -> str:
    trace, place = visible(error.__traceback__), ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
