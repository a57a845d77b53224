"""What snippets print, warn of and raise, beside what they did under PyTorch.

The fixtures are made by scripts/fixtures/snippets.py from the texts in scripts/fixtures/snippets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snippets import outcome

import tatamu
from tatamu import naming, nn
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures" / "snippets"
GROUPS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FIXTURES.iterdir())}
CASES = [(group, case) for group, found in GROUPS.items() for case in found["cases"]]
PATHS = json.loads((Path(tatamu.__file__).parent / "data" / "torch_paths.json").read_text())


@pytest.fixture(autouse=True)
def torchs_name() -> Iterator[None]:
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)


def as_torch_says(text: str) -> str:
    """Texts with the paths that torch has for our classes."""

    def path(found: re.Match[str]) -> str:
        return f"{PATHS.get(found[1], 'torch')}.{found[1]}"

    return re.sub(r"tatamu(?:\.\w+)+\.(\w+)", path, text)


@pytest.mark.parametrize(("group", "case"), CASES, ids=[f"{g}: {c['code']}" for g, c in CASES])
def test_snippet(group: str, case: dict[str, Any]) -> None:
    tatamu.manual_seed(0)
    names = {"torch": tatamu, "nn": nn, "F": F}
    got = outcome(GROUPS[group]["preamble"], case["code"], names)
    assert as_torch_says(got["text"]) == case["text"]
    assert case.get("kind", "") in got.get("kinds", [""])
    first = as_torch_says(got.get("error", "")).split("\n  ")[0]
    assert first == case.get("error", "").split("\n  ")[0]
    assert got.get("warning", "").split("\n")[0] == case.get("warning", "").split("\n")[0]
