"""`tatamu summary`: a network of a file, of a module, of layers; how it refuses and fails."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from cli_runner import run, somewhere

import tatamu
from tatamu import naming, nn

__all__ = ["somewhere"]

NET = """
import torch
from torch import nn
from neighbour import WIDTH

class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 3)
        self.fc = nn.Linear(WIDTH, classes)
    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))

class Pair(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.words = nn.Embedding(10, size)
    def forward(self, x, words):
        return x + self.words(words).sum()

def pair(size, twice=False):
    return Pair(size * 2 if twice else size)

def broken():
    raise KeyError("never made")

ready = Net(2)
number = 3
if __name__ == "__main__":
    raise SystemExit("not run")
"""


@pytest.fixture(autouse=True)
def net(somewhere: Path) -> None:
    (somewhere / "my_net.py").write_text(NET)
    (somewhere / "neighbour.py").write_text("WIDTH = 4\n")
    (somewhere / "one.py").write_text("import torch\nnet = torch.nn.Linear(2, 3)\n")
    (somewhere / "none.py").write_text("from torch.nn import ReLU\n")
    for name in ("my_net", "one", "none", "neighbour"):
        sys.modules.pop(name, None)


def text(model: nn.Module, *arguments: object, **options: object) -> str:
    return f"{tatamu.summary(model, *arguments, verbose=0, **options)}\n"  # type: ignore[arg-type]


def test_networks_of_a_file() -> None:
    result = run("summary", "my_net.py:Net", "--input", "1x3x8x8")
    assert result.exit_code == 0
    assert "├─Conv2d: 1-1                            [1, 4, 6, 6]              112" in result.stdout
    assert "Total mult-adds" in result.stdout
    assert "Total params: 162" in run("summary", "my_net:Net").stdout
    assert "Total params: 167" in run("summary", "my_net.py:Net(classes=11)").stdout
    assert "Total params: 122" in run("summary", "my_net.py:ready").stdout
    assert "Total params: 80" in run("summary", "my_net.py:pair(4, twice=True)").stdout
    assert "Total params: 9" in run("summary", "one.py").stdout
    assert naming.prefix == naming.OWN and str(Path.cwd()) not in sys.path


def test_several_inputs_of_several_dtypes() -> None:
    options = ("--input", "2x3", "--input", "２×５:long", "--columns", "input_size,num_params")
    result = run("summary", "my_net.py:Pair(4)", *options)
    assert "├─Embedding: 1-1                         [2, 5]                    40" in result.stdout


def test_layers_as_a_text_under_every_option() -> None:
    layers = "Conv2d(_, 8, 3) > ReLU > Conv2d(_, 2, 1)"
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    size = (1, 3, 8, 8)
    columns = ("mult_adds", "kernel_size")
    options = ("--input", "1x3x8x8", "--columns", ",".join(columns), "--rows", "var_names")
    more = ("--width", "13", "--depth", "1", "--train")
    expected = text(
        model, size, col_names=columns, row_settings=["var_names"], col_width=13, depth=1
    )
    assert run("summary", layers, *options, *more).stdout == expected
    assert run("summary", "ReLU").stdout == text(nn.ReLU())
    shown = run("summary", layers, "--input", "1x3x8x8", "--params", "--columns", "all").stdout
    assert "│    └─weight" in shown and "Trainable" in shown and "Input Shape" in shown
    bare = run("summary", layers, "--columns", "all").stdout
    assert "Kernel Shape" in bare and "Input Shape" not in bare


def test_a_network_that_stops(somewhere: Path) -> None:
    result = run("summary", "my_net.py:Net", "--input", "1x3x2x8")
    assert result.exit_code == 1 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0] == "error: the network stopped half way"
    assert lines[1].startswith("stopped at model.conv, Conv2d(3, 4, kernel_size=(3, 3)")
    assert lines[2].startswith("  Calculated padded input size per channel: (2 x 8).")
    assert lines[-1].endswith("my_net.py:12: return self.fc(self.conv(x).mean((2, 3)))")
    result = run("summary", "Conv2d(3, 8, 3) > Linear(5, 2)", "--input", "1x3x8x8", lang="ja")
    assert result.stderr.startswith("エラー：ネットワークは途中で止まりました\nmodel[0]  Conv2d")


def test_an_error_of_the_users_own_is_shown_as_python_shows_it() -> None:
    result = run("summary", "my_net.py:broken")
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert result.stderr.endswith("KeyError: 'never made'\n") and "cli_summary" not in result.stderr


REFUSED = {
    ("3",): "'3' names no network: write my_net.py:Net",
    ("Conv2d(3",): "brackets",
    ("nope.py:Net",): "nope.py cannot be opened: No such file or directory.",
    ("nope:Net",): "There is no module nope.",
    ("nope.deeper:Net",): "There is no module nope.deeper.",
    ("my_net.py",): "my_net.py has several networks (Net, Pair, ready): say which, as in "
    "my_net.py:ready.",
    ("none.py",): "none.py has no network: no class or object of nn.Module was found.",
    ("my_net.py:Nett",): "my_net.py has no Nett; what there is: Net, Pair, ready.",
    ("none.py:Net",): "none.py has no Net; what there is: -.",
    ("my_net.py:number",): "my_net.py:number is no network but int",
    ("my_net.py:Pair",): "my_net.py:Pair cannot be called so (missing a required "
    "argument: 'size'): give its arguments, as in my_net.py:Pair(10).",
    ("my_net.py:Net(1, 2)",): "my_net.py:Net(1, 2) cannot be called so (too many positional",
    ("ReLU", "--input", "3x"): "'3x' is no size of an input",
    ("ReLU", "--input", "3x0"): "'3x0' is no size of an input",
    ("ReLU", "--input", "3:complex"): "'complex' is no dtype: use one of float32, float64",
    ("ReLU", "--columns", "sizes"): "--columns: there is no 'sizes'; use some of input_size",
    ("ReLU", "--columns", "mult_adds"): "--columns: mult_adds are known only once the network has "
    "run; give --input, too.",
    ("ReLU", "--rows", "names"): "--rows: there is no 'names'; use some of depth, var_names",
    ("ReLU", "--depth", "-1"): "--depth must be at least 0, not -1.",
    ("ReLU", "--width", "0"): "--width must be at least 1, not 0.",
}


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_is_refused(arguments: tuple[str, ...]) -> None:
    result = run("summary", *arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert REFUSED[arguments] in result.stderr


def test_models_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(*, weights: object = None, **options: int) -> nn.Module:
        return nn.Linear(2, options.get("classes", 3))

    models = ModuleType("tatamu.vision.models")
    vars(models).update(tiny=tiny, Tiny=nn.Linear)
    monkeypatch.setitem(sys.modules, "tatamu.vision.models", models)
    assert run("summary", "tiny", "--input", "1x2").stdout == text(nn.Linear(2, 3), (1, 2))
    assert run("summary", "tiny(classes=5)").stdout == text(nn.Linear(2, 5))
    refused = {
        "tinny": "There is no model or layer named tinny; did you mean tiny?",
        "qqqqq": "There is no model or layer named qqqqq.",
        "tiny(1)": "tiny(1) cannot be called so (too many positional arguments)",
    }
    for name, sentence in refused.items():
        result = run("summary", name)
        assert result.exit_code == 2 and sentence in result.stderr
    monkeypatch.setitem(sys.modules, "tatamu.vision.models", None)
    result = run("summary", "vgg16")
    assert result.exit_code == 2 and "vgg16 is no layer, and the models" in result.stderr


def test_help_in_both_languages() -> None:
    for lang, word in (("en", "mult-adds, as"), ("ja", "積和の回数")):
        shown = " ".join(run("summary", "--help", lang=lang).stdout.split())
        assert word in shown and "hide_recursive_layers" in shown
