"""Texts of tensors, and the names of nodes, letter for letter as torch has them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import naming, nn, printing
from tatamu.nn import functional as F

FACTS = json.loads((Path(__file__).parent / "fixtures" / "printing.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def _torchs_name() -> Iterator[None]:
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)
    printing.set_printoptions(profile="default")


def scope() -> dict[str, Any]:
    names: dict[str, Any] = {"torch": tatamu, "nn": nn, "F": F, "np": np}
    shapes = {
        "a": (2, 3),
        "b": (2, 3),
        "w": (3, 3),
        "v": (3,),
        "p": (1, 2, 6, 6),
        "q": (1, 2, 6, 6, 6),
    }
    for name, shape in {
        **shapes,
        "k": (4, 2, 3, 3),
        "k1": (4, 6, 3),
        "k3": (2, 2, 1, 1, 1),
    }.items():
        names[name] = tatamu.ones(shape).requires_grad_()
    return names


def printed(code: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print(eval(code, scope()))
    return text.getvalue()


@pytest.mark.parametrize("code", FACTS["printed"])
def test_texts_are_torchs(code: str) -> None:
    assert printed(code) == FACTS["printed"][code]


@pytest.mark.parametrize(("options", "code", "text"), FACTS["options"])
def test_texts_under_options_are_torchs(options: str, code: str, text: str) -> None:
    tatamu.set_printoptions(**eval(f"dict({options})"))
    assert printed(code) == text


@pytest.mark.parametrize("code", FACTS["nodes"])
def test_nodes_are_torchs(code: str) -> None:
    name = FACTS["nodes"][code]
    y = eval(code, scope())
    assert y.grad_fn.name() == name
    assert repr(y).rstrip(")").endswith(f"grad_fn=<{name.rpartition('::')[2]}>")


def test_options_of_a_block_end_with_it() -> None:
    with printing.printoptions(precision=1, sci_mode=True):
        assert repr(tatamu.tensor([1.0])) == "tensor([1.0e+00])"
        assert printing.get_printoptions()["precision"] == 1
    assert repr(tatamu.tensor([1.0])) == "tensor([1.])"
