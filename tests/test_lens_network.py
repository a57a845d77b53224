"""Whole networks looked at: the page and the terminal say what the record says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tatamu
from tatamu import nn
from tatamu.cli import main
from tatamu.lens.network_look import NetworkAsked, NetworkLook, network_look
from tatamu.lens.network_page import network_html, network_lines
from tatamu.lens.roofline import bound, roofline
from tatamu.lens.words import LookError, Words, explain_problem
from tatamu.vision import digits

OWN = """
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, inputs=3):
        super().__init__()
        self.first = nn.Conv2d(inputs, 4, 3, stride=8, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.first(x))
        y = x + self.second(x)
        y = torch.cat([x, y], 1)
        return self.last(y.mean((2, 3)))
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("own") / "looked_at.py"
    path.write_text(OWN)
    return str(path)


@pytest.fixture(scope="module")
def digit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one, drawn by hand: white on black."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 13:16] = 255
    path = tmp_path_factory.mktemp("digit") / "one.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def seen(digit: Path) -> NetworkLook:
    return network_look(NetworkAsked(digit, "digits", gradients=True), Words("en"))


@pytest.fixture(scope="module")
def looked(own: str) -> NetworkLook:
    return network_look(NetworkAsked(None, f"{own}:Net", seed=2), Words("en"))


class Elements(HTMLParser):
    """The elements of a page, each with its attributes; unclosed ones are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def kind(self, tag: str, name: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.found if t == tag and name in (a.get("class") or "").split()]


def test_the_trained_digits_net_reads_a_one(seen: NetworkLook) -> None:
    assert seen.record.scores[0].index == 1
    assert seen.origin == "network.weights.digits"
    lines = network_lines(seen, Words("en"))
    assert lines[0] == "LeNet looks at one.png: 1"
    with tatamu.no_grad():
        scores = digits.lenet()(digits.prepared(Image.open(seen.asked.photo))).softmax(1)
    assert lines[3].split()[0] == f"{100 * float(scores[0, 1]):.1f}"


def test_the_terminal_has_a_line_for_each_stage_and_they_add_up(seen: NetworkLook) -> None:
    lines = network_lines(seen, Words("en"))
    rows = [line for line in lines if re.search(r"\d\.\d{3} ", line)]
    assert len(rows) == len(seen.stages.rows)
    work = 0
    for row, stage in zip(rows, seen.stages.rows, strict=True):
        found = re.search(r"(\d[\d,]*)\s+\d+\.\d{3} ", row)
        work += int(found[1].replace(",", "")) if found and stage.mult_adds else 0
    assert work == seen.record.mult_adds


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_holds_all_stages_and_layers_and_needs_nothing_else(
    looked: NetworkLook, lang: str
) -> None:
    html = network_html(looked, Words("ja" if lang == "ja" else "en"))
    page = Elements(html)
    assert len(page.kind("details", "stage")) == len(looked.stages.rows)
    for layer in looked.record.layers:
        assert f"<h3>{layer.name}</h3>" in html
    assert "http" not in html and 'src="/' not in html
    assert len(html) < 4_000_000


def test_a_skip_shows_where_it_starts_and_ends(looked: NetworkLook) -> None:
    joins = [row for row in looked.stages.rows if row.kind == "join"]
    assert [row.main.kind for row in joins] == ["+", "cat"]
    plus = joins[0]
    assert len(plus.sources) == 2
    html = network_html(looked, Words("en"))
    assert html.count('<svg class="lanes"') == len(looked.stages.rows)
    lane = next(lane for lane in looked.stages.lanes if plus.index in lane.ends)
    assert lane.start < plus.index
    named = [looked.record[p].name for p in plus.main.producers]
    assert all(f"{name} 1×4×" in html for name in named)  # both inputs, with their sizes


def test_random_weights_say_so(looked: NetworkLook) -> None:
    assert "random weights: the answer means nothing" in network_lines(looked, Words("en"))[1]
    assert looked.classes is None
    assert "answers" not in re.sub(r"(?s)<style>.*?</style>", "", network_html(looked, Words("en")))


def test_gradients_are_told_of_each_layer(seen: NetworkLook, looked: NetworkLook) -> None:
    layers = [x for x in seen.record.layers if x.gradient is not None]
    assert len(layers) > 5
    assert network_html(seen, Words("en")).count("mean size") == len(layers)
    assert "mean size" not in network_html(looked, Words("en"))


def test_the_roof_is_the_lower_of_both_limits(seen: NetworkLook) -> None:
    assert bound(0.5, 200.0, 50.0) == 25.0
    assert bound(50.0, 200.0, 50.0) == 200.0
    drawn = roofline(seen.stages.rows, 200.0, 50.0, Words("en"))
    assert drawn.count("<circle") == sum(1 for row in seen.stages.rows if row.main.mult_adds)
    assert roofline(seen.stages.rows, 0.0, 50.0, Words("en")) == ""


def test_a_checkpoint_is_loaded(own: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=8, padding=1))
    state = {
        "first.weight": model[0].weight.detach(), "first.bias": model[0].bias.detach(),
        "second.weight": tatamu.zeros(4, 4, 3, 3), "second.bias": tatamu.zeros(4),
        "last.weight": tatamu.eye(3, 8), "last.bias": tatamu.tensor([0.0, 9.0, 0.0]),
    }  # fmt: skip
    path = tmp_path / "net.pth"
    tatamu.save({"state_dict": state}, str(path))
    look = network_look(NetworkAsked(None, f"{own}:Net", str(path)), Words("en"))
    assert look.origin == "network.weights.file"
    assert look.record.scores[0].index == 1
    assert look.name(1, Words("ja")) == "クラス 1"


def test_a_network_of_one_channel_gets_grey(own: str) -> None:
    look = network_look(NetworkAsked(None, f"{own}:Net(1)"), Words("en"))
    assert look.pixels.shape[2] == 1
    assert look.record.layers[0].edges[0].shape[1] == 1


@pytest.mark.parametrize(
    ("model", "weights", "text"),
    [
        ("resnet19", None, "resnet18"),
        ("digits", "nowhere.pth", "nowhere.pth"),
        ("Linear(7, 2)", None, "does not take this picture"),
    ],
)
def test_refusals(model: str, weights: str | None, text: str) -> None:
    with pytest.raises(LookError) as caught:
        network_look(NetworkAsked(None, model, weights), Words("en"))
    assert text in explain_problem(caught.value, "en")


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    tatamu.save({"x": tatamu.zeros(1)}, str(path))
    with pytest.raises(LookError, match="does not fit this network"):
        network_look(NetworkAsked(None, "digits", str(path)), Words("en"))


def test_weights_that_are_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from tatamu.lens import network_look as module
    from tatamu.vision.classify import NETWORKS, WeightsMissing

    def missing(name: str) -> Any:
        raise WeightsMissing([NETWORKS[name]])

    monkeypatch.setattr(module, "chosen", missing)
    with pytest.raises(LookError, match="are not on this machine"):
        network_look(NetworkAsked(None, "mobilenet_v2"), Words("en"))


def test_the_command(digit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["look", *arguments, "--lang", "en"])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    folder = tmp_path / "out"
    status, text = run(str(digit), "--model", "digits", "-o", str(folder))
    assert status == 0 and "LeNet looks at one.png: 1" in text
    assert (folder / "report.html").is_file()
    assert run(str(digit), "--gradients") == (2, "error: --gradients goes with --model, which "
                                              "names a whole network.\n")  # fmt: skip
    status, text = run(str(digit), "ReLU", "--model", "digits")
    assert status == 2 and "leave the layers out" in text
