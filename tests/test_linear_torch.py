"""Products and linear layers against what torch did: numbers, gradients, names and error sentences.

The same Python text runs here with tatamu's names; scripts/fixtures/linear.py ran it with torch's.
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
from tatamu.dtypes import BY_NAME
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
ARRAYS = np.load(FIXTURES / "linear.npz")
CASES = json.loads((FIXTURES / "linear.json").read_text(encoding="utf-8"))
NAMES = {"torch": tatamu, "nn": nn, "F": F}


def run(code: str) -> Any:
    def leaf(*shape: int) -> tatamu.Tensor:
        return tatamu.ones(shape, requires_grad=True)

    names: dict[str, Any] = {**NAMES, "Z": tatamu.zeros, "R": leaf}
    exec(code if code.startswith("y = ") else f"y = {code}", names)
    return names["y"]


def ids(kind: str) -> list[str]:
    return [case["code"] for case in CASES[kind]]


def every(kind: str) -> Any:
    return pytest.mark.parametrize("place", range(len(CASES[kind])), ids=ids(kind))


def close(got: Any, name: str) -> None:
    np.testing.assert_allclose(got.detach().numpy(), ARRAYS[name], rtol=1e-12, atol=1e-12)


def check_gradients(prefix: str, f: Any, count: int) -> None:
    inputs = [tatamu.tensor(ARRAYS[f"{prefix}x{i}"], requires_grad=True) for i in range(count)]
    y = f(*inputs)
    assert y.shape == ARRAYS[f"{prefix}y"].shape
    close(y, f"{prefix}y")
    y.backward(tatamu.tensor(ARRAYS[f"{prefix}g"]))
    for i, x in enumerate(inputs):
        assert x.grad is not None
        close(x.grad, f"{prefix}dx{i}")


@every("layers")
def test_layers_give_torchs_numbers_from_torchs_weights(place: int) -> None:
    case = CASES["layers"][place]
    tatamu.manual_seed(place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = eval(case["code"], dict(NAMES))
    for name, parameter in module.named_parameters():
        seeded = ARRAYS[f"layer{place}.seeded.{name}"]
        np.testing.assert_array_equal(parameter.detach().numpy(), seeded)
    module = module.double()
    check_gradients(f"layer{place}.", module, case["count"])
    for name, parameter in module.named_parameters():
        close(parameter.grad, f"layer{place}.d{name}")


@every("calls")
def test_calls_give_torchs_numbers(place: int) -> None:
    case = CASES["calls"][place]
    check_gradients(f"call{place}.", eval(case["code"], dict(NAMES)), case["count"])


@every("values")
def test_values_are_torchs(place: int) -> None:
    case = CASES["values"][place]
    y = run(case["code"])
    assert y.dtype is BY_NAME[case["dtype"]]
    assert y.shape == ARRAYS[f"value{place}"].shape
    np.testing.assert_array_equal(y.numpy(), ARRAYS[f"value{place}"])


@pytest.mark.parametrize("case", CASES["nodes"], ids=ids("nodes"))
def test_nodes_have_torchs_names(case: dict[str, str]) -> None:
    assert run(case["code"]).grad_fn.name() == case["name"]


@pytest.mark.parametrize("case", CASES["reprs"], ids=ids("reprs"))
def test_text_is_torchs(case: dict[str, str]) -> None:
    assert repr(eval(case["code"], dict(NAMES))) == case["text"]


@pytest.mark.parametrize("case", CASES["errors"], ids=ids("errors"))
def test_errors_open_with_torchs_sentence(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:
        run(case["code"])
    expected = case["text"].split("\n")[0]
    assert str(caught.value).split("\n")[0] == expected
    assert case["kind"] in {kind.__name__ for kind in type(caught.value).__mro__}


def test_misfits_say_what_would_fit() -> None:
    with pytest.raises(RuntimeError, match=r"input\.flatten\(1\), or nn\.Flatten\(\) in front"):
        nn.Linear(400, 10)(tatamu.zeros(2, 16, 5, 5))
    with pytest.raises(RuntimeError, match=r"input\.flatten\(\) makes one row of 20"):
        nn.Linear(20, 3)(tatamu.zeros(4, 5))
    with pytest.raises(RuntimeError, match=r"in_features=5 would accept this input"):
        nn.Linear(7, 3)(tatamu.zeros(4, 5))
    with pytest.raises(RuntimeError, match=r"at model\[0\], Linear\(in_features=7"):
        nn.Sequential(nn.Linear(7, 3))(tatamu.zeros(4, 5))
    with pytest.raises(RuntimeError, match=r"in2_features=3 would accept this input"):
        nn.Bilinear(2, 7, 3)(tatamu.zeros(4, 2), tatamu.zeros(4, 3))
    with pytest.raises(RuntimeError, match=r"weight must have 3 dimensions \(out, in1, in2\)"):
        F.bilinear(tatamu.zeros(4, 2), tatamu.zeros(4, 3), tatamu.zeros(2, 3))
