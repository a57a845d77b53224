"""Elementwise functions against values, gradients, dtypes, texts and sentences of real PyTorch.

The fixtures are made by scripts/fixtures/maths.py; the code that is run stands in maths_cases.py.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import autograd, naming

ROOT = Path(__file__).parent.parent
FACTS = json.loads((ROOT / "tests/fixtures/maths.json").read_text(encoding="utf-8"))
ARRAYS = np.load(ROOT / "tests/fixtures/maths.npz")
SPEC = importlib.util.spec_from_file_location("cases", ROOT / "scripts/fixtures/maths_cases.py")
assert SPEC is not None and SPEC.loader is not None
cases: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(cases)


class Torch:
    """tatamu under torch's name, with the one function that the fixtures add."""

    def __getattr__(self, name: str) -> Any:
        return getattr(tatamu, name)

    @staticmethod
    def linspace_(start: float, end: float, count: int) -> Any:
        return tatamu.from_numpy(np.linspace(start, end, count).astype(np.float32))


@pytest.fixture(autouse=True)
def under_torchs_name() -> Iterator[None]:
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)


def namespace() -> dict[str, Any]:
    x = tatamu.tensor([0.75, 0.25], requires_grad=True)
    y = tatamu.tensor([0.5, 2.0])
    return {
        "torch": Torch(), "np": np, "x": x, "y": y, "print_": repr, "T": tatamu.tensor,
        "cl": tatamu.ones(2, 3, 4, 5).permute(0, 3, 1, 2),
        "ALL": [getattr(tatamu, d) for d in cases.DTYPES],
    }  # fmt: skip


def compare(got: Any, wanted: Any, code: str) -> None:
    """Numbers to the precision of their dtype, everything else as text."""
    if isinstance(wanted, list):
        assert len(got) == len(wanted)
        for part, expected in zip(got, wanted, strict=True):
            compare(part, expected, code)
    elif isinstance(wanted, dict):
        assert isinstance(got, tatamu.Tensor), got
        assert got.dtype.name == wanted["dtype"]
        assert list(got.shape) == wanted["shape"]
        numbers = [float(n) for n in wanted["numbers"]]
        precision = {"float32": 2e-6, "float64": 1e-13}.get(wanted["dtype"], 0.0)
        found = got.detach().double().numpy().reshape(-1)
        np.testing.assert_allclose(found, numbers, precision, precision)
        signs = np.signbit(found) == np.signbit(numbers)
        assert np.all(signs | (np.array(numbers) != 0)), "a zero has another sign"
    else:
        assert repr(got) == wanted


