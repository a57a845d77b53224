"""Reductions, order, running sums and linear algebra against results of real PyTorch.

The fixtures are made by scripts/fixtures/order.py.
"""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu

FACTS = json.loads((Path(__file__).parent / "fixtures" / "order.json").read_text("utf-8"))
PRECISION = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1e-2}

# Node names that differ where torch's composition ends in another view or copy than ours.
OWN_NODES = {
    "x.quantile(0.3)": "View", "x.quantile(0.3, dim=0)": "View", "x.cov()": "View",
    "x.nanquantile(torch.tensor([0.5, 0.2]).double(), dim=1)": "View",
    "torch.chain_matmul(x, x, x)": "Mm",
    "torch.addbmm(x, x[None], x[None])": "Add", "torch.addr(x, x[0], x[1])": "Add",
    "torch.vdot(x[0], x[1])": "View", "torch.linalg.lstsq(x[:, :2], x)[0]": "Mm",
    "torch.linalg.solve_triangular(x, x, upper=True)": "LinalgSolveEx",
    "torch.linalg.cross(x, x * x)": "Sub", "torch.linalg.cond(x)": "Div",
    "torch.linalg.solve(x, x * x, left=False)": "Permute", "torch.trapezoid(x)": "Mul",
    "torch.renorm(x, 2, 0, 1.0)": "Mul",
    "torch.cholesky_solve(x, torch.linalg.cholesky(x))": "LinalgSolveEx",
}  # fmt: skip


def named() -> dict[str, Any]:
    given = {name: decoded(fact) for name, fact in FACTS["inputs"].items()}
    return {"torch": tatamu, "np": np, "inf": math.inf, "nan": math.nan, **given}


def decoded(fact: dict[str, Any]) -> Any:
    array = np.array(fact["values"], fact["dtype"]).reshape(fact["shape"])
    return tatamu.from_numpy(array)


def evaluated(code: str, **more: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return eval(code, {**named(), **more})


def same(got: Any, wanted: Any) -> None:
    """The same structure, dtypes and shapes; numbers but for rounding."""
    if isinstance(wanted, dict) and "parts" in wanted:
        assert isinstance(got, (tuple, list))
        for part, fact in zip(got, wanted["parts"], strict=True):
            same(part, fact)
    elif isinstance(wanted, dict):
        assert str(got.dtype) == f"tatamu.{wanted['dtype']}"
        assert list(got.shape) == wanted["shape"]
        numbers = got.detach()
        numbers = numbers.double() if numbers.is_floating_point() else numbers
        tolerance = PRECISION.get(wanted["dtype"], 0.0)
        expected = np.array(wanted["values"]).reshape(wanted["shape"])
        np.testing.assert_allclose(numbers.numpy(), expected, tolerance, tolerance / 2)
    else:
        assert got == wanted


@pytest.mark.parametrize("case", FACTS["values"], ids=lambda case: case["code"])
def test_values_are_torchs(case: dict[str, Any]) -> None:
    same(evaluated(case["code"]), case["y"])


@pytest.mark.parametrize("case", FACTS["gradients"], ids=lambda case: case["code"])
def test_derivatives_and_nodes_are_torchs(case: dict[str, Any]) -> None:
    x = decoded(FACTS["x"]).requires_grad_()
    result = evaluated(case["code"], x=x)
    same(result, case["y"])
    parts = result if isinstance(result, tuple) else (result,)
    names = [part.grad_fn.name() if part.grad_fn is not None else None for part in parts]
    own = OWN_NODES.get(case["code"])
    assert names == (case["nodes"] if own is None else [f"{own}Backward0"])
    total: Any = 0
    for part in parts:
        if part.grad_fn is not None:
            weights = tatamu.arange(1, part.numel() + 1, dtype=tatamu.float64).sin()
            total = total + (part * weights.reshape(part.shape)).sum()
    total.backward()
    same(x.grad, case["dx"])


@pytest.mark.parametrize("case", FACTS["errors"], ids=lambda case: case["code"])
def test_errors_are_torchs(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        evaluated(case["code"])
    assert str(caught.value).splitlines()[0] == case["text"]
    kinds = [kind.__name__.replace("LinAlg", "_LinAlg") for kind in type(caught.value).__mro__]
    assert case["kind"] in kinds


@pytest.mark.parametrize("case", FACTS["texts"], ids=lambda case: case["code"])
def test_texts_are_torchs(case: dict[str, str]) -> None:
    tatamu.naming.speak("torch")
    try:
        assert repr(evaluated(case["code"])) == case["text"]
    finally:
        tatamu.naming.speak("tatamu")
