"""`tatamu run notebook.ipynb`: cells in order, outputs printed and kept, magics skipped."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_runner import somewhere
from PIL import Image
from test_run import ran

from tatamu.interop.notebook import Notebook, NotebookError, mime_bundle, plain_python

__all__ = ["somewhere"]

CELLS = (
    "!pip install torch\n%matplotlib inline\nimport torch\nfrom torch import nn",
    "x = torch.ones(2)\nx",
    "x;",
    "%%time\nprint('timed')\nprint('err', file=__import__('sys').stderr)\nNone",
    "%%bash\nexit 1",
    "class Rich:\n    def __repr__(self):\n        return 'plain'\n"
    "    def _repr_html_(self):\n        return '<b>rich</b>'\n"
    "    def _repr_svg_(self):\n        return None\ndisplay(Rich(), 3)\nRich",
    "from PIL import Image\nImage.new('RGB', (3, 2), 'red')",
    "n = _\nfor i in range(2):\n    %time y = x + i\n    ?y\nprint(y, __name__)",
    "text = '''\n%not a magic\n'''\nprint(text.strip(), 7\n      % 4)",
    "def layer():\n    return nn.Conv2d(3, 4, 1)(x[None, None])\n\nlayer()",
    "print('never')",
)


def written(path: Path, cells: tuple[str, ...] = CELLS) -> Path:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "source": text.splitlines(keepends=True), "outputs": ["old"],
         "metadata": {}, "execution_count": 9}
        for text in cells
    ]  # fmt: skip
    made.insert(0, {"cell_type": "markdown", "source": "# Title", "metadata": {}})
    content = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_notebook_runs_and_is_written(somewhere: Path) -> None:
    written(somewhere / "a.ipynb")
    done = ran("a.ipynb", "--out", "b.ipynb", "--figures", "figs")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:2] == ["tensor([1., 1.])", "timed"] and lines[2].startswith("Wall time: ")
    assert lines[3:5] == ["plain", "3"] and "Rich" in lines[5]
    assert lines[-2:] == ["tensor([2., 2.]) __main__", "%not a magic 3"]
    assert "never" not in done.stdout
    assert done.stderr.splitlines()[:4] == [
        "cell 1, line 1: skipped !pip install torch",
        "err",
        "cell 5: skipped, it begins with %%bash",
        "figure saved: figs/figure-01.png",
    ]
    assert 'File "a.ipynb, cell 10", line 4, in <module>\n    layer()\n' in done.stderr
    assert 'File "a.ipynb, cell 10", line 2, in layer\n    return nn.Conv2d' in done.stderr
    with Image.open("figs/figure-01.png") as picture:
        assert picture.size == (3, 2)

    cells = json.loads(Path("b.ipynb").read_text("utf-8"))["cells"]
    assert cells[0] == {"cell_type": "markdown", "source": "# Title", "metadata": {}}
    kept = [cell["outputs"] for cell in cells[1:]]
    assert [cell["execution_count"] for cell in cells[1:]] == [*range(1, 11), 9]
    assert kept[0] == kept[2] == kept[4] == [] and kept[10] == ["old"]
    assert kept[1][0]["data"] == {"text/plain": "tensor([1., 1.])"}
    assert [(o["name"], o["text"].split(":")[0]) for o in kept[3]] == [
        ("stdout", "timed\n"), ("stderr", "err\n"), ("stdout", "Wall time"),
    ]  # fmt: skip
    assert kept[5][0]["data"] == {"text/plain": "plain", "text/html": "<b>rich</b>"}
    assert [o["output_type"] for o in kept[5]] == ["display_data"] * 2 + ["execute_result"]
    png = base64.b64decode(kept[6][0]["data"]["image/png"])
    assert Image.open(io.BytesIO(png)).size == (3, 2)
    assert kept[9][0]["ename"] == "RuntimeError" and "to have 3 channels" in kept[9][0]["evalue"]


def test_matplotlib_in_a_notebook(somewhere: Path) -> None:
    pytest.importorskip("matplotlib")
    written(somewhere / "a.ipynb", ("import matplotlib.pyplot as plt\nplt.plot([1, 2]);", "1"))
    done = ran("a.ipynb", "--out", "b.ipynb")
    assert done.stdout.splitlines() == ["<Figure size 640x480 with 1 Axes>", "1"]
    outputs = json.loads(Path("b.ipynb").read_text("utf-8"))["cells"][1]["outputs"]
    assert [set(one["data"]) for one in outputs] == [{"image/png", "text/plain"}]


def test_magics_keep_the_lines() -> None:
    text, skipped = plain_python("a = 1\n%load_ext x\nb = !ls\nprint?\nif a:\n    !echo\n%time a")
    assert text.split("\n") == ["a = 1", "pass", "pass", "pass", "if a:", "    pass", "a"]
    assert skipped == [(2, "%load_ext x"), (3, "b = !ls"), (4, "print?"), (6, "!echo")]
    assert plain_python("x = = 1") == ("x = = 1", [])


def test_values_without_a_picture() -> None:
    assert mime_bundle(Image.Image) == {"text/plain": repr(Image.Image)}


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": [{}]}'])
def test_what_is_no_notebook(somewhere: Path, text: str) -> None:
    path = somewhere / "a.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookError, match="Error: "):
        Notebook(path, print)


def test_the_process_is_as_before(somewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("MPLBACKEND", "agg")
    before = sys.stdout, sys.stderr
    notebook = Notebook(written(somewhere / "a.ipynb", ("1 / 0",)), print)
    with pytest.raises(ZeroDivisionError):
        notebook.run(("x",))
    assert sys.argv == [str(somewhere / "a.ipynb"), "x"] and (sys.stdout, sys.stderr) == before
    assert notebook.outputs[0]["ename"] == "ZeroDivisionError"
