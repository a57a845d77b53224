"""Transforms against torchvision's: pictures to the byte, tensors, draws, texts and errors.

The fixtures are made by scripts/fixtures/transforms.py.
"""

from __future__ import annotations

import hashlib
import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scripts_of_fixtures import script

import tatamu
from tatamu.vision import transforms as T
from tatamu.vision.transforms import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "transforms.json").read_text(encoding="utf-8"))
ARRAYS = dict(np.load(FIXTURES / "transforms.npz"))
CASES = script("transforms_cases")


def names() -> dict[str, Any]:
    cat = ARRAYS["cat"]
    return {
        **CASES.pictures(cat),
        **CASES.tensors(tatamu.from_numpy, cat),
        **CASES.arrays(cat),
        "torch": tatamu,
        "np": np,
        "T": T,
        "F": F,
    }


def torchs(text: str) -> str:
    text = text.replace("tatamu.tensor.Tensor", "torch.Tensor")
    return text.replace("tatamu.vision.", "torchvision.").replace("tatamu.", "torch.")


def close(got: Any, wanted: Any) -> None:
    """Within 1e-5; of bytes, few may be rounded to the other neighbour where that is as near."""
    assert got.shape == wanted.shape
    if got.dtype != np.uint8:
        np.testing.assert_allclose(got, wanted, 1e-5, 1e-5)
        return
    difference = np.abs(got.astype(int) - wanted)
    assert difference.max(initial=0) <= 2
    assert (difference != 0).mean() <= 0.02


def check(value: Any, wanted: Any) -> None:
    if isinstance(wanted, list):
        assert len(value) == len(wanted)
        for part, one in zip(value, wanted, strict=True):
            check(part, one)
    elif isinstance(wanted, dict) and "mode" in wanted:
        assert isinstance(value, Image.Image)
        assert [value.mode, list(value.size)] == [wanted["mode"], wanted["size"]]
        assert hashlib.sha256(value.tobytes()).hexdigest()[:16] == wanted["bytes"]
    elif isinstance(wanted, dict):
        assert torchs(str(value.dtype)) == wanted["dtype"]
        close(value.numpy(force=True), ARRAYS[wanted["tensor"]])
    elif isinstance(wanted, float):
        assert value == pytest.approx(wanted, rel=1e-7)
    else:
        assert value == wanted


@pytest.mark.parametrize(("code", "wanted"), FACTS["settled"], ids=[c for c, _ in FACTS["settled"]])
def test_functions(code: str, wanted: Any) -> None:
    check(eval(code, names()), wanted)


@pytest.mark.parametrize(
    ("code", "seed", "wanted", "torch_next", "python_next"),
    FACTS["drawn"],
    ids=[f"{case[0]} {case[1]}" for case in FACTS["drawn"]],
)
def test_draws(code: str, seed: int, wanted: Any, torch_next: float, python_next: float) -> None:
    given = names()
    tatamu.manual_seed(seed)
    random.seed(seed)
    check(eval(code, given), wanted)
    assert tatamu.rand(1).item() == torch_next, "other draws from torch's generator"
    assert random.random() == python_next, "other draws from Python's generator"


@pytest.mark.parametrize(
    ("place", "code"), list(enumerate(FACTS["gradients"])), ids=FACTS["gradients"]
)
def test_gradients(place: int, code: str) -> None:
    given = names()
    x = given["f"].requires_grad_()
    y = eval(code, {**given, "x": x})
    (y * tatamu.arange(float(y.numel())).view(y.shape)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), ARRAYS[f"g{place}"], 1e-4, 1e-3)


@pytest.mark.parametrize(("code", "text"), FACTS["reprs"], ids=[code for code, _ in FACTS["reprs"]])
def test_texts(code: str, text: str) -> None:
    assert torchs(repr(eval(code, names()))) == text


@pytest.mark.parametrize(
    ("code", "kind", "text"), FACTS["errors"], ids=[case[0] for case in FACTS["errors"]]
)
def test_errors(code: str, kind: str, text: str) -> None:
    given = names()
    with pytest.raises(Exception) as caught, warnings.catch_warnings():  # its kind is compared
        warnings.simplefilter("ignore")
        eval(code, given)
    assert torchs(str(caught.value)).split("\n")[0] == text
    assert kind in [base.__name__ for base in type(caught.value).__mro__]


@pytest.mark.parametrize(
    ("code", "kind", "text"), FACTS["warnings"], ids=[case[0] for case in FACTS["warnings"]]
)
def test_warnings(code: str, kind: str, text: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(code, names())
    (warning,) = caught
    assert [warning.category.__name__, str(warning.message)] == [kind, text]


def test_all_of_torchvisions_names_are_there() -> None:
    assert set(FACTS["names"]["T"]) <= set(T.__all__)