def run(case: dict[str, Any]) -> None:
    code = case["code"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if "kind" in case:
            with pytest.raises(Exception) as error:  # its kind is compared below
                eval(code, namespace())
        else:
            got = eval(code, namespace())
    assert [str(w.message) for w in caught] == case.get("warnings", [])
    if "kind" in case:
        first = str(error.value).splitlines()[0]
        assert (type(error.value).__name__, first) == (case["kind"], case["text"])
    else:
        compare(got, case["value"], code)


def every(kind: str) -> Any:
    listed = FACTS[kind]
    return pytest.mark.parametrize("case", listed, ids=[c["code"] for c in listed])


@every("results")
def test_results(case: dict[str, Any]) -> None:
    run(case)


@pytest.mark.parametrize("operator", cases.OPERATORS)
def test_promotion_between_dtypes(operator: str) -> None:
    count = len(FACTS["pairs"]) // len(cases.OPERATORS)
    start = cases.OPERATORS.index(operator) * count
    for case in FACTS["pairs"][start : start + count]:
        run(case)


@pytest.mark.parametrize("form", cases.BESIDE)
def test_promotion_beside_numbers(form: str) -> None:
    count = len(FACTS["beside"]) // len(cases.BESIDE)
    start = cases.BESIDE.index(form) * count
    for case in FACTS["beside"][start : start + count]:
        run(case)


@pytest.mark.parametrize("name", cases.INTEGRAL)
def test_functions_of_other_dtypes(name: str) -> None:
    count = len(FACTS["integral"]) // len(cases.INTEGRAL)
    start = cases.INTEGRAL.index(name) * count
    for case in FACTS["integral"][start : start + count]:
        run(case)


@pytest.mark.parametrize("dtype", FACTS["defaults"])
def test_another_default_dtype(dtype: str) -> None:
    tatamu.set_default_dtype(getattr(tatamu, dtype))
    try:
        for case in FACTS["defaults"][dtype]:
            run(case)
    finally:
        tatamu.set_default_dtype(tatamu.float32)


# ---- values and gradients ----


def differentiate(code: str, names: dict[str, Any], key: str, node: str, twice: bool) -> None:
    leaves = {n: tatamu.from_numpy(a.copy()).requires_grad_() for n, a in names.items()}
    y = eval(code, {"torch": tatamu, **leaves})
    np.testing.assert_allclose(y.double().numpy(force=True), ARRAYS[f"{key}.value"], 1e-9, 1e-9)
    assert (y.grad_fn.name() if y.grad_fn else "") == node
    g = np.random.default_rng(7).uniform(-1, 1, y.shape)
    weights = tatamu.from_numpy(np.asarray(g)).to(y.dtype)
    grads = autograd.grad(
        (y * weights).sum(), list(leaves.values()), allow_unused=True, create_graph=twice
    )
    agree(leaves, grads, key)
    if twice:
        total: Any = sum((d * d).sum() for d in grads if d is not None)
        second = autograd.grad(total, list(leaves.values()), allow_unused=True)
        agree(leaves, second, f"{key}.second")


def agree(leaves: dict[str, Any], grads: Any, key: str) -> None:
    for name, d in zip(leaves, grads, strict=True):
        wanted = ARRAYS.get(f"{key}.{name}")
        if wanted is None:
            assert d is None or not d.detach().numpy().any()
        else:
            found = np.zeros(wanted.shape) if d is None else d.numpy(force=True)
            np.testing.assert_allclose(found, wanted, 1e-9, 1e-9)


@pytest.mark.parametrize("name", cases.UNARY)
def test_functions_of_one_number(name: str) -> None:
    low, high = cases.UNARY[name]
    place = list(cases.UNARY).index(name)
    x = np.random.default_rng(place).uniform(low, high, (3, 4))
    differentiate(f"torch.{name}(x)", {"x": x}, f"unary.{name}", FACTS["unary"][name], False)
    single = getattr(tatamu, name)(tatamu.from_numpy(x.astype(np.float32)))
    np.testing.assert_allclose(single.numpy(), ARRAYS[f"unary.{name}.single"], 2e-6, 2e-6)
    assert single.tolist() == getattr(tatamu.from_numpy(x.astype(np.float32)), name)().tolist()
    in_place = getattr(tatamu.Tensor, f"{name}_", None)
    if in_place is not None:
        y = tatamu.from_numpy(x.astype(np.float32))
        assert in_place(y) is y
        assert y.tolist() == single.tolist()


def operands() -> dict[str, Any]:
    def drawn(seed: int, low: float, high: float, shape: tuple[int, ...]) -> Any:
        return np.random.default_rng(seed).uniform(low, high, shape)

    return {
        "x": drawn(1, 0.3, 2.7, (2, 3, 4)), "y": drawn(2, 0.5, 2.0, (3, 1)),
        "z": drawn(3, 0.5, 2.0, (4,)),
    }  # fmt: skip


@pytest.mark.parametrize(("place", "code"), list(enumerate(cases.DIFFERENTIABLE)))
def test_expressions(place: int, code: str) -> None:
    node = FACTS["expressions"][place]
    differentiate(code, operands(), f"expressions{place}", node, False)


@pytest.mark.parametrize(("place", "code"), list(enumerate(cases.TWICE)))
def test_second_derivatives(place: int, code: str) -> None:
    differentiate(code, operands(), f"twice{place}", FACTS["twice"][place], True)
