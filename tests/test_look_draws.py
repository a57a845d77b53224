"""`tatamu look PHOTO "RandomCrop(9)" --draws 12`: pictures, page, what the terminal says."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import run, somewhere  # noqa: F401
from PIL import Image

import tatamu
from tatamu.lens.drawn import draw, draws_html, draws_lines, torch_code
from tatamu.lens.request import Request
from tatamu.lens.words import LookError, Words
from tatamu.vision import transforms as T


def photo() -> str:
    """A photo of slopes, 24 by 16."""
    y, x = np.mgrid[0:16, 0:24]
    Image.fromarray(np.stack([x * 10, y * 15, x * y % 256], -1).astype(np.uint8)).save("photo.png")
    return "photo.png"


def drawn(layers: str | None, count: int = 3, **more: Any) -> Any:
    return draw(Request(photo=Path(photo()), layers=layers, **more), count)


def test_pictures_are_those_of_the_transforms() -> None:
    seen = drawn("RandomResizedCrop(8) > ColorJitter(0.4)", seed=5)
    steps = T.Compose([T.RandomResizedCrop(8), T.ColorJitter(0.4)])
    tatamu.manual_seed(5)
    with Image.open("photo.png") as opened:
        wanted = [steps(opened.convert("RGB")) for _ in range(3)]
    assert [one.tobytes() for one in seen.pictures] == [one.tobytes() for one in wanted]
    assert seen.text == "RandomResizedCrop(8) > ColorJitter(0.4)"


def test_the_code_of_the_page_draws_the_same() -> None:
    seen = drawn("transforms.RandomAffine(20, translate=(0.1, 0.2)) > RandomHorizontalFlip", 2)
    space: dict[str, Any] = {}
    with tatamu.install():
        importlib.import_module("torchvision.transforms")
        exec(torch_code(seen), space)
    assert [one.tobytes() for one in space["draws"]] == [one.tobytes() for one in seen.pictures]


def test_the_terminal_and_the_files() -> None:
    photo()
    result = run("look", "photo.png", "RandomCrop(9)", "--draws", "12", "--seed", "3")
    assert result.exit_code == 0, result.output
    assert "RandomCrop(9)\n\n 12 draws, each 9×9 (w×h)\n" in result.output
    assert "→ photo-draws/report.html   (+ 12 pictures)" in result.output
    files = sorted(Path("photo-draws/draws").iterdir())
    assert [file.name for file in files][:2] == ["01.png", "02.png"] and len(files) == 12
    with Image.open(files[0]) as first:
        assert first.size == (9, 9)
    page = Path("photo-draws/report.html").read_text("utf-8")
    assert page.count("<img") == 13 and "Draw 12" in page
    assert "tatamu look photo.png &quot;RandomCrop(9)&quot; --seed 3 --draws 12" in page
    japanese = run("look", "photo.png", "RandomCrop(9)", "--draws", "2", lang="ja")
    assert "2 回分、すべて 9×9（幅×高さ）" in japanese.output


def test_sizes_that_differ_are_listed() -> None:
    seen = drawn("RandomRotation(80, expand=True)", 2)
    lines = draws_lines(seen, Words("en"))
    first, second = seen.pictures
    assert lines[-3:] == [
        " 2 draws (w×h):",
        f"  01  {first.width}×{first.height}",
        f"  02  {second.width}×{second.height}",
    ]


def test_what_had_to_be_cut_off_is_said() -> None:
    seen = drawn("ToTensor > Normalize(0.5, 0.1)", 2)
    assert seen.beyond == (True, True)
    assert draws_lines(seen, Words("en"))[-1].startswith(" 2 with values beyond 0 to 1")
    assert "Values below 0 or above 1 (2 of the pictures" in draws_html(seen, Words("en"))
    assert np.asarray(seen.pictures[0]).max() == 255


def test_pythons_random_numbers_are_left_as_they_were() -> None:
    random.seed(1)
    wanted = random.random()
    random.seed(1)
    drawn("RandomCrop(5)")
    assert random.random() == wanted


@pytest.mark.parametrize(
    ("layers", "count", "more", "text"),
    [
        ("RandomCrop(9)", 0, {}, "give a number from 1 to 400"),
        ("RandomCrop(9)", 401, {}, "give a number from 1 to 400"),
        (None, 3, {}, "--draws needs transforms"),
        ("RandomCrop(_)", 3, {}, "a transform needs a value"),
        ("RandomCrop(9)", 3, {"seed": -1}, "seed"),
        ("RandomCrap(9)", 3, {}, "RandomCrop"),
        ("Compose(9)", 3, {}, "Compose"),
        ("RandomCrop(size=9, colour=3)", 3, {}, "colour"),
        ("RandomCrop(900)", 3, {}, "Required crop size"),
        ("RandomPosterize(3, p=1.0) > ToTensor > RandomPosterize(3, p=1.0)", 3, {}, "Only torch"),
        ("FiveCrop(4)", 3, {}, "makes 5 pictures of one"),
    ],
)
def test_what_cannot_be_drawn(layers: str | None, count: int, more: Any, text: str) -> None:
    with pytest.raises(LookError, match=text):
        drawn(layers, count, **more)


def test_a_transform_among_layers_is_told_of() -> None:
    photo()
    result = run("look", "photo.png", "RandomCrop(9)")
    assert result.exit_code == 2
    assert "RandomCrop is a transform of pictures, not a layer: --draws 12" in result.output


def test_numbers_are_no_photo() -> None:
    with pytest.raises(LookError, match="not of --input"):
        draw(Request(layers="RandomCrop(1)", input="1 2; 3 4"), 2)
