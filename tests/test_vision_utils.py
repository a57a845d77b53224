"""``torchvision.utils`` against what torchvision itself gave (``scripts/fixtures/pictures.py``)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tatamu
from tatamu.vision.utils import make_grid, save_image

FIXTURES = Path(__file__).parent / "fixtures"
CASES: dict[str, Any] = json.loads((FIXTURES / "pictures.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    with np.load(FIXTURES / "pictures.npz") as stored:
        return dict(stored)


def evaluated(text: str, arrays: dict[str, Any]) -> Any:
    names = {"torch": tatamu, "make_grid": make_grid, "x": tatamu.from_numpy(arrays["x"].copy())}
    return eval(text, names)


@pytest.mark.parametrize("index", range(len(CASES["grids"])), ids=CASES["grids"])
def test_grids(index: int, arrays: dict[str, Any]) -> None:
    got, expected = evaluated(CASES["grids"][index], arrays).numpy(), arrays[f"grid{index}"]
    assert got.dtype == expected.dtype and got.shape == expected.shape
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("index", range(len(CASES["saved"])), ids=CASES["saved"])
def test_files(index: int, arrays: dict[str, Any], tmp_path: Path) -> None:
    tensor = evaluated(CASES["saved"][index], arrays)
    file = io.BytesIO()
    save_image(tensor, file, format="png", nrow=3)
    assert np.array_equal(np.asarray(Image.open(file)), arrays[f"saved{index}"])
    save_image(tensor, tmp_path / "a.bmp")
    with Image.open(tmp_path / "a.bmp") as picture:
        assert picture.format == "BMP"


@pytest.mark.parametrize("case", CASES["errors"], ids=[case[0] for case in CASES["errors"]])
def test_errors(case: list[str], arrays: dict[str, Any]) -> None:
    text, kind, sentence = case
    with tatamu.install(), pytest.raises(Exception) as caught:
        evaluated(text, arrays)
    assert type(caught.value).__name__ == kind
    assert str(caught.value).split("\n")[0] == sentence


def test_what_is_no_picture() -> None:
    with pytest.raises(ValueError, match="takes pictures with 2 to 4 dimensions, but got 1"):
        make_grid(tatamu.ones(2))
    x = tatamu.ones(2, 3, 4, 4)
    make_grid(x).fill_(0)
    make_grid(x[:1]).fill_(0)
    assert x.numpy().min() == 1, "a grid has memory of its own"
    nan = io.BytesIO()
    save_image(x * float("nan"), nan, format="png")
    assert np.asarray(Image.open(nan)).max() == 0
