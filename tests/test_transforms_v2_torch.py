"""The second version of the transforms against torchvision's.

The fixtures are made by scripts/fixtures/transforms_v2.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from pictures_compared import Compared

from tatamu.vision.transforms import v2

FOUND = Compared("transforms_v2", T=v2, F=v2.functional)
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


@pytest.mark.parametrize(("code", "text"), **named("reprs"))
def test_texts(code: str, text: str) -> None:
    FOUND.text(code, text)


@pytest.mark.parametrize(("code", "kind", "text"), **named("errors"))
def test_errors(code: str, kind: str, text: str) -> None:
    FOUND.error(code, kind, text)
