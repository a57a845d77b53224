"""`tatamu bench`: contenders in processes of their own, what is said of them, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tatamu.bench import measure, side
from tatamu.bench.measure import Measured, Missing, Settings, compare
from tatamu.bench.networks import Case
from tatamu.lens.comparison import Asked, case_of, comparison_lines
from tatamu.lens.words import LookError, Words

NET = """
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
"""
QUICK = Settings(seconds=0.01, rounds=2, threads=1, callers=(2,))


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "own_net.py"
    path.write_text(NET)
    return str(path)


@pytest.mark.slow
def test_eager_and_compiled_take_turns_and_agree_with_float64(net: str) -> None:
    told: list[str] = []
    case = Case("Net", (1, 1, 12, 12), net)
    found, missing = compare(
        case, QUICK, ("tatamu", "ncnn"), tell=lambda stage, name: told.append(name)
    )
    assert [m.name for m in found] == ["tatamu compiled", "tatamu eager"]
    assert [m.runtime for m in missing] == ["ncnn"]
    for m in found:
        assert m.error < 1e-5
        assert len(m.rounds) == 2
        assert m.median <= m.p99
        assert m.callers[2][0] > 0
        assert m.peak_memory and m.peak_memory > 1 << 20
    assert told[2:4] == ["1/2 tatamu compiled", "1/2 tatamu eager"]


def test_a_side_that_cannot_load_is_left_out_with_its_reason(
    net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="has no attribute 'Missing'"):
        compare(Case("Missing", (1, 1, 12, 12), net), QUICK, ("tatamu",))


def _asked(model: str, **changes: Any) -> Asked:
    values: dict[str, Any] = {
        "model": model, "weights": None, "shape": (1, 3, 32, 32), "python": sys.executable,
        "runtimes": (), "threads": 1, "rounds": 1, "seconds": 0.01, "callers": None,
        "as_json": False, **changes,
    }  # fmt: skip
    return Asked(**values)


def _measured(name: str, seconds: float) -> Measured:
    return Measured(
        name, "", "1.0", "plain", rounds=[[seconds, seconds * 2]], error=1e-6,
        peak_memory=1 << 20, callers={2: (10.0, 0.5)},
    )  # fmt: skip


def test_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [_measured("tatamu", 0.002), _measured("openvino", 0.001), _measured("ncnn", 0.004)]

    def compared(*args: Any, **options: Any) -> Any:
        return rows, [Missing("mnn", "not installed")]

    monkeypatch.setattr("tatamu.lens.comparison.compare", compared)
    text = "\n".join(comparison_lines(_asked("resnet18"), Words("en")))
    assert "resnet18, input 1x3x32x32, 1 thread" in text
    assert text.index("openvino") < text.index("tatamu  ") < text.index("ncnn")
    assert "0.50x" in text and "2.00x" in text
    assert "Faster than tatamu here: openvino." in text
    assert "left out: mnn: not installed" in text
    japanese = "\n".join(comparison_lines(_asked("resnet18"), Words("ja")))
    assert "ここでは openvino のほうが高速です。" in japanese
    data = json.loads(comparison_lines(_asked("resnet18", as_json=True), Words("en"))[0])
    assert [row["median"] for row in data["rows"]] == [0.003, 0.0015, 0.006]
    assert data["missing"] == [{"runtime": "mnn", "why": "not installed"}]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (_asked("resnet19"), "No network is called 'resnet19'"),
        (_asked("resnet18", runtimes=("caffe",)), "'caffe' is none of torch, onnxruntime"),
        (_asked("resnet18", callers="1,many"), "'1,many' is no list of numbers from 1 to 64"),
        (_asked("nowhere.py:Net"), "nowhere.py"),
        (_asked("resnet18", weights="nowhere.pth"), "nowhere.pth"),
    ],
)
def test_refusals(asked: Asked, text: str) -> None:
    with pytest.raises(LookError, match=text):
        comparison_lines(asked, Words("en"))


def test_own_files_are_named_with_a_class(net: str) -> None:
    case = case_of(_asked(f"{net}:Net"))
    assert (case.name, case.file) == ("Net", net)


def test_what_fails_while_measuring_is_one_sentence(net: str) -> None:
    with pytest.raises(LookError, match="cannot be compared"):
        comparison_lines(_asked(f"{net}:Missing", runtimes=("ncnn",)), Words("en"))


def test_blocks_have_their_least_runs() -> None:
    runs: list[int] = []
    assert len(side.timed(lambda: runs.append(1), 0.0, 4)) == 4
    assert len(runs) == 4


def test_runtimes_that_are_not_there(tmp_path: Path) -> None:
    assert measure.installed("tatamu", sys.executable) == "tatamu"
    assert measure.installed("mnn", sys.executable) in (None, "MNN")


def test_a_process_begins_with_a_peak_of_its_own() -> None:
    import subprocess

    held = bytearray(300 << 20)
    script = Path(side.__file__)
    code = (
        f"import sys; sys.path.insert(0, {str(script.parent)!r}); import side; "
        "print(side.peak_memory())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert len(held) and int(printed.stdout) < 200 << 20
