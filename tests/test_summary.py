"""Summaries beside what torchinfo has: where a network stopped, notebooks, what is counted."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cli_runner import somewhere
from test_run import ran
from test_run_notebook import written

import tatamu
from tatamu import nn
from tatamu.ops.op import Call, Event, watching
from tatamu.pitfalls import hint
from tatamu.summary import older
from tatamu.summary.failure import SHOWN, arithmetic
from tatamu.summary.run import clear_cached_forward_pass

__all__ = ["somewhere"]


def failed(model: nn.Module, *sizes: Any, **options: Any) -> list[str]:
    """The lines below torchinfo's sentence."""
    with pytest.raises(RuntimeError, match=r"^Failed to run torchinfo") as caught:
        tatamu.summary(model, *sizes, verbose=0, **options)
    return str(caught.value).split("\n  ")[1:]


# ---- where a network stopped --------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)
        )
        self.up = nn.ModuleList([nn.ConvTranspose2d(2, 2, 3)])
        self.fc = nn.Linear(20, 2)

    def forward(self, x: Any) -> Any:
        x = self.up[0](self.features(x))
        return self.fc(x.flatten(1))


def test_what_ran_and_where_it_stopped() -> None:
    lines = failed(Net(), (1, 1, 9, 8))
    assert lines[:5] == [
        "model.features[0]  Conv2d           [1, 1, 9, 8] -> [1, 2, 5, 4]  "
        "height ⌊(9 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 5  width ⌊(8 + 2·1 − 1·(3−1) − 1) / 2⌋ + 1 = 4",
        "model.features[1]  ReLU             [1, 2, 5, 4] -> [1, 2, 5, 4]",
        "model.features[2]  MaxPool2d        [1, 2, 5, 4] -> [1, 2, 3, 2]  "
        "height ⌈(5 + 2·0 − 1·(2−1) − 1) / 2⌉ + 1 = 3  width ⌈(4 + 2·0 − 1·(2−1) − 1) / 2⌉ + 1 = 2",
        "model.up[0]        ConvTranspose2d  [1, 2, 3, 2] -> [1, 2, 5, 4]  "
        "height (3 − 1)·1 − 2·0 + 1·(3−1) + 0 + 1 = 5  width (2 − 1)·1 − 2·0 + 1·(3−1) + 0 + 1 = 4",
        "stopped at model.fc, Linear(in_features=20, out_features=2, bias=True), given [1, 40]:",
    ]
    assert lines[5:-1] == [
        "  mat1 and mat2 shapes cannot be multiplied (1x40 and 20x2)",
        "  the input [1, 40] has rows of 40 numbers; the weight [2, 20] takes 20",
        "  in_features=40 would accept this input",
        f"  {hint('flatten_size')}",
    ]
    assert re.fullmatch(r"  \S*test_summary\.py:\d+: return self\.fc\(x\.flatten\(1\)\)", lines[-1])


def test_a_failure_in_a_forward_of_ones_own() -> None:
    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.Tanh()

        def forward(self, x: Any) -> Any:
            return self.act(x) + tatamu.ones(3)

    lines = failed(nn.Sequential(Adds()), (1, 2))
    assert lines[0].split() == ["model[0].act", "Tanh", "[1,", "2]", "->", "[1,", "2]"]
    assert lines[1] == "stopped in forward of model[0], Adds, given [1, 2], after model[0].act:"
    assert lines[2].startswith("  The size of tensor a (2) must match the size of tensor b (3)")
    assert lines[-1].endswith("return self.act(x) + tatamu.ones(3)")


def test_a_failure_after_many_layers_and_before_all() -> None:
    lines = failed(nn.Sequential(*[nn.ReLU() for _ in range(20)], nn.Linear(3, 2)), (1, 2))
    assert lines[0] == "8 layers ran before these:"
    assert lines[SHOWN].startswith("model[19]  ReLU") and "model[20]" in lines[SHOWN + 1]
    assert failed(nn.Linear(3, 2), input_data="text")[0] == "stopped before the first layer:"
    assert failed(nn.Linear(3, 2), (1, 2))[0].startswith("stopped at model, Linear(in_features=3")


def test_a_call_that_failed_inside_and_was_caught_is_not_where_it_stopped() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 2), nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            try:
                self.first(x)
            except RuntimeError:
                x = self.second(x)
            return {"x": x}

    lines = failed(nn.Sequential(Tries(), nn.ReLU()), (1, 2))
    assert lines[1].startswith("stopped at model[1], ReLU()")


def test_arithmetic_of_layers_without_windows_or_of_other_sizes() -> None:
    assert not list(arithmetic(nn.Linear(2, 2), [1, 2], [1, 2]))
    assert not list(arithmetic(nn.AdaptiveAvgPool2d(1), [1, 2, 4, 4], [1, 2, 1, 1]))
    assert not list(arithmetic(nn.MaxPool2d(2), [], []))
    assert not list(arithmetic(nn.MaxPool2d(2), [1, 1, 4, 4], [1, 1, 9, 9]))
    (line,) = arithmetic(nn.Conv1d(1, 1, 3), [1, 1, 7], [1, 1, 5])
    assert line == "length ⌊(7 + 2·0 − 1·(3−1) − 1) / 1⌋ + 1 = 5"
    (line,) = arithmetic(nn.AvgPool3d(2), [1, 1, 4, 4, 4], [1, 1, 2, 2, 2])
    assert line.startswith("depth and height and width ")


