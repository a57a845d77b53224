"""A notebook's code cells run in order, in one namespace, with its outputs printed and kept."""

from __future__ import annotations

import ast
import base64
import json
import linecache
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any, TextIO

from tatamu.interop import figures
from tatamu.interop.program import first_on_path, hide_frames, new_main

__all__ = ["Notebook", "NotebookError", "plain_python"]

Say = Callable[..., str]
MAGIC = re.compile(r"^\s*(?:[%!]|\w[\w, ]*=\s*[%!])|^\s*\?|^[\w.]+\?{1,2}\s*$")
REPRS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "text/latex": "_repr_latex_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
}


class NotebookError(ValueError):
    """A file is no notebook; the text says why."""


class Notebook:
    """A notebook file opened; ``run`` executes it. Raises NotebookError for what is none."""

    def __init__(self, path: Path, say: Say) -> None:
        self.path = path
        self.say = say
        try:
            self.content: dict[str, Any] = json.loads(path.read_text("utf-8"))
            cells = self.content["cells"]
            self.cells = [cell for cell in cells if cell["cell_type"] == "code"]
        except (ValueError, KeyError, TypeError) as error:
            raise NotebookError(f"{type(error).__name__}: {error}") from error
        self.outputs: list[dict[str, Any]] = []
        self.names: dict[str, Any] = {}
        self.count = 0
        self.terminal: TextIO = sys.stdout
        self.pictures: figures.Saver | None = None
        """Where pictures are saved as files, too."""

    def run(self, arguments: tuple[str, ...] = ()) -> None:
        """Run every code cell; the first error ends it and is raised."""
        sys.argv[:] = [str(self.path), *arguments]
        first_on_path(str(self.path.resolve().parent))
        self.names = vars(new_main({"display": self.display}))
        self._serve_ipython()
        figures.use(self._figure)
        sys.ps1 = "In : "  # as IPython has it: libraries ask by it whether there is a prompt
        try:
            self._run_cells()
        finally:
            del sys.ps1

    def _run_cells(self) -> None:
        for number, cell in enumerate(self.cells, 1):
            self.count = cell["execution_count"] = number
            self.outputs = cell["outputs"] = []
            try:
                self._run_cell("".join(cell["source"]))
            except BaseException as error:
                self._keep_error(error)
                raise

    def save(self, path: Path) -> None:
        """Write the notebook with its outputs."""
        path.write_text(json.dumps(self.content, ensure_ascii=False, indent=1) + "\n", "utf-8")

    def display(self, *things: Any, **_: Any) -> None:
        """Print each thing's text; its pictures and HTML are kept for ``save``."""
        for thing in things:
            data = mime_bundle(thing)
            self._keep({"output_type": "display_data", "data": data, "metadata": {}})

    # ---- one cell ----

    def _run_cell(self, source: str) -> None:
        timed = source.lstrip().startswith("%%time")
        if timed:
            source = source.replace("%%time", "#      ", 1)
        text, skipped = plain_python(source)
        for line, magic in skipped:
            key = "run.skipped" if line else "run.skipped.cell"
            print(self.say(key, cell=self.count, line=line, text=magic), file=sys.stderr)
        name = f"{self.path}, cell {self.count}"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        body, last = compile_cell(text, name)
        start = time.perf_counter()
        with self._kept_streams():
            exec(body, self.names)
            if last is not None:
                self._result(eval(last, self.names))
            figures.flush()
            if timed:
                print(f"Wall time: {time.perf_counter() - start:.3g} s")

    def _result(self, value: Any) -> None:
        if value is None:
            return
        self.names["_"] = value
        kept = {"output_type": "execute_result", "data": mime_bundle(value), "metadata": {}}
        self._keep({**kept, "execution_count": self.count})

    def _figure(self, png: bytes, figure: Any) -> None:
        width, height = figure.get_size_inches() * figure.dpi
        text = f"<Figure size {width:.0f}x{height:.0f} with {len(figure.axes)} Axes>"
        data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": text}
        self._keep({"output_type": "display_data", "data": data, "metadata": {}})

    # ---- what is kept ----

    def _keep(self, output: dict[str, Any]) -> None:
        """Print an output's text, beside what is kept of the streams, and keep it."""
        data = output["data"]
        print(data["text/plain"], file=self.terminal)
        if self.pictures is not None and "image/png" in data:
            self.pictures(base64.b64decode(data["image/png"]))
        self.outputs.append(output)

    def _keep_text(self, name: str, text: str) -> None:
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["text"] += text
        elif text:
            self.outputs.append({"output_type": "stream", "name": name, "text": text})

    def _keep_error(self, error: BaseException) -> None:
        hide_frames(error)
        self.outputs.append(
            {
                "output_type": "error",
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": traceback.format_exception(error),
            }
        )

    @contextmanager
    def _kept_streams(self) -> Iterator[None]:
        before = sys.stdout, sys.stderr
        sys.stdout = _Both(before[0], lambda text: self._keep_text("stdout", text))
        sys.stderr = _Both(before[1], lambda text: self._keep_text("stderr", text))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before

    def _serve_ipython(self) -> None:
        """Where the notebook uses IPython's own ``display``, it is this one."""
        if not any("IPython" in "".join(cell["source"]) for cell in self.cells):
            return
        try:
            from IPython import display
            from IPython.core import display_functions
        except ImportError:
            return
        display.display = display_functions.display = self.display


