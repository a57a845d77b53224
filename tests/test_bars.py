"""What the results file says of bars: each one that is missed has its limit and a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.bars import bars, text
from benchmarks.common import RESULTS
from benchmarks.families import FAMILIES

RESULT = json.loads((RESULTS / "layers.json").read_text(encoding="utf-8"))


def test_the_file_says_what_its_rows_say() -> None:
    assert RESULT["bars"] == bars(RESULT)


def test_every_family_with_a_bar_is_judged() -> None:
    wanted = {f.name for f in FAMILIES if f.least or f.mean or f.alone}
    assert {bar["family"] for bar in RESULT["bars"]} == wanted - {"large kernels backward"}


@pytest.mark.parametrize(
    "bar", [b for b in RESULT["bars"] if not b["met"]], ids=lambda b: b["family"]
)
def test_a_missed_bar_has_its_limit_and_a_reason(bar: dict[str, Any]) -> None:
    assert bar["why"]
    assert bar["below"]
    assert all(row["ratio"] < bar["wanted"] for row in bar["below"])


def _results(ratio: float, **more: Any) -> dict[str, Any]:
    row = {
        "family": "1x1", "case": "a layer", "threads": 1, "ratio": ratio, "tatamu_ms": 1.0,
        "torch_channels_last_ms": ratio, "torch_contiguous_ms": 9.0, **more,
    }  # fmt: skip
    summary = {"geometric_mean": ratio, "least": ratio}
    return {"summary": {"1x1, 1 threads": summary}, "rows": [row]}


def test_a_bar_met_and_a_bar_missed() -> None:
    (met,) = bars(_results(2.5))
    assert met["met"]
    assert "below" not in met
    (missed,) = bars(_results(1.2, plain_limit=1.5))
    assert not missed["met"]
    assert missed["below"][0]["share"] == 0.8
    assert "multiply-adds at their peak: 1.50" in text(missed)
    (waits,) = bars(_results(1.2, of_bandwidth=0.6))
    assert waits["below"][0]["limit"] == 2.0
