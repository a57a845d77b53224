"""Pieces of code about pictures under tatamu, compared with what torchvision made of them.

The counterpart of scripts/fixtures/transforms.py.
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

FIXTURES = Path(__file__).parent / "fixtures"
CASES = script("transforms_cases")


class Compared:
    """The fixtures of one version of the transforms, and what code means under tatamu."""

    def __init__(self, name: str, **own: Any) -> None:
        self.facts = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
        self.arrays = dict(np.load(FIXTURES / f"{name}.npz"))
        self.own = own

    def names(self) -> dict[str, Any]:
        cat = self.arrays["cat"]
        return {
            **CASES.pictures(cat),
            **CASES.tensors(tatamu.from_numpy, cat),
            **CASES.arrays(cat),
            "torch": tatamu,
            "np": np,
            **self.own,
        }

    def result(self, code: str, wanted: Any) -> None:
        given = self.names()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self.check(eval(code, given), wanted)

    def drawn(self, code: str, seed: int, wanted: Any, numbers: list[float]) -> None:
        given = self.names()
        tatamu.manual_seed(seed)
        random.seed(seed)
        self.check(eval(code, given), wanted)
        assert tatamu.rand(1).item() == numbers[0], "other draws from torch's generator"
        assert random.random() == numbers[1], "other draws from Python's generator"

    def check(self, value: Any, wanted: Any) -> None:
        if isinstance(wanted, list):
            assert len(value) == len(wanted)
            for part, one in zip(value, wanted, strict=True):
                self.check(part, one)
        elif isinstance(wanted, dict) and "mode" in wanted:
            assert isinstance(value, Image.Image)
            assert [value.mode, list(value.size)] == [wanted["mode"], wanted["size"]]
            assert hashlib.sha256(value.tobytes()).hexdigest()[:16] == wanted["bytes"]
        elif isinstance(wanted, dict) and "tensor" in wanted:
            assert torchs(str(value.dtype)) == wanted["dtype"]
            assert type(value).__name__ == wanted["kind"]
            close(value.numpy(force=True), self.arrays[wanted["tensor"]])
        elif isinstance(wanted, dict):
            assert list(value) == list(wanted)
            self.check(list(value.values()), list(wanted.values()))
        elif isinstance(wanted, float):
            assert value == pytest.approx(wanted, rel=1e-7)
        else:
            assert value == wanted

    def text(self, code: str, wanted: str) -> None:
        assert torchs(repr(eval(code, self.names()))) == wanted

    def error(self, code: str, kind: str, text: str) -> None:
        given = self.names()
        with pytest.raises(Exception) as caught, warnings.catch_warnings():  # compared below
            warnings.simplefilter("ignore")
            eval(code, given)
        assert torchs(str(caught.value)).split("\n")[0] == text
        assert kind in [base.__name__ for base in type(caught.value).__mro__]


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
    assert difference.max(initial=0) <= 1
    assert (difference != 0).mean() <= 0.01
