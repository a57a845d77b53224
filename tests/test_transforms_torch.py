"""Transforms against torchvision's: pictures to the byte, tensors, draws, texts and errors.

The fixtures are made by scripts/fixtures/transforms.py.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from pictures_compared import Compared

import tatamu
from tatamu.vision import transforms as T
from tatamu.vision.transforms import functional as F

FOUND = Compared("transforms", T=T, F=F)
FACTS = FOUND.facts


def named(part: str, count: int = 1) -> Any:
    """The cases of a part, and their names."""
    cases = FACTS[part]
    return {"argvalues": cases, "ids": [" ".join(map(str, case[:count])) for case in cases]}


@pytest.mark.parametrize(("code", "wanted"), **named("settled"))
def test_functions(code: str, wanted: Any) -> None:
    FOUND.result(code, wanted)


@pytest.mark.parametrize(
    ("code", "seed", "wanted", "torch_next", "python_next"), **named("drawn", 2)
)
def test_draws(code: str, seed: int, wanted: Any, torch_next: float, python_next: float) -> None:
    FOUND.drawn(code, seed, wanted, [torch_next, python_next])


@pytest.mark.parametrize(
    ("place", "code"), list(enumerate(FACTS["gradients"])), ids=FACTS["gradients"]
)
def test_gradients(place: int, code: str) -> None:
    given = FOUND.names()
    x = given["f"].requires_grad_()
    y = eval(code, {**given, "x": x})
    (y * tatamu.arange(float(y.numel())).view(y.shape)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), FOUND.arrays[f"g{place}"], 1e-4, 1e-3)


@pytest.mark.parametrize(("code", "text"), **named("reprs"))
def test_texts(code: str, text: str) -> None:
    FOUND.text(code, text)


@pytest.mark.parametrize(("code", "kind", "text"), **named("errors"))
def test_errors(code: str, kind: str, text: str) -> None:
    FOUND.error(code, kind, text)


@pytest.mark.parametrize(("code", "kind", "text"), **named("warnings"))
def test_warnings(code: str, kind: str, text: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(code, FOUND.names())
    (warning,) = caught
    assert [warning.category.__name__, str(warning.message)] == [kind, text]


def test_all_of_torchvisions_names_are_there() -> None:
    assert set(FACTS["names"]["T"]) <= set(T.__all__)
