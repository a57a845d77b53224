"""The command line run within the test, in an empty folder and an English locale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from tatamu import cli

RNG = np.random.default_rng(8)
TATAMU = [sys.executable, "-c", "from tatamu.cli import main; main()"]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test in an empty folder of its own, in an English locale."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    monkeypatch.setenv("COLUMNS", "120")
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    yield place


def run(*arguments: str, lang: Any = "en") -> Result:
    return CliRunner().invoke(cli.make_app(lang), list(arguments), prog_name="tatamu")


def photo(name: str = "photo.png", mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> str:
    bands = {"RGB": 3, "RGBA": 4}.get(mode)
    shape = (size[1], size[0], bands) if bands else (size[1], size[0])
    Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8)).save(name)
    return name
