"""Losses and distances against values, derivatives, errors and warnings of real PyTorch.

The fixtures are made by scripts/fixtures/losses.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluated import (
    Drawn,
    compare,
    compare_error,
    compare_repr,
    compare_twice,
    compare_warning,
    evaluated,
    node,
)

import tatamu
from tatamu import nn
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "losses.json").read_text(encoding="utf-8"))
ARRAYS = np.load(FIXTURES / "losses.npz")

# Nodes whose operations are made of others here, or named apart only in torch.
OTHER_NODES = {"ClampMin": "Clamp", "Squeeze": "View"}
COMPOSED = ("Norm",)


def coded(cases: list[Any]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case["code"] for case in cases])


@pytest.mark.parametrize(
    ("place", "case"), list(enumerate(FACTS["values"])), ids=[c["code"] for c in FACTS["values"]]
)
def test_values_gradients_and_nodes(place: int, case: dict[str, str]) -> None:
    mixed = ".float()" in case["code"]
    y = compare(case["code"], f"value{place}", ARRAYS, 2e-6 if mixed else 1e-11)
    wanted = node(case["node"]).removesuffix("Backward")
    got = node(y.grad_fn.name()).removesuffix("Backward")
    if not mixed and wanted not in COMPOSED:  # where dtypes are mixed, a cast may come last
        assert got in (wanted, OTHER_NODES.get(wanted))


@pytest.mark.parametrize(("place", "code"), list(enumerate(FACTS["twice"])), ids=FACTS["twice"])
def test_second_derivatives(place: int, code: str) -> None:
    compare_twice(code, f"twice{place}", ARRAYS, 1e-9)


@pytest.mark.parametrize(
    ("place", "case"), list(enumerate(FACTS["values"])), ids=[c["code"] for c in FACTS["values"]]
)
def test_in_float32_too(place: int, case: dict[str, str]) -> None:
    drawn = Drawn(tatamu.from_numpy, "float32")
    y = evaluated(case["code"].replace(".double()", ".float()"), drawn)
    assert y.dtype is tatamu.float32
    wanted = ARRAYS[f"value{place}.y"]
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    np.testing.assert_allclose(y.numpy(force=True) / scale, wanted / scale, 2e-5, 2e-5)


@coded(FACTS["errors"])
def test_errors(case: dict[str, str]) -> None:
    compare_error(case)


@coded(FACTS["warnings"])
def test_warnings(case: dict[str, str]) -> None:
    compare_warning(case)


@pytest.mark.parametrize("code", FACTS["reprs"])
def test_reprs(code: str) -> None:
    compare_repr(code, FACTS["reprs"][code])


def test_errors_explain_themselves() -> None:
    x = tatamu.zeros(3, 4)
    with pytest.raises(RuntimeError, match=r"to be Long or Byte.*\n.*target\.long\(\)"):
        F.cross_entropy(x, tatamu.zeros(3))
    with pytest.raises(IndexError, match=r"Target 10.*\n.*4 classes, so targets are 0 to 3"):
        F.cross_entropy(x, tatamu.tensor([0, 1, 10]))
    with pytest.raises(RuntimeError, match=r"multi-target.*\n.*target\.squeeze\(1\)"):
        F.cross_entropy(x, tatamu.zeros(3, 1).long())
    with pytest.raises(RuntimeError, match=r"between 0 and 1\n.*or BCEWithLogitsLoss"):
        F.binary_cross_entropy(x - 2, x)
    with pytest.raises(ValueError, match=r"same as input.*\n.*target\.reshape\(3, 4\)"):
        F.binary_cross_entropy_with_logits(x, tatamu.zeros(12))
    with pytest.raises(RuntimeError, match="label 7 is none of the 4 classes"):
        F.ctc_loss(tatamu.zeros(5, 1, 4), tatamu.tensor([[7]]), [5], [1])
    with pytest.raises(
        RuntimeError, match=r"_ctc_loss_backward is not implemented\n.*create_graph"
    ):
        y = tatamu.zeros(5, 1, 4, requires_grad=True)
        loss = F.ctc_loss(y, tatamu.tensor([[2]]), [5], [1])
        (g,) = tatamu.autograd.grad(loss, y, create_graph=True)
        g.sum().backward()


def test_a_module_says_where_an_error_was() -> None:
    with pytest.raises(ValueError, match=r"batch_size \(3\).*\n  at model, CrossEntropyLoss\(\)"):
        nn.CrossEntropyLoss()(tatamu.zeros(3, 4), tatamu.zeros(2).long())


def test_large_losses_are_compiled_and_agree() -> None:
    random = np.random.default_rng(0)
    scores = random.uniform(-5, 5, (64, 100)).astype("f4")
    target = random.integers(0, 100, 64)
    x = tatamu.from_numpy(scores.copy()).requires_grad_()
    loss = F.cross_entropy(x, tatamu.from_numpy(target))
    loss.backward()
    wide = scores.astype(np.float64)
    softmax = np.exp(wide - wide.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    assert loss.item() == pytest.approx(-np.log(softmax[np.arange(64), target]).mean(), rel=1e-6)
    softmax[np.arange(64), target] -= 1
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), softmax / 64, 1e-5, 1e-7)
