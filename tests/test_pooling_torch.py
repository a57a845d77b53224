"""Pooling against what torch did: outputs, indices, gradients, texts and error sentences.

The same Python text runs here with tatamu's names; scripts/fixtures/pooling.py ran it with torch's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.dtypes import BY_NAME
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
ARRAYS = np.load(FIXTURES / "pooling.npz")
CASES = json.loads((FIXTURES / "pooling.json").read_text(encoding="utf-8"))
NAMES = {"torch": tatamu, "nn": nn, "F": F}

Orders = ("contiguous", "channels_last")


def laid(array: Any, order: str) -> Any:
    """A tensor of these numbers in one of the two memory orders."""
    if order == "contiguous" or array.ndim < 4:
        return tatamu.tensor(array)
    last = tatamu.from_numpy(np.ascontiguousarray(np.moveaxis(array, 1, -1)))
    return last.permute(0, last.dim() - 1, *range(1, last.dim() - 1))


def call(code: str, x: Any) -> tuple[Any, Any]:
    y = eval(code, {**NAMES, "x": x})
    return y if isinstance(y, tuple) else (y, None)


def run(code: str) -> Any:
    names: dict[str, Any] = dict(NAMES)
    exec(code, names)
    return names.get("y")


@pytest.mark.parametrize("order", Orders)
@pytest.mark.parametrize("place", range(len(CASES["layers"])), ids=CASES["layers"])
def test_outputs_indices_and_gradients(place: int, order: str) -> None:
    code = CASES["layers"][place]
    known = {name: ARRAYS.get(f"layer{place}.{name}") for name in ("x", "y", "g", "dx", "i")}
    x = laid(known["x"], order).requires_grad_()
    y, indices = call(code, x)
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(y.detach().numpy(), known["y"], **close)
    assert (indices is None) == (known["i"] is None)
    if indices is not None:
        np.testing.assert_array_equal(indices.numpy(), known["i"])
    y.backward(laid(known["g"], order))
    np.testing.assert_allclose(x.grad.numpy(), known["dx"], **close)
    with tatamu.no_grad():
        plain, _ = call(code, x.detach())
    np.testing.assert_array_equal(plain.numpy(), y.detach().numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("order", Orders)
@pytest.mark.parametrize("place", range(len(CASES["special"])), ids=CASES["special"])
def test_what_is_not_finite(place: int, order: str, dtype: str) -> None:
    x, y = ARRAYS[f"special{place}.x"], ARRAYS[f"special{place}.y"]
    got, indices = call(CASES["special"][place], laid(x, order).to(BY_NAME[dtype]))
    tolerance = {"float32": 1e-6, "float64": 1e-12, "float16": 2e-3}[dtype]
    np.testing.assert_allclose(got.double().numpy(), y, rtol=tolerance)
    if indices is not None and dtype != "float16":  # which makes new ties
        np.testing.assert_array_equal(indices.numpy(), ARRAYS[f"special{place}.i"])
    plain, _ = call(CASES["special"][place].replace(", return_indices=True", ""), laid(x, order))
    np.testing.assert_allclose(plain.numpy(), y, rtol=1e-12)


@pytest.mark.parametrize("case", CASES["titles"], ids=lambda case: case["code"])
def test_nodes_have_torchs_names(case: dict[str, Any]) -> None:
    y, _ = call(case["code"], tatamu.zeros(*case["shape"], requires_grad=True))
    assert y.grad_fn.name() == case["name"]


@pytest.mark.parametrize("case", CASES["reprs"], ids=lambda case: case["code"])
def test_text_is_torchs(case: dict[str, str]) -> None:
    assert repr(eval(case["code"], dict(NAMES))) == case["text"]


@pytest.mark.parametrize("place", range(len(CASES["values"])))
def test_values_are_torchs(place: int) -> None:
    case = CASES["values"][place]
    y = run(case["code"])
    assert y.dtype is BY_NAME[case["dtype"]]
    got = (y.float() if y.dtype is tatamu.bfloat16 else y).numpy()
    np.testing.assert_allclose(got, ARRAYS[f"value{place}"], rtol=3e-7)


@pytest.mark.parametrize("case", CASES["errors"], ids=lambda case: case["code"])
def test_errors_open_with_torchs_sentence(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:
        run(case["code"])
    assert str(caught.value).split("\n")[0] == case["text"]
    assert case["kind"] in {kind.__name__ for kind in type(caught.value).__mro__}


def test_negative_bins_of_max_pooling() -> None:
    with pytest.raises(RuntimeError, match="Trying to create tensor with negative dimension -2"):
        F.adaptive_max_pool2d(tatamu.zeros(1, 4, 4), (3, -2))