class _Both:
    """A stream whose text is also kept."""

    def __init__(self, stream: TextIO, keep: Callable[[str], object]) -> None:
        self._stream = stream
        self._keep = keep

    def write(self, text: str) -> int:
        self._keep(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def plain_python(source: str) -> tuple[str, list[tuple[int, str]]]:
    """A cell without its magics, and those as (line, text); line 0 where the whole cell is one.

    Lines keep their numbers. What compiles as it stands is Python, whatever its lines look like.

    >>> plain_python("%matplotlib inline\\nx = 1")
    ('pass\\nx = 1', [])
    >>> plain_python("!pip install torch\\nx = 1")
    ('pass\\nx = 1', [(1, '!pip install torch')])
    """
    first = source.lstrip().split("\n", 1)[0].rstrip()
    if first.startswith("%%") and not first.startswith("%%capture"):
        return "", [(0, first)]
    try:
        ast.parse(source)
        return source, []
    except (SyntaxError, ValueError):
        pass
    lines, skipped = source.split("\n"), []
    for number, line in enumerate(lines, 1):
        if not MAGIC.match(line):
            continue
        indent = line[: len(line) - len(line.lstrip())]
        bare = line.strip()
        timed = re.match(r"%time\s+(.+)", bare)
        lines[number - 1] = indent + (timed[1] if timed else "pass")
        if not timed and not bare.startswith(("%matplotlib", "%%capture")):
            skipped.append((number, bare))
    return "\n".join(lines), skipped


def compile_cell(text: str, name: str) -> tuple[CodeType, CodeType | None]:
    """A cell's statements, and its last expression where that is to be shown."""
    tree = ast.parse(text, name)
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not _silenced(text):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    body = compile(tree, name, "exec", dont_inherit=True)
    return body, None if last is None else compile(last, name, "eval", dont_inherit=True)


def _silenced(text: str) -> bool:
    """Whether a cell ends in a semicolon, which keeps its value unshown."""
    return re.search(r";\s*(#[^\n]*)?\s*$", text) is not None


def mime_bundle(value: Any) -> dict[str, str]:
    """A value's text, and its HTML and pictures where it has any.

    >>> mime_bundle([1, 2])
    {'text/plain': '[1, 2]'}
    """
    data = {"text/plain": repr(value)}
    for kind, method in REPRS.items():
        make = getattr(value, method, None)
        if make is None or isinstance(value, type):
            continue
        made = make()
        if made is not None:
            data[kind] = base64.b64encode(made).decode("ascii") if isinstance(made, bytes) else made
    return data
