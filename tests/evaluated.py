"""Pieces of code under tatamu, compared with what real torch made of them.

The counterpart of scripts/fixtures/evaluate.py; both draw inputs by scripts/fixtures/drawn.py.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu import nn
from tatamu.nn import functional as F

NAMES: dict[str, Any] = {"torch": tatamu, "nn": nn, "F": F}


Drawn = script("drawn").Drawn


def evaluated(code: str, drawn: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return eval(code, {**NAMES, **drawn.names()})


def torchs(text: str) -> str:
    """Our text with torch's name in it."""
    return text.replace("tatamu.", "torch.")


def compare(code: str, key: str, arrays: Any, tolerance: float, dtype: str = "float64") -> Any:
    """Value and gradients; gives the result."""
    drawn = Drawn(tatamu.from_numpy, dtype)
    y = evaluated(code, drawn)
    close(y, arrays[f"{key}.y"], tolerance)
    y.backward(drawn.weights(y))
    for place, leaf in enumerate(drawn.leaves):
        close(leaf.grad, arrays[f"{key}.{place}"], tolerance)
    return y


def compare_twice(code: str, key: str, arrays: Any, tolerance: float) -> None:
    """The derivatives of a weighted sum of the derivatives."""
    drawn = Drawn(tatamu.from_numpy)
    y = evaluated(code, drawn)
    first = tatamu.autograd.grad((y * drawn.weights(y)).sum(), drawn.leaves, create_graph=True)
    total: Any = sum((g * drawn.weights(g)).sum() for g in first if g.requires_grad)
    second: Any = [None] * len(first)
    if isinstance(total, tatamu.Tensor):
        second = tatamu.autograd.grad(total, drawn.leaves, allow_unused=True)
    for place, (leaf, g) in enumerate(zip(drawn.leaves, second, strict=True)):
        got = tatamu.zeros_like(leaf) if g is None else g
        close(got, arrays[f"{key}.{place}"], tolerance)


def close(got: Any, wanted: Any, tolerance: float) -> None:
    array = got.numpy(force=True)
    assert array.dtype == wanted.dtype
    assert array.shape == wanted.shape
    if wanted.dtype == np.float32:
        tolerance = max(tolerance, 2e-6)
    np.testing.assert_allclose(array, wanted, tolerance, tolerance)


def compare_error(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        evaluated(case["code"], Drawn(tatamu.from_numpy))
    assert torchs(str(caught.value)).split("\n")[0] == case["text"]
    assert case["kind"] in [kind.__name__ for kind in type(caught.value).__mro__]


def compare_warning(case: dict[str, str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(case["code"], {**NAMES, **Drawn(tatamu.from_numpy).names()})
    (warning,) = caught
    assert warning.category.__name__ == case["kind"]
    assert torchs(str(warning.message)) == case["text"]


def compare_repr(code: str, wanted: str) -> None:
    assert torchs(repr(evaluated(code, Drawn(tatamu.from_numpy)))) == wanted


def node(name: str) -> str:
    """The name of a node without the number of torch's overload."""
    return re.sub(r"\d+$", "", name)