# ---- notebooks ----------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The texts of a table's cells, and the tags that are open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_table_for_notebooks_has_the_numbers_of_the_text() -> None:
    kinds = ("input_size", "output_size", "num_params", "mult_adds", "params_percent")
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU()), nn.Conv2d(2, 1, 3))
    for settings in ((), ("var_names",), ("depth", "hide_recursive_layers")):
        result = tatamu.summary(
            model, (1, 1, 8, 8), col_names=kinds, row_settings=settings, verbose=0
        )
        cells = Cells(result._repr_html_())
        assert not cells.open
        text = str(result)
        for cell in cells.texts:
            assert cell.replace("(M)", "(Units.MEGABYTES)") in text
        assert "Total mult-adds (M)" in cells.texts and "[1, 2, 6, 6]" in cells.texts
    assert len(cells.texts) == 6 * 6 + 8 * 2


def test_names_in_the_table_for_notebooks_are_escaped() -> None:
    odd = type("<b>Net</b>", (nn.Sequential,), {})
    page = tatamu.summary(odd(nn.ReLU()), verbose=0)._repr_html_()
    assert "<b>" not in page and "&lt;b&gt;Net" in page


def test_a_notebook_shows_the_table_once(somewhere: Path) -> None:
    cell = "from torch import nn\nfrom torchinfo import summary\nsummary(nn.ReLU(), (1, 2))"
    written(somewhere / "a.ipynb", (cell,))
    done = ran("a.ipynb", "--out", "b.ipynb")
    assert done.stderr.splitlines()[1:] == [] and done.stdout.count("Layer (type:depth-idx)") == 1
    (output,) = json.loads((somewhere / "b.ipynb").read_text("utf-8"))["cells"][1]["outputs"]
    assert output["data"]["text/html"].startswith("<table")


# ---- torch's names ------------------------------------------------------------------------------

SCRIPT = """
import torchinfo, torchsummary as older
from torchinfo import ModelStatistics, summary
from torchinfo.model_statistics import ModelStatistics as Same
from torchinfo.layer_info import LayerInfo
from torchsummary.torchsummary import summary as old
from torch import nn
result = summary(nn.ReLU(), (1, 2), verbose=0)
print(type(result) is Same is ModelStatistics, type(result.summary_list[0]) is LayerInfo)
print(torchinfo.__version__.split("+")[0], torchinfo.summary is summary, older.summary is old)
old(nn.Sequential(nn.Linear(2, 1)), (2,))
"""


def test_scripts_import_it_under_its_names(somewhere: Path) -> None:
    (somewhere / "a.py").write_text(SCRIPT)
    done = ran("a.py")
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:2] == ["True True", "1.8.0 True True"] and len(lines) == 16


# ---- what is counted ----------------------------------------------------------------------------


def multiplied(model: nn.Module, *size: int) -> int:
    """Products of a forward pass, by the records of the operations."""
    events: list[Event] = []
    with tatamu.no_grad(), watching(events.append):
        model(tatamu.zeros(*size))
    return sum(e.op.flops(Call(e.op, e.attrs, e.inputs)) for e in events) // 2


def counted(model: nn.Module, *size: int) -> int:
    return tatamu.summary(model, size, verbose=0).total_mult_adds


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), (2, 2, 9, 7)),
        (nn.Conv2d(4, 4, (1, 3), groups=4, dilation=2, bias=False), (1, 4, 5, 9)),
        (nn.Conv1d(2, 3, 3, bias=False), (1, 2, 9)),
        (nn.Conv3d(1, 2, 2, bias=False), (1, 1, 3, 3, 3)),
        (nn.Linear(5, 3, bias=False), (4, 5)),
        (nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Flatten(), nn.Linear(18, 2, bias=False)),
         (1, 1, 5, 5)),
    ],
)  # fmt: skip
def test_mult_adds_are_the_products_of_the_operations(
    model: nn.Module, size: tuple[int, ...]
) -> None:
    assert counted(model, *size) == multiplied(model, *size)


def test_where_torchinfos_mult_adds_are_others() -> None:
    """It counts a bias as a product, a transposed layer's weights at each position of its output
    and not of its input, and of rows only the first axis."""
    size = (1, 2, 4, 4)
    with_bias, without = (nn.Conv2d(2, 3, 3, bias=b) for b in (True, False))
    assert counted(with_bias, *size) - counted(without, *size) == 3 * 2 * 2
    transposed = nn.ConvTranspose2d(2, 3, 2, stride=2, bias=False)
    assert counted(transposed, *size) == 4 * multiplied(transposed, *size)
    rows = nn.Linear(4, 3, bias=False)
    assert 8 * counted(rows, *size) == multiplied(rows, *size)


def test_the_older_table_of_a_model_without_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    older.summary(nn.Sequential(nn.ReLU()), (2,))
    assert "Total params: 0\n" in capsys.readouterr().out


def test_runs_are_kept_only_where_asked_for() -> None:
    model = nn.Sequential(nn.Linear(2, 3))
    tatamu.summary(model, (1, 2), verbose=0)
    first = tatamu.summary(model, (5, 2), verbose=0, cache_forward_pass=True)
    again = tatamu.summary(model, (7, 2), verbose=0, cache_forward_pass=True)
    assert first.summary_list[0].output_size == again.summary_list[0].output_size == [5, 3]
    clear_cached_forward_pass()
    anew = tatamu.summary(model, (7, 2), verbose=0, cache_forward_pass=True)
    assert anew.summary_list[0].output_size == [7, 3]
    clear_cached_forward_pass()


def test_a_net_of_many_floors_takes_no_longer_for_each() -> None:
    model: nn.Module = nn.Linear(2, 2)
    for _ in range(60):
        model = nn.Sequential(model)
    result = tatamu.summary(model, (1, 2), depth=100, verbose=0)
    assert result.total_params == 6 and str(result).count("Sequential") == 60
