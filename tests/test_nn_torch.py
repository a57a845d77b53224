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
SUITES = ("nn", "conv")
FILES = {suite: np.load(FIXTURES / f"{suite}.npz") for suite in SUITES}
DOCUMENTS = {
    suite: json.loads((FIXTURES / f"{suite}.json").read_text(encoding="utf-8")) for suite in SUITES
}
ARRAYS, CASES = FILES["nn"], DOCUMENTS["nn"]
NAMES = {"torch": tatamu, "nn": nn, "F": F}


def run(code: str) -> Any:
    names: dict[str, Any] = dict(NAMES)
    exec(code, names)
    return names.get("y")


def ours(text: str) -> str:
    """torch's text with our package's name where it names itself."""
    return text.replace("torch.", "tatamu.")


def every(kind: str) -> Any:
    """All cases of a kind, of all suites: (suite, place among them, case)."""
    cases = [
        pytest.param(suite, place, case, id=case["code"])
        for suite in SUITES
        for place, case in enumerate(DOCUMENTS[suite][kind])
    ]
    return pytest.mark.parametrize(("suite", "place", "case"), cases)


@every("layers")
def test_layers_give_torchs_numbers(suite: str, place: int, case: dict[str, Any]) -> None:
    arrays = FILES[suite]
    module = eval(case["code"], dict(NAMES)).double()
    prefix = f"layer{place}."
    state = {name: tatamu.tensor(arrays[prefix + name]) for name, _ in module.named_parameters()}
    module.load_state_dict(state)
    x = tatamu.tensor(arrays[prefix + "x"], requires_grad=True)
    y = module(x)
    np.testing.assert_allclose(y.detach().numpy(), arrays[prefix + "y"], rtol=1e-12, atol=1e-12)
    y.backward(tatamu.tensor(arrays[prefix + "g"]))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), arrays[prefix + "dx"], rtol=1e-12, atol=1e-12)
    for name, parameter in module.named_parameters():
        expected = arrays[f"{prefix}d{name}"]
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-11, atol=1e-11)


@every("reprs")
def test_text_is_torchs(suite: str, place: int, case: dict[str, str]) -> None:
    assert repr(eval(case["code"], dict(NAMES))) == ours(case["text"])


@every("values")
def test_values_are_torchs(suite: str, place: int, case: dict[str, str]) -> None:
    y = run(case["code"])
    assert y.dtype is BY_NAME[case["dtype"]]
    expected = FILES[suite][f"value{place}"]
    assert tuple(y.shape) == expected.shape
    y = y.detach()
    got = (y.float() if y.dtype is tatamu.bfloat16 else y).numpy()
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=0)


@every("errors")
def test_errors_open_with_torchs_sentence(suite: str, place: int, case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(case["code"])
    expected = ours(case["text"]).split("\n")[0]
    got = ours(str(caught.value)).split("\n")[0]
    assert got.strip("'\"") == expected.strip("'\"")
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
    exactly("long", tatamu.randn(37))
    exactly("double", tatamu.randn(40, dtype=tatamu.float64))
    exactly("uniform", tatamu.empty(200).uniform_(-0.3, 0.9))
    exactly("uniform64", tatamu.empty(200, dtype=tatamu.float64).uniform_(-0.3, 0.9))


def test_seeded_layers_have_torchs_weights() -> None:
    tatamu.manual_seed(0)
    layers = {"first": nn.Conv2d(3, 8, 3), "second": nn.Conv2d(8, 6, (1, 5), groups=2)}
    for name, layer in layers.items():
        for part in ("weight", "bias"):
            got = getattr(layer, part).detach().numpy()
            np.testing.assert_array_equal(got, ARRAYS[f"seeded.{name}.{part}"])
