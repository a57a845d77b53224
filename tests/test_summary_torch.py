"""Summaries beside what torchinfo and torchsummary print, warn of and raise, to the letter.

The fixtures are made by scripts/fixtures/summary.py.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snippets import outcome

import tatamu
from tatamu import naming, nn
from tatamu.nn import functional as F
from tatamu.summary import older

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "fixtures" / "summary.json").read_text("utf-8"))
NETS = HERE.parent / "scripts" / "fixtures" / "summaries" / "nets.txt"
CASES = [case for kind in ("tables", "odd", "older") for case in FACTS[kind]]
NAMES = {
    "torch": tatamu,
    "nn": nn,
    "F": F,
    "torchinfo": sys.modules["tatamu.summary"],
    "summary": tatamu.summary,
    "old": older.summary,
}


@pytest.fixture(autouse=True)
def torchs_name() -> Iterator[None]:
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)


@pytest.mark.parametrize("case", CASES, ids=[case["code"].split("\n")[-1] for case in CASES])
def test_text(case: dict[str, Any]) -> None:
    tatamu.manual_seed(0)
    got = outcome(NETS.read_text("utf-8"), case["code"], NAMES)
    assert got["text"].split("\n") == case["text"]
    assert case.get("kind", "") in got.get("kinds", [""])
    assert got.get("error", "").split("\n")[0] == case.get("error", "").split("\n")[0]
    assert got.get("warning") == case.get("warning")


@pytest.mark.slow
def test_random_nets() -> None:
    """Three hundred nets with shared modules, lists, calls out of order and modules never called.

    Where one differs, ``every_way(seed)`` of the preamble prints its tables on both sides.
    """
    preamble = NETS.with_name("random.txt").read_text("utf-8")
    differ = []
    for seed, expected in enumerate(FACTS["random"]):
        found = outcome(preamble, f"every_way({seed})", NAMES)
        error = found.get("error")
        told = json.dumps([found["text"], error and error.split("\n")[0], found.get("warning")])
        if hashlib.sha256(told.encode()).hexdigest()[:16] != expected:
            differ.append(seed)
    assert differ == []


def test_the_versions_compared_with() -> None:
    assert (FACTS["torchinfo"], FACTS["torchsummary"]) == ("1.8.0", "1.5.1")
