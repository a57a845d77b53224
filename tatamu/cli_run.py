"""`tatamu run`: its arguments told from the script's, and what is done around the script."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tatamu.interop import figures, hook, names
from tatamu.interop.notebook import Notebook, NotebookError
from tatamu.interop.program import Kind, Program, ended, run
from tatamu.lens.words import LookError, Words

LOOK_LIMIT = 3
WITH_VALUE = ("--figures", "--out", "-o", "--lang", "--look-limit")


@dataclass(frozen=True)
class Wanted:
    """What was asked for. `look` is None for no report, "" for one beside the script."""

    script: str | None
    arguments: tuple[str, ...]
    module: str | None
    code: str | None
    verbose: bool
    figures: Path | None
    out: Path | None
    look: str | None
    look_limit: int


def arrange(given: Sequence[str]) -> list[str]:
    """The arguments of `tatamu run` with a `--` before the script, after which all is its own.

    Only `--look` and `--look-limit` are also taken from behind the script, up to a `--`; one
    before the script leaves everything behind it alone. Behind a notebook all options are ours.

    >>> arrange(["train.py", "--epochs", "3", "--look"])
    ['--look=', '--', 'train.py', '--epochs', '3']
    >>> arrange(["--verbose", "-m", "train", "--help"])
    ['--verbose', '-m', 'train', '--', '--help']
    >>> arrange(["a.ipynb", "--out", "b.ipynb", "--look"])
    ['--out', 'b.ipynb', '--look=', '--', 'a.ipynb']
    """
    own: list[str] = []
    rest = list(given)
    while rest:
        word = rest[0]
        if word == "--":
            return [*own, *rest]
        if word.startswith(("-m", "-c")):
            own += [rest.pop(0)]
            own += [rest.pop(0)] if len(word) == 2 and rest else []
            break
        if word == "-" or not word.startswith("-"):
            break
        if word == "--look":
            own.append(_look_option(rest))
            continue
        own.append(rest.pop(0))
        if word in WITH_VALUE:
            if not rest:
                return own  # the parser says that a value is missing
            own.append(rest.pop(0))
    theirs: list[str] = rest[:1]
    rest = rest[1:]
    if theirs and theirs[0].endswith(".ipynb"):  # it takes no arguments, so all options are ours
        end = rest.index("--") if "--" in rest else len(rest)
        ours = arrange(rest[:end])
        return [*own, *(ours if "--" in ours else [*ours, "--"]), *theirs, *rest[end + 1 :]]
    while rest:
        word = rest[0]
        if word == "--":
            theirs += rest
            break
        if word == "--look":
            own.append(_look_option(rest))
        elif word.startswith(("--look=", "--look-limit=")):
            own.append(rest.pop(0))
        elif word == "--look-limit":
            own += [rest.pop(0) for _ in rest[:2]]
        else:
            theirs.append(rest.pop(0))
    return [*own, "--", *theirs]


def _look_option(rest: list[str]) -> str:
    """`--look`, and the report's name where one follows, taken off and written as one word."""
    rest.pop(0)
    named = rest and rest[0].lower().endswith((".html", ".htm"))
    return f"--look={rest.pop(0) if named else ''}"


def run_wanted(wanted: Wanted, w: Words) -> None:
    """Run what was asked for. Raises LookError before the script starts, SystemExit at its end."""
    program = _program(wanted)
    notebook = _notebook(program, wanted, w)
    hook.install()
    if wanted.verbose:
        _say_names(w)
    _choose_figures(wanted, w, notebook)
    with ExitStack() as stack:
        stack.enter_context(ended(w, wanted.verbose))
        if wanted.look is not None:
            from tatamu.lens.script import watching_script

            report = Path(wanted.look or f"{_stem(program)}-look.html")
            stack.enter_context(watching_script(_shown(program), report, wanted.look_limit, w))
        if notebook is None:
            run(program)
            return
        try:
            notebook.run(program.arguments)
        finally:
            if wanted.out is not None:
                notebook.save(wanted.out)
                print(w("run.written", path=wanted.out.as_posix()), file=sys.stderr)


def _program(wanted: Wanted) -> Program:
    text = wanted.code if wanted.module is None else wanted.module
    if text is not None:
        first = () if wanted.script is None else (wanted.script,)
        kind: Kind = "code" if wanted.module is None else "module"
        if kind == "module":
            _check_module(text)
        return Program(kind, text, (*first, *wanted.arguments))
    if wanted.script is None:
        raise LookError("run.nothing")
    if wanted.script == "-":
        return Program("stdin", "-", wanted.arguments)
    try:
        if not Path(wanted.script).is_dir():
            Path(wanted.script).open("rb").close()
    except OSError as error:
        raise LookError("run.file", path=wanted.script, why=error.strerror) from error
    return Program("file", wanted.script, wanted.arguments)


def _check_module(name: str) -> None:
    from importlib.util import find_spec

    sys.path.insert(0, str(Path.cwd()))
    try:
        found = find_spec(name) is not None
    except ModuleNotFoundError:
        found = False
    finally:
        del sys.path[0]
    if not found:
        raise LookError("run.module", name=name)


def _notebook(program: Program, wanted: Wanted, w: Words) -> Notebook | None:
    if program.kind != "file" or not program.text.endswith(".ipynb"):
        if wanted.out is not None:
            raise LookError("run.only_notebook")
        return None
    try:
        return Notebook(Path(program.text), w)
    except NotebookError as error:
        raise LookError("run.notebook.broken", path=program.text, why=error) from error


def _say_names(w: Words) -> None:
    import tatamu

    served = [name for name in names.TOPS if name in names.known()]
    print(w("run.verbose", version=tatamu.__version__, served=", ".join(served)), file=sys.stderr)
    for name in served:
        place = hook.installed_elsewhere(name)
        if place:
            print(w("run.verbose.torch", name=name, place=place), file=sys.stderr)


def _choose_figures(wanted: Wanted, w: Words, notebook: Notebook | None) -> None:
    terminal = sys.stderr  # a notebook keeps what its cells print
    if wanted.figures is not None:
        saver = figures.Saver(
            wanted.figures,
            lambda path: print(w("run.figure", path=path.as_posix()), file=terminal),
        )
        if notebook is None:
            figures.use(saver)
        else:
            notebook.pictures = saver
    elif notebook is None and figures.headless():
        told: list[bool] = []

        def tell(png: bytes, figure: object) -> None:
            if not told:
                print(w("run.figures.none"), file=sys.stderr)
            told.append(True)

        figures.use(tell)


def _shown(program: Program) -> str:
    """What the report calls the program."""
    return {"code": "-c", "stdin": "-"}.get(program.kind, program.text)


def _stem(program: Program) -> str:
    return Path(program.text).stem if program.kind in ("file", "module") else "script"
