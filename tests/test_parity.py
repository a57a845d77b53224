"""The comparison with torch in float64: what is committed, and what its calls run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import run, somewhere

import tatamu
from benchmarks import parity
from benchmarks.parity_cases import CALLS, LAYERS
from benchmarks.parity_side import Side
from tatamu import nn, ops
from tatamu.lens.parity import overview
from tatamu.nn import functional as F
from tatamu.ops.op import watching

__all__ = ["somewhere"]

RESULTS = json.loads((parity.RESULTS / "parity.json").read_text(encoding="utf-8"))
OPERATIONS = parity.operations()
# Made of other operations where gradients are wanted.
OTHERWISE = {"lp_pool"}


def test_what_is_shipped_is_what_was_measured() -> None:
    assert json.loads(parity.SHIPPED.read_text(encoding="utf-8")) == RESULTS


def test_every_promise_to_the_bit_was_kept() -> None:
    assert RESULTS["torch"]["capability"] == "AVX2"
    assert RESULTS["not_bitwise"] == []
    assert all(row["equal"] == row["cases"] > 50 for row in RESULTS["bitwise"])
    assert sum(row["cases"] for row in RESULTS["bitwise"]) > 2000


@pytest.mark.parametrize("part", ["operations", "layers"])
def test_no_error_is_far_above_torchs(part: str) -> None:
    for row in RESULTS[part]:
        for ours, theirs in zip(row["tatamu"], row["torch"], strict=True):
            assert ours <= 4 * theirs + 3e-7, row


def test_nothing_was_left_out_without_a_word() -> None:
    assert RESULTS["not_compared"] == []
    assert [row["name"] for row in RESULTS["layers"]] == list(LAYERS)
    assert [row["name"] for row in RESULTS["operations"]] == list(OPERATIONS)
    assert set(CALLS) <= set(ops.registry())


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_call_runs_the_operation_it_stands_for(name: str) -> None:
    side = Side(tatamu, nn, F)
    for request in OPERATIONS[name]:
        ran: list[str] = []
        with watching(lambda event, ran=ran: ran.append(event.op.name)):  # type: ignore[misc]
            answers = [side.answer({**request, "dtype": kind}) for kind in ("float32", "float64")]
        assert all("arrays" in answer for answer in answers), answers
        assert max(parity.errors(*answers)) < 1e-4
        assert name in ran or name in OTHERWISE, ran


def test_errors_are_shares_of_the_largest_value() -> None:
    exact = np.array([4.0, -8.0])
    assert parity.error(exact, exact) == 0
    assert parity.error(np.array([4.0, -7.0]), exact) == 1 / 8
    assert parity.error(np.array([4.0]), exact) == np.inf
    assert parity.error(np.array([np.nan, -8.0]), exact) == np.inf
    assert parity.error(None, exact) == 0 and parity.error(exact, None) == np.inf


def test_bytes_are_compared() -> None:
    a = np.array([1.0, np.nan, 0.0], np.float32)
    assert parity.same_bytes([a], [a.copy()])
    assert not parity.same_bytes([a], [a.astype(np.float64)])
    assert not parity.same_bytes([a], [np.array([1.0, np.nan, -0.0], np.float32)])
    assert not parity.same_bytes([a], [])


def test_the_command_prints_the_table(somewhere: Path) -> None:
    english, japanese = run("parity"), run("parity", "--lang", "ja")
    assert english.exit_code == japanese.exit_code == 0
    assert "worst error" in english.output.lower() and "最大誤差" in japanese.output
    for row in (*RESULTS["operations"], *RESULTS["layers"]):
        assert f"\n  {row['name']} " in english.output
    assert f"{RESULTS['machine']['cpu']}" in english.output


def test_the_overview_takes_worst_and_median() -> None:
    rows: list[dict[str, Any]] = [
        {"cases": 1, "torch": [1.0, 0.0], "tatamu": [3.0, 0.0]},
        {"cases": 2, "torch": [2.0, 5.0], "tatamu": [1.0, 0.0]},
        {"cases": 2, "torch": [4.0, 0.0], "tatamu": [2.0, 0.0]},
    ]
    forward, backward = overview({"operations": rows, "layers": rows})[:2]
    assert (forward["cases"], forward["rows"]) == (5, 3)
    assert forward["torch"] == {"worst": 4.0, "median": 2.0}
    assert (forward["tatamu"]["worst"], backward["torch"]["worst"]) == (3.0, 5.0)
