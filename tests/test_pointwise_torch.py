"""Activations, resizing and padding against values, gradients and sentences of real PyTorch.

The fixtures are made by scripts/fixtures/pointwise.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "pointwise.json").read_text(encoding="utf-8"))
ARRAYS = np.load(FIXTURES / "pointwise.npz")
ACTIVATIONS = list(enumerate(FACTS["activations"]))
RESIZING = list(enumerate(FACTS["resizing"]))


def value(code: str, x: Any = None) -> Any:
    # torch's parametric ReLU in the fixtures has slopes made in float32.
    return eval(code, {"torch": tatamu, "nn": nn, "F": F, "x": x})


def tensor(name: str, last: bool = False) -> Any:
    array = ARRAYS[name]
    if last:
        axes = (0, *range(2, array.ndim), 1)
        back = np.argsort(axes)
        return tatamu.from_numpy(np.ascontiguousarray(array.transpose(axes))).permute(*back)
    return tatamu.from_numpy(array.copy())


def compare(code: str, name: str, last: bool, tolerance: float) -> Any:
    x = tensor(f"{name}.x", last).requires_grad_()
    y = value(code, x)
    np.testing.assert_allclose(y.numpy(force=True), ARRAYS[f"{name}.y"], tolerance, tolerance)
    y.backward(tensor(f"{name}.g", last))
    np.testing.assert_allclose(x.grad.numpy(), ARRAYS[f"{name}.dx"], tolerance, tolerance)
    return y


@pytest.mark.parametrize("last", [False, True], ids=["", "channels-last"])
@pytest.mark.parametrize(("place", "case"), ACTIVATIONS, ids=[c["code"] for _, c in ACTIVATIONS])
def test_activation(place: int, case: dict[str, str], last: bool) -> None:
    y = compare(case["code"], f"activation{place}", last, 1e-7)
    assert y.stride()[1] == 1 if last else y.is_contiguous()


@pytest.mark.parametrize(("place", "case"), ACTIVATIONS, ids=[c["code"] for _, c in ACTIVATIONS])
def test_name_of_the_node(place: int, case: dict[str, str]) -> None:
    """torch numbers its overloads; glu, and clamp by tensors, are made of others here."""
    x = tensor(f"activation{place}.x").requires_grad_()
    wanted = case["node"].rstrip("01")
    own = {
        "F.glu(x, 1)": "MulBackward",
        "x.clamp(max=torch.tensor(0.5))": "WhereBackward",
    }
    assert value(case["code"], x).grad_fn.name().rstrip("01") == own.get(case["code"], wanted)


# The slope at NaN of these differs in torch between its vectors and what is left over behind them.
# torch's vectorised GELU gives NaN for inf; see the file of the operation.
AT_NAN = (
    "F.relu6", "F.hardtanh", "F.elu", "F.celu", "F.selu", "F.hardswish", "F.hardshrink",
    "F.softshrink", "x.clamp(max=torch",
)  # fmt: skip
OWN_EDGES = {"F.gelu(x)": (1, np.inf)}


@pytest.mark.parametrize(("place", "case"), ACTIVATIONS, ids=[c["code"] for _, c in ACTIVATIONS])
def test_nan_infinities_and_zeros(place: int, case: dict[str, str]) -> None:
    edges = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0]).reshape(5, 1, 1)
    x = tatamu.from_numpy(np.repeat(edges, 4, 1)).requires_grad_()
    y = value(case["code"], x)
    wanted = ARRAYS[f"activation{place}.edges"]
    if case["code"] in OWN_EDGES:
        at, number = OWN_EDGES[case["code"]]
        wanted = wanted.copy()
        wanted[at] = number
    np.testing.assert_allclose(y.numpy(force=True), wanted, 1e-7)
    y.backward(tatamu.ones_like(y))
    slopes = ARRAYS[f"activation{place}.edge_slopes"]
    first = case["code"].startswith(AT_NAN)  # leaves the NaN out
    np.testing.assert_allclose(x.grad.numpy()[first:], slopes[first:], 1e-7)


@pytest.mark.parametrize("last", [False, True], ids=["", "channels-last"])
@pytest.mark.parametrize(("place", "code"), RESIZING, ids=[code for _, code in RESIZING])
def test_resizing_and_padding(place: int, code: str, last: bool) -> None:
    compare(code, f"resizing{place}", last, 1e-12)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_the_nearest_position_is_torchs(mode: str) -> None:
    for case in FACTS["nearest"]:
        x = tatamu.arange(float(case["size"])).reshape(1, 1, case["size"])
        got = F.interpolate(x, case["out"], mode=mode)[0, 0].int().tolist()
        assert got == case["sources" if mode == "nearest" else "exact"], case


@pytest.mark.parametrize("case", FACTS["errors"], ids=[case["code"] for case in FACTS["errors"]])
def test_errors_are_torchs(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        value(case["code"])
    assert str(caught.value).splitlines()[0] == case["text"].splitlines()[0]
    kinds = [kind.__name__ for kind in type(caught.value).__mro__]
    assert case["kind"] in kinds


@pytest.mark.parametrize("code", FACTS["reprs"])
def test_reprs_are_torchs(code: str) -> None:
    assert repr(value(code)) == FACTS["reprs"][code]


@pytest.mark.parametrize("code", FACTS["strides"])
def test_results_lie_as_torchs(code: str) -> None:
    assert list(value(code).stride()) == FACTS["strides"][code]
