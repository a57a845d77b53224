"""What snippets of autograd print, warn of and raise, letter for letter as torch does."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tatamu
from tatamu import naming, nn
from tatamu.ops.array import local

FACTS = json.loads((Path(__file__).parent / "fixtures" / "autograd.json").read_text("utf-8"))
ONCE = "create_graph=True will create a reference cycle"  # torch says it once a process
MODULES = [
    "",
    ".autograd",
    ".autograd.function",
    ".autograd.grad_mode",
    ".autograd.anomaly_mode",
    ".utils",
    ".utils.checkpoint",
]


@pytest.fixture(autouse=True)
def _torchs_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in MODULES:
        monkeypatch.setitem(sys.modules, f"torch{name}", importlib.import_module(f"tatamu{name}"))
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)
    local.grad = True
    tatamu.autograd.set_detect_anomaly(False)


@pytest.mark.parametrize("case", FACTS["cases"], ids=[case["code"] for case in FACTS["cases"]])
def test_snippets_are_torchs(case: dict[str, Any]) -> None:
    names = {
        "torch": tatamu,
        "nn": nn,
        "x": tatamu.tensor([1.0, 2.0, 3.0], requires_grad=True),
        "w": tatamu.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True),
    }
    text, error = io.StringIO(), None
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(text):
        warnings.simplefilter("always")
        try:
            exec(case["code"], names)
        except Exception as raised:  # compared below
            error = raised
    assert text.getvalue() == case["printed"]
    if case["error"] is None:
        assert error is None
    else:
        kind, sentence = case["error"]
        assert str(error).splitlines()[:1] == sentence.splitlines()[:1]
        assert kind in [base.__name__ for base in type(error).__mro__]
    told = [[w.category.__name__, str(w.message).splitlines()[0]] for w in caught]
    assert [w for w in told if ONCE not in w[1]] == [w for w in case["warned"] if ONCE not in w[1]]
