"""`tatamu train`: a folder of pictures, from files to checkpoint, curves, table, mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tatamu
from tatamu import nn
from tatamu.cli import main
from tatamu.lens import training
from tatamu.lens.words import LookError, Words, explain_problem
from tatamu.train.folders import FolderError, Settings, last_linear, split, train_folder


class Small(nn.Module):
    """A network that tells dark from light at once."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3, stride=4)
        self.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(4, 1000))

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).relu().mean((2, 3)))


def small(name: str, pretrained: bool) -> tuple[nn.Module, str]:
    return Small(), "network.weights.random"


def pictures(folder: Path, each: int = 10) -> Path:
    random = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 210)):
        (folder / name).mkdir(parents=True)
        for at in range(each):
            values = np.clip(random.normal(level, 15, (20, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(values).save(folder / name / f"{at}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "photos")


def settings(folder: Path, **values: Any) -> Settings:
    plain = {"epochs": 6, "lr": 0.05, "batch": 4, "size": 16, "held": 0.3, "seed": 1}
    return training.settings_of(str(folder), folder.parent / "out", **{**plain, **values})


@pytest.mark.slow
def test_it_learns_and_leaves_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_made", small)
    trained = training.train(settings(folder), Words("en"))
    assert trained.accuracy == 1.0
    assert trained.counts == (14, 6)
    assert trained.confusion.tolist() == [[3, 0], [0, 3]]
    out = folder.parent / "out"
    assert {"last.pt", "best.pt", "history.csv", "curves.svg", "report.html"} <= {
        path.name for path in out.iterdir()
    }
    lines = "\n".join(training.trained_lines(trained, Words("en")))
    assert "14 pictures trained, 6 held out, 2 classes" in lines
    assert "100.0 % of the pictures held out were told right." in lines
    html = (out / "report.html").read_text("utf-8")
    assert "There are none." in html and "http" not in html.replace("http://www.w3.org/", "")
    model = Small()
    model.classifier[1] = nn.Linear(4, 2)
    model.load_state_dict(tatamu.load(out / "best.pt", weights_only=True))


@pytest.mark.slow
def test_a_frozen_trunk_stays_and_mistakes_are_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (24, 20), "white").save(folder / "dark" / "white.png")
    kept: list[Any] = []

    def made(name: str, pretrained: bool) -> tuple[nn.Module, str]:
        model = Small()
        kept.extend([model, model.features.weight.detach().clone()])
        return model, "network.weights.random"

    monkeypatch.setattr(training, "_made", made)
    trained = training.train(settings(folder, frozen=True, held=0.9), Words("en"))
    model, before = kept
    assert tatamu.equal(model.features.weight, before)
    assert model.classifier[1].out_features == 2
    if trained.mistakes:
        html = training.trained_html(trained, Words("ja"))
        assert "と判断" in html and html.count('class="card"') == len(trained.mistakes)


@pytest.mark.slow
def test_an_interrupted_training_goes_on(folder: Path) -> None:
    whole = train_folder(settings(folder, epochs=3), small)
    halves = settings(folder, epochs=3)
    other = Settings(**{**vars(halves), "out": folder.parent / "again"})

    def stop(row: dict[str, Any]) -> None:
        if len(seen) == 1:
            raise KeyboardInterrupt
        seen.append(row)

    seen: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        train_folder(other, small, stop)
    again = train_folder(Settings(**{**vars(other), "resume": True}), small)
    assert [row["loss"] for row in again.history] == [row["loss"] for row in whole.history]


def test_folders_for_both_parts_are_taken_as_they_are(tmp_path: Path) -> None:
    from tatamu.train.folders import datasets

    pictures(tmp_path / "data" / "train", 3)
    pictures(tmp_path / "data" / "val", 2)
    ours, theirs, listed, classes = datasets(settings(tmp_path / "data"))
    assert (len(ours), len(theirs), classes) == (6, 4, ("dark", "light"))
    assert all(path.parent.parent.name == "val" for path, _ in listed)


def test_each_class_is_split_by_the_share() -> None:
    ours, theirs = split([0, 1] * 10 + [2, 2], 0.2, 5)
    assert len(theirs) == 2 + 2 + 1
    assert not set(ours) & set(theirs)
    assert (ours, theirs) == split([0, 1] * 10 + [2, 2], 0.2, 5)
    with pytest.raises(FolderError, match=r"train\.few"):
        split([0, 0, 1], 0.2, 0)


def refusal(asked: Settings) -> str:
    with pytest.raises(LookError) as caught:
        training.train(asked, Words("en"))
    assert explain_problem(caught.value, "ja") != explain_problem(caught.value, "en")
    return explain_problem(caught.value, "en")


def test_refusals(folder: Path, tmp_path: Path) -> None:
    assert "There is no folder" in refusal(settings(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refusal(settings(tmp_path / "empty"))
    assert "no network is called" in refusal(settings(folder, model="resnet19")).lower()
    assert "--held 1.5" in refusal(settings(folder, held=1.5))
    assert "--epochs" in refusal(settings(folder, epochs=0))
    assert "no training that could go on" in refusal(settings(folder, resume=True))
    one = tmp_path / "single"
    (one / "cat").mkdir(parents=True)
    (folder / "dark" / "0.png").rename(one / "cat" / "0.png")
    assert "has one class, cat" in refusal(settings(one))
    (folder / "dark" / "1.png").write_bytes(b"no picture")
    assert "1.png cannot be opened as a picture" in refusal(settings(folder))
    (folder.parent / "out").mkdir(exist_ok=True)
    assert "is there already" in refusal(settings(folder))


def test_classes_that_differ_between_the_parts(tmp_path: Path) -> None:
    pictures(tmp_path / "data" / "train", 2)
    (pictures(tmp_path / "data" / "val", 2) / "dark").rename(tmp_path / "data" / "val" / "dusk")
    assert "differ by dark, dusk" in refusal(settings(tmp_path / "data"))


def test_a_network_without_a_linear_layer() -> None:
    with pytest.raises(FolderError, match=r"train\.head"):
        last_linear(nn.Conv2d(1, 1, 1))


def test_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(training, "_made", small)
    out = folder.parent / "run"
    with pytest.raises(SystemExit) as ended:
        main(
            ["train", str(folder), "--size", "16", "--epochs", "1", "-o", str(out), "--lang", "en"]
        )
    assert not ended.value.code
    assert "run/report.html" in capsys.readouterr().out
