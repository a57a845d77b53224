"""Creation, sizes and what Python and NumPy make of tensors, to the bit, against real PyTorch.

The fixtures are made by scripts/fixtures/making.py.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu

FACTS = json.loads((Path(__file__).parent / "fixtures" / "making.json").read_text("utf-8"))
CASES = [case for group in ("creation", "sizes", "python") for case in FACTS[group]]


@pytest.fixture(autouse=True)
def torchs_name() -> Iterator[None]:
    tatamu.naming.speak("torch")
    yield
    tatamu.naming.speak("tatamu")


def evaluated(code: str) -> Any:
    f = tatamu.tensor([[1.5, 2, -3], [0, 0.1, 7]])
    i = tatamu.tensor([[1, 2, 3], [4, 5, 6]])
    names = {"torch": tatamu, "np": np, "inf": math.inf, "nan": math.nan, "f": f, "i": i}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return eval(code, names)


def same(got: Any, wanted: dict[str, Any]) -> None:
    if "tensor" in wanted:
        assert isinstance(got, tatamu.Tensor)
        assert str(got.dtype) == f"torch.{wanted['tensor']}"
        assert list(got.shape) == wanted["shape"]
        assert list(got.stride()) == wanted["stride"]
        assert got.requires_grad is wanted["requires_grad"]
        numbers = got.detach().double() if got.is_floating_point() else got
        np.testing.assert_array_equal(numbers.reshape(-1).tolist(), wanted["values"])
    elif "array" in wanted:
        assert isinstance(got, (np.ndarray, np.generic))
        array = np.asarray(got)
        assert (str(array.dtype), list(array.shape)) == (wanted["array"], wanted["shape"])
        np.testing.assert_array_equal(array.reshape(-1).tolist(), wanted["values"])
    elif "parts" in wanted:
        for part, fact in zip(got, wanted["parts"], strict=True):
            same(part, fact)
    else:
        assert repr(got) == wanted["text"]


@pytest.mark.parametrize("case", CASES, ids=[case["code"][:90] for case in CASES])
def test_is_torchs(case: dict[str, Any]) -> None:
    if "y" in case:
        same(evaluated(case["code"]), case["y"])
        return
    with pytest.raises(Exception) as caught:  # its kind is compared below
        evaluated(case["code"])
    assert str(caught.value).splitlines()[0] == case["error"]
    assert case["kind"] in [kind.__name__ for kind in type(caught.value).__mro__]
