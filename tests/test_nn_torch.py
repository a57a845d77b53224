"""tatamu against what torch did: numbers, texts and error sentences that torch itself wrote.

The same Python text runs here with tatamu's names; scripts/fixtures/nn.py ran it with torch's.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.dtypes import BY_NAME, promote
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
ARRAYS = np.load(FIXTURES / "nn.npz")
CASES = json.loads((FIXTURES / "nn.json").read_text(encoding="utf-8"))
NAMES = {"torch": tatamu, "nn": nn, "F": F}


def run(code: str) -> Any:
    names: dict[str, Any] = dict(NAMES)
    exec(code, names)
    return names.get("y")


def ours(text: str) -> str:
    """torch's text with our package's name where it names itself."""
    return text.replace("torch.", "tatamu.")


def ids(kind: str) -> list[str]:
    return [case["code"] for case in CASES[kind]]


@pytest.mark.parametrize("place", range(len(CASES["layers"])), ids=ids("layers"))
def test_layers_give_torchs_numbers(place: int) -> None:
    module = eval(CASES["layers"][place]["code"], dict(NAMES)).double()
    prefix = f"layer{place}."
    state = {name: tatamu.tensor(ARRAYS[prefix + name]) for name, _ in module.named_parameters()}
    module.load_state_dict(state)
    x = tatamu.tensor(ARRAYS[prefix + "x"], requires_grad=True)
    y = module(x)
    np.testing.assert_allclose(y.detach().numpy(), ARRAYS[prefix + "y"], rtol=1e-12, atol=1e-12)
    y.backward(tatamu.tensor(ARRAYS[prefix + "g"]))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), ARRAYS[prefix + "dx"], rtol=1e-12, atol=1e-12)
    for name, parameter in module.named_parameters():
        expected = ARRAYS[f"{prefix}d{name}"]
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("case", CASES["reprs"], ids=ids("reprs"))
def test_text_is_torchs(case: dict[str, str]) -> None:
    assert repr(eval(case["code"], dict(NAMES))) == ours(case["text"])


@pytest.mark.parametrize("place", range(len(CASES["values"])), ids=ids("values"))
def test_values_are_torchs(place: int) -> None:
    case = CASES["values"][place]
    y = run(case["code"])
    assert y.dtype is BY_NAME[case["dtype"]]
    expected = ARRAYS[f"value{place}"]
    assert tuple(y.shape) == expected.shape
    y = y.detach()
    got = (y.float() if y.dtype is tatamu.bfloat16 else y).numpy()
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize("case", CASES["errors"], ids=ids("errors"))
def test_errors_open_with_torchs_sentence(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(case["code"])
    expected = ours(case["text"]).split("\n")[0]
    assert str(caught.value).split("\n")[0].strip("'\"") == expected.strip("'\"")
    kinds = {kind.__name__ for kind in type(caught.value).__mro__}
    assert case["kind"] in kinds


def test_promotion_table_is_torchs() -> None:
    for first, row in CASES["promotion"].items():
        for second, expected in row.items():
            assert promote(BY_NAME[first], BY_NAME[second]) is BY_NAME[expected]


@pytest.mark.parametrize("seed", [0, 1, 12345678901])
def test_random_streams_are_torchs(seed: int) -> None:
    tatamu.manual_seed(seed)
    prefix = f"rand{seed}."

    def exactly(name: str, got: Any) -> None:
        np.testing.assert_array_equal(got.numpy(), ARRAYS[prefix + name])

    exactly("float32", tatamu.rand(700))
    exactly("float64", tatamu.rand(33, dtype=tatamu.float64))
    exactly("short", tatamu.randn(5))
    exactly("after", tatamu.randn(4, dtype=tatamu.float64))
    np.testing.assert_allclose(tatamu.randn(37).numpy(), ARRAYS[prefix + "long"], atol=2e-6)
    double = tatamu.randn(40, dtype=tatamu.float64).numpy()
    np.testing.assert_allclose(double, ARRAYS[prefix + "double"], atol=1e-14)
    exactly("uniform", tatamu.empty(200).uniform_(-0.3, 0.9))
    exactly("uniform64", tatamu.empty(200, dtype=tatamu.float64).uniform_(-0.3, 0.9))


def test_seeded_layers_have_torchs_weights() -> None:
    tatamu.manual_seed(0)
    layers = {"first": nn.Conv2d(3, 8, 3), "second": nn.Conv2d(8, 6, (1, 5), groups=2)}
    for name, layer in layers.items():
        for part in ("weight", "bias"):
            got = getattr(layer, part).detach().numpy()
            np.testing.assert_array_equal(got, ARRAYS[f"seeded.{name}.{part}"])
