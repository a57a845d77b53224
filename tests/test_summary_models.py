"""Summaries of torchvision's models, beside torchinfo's text, to the letter.

The fixtures are made by scripts/fixtures/summary_models.py.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

import tatamu
from tatamu.summary import ColumnSettings

models = pytest.importorskip("tatamu.vision.models")

FACTS = json.loads((Path(__file__).parent / "fixtures" / "summary_models.json").read_text("utf-8"))
CASES = FACTS["models"]
DIGESTS = FACTS["digests"]


def made(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights that will be drawn otherwise one day
        return getattr(models, name)()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_text(case: dict[str, Any]) -> None:
    model = made(case["name"])
    result = tatamu.summary(model, case["size"], verbose=0, **case["asked"])
    assert str(result).split("\n") == case["text"]
    assert result.total_mult_adds == case["mult_adds"]
    plain = tatamu.summary(model, depth=1, row_settings=("var_names",), verbose=0)
    assert str(plain).split("\n") == case["plain"]


@pytest.mark.nightly
@pytest.mark.parametrize("found", DIGESTS, ids=[found["name"] for found in DIGESTS])
def test_every_row_and_column_of_every_builder(found: dict[str, Any]) -> None:
    result = tatamu.summary(
        made(found["name"]),
        found["size"],
        depth=20,
        row_settings=("var_names", "depth"),
        col_names=tuple(ColumnSettings),
        verbose=0,
    )
    assert result.total_params == found["params"]
    assert hashlib.sha256(str(result).encode()).hexdigest() == found["sha256"]
