"""Random numbers, nn.init, dropout and layers' first weights against real PyTorch, bit for bit.

The fixtures are made by scripts/fixtures/rng.py: what programs give, and the state in which they
leave the generator.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.dtypes import widen
from tatamu.nn import functional as F

FACTS = json.loads((Path(__file__).parent / "fixtures" / "rng.json").read_text(encoding="utf-8"))


def run(code: str) -> Any:
    names = {"torch": tatamu, "nn": nn, "F": F}
    first, _, last = code.rpartition("\n" if "\n" in code else ";")
    exec(first, names)
    return eval(last.strip(), names)


def digest(tensor: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(tensor.array).tobytes()).hexdigest()[:16]


def described(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: described(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(part) for part in value]
    if not isinstance(value, tatamu.Tensor):
        return value
    facts = [value.dtype.name, list(value.shape), list(value.stride()), digest(value)]
    if value.grad_fn is not None:
        facts.append(value.grad_fn.name().rstrip("01"))
        facts = without_views(facts)
    first = widen(value.array, value.dtype).reshape(-1)[:3]
    facts += [str(number) for number in first.tolist()]
    return facts


def without_views(facts: Any) -> Any:
    """Squeezing is a view; how views are called is tested with them."""
    if isinstance(facts, list):
        return ["ViewBackward" if fact == "SqueezeBackward" else fact for fact in facts]
    return facts


def ids(part: str) -> Any:
    return pytest.mark.parametrize("case", FACTS[part], ids=[c["code"] for c in FACTS[part]])


def compare(case: dict[str, Any]) -> None:
    tatamu.manual_seed(1234)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = run(case["code"])
    assert described(value) == without_views(case["value"])
    assert digest(tatamu.get_rng_state()) == case["state"]
    said = [[w.category.__name__, str(w.message)] for w in caught]
    found = [pair for pair in said if not pair[1].startswith("tatamu runs its NumPy reference")]
    assert found == case.get("warnings", [])


def test_the_reference_is_the_one_documented() -> None:
    assert (FACTS["capability"], FACTS["vendor"]) == ("AVX2", "AuthenticAMD")
    assert FACTS["torch"].startswith("2.13.")


@ids("drawn")
def test_drawn(case: dict[str, Any]) -> None:
    compare(case)


@ids("init")
def test_init(case: dict[str, Any]) -> None:
    compare(case)


@ids("layers")
def test_first_weights(case: dict[str, Any]) -> None:
    compare(case)


@ids("dropout")
def test_dropout(case: dict[str, Any]) -> None:
    compare(case)


@ids("errors")
def test_errors(case: dict[str, str]) -> None:
    tatamu.manual_seed(1234)
    with warnings.catch_warnings(), pytest.raises(Exception) as caught:  # its kind is compared
        warnings.simplefilter("ignore")
        run(case["code"])
    assert str(caught.value).splitlines()[0] == case["text"]
    assert case["kind"] in [kind.__name__ for kind in type(caught.value).__mro__]
