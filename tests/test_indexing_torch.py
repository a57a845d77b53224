"""Indexing, gathering, joining, splitting and other shapes, as real PyTorch has them.

The fixtures are made by scripts/fixtures/indexing.py; a case is a line of code.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import naming

FACTS = json.loads(
    (Path(__file__).parent / "fixtures" / "indexing.json").read_text(encoding="utf-8")
)
CASES = FACTS["cases"]

# The whole tensor filled: torch has an operation of its own for that. And 0-d tensors, which are
# seen as vectors of one element here.
UNNAMED = {
    "y[:] = 1", "y[...] = 1", "y[...] = 2", "v[1].index_select(0, torch.tensor([0]))",
    "v[1].scatter_add(0, torch.tensor([0]), v[2:3])", "v[1].index_add(0, torch.tensor(0), v[2])",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_torchs_name() -> Iterator[None]:
    """Sentences name torch's classes, as those of the fixtures do."""
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)


def names() -> dict[str, Any]:
    """The same as in the script."""
    x = tatamu.arange(24.0).reshape(2, 3, 4).requires_grad_()
    m = tatamu.arange(12.0).reshape(3, 4).requires_grad_()
    v = tatamu.arange(5.0).requires_grad_()
    z = tatamu.arange(24.0).reshape(2, 3, 4)
    last = tatamu.arange(120.0).reshape(2, 3, 4, 5).contiguous(memory_format=tatamu.channels_last)
    return {
        "torch": tatamu, "np": np, "x": x, "m": m, "v": v, "y": x * 1, "n": m * 1, "w": v * 1,
        "z": z, "k": tatamu.arange(12).reshape(3, 4), "last": last,
        "i": tatamu.tensor([1, 0]), "j": tatamu.tensor([2, 0]), "b": tatamu.tensor([True, False]),
        "ix": tatamu.tensor([[[3, 0], [1, 1], [2, 0]], [[0, 3], [2, 2], [1, 3]]]),
    }  # fmt: skip


def evaluated(code: str, space: dict[str, Any]) -> Any:
    try:
        compiled = compile(code, "case", "eval")
    except SyntaxError:
        exec(code, space)
        return space["y"]
    return eval(compiled, space)


def tensors(value: Any) -> list[Any]:
    if isinstance(value, tatamu.Tensor):
        return [value] if value.requires_grad else []
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def gradients(result: Any, space: dict[str, Any]) -> dict[str, Any]:
    total: Any = 0
    for tensor in tensors(result):
        if not tensor.is_leaf:
            weights = tatamu.arange(1.0, tensor.numel() + 1).reshape(tensor.shape)
            total = total + (tensor * weights.to(tensor.dtype)).sum()
    if isinstance(total, tatamu.Tensor):
        total.backward()
    leaves = {name: space[name].grad for name in ("x", "m", "v")}
    return {name: g.tolist() for name, g in leaves.items() if g is not None}


def stride_shown(shape: list[int], stride: list[int]) -> list[int]:
    """Without axes that have but one place: there a stride says nothing."""
    return [step for n, step in zip(shape, stride, strict=True) if n > 1] if 0 not in shape else []


def compare(got: Any, wanted: Any, named: bool) -> None:
    if isinstance(wanted, list):
        assert isinstance(got, (tuple, list))
        assert len(got) == len(wanted)
        for a, b in zip(got, wanted, strict=True):
            compare(a, b, named)
        return
    if isinstance(wanted, str):
        assert repr(got) == wanted
        return
    assert isinstance(got, tatamu.Tensor)
    shape = list(got.shape)
    assert shape == wanted["shape"]
    assert str(got.dtype) == wanted["dtype"]
    np.testing.assert_allclose(got.tolist(), wanted["values"], 1e-6)
    assert stride_shown(shape, list(got.stride())) == stride_shown(shape, wanted["stride"])
    node = got.grad_fn.name() if got.grad_fn is not None else None
    if named:
        assert node == wanted["node"]
    assert got.is_leaf is wanted["leaf"]


@pytest.mark.parametrize("case", CASES, ids=[case["code"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    space = names()
    code = case["code"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if "error" in case:
            with pytest.raises(Exception) as raised:  # its kind is compared below
                gradients(evaluated(code, space), space)
            kind, text = case["error"]
            assert str(raised.value).splitlines()[0] == text
            assert kind in [base.__name__ for base in type(raised.value).__mro__]
        else:
            result = evaluated(code, space)
            compare(result, case["result"], code not in UNNAMED)
            found = gradients(result, space)
            assert found.keys() == case["gradients"].keys()
            for name, wanted in case["gradients"].items():
                np.testing.assert_allclose(found[name], wanted, 1e-5, 1e-6)
    texts = {str(w.message) for w in caught}
    assert texts == set(case.get("warnings", []))
