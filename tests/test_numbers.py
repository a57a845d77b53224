"""Every number in the READMEs stands in a results file, and says what that file says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripts_of_fixtures import tool

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.ja.md")

# A figure with a unit of time, speed, size or share; what the arithmetic of a layer gives has none.
MEASURED = re.compile(
    r"\d[\d.,]*\s*(?:ms|µs|s\b|seconds|GFLOP/s|GB/s|MB|MiB|%|times|秒|ミリ秒|倍|パーセント)"
)


numbers = tool("numbers")


def _unmarked(text: str) -> list[str]:
    rest = numbers.MADE.sub("", numbers.NUMBER.sub("", text))
    rest = re.sub(r"```.*?```|`[^`]*`", "", rest, flags=re.DOTALL)
    return [m.group() for m in MEASURED.finditer(rest)]


@pytest.mark.parametrize("name", READMES)
def test_readme_says_what_the_results_say(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    results = numbers.Results(ROOT / "benchmarks" / "results")
    assert numbers.filled(text, results) == text, "run scripts/numbers"


@pytest.mark.parametrize("name", READMES)
def test_no_number_stands_without_a_mark(name: str) -> None:
    assert _unmarked((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", READMES)
def test_the_measured_figures_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(numbers.NUMBER.findall(text)) >= 6
    assert {m[1] for m in numbers.MADE.findall(text)} >= {"direct-table", "look", "machine"}


def test_a_wrong_number_is_found(tmp_path: Path) -> None:
    (tmp_path / "start.json").write_text(json.dumps({"rows": [{"ms": 41.26}]}))
    results = numbers.Results(tmp_path)
    text = "takes <!-- number start:rows.0.ms .1f -->40.0<!-- /number --> ms"
    right = "takes <!-- number start:rows.0.ms .1f -->41.3<!-- /number --> ms"
    assert numbers.filled(text, results) == right
    assert _unmarked(right) == []
    assert _unmarked("takes 41 ms, or 30 % less") == ["41 ms", "30 %"]
