"""The checks of scripts/checks: the repository passes them, and each of them can fail."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    """A check as a module."""
    path = ROOT / "scripts" / "checks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"checks_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


floors, formulas, texts = (script(name) for name in ("floors", "formulas", "texts"))


@pytest.mark.parametrize("check", [floors, formulas, texts], ids=["floors", "formulas", "texts"])
def test_the_repository_passes(check: ModuleType) -> None:
    assert check.check(ROOT) == []


@pytest.mark.parametrize(
    ("name", "path", "text", "word"),
    [
        ("floors", "tatamu/stage/a.py", "import tatamu.ops\n", "lies above it"),
        ("formulas", "tatamu/ops/a.py", "n = size // stride + 1\n", "outside geometry"),
        ("texts", "README.md", "T" + "ODO: write\n", "left for later"),
    ],
)
def test_a_check_ends_with_status_1_where_something_is_wrong(
    name: str, path: str, text: str, word: str, tmp_path: Path
) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "checks" / f"{name}.py"), str(tmp_path)]
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    (tmp_path / path).write_text(text)
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert word in bad.stdout
    assert f"{path}:1:" in bad.stdout


def test_the_one_command_runs_them_all() -> None:
    text = (ROOT / "scripts" / "check").read_text()
    assert os.access(ROOT / "scripts" / "check", os.X_OK)
    for part in ("ruff check", "ruff format --check", "mypy --strict", "scripts/checks/*.py"):
        assert part in text


# ---- floors --------------------------------------------------------------------------------------


def problems(folder: Path, path: str, text: str) -> list[str]:
    """What the floors say of one file in a package that has the usual parts."""
    for part in ("geometry", "stage", "kernels", "ops", "nn", "lens"):
        (folder / "tatamu" / part).mkdir(parents=True, exist_ok=True)
    file = folder / "tatamu" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found = floors.check(folder)
    file.unlink()
    return [line.split(": ", 1)[1] for line in found]


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("kernels/a.py", "from tatamu.ops import relu", "kernels imports tatamu.ops"),
        ("kernels/a.py", "from tatamu.tensor import Tensor", "kernels imports tatamu.tensor"),
        ("kernels/a.py", "import tatamu.runtime.threads", "kernels imports tatamu.runtime.threads"),
        ("stage/a.py", "from tatamu import nn", "stage imports tatamu.nn"),
        ("stage/a.py", "from ..ops import op", "stage imports tatamu.ops"),
        ("stage/deep/a.py", "from ... import nn", "stage imports tatamu.nn"),
        ("errors.py", "from tatamu.geometry import Window", "errors imports tatamu.geometry"),
        ("ops/a.py", "from tatamu.autograd import no_grad", "ops imports tatamu.autograd"),
        ("ops/a.py", "from tatamu import Tensor", "ops imports tatamu, which"),
        ("tensor.py", "from tatamu.nn import Module", "tensor imports tatamu.nn"),
        ("vision/a.py", "from tatamu.cli import main", "vision imports tatamu.cli"),
        ("ops/a.py", "def f():\n    import tatamu.nn", "ops imports tatamu.nn"),
        ("ops/a.py", "if TYPE_CHECKING:\n    import tatamu.nn", "ops imports tatamu.nn"),
        ("ops/a.py", "import_module('tatamu.nn')", "ops imports tatamu.nn"),
        ("ops/a.py", "importlib.import_module('tatamu.nn')", "ops imports tatamu.nn"),
        ("vision/a.py", "import tatamu.lens", "lens is imported only by lens and cli"),
        ("__init__.py", "from tatamu import lens", "lens is imported only by lens and cli"),
        ("runtime/a.py", "import llvmlite", "llvmlite is imported only in stage/"),
        ("cli.py", "from llvmlite import binding", "llvmlite is imported only in stage/"),
        ("geometry/a.py", "import numpy as np", "geometry uses the standard library only"),
        ("geometry/a.py", "from PIL import Image", "geometry uses the standard library only"),
        ("novel/a.py", "x = 1", "give 'novel' a floor"),
        ("novel.py", "x = 1", "give 'novel' a floor"),
        ("nn/a.py", "import tatamu.novel", "tatamu.novel has no floor"),
    ],
)
def test_an_import_that_goes_up(path: str, text: str, said: str, tmp_path: Path) -> None:
    found = problems(tmp_path, path, text)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("stage/a.py", "import llvmlite"),
        ("stage/a.py", "def f():\n    from llvmlite import binding"),
        ("geometry/a.py", "import math\nfrom fractions import Fraction"),
        ("geometry/a.py", "from tatamu.errors import GeometryError\nfrom . import words"),
        ("kernels/a.py", "import numpy as np\nfrom tatamu.stage import Module"),
        ("ops/a.py", "from tatamu.ops.op import Op\nfrom tatamu.runtime import launch"),
        ("autograd.py", "from tatamu.tensor import Tensor"),
        ("__init__.py", "from tatamu import nn\nfrom tatamu.tensor import Tensor"),
        ("vision/a.py", "from tatamu import Tensor\nimport tatamu"),
        ("lens/a.py", "from tatamu import lens\nfrom . import words"),
        ("cli.py", "from tatamu.lens import records"),
        ("nn/a.py", "import_module(name)\nimport_module('json')"),
    ],
)
def test_an_import_that_goes_down(path: str, text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, path, text) == []


def test_every_part_of_the_package_has_a_floor() -> None:
    parts = {floors.part_of(p.relative_to(ROOT / "tatamu")) for p in ROOT.glob("tatamu/**/*.py")}
    assert parts <= set(floors.HEIGHT)
    assert {"geometry", "stage", "kernels", "runtime", "ops", "nn", "lens", "cli", ""} <= parts


# ---- formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1", "count"),
        ("(h + 2 * p - d * (k - 1) - 1) // s + 1", "count"),
        ("(h + 2 * p - k) // s + 1", "count"),
        ("1 + (h - k + 2 * p) // s", "count"),
        ("size // stride + 1", "count"),
        ("(size - self.kernel[0]) // self.stride[0] + 1", "count"),
        ("room // window.stride + 1", "count"),
        ("-(-room // window.stride) + 1", "count"),
        ("math.floor((n - kernel) / stride) + 1", "count"),
        ("int((n + 2 * pad - kernel) / stride + 1)", "count"),
        ("math.ceil(n / stride) + 1", "count"),
        ("dilation * (kernel - 1)", "reach"),
        ("(kernel_size[1] - 1) * dilation[1]", "reach"),
        ("d * (k - 1) + 1", "reach"),
        ("spec.dilation[0] * (len(rows) - 1)", "reach"),
        ("(spec.kernel[0] - 1) * gap", "reach"),
        ("size + 2 * padding", "both"),
        ("size + pad[0] + pad[1]", "both"),
        ("size + pad_left + pad_right", "both"),
        ("size + sum(window.pad)", "both"),
        ("height + spec.padding[0] * 2", "both"),
        ("(size - 1) * stride + kernel", "span"),
        ("(n - 1) * window.stride + window.extent", "span"),
        ("(size - 1) * stride - padding + rest", "span"),
        ("size - kernel + 1", "valid"),
        ("1 - extent + size", "valid"),
    ],
)
def test_a_size_formula_is_found(text: str, kind: str) -> None:
    for line in (f"x = {text}", f"def f():\n    return g([{text}])", f"assert ({text}) > 0"):
        found = list(formulas.formulas(line))
        assert [k for _, k, _ in found] == [kind]
        assert found[0][0] == line.count("\n") + 1


@pytest.mark.parametrize(
    "text",
    [
        "array.itemsize + sum((n - 1) * stride for n, stride in steps)",
        "(n - 1) * stride",
        "offset + index * stride",
        "window.taps(0).start + starts * window.stride",
        "first + step",
        "count // step * step",
        "a.run // UNROLL * UNROLL",
        "number // 10 + 1",
        "p + 1",
        "k - 1",
        "2 * p",
        "x // s + 1",
        "kernel_height * inputs * patch",
        "spec.kernel[0] * spec.kernel[1]",
        "space[start : start + pad]",
        "width - pad",
        "len(text) - 1",
        "(size - 1) * scale",
        "kernel + 1",
        "'dilation * (kernel - 1)'",
        "sum(padding)",
        "max(window.extent, *window.pad)",
        "before - after + 1",
    ],
)
def test_what_is_no_size_formula(text: str) -> None:
    assert list(formulas.formulas(f"x = {text}")) == []


def test_formulas_are_allowed_in_geometry_alone(tmp_path: Path) -> None:
    for folder in ("geometry", "kernels"):
        (tmp_path / "tatamu" / folder).mkdir(parents=True)
        (tmp_path / "tatamu" / folder / "a.py").write_text("x = 1\ny = n // stride + 1\n")
    (found,) = formulas.check(tmp_path)
    assert found.startswith("tatamu/kernels/a.py:2: size formula (count) outside geometry: n //")


def test_geometry_is_full_of_them() -> None:
    text = (ROOT / "tatamu" / "geometry" / "window.py").read_text(encoding="utf-8")
    assert {kind for _, kind, _ in formulas.formulas(text)} >= {"count", "reach"}


# ---- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# TO" + "DO write this", "left for later"),
        ("FIX" + "ME", "left for later"),
        ("see /ho" + "me/ann/notes", "a machine's path"),
        ("path = '/wo" + "rk/main/a.py'", "a machine's path"),
        ("(/tm" + "p/x)", "a machine's path"),
        ("C:\\Us" + "ers\\ann", "a machine's path"),
    ],
)
def test_a_text_that_should_not_be(text: str, kind: str, tmp_path: Path) -> None:
    for name in ("a.py", "docs/a.md", ".ci/run", "README.ja.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"fine\n{text}\n")
        (found,) = texts.check(tmp_path)
        assert found.startswith(f"{name}:2: {kind}: ")
        path.unlink()


@pytest.mark.parametrize(
    "text",
    [
        "/proc/cpuinfo",
        "/sys/fs/cgroup",
        "todos",
        "a/home/b",
        "https://example.org/home/x",
        "~/tmp/x",
    ],
)
def test_a_text_that_may_be(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text)
    assert texts.check(tmp_path) == []


def test_folders_that_are_not_ours_are_not_read(tmp_path: Path) -> None:
    for folder in (".git", ".venv", "build", "a.egg-info", "__pycache__"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("TO" + "DO")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8TO" + b"DO")
    (tmp_path / "archive").write_bytes(b"\xff\xd8TO" + b"DO")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").write_text("gitdir: /ho" + "me/ann/tree")
    assert texts.check(tmp_path) == []
