"""Functions of torch.nn.functional against real PyTorch.

The fixtures are made by scripts/fixtures/functional.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluated import compare, compare_error, compare_repr, compare_warning, node

import tatamu
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "functional.json").read_text(encoding="utf-8"))
ARRAYS = np.load(FIXTURES / "functional.npz")


def coded(cases: list[Any]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case["code"] for case in cases])


@pytest.mark.parametrize(
    ("place", "case"), list(enumerate(FACTS["values"])), ids=[c["code"] for c in FACTS["values"]]
)
def test_values_and_gradients(place: int, case: dict[str, str]) -> None:
    y = compare(case["code"], f"value{place}", ARRAYS, 1e-11)
    if "grid_sample(" in case["code"]:
        assert node(y.grad_fn.name()) == node(case["node"])


@coded(FACTS["errors"])
def test_errors(case: dict[str, str]) -> None:
    compare_error(case)


@coded(FACTS["warnings"])
def test_warnings(case: dict[str, str]) -> None:
    compare_warning(case)


@pytest.mark.parametrize("code", FACTS["reprs"])
def test_reprs(code: str) -> None:
    compare_repr(code, FACTS["reprs"][code])


def test_what_lies_nowhere_is_no_number() -> None:
    x = tatamu.ones(1, 1, 2, 2)
    grid = tatamu.tensor([[[[float("nan"), 0.0], [float("inf"), 0.0]]]])
    assert F.grid_sample(x, grid, align_corners=False).isnan().all()


def test_the_gradient_of_grid_sample_has_none_by_the_grid() -> None:
    x = tatamu.rand(1, 1, 3, 3, requires_grad=True)
    grid = tatamu.rand(1, 2, 2, 2, requires_grad=True)
    y = F.grid_sample(x, grid, align_corners=False)
    (g,) = tatamu.autograd.grad(y.sum(), grid, create_graph=True)
    with pytest.raises(RuntimeError, match=r"grid_sampler_2d_backward is not implemented\n.*again"):
        g.sum().backward()
