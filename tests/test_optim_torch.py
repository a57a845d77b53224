"""Optimizers and schedulers against real PyTorch, step for step.

The fixtures are made by scripts/fixtures/optim.py.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu.optim import ruled

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "optim.json").read_text(encoding="utf-8"))
ARRAYS = np.load(FIXTURES / "optim.npz")
RUNS = script("optim_runs")


def numbered(name: str) -> Any:
    return pytest.mark.parametrize(("place", "code"), list(enumerate(FACTS[name])), ids=FACTS[name])


def torchs(text: str) -> str:
    """Our text with torch's name in it, and no addresses."""
    return re.sub(r"0x[0-9a-f]+", "0x", text.replace("tatamu.", "torch."))


@numbered("optimizers")
def test_parameters_and_memory_in_float64(place: int, code: str) -> None:
    rows, optimizer = RUNS.taken(tatamu, code, "float64")
    wanted = ARRAYS[f"float64.optimizer{place}"]
    np.testing.assert_allclose(np.array(rows), wanted, 1e-12, 1e-12)
    state = optimizer.state_dict()["state"]
    names = {f"state{place}.{n}.{name}" for n, each in state.items() for name in each}
    assert names == {name for name in ARRAYS.files if name.startswith(f"state{place}.")}
    for n, each in state.items():
        for name, value in each.items():
            want = ARRAYS[f"state{place}.{n}.{name}"]
            assert (value.numpy().dtype, value.numpy().shape) == (want.dtype, want.shape)
            np.testing.assert_allclose(value.numpy(), want, 1e-6 if want.ndim == 0 else 1e-11)


@pytest.mark.parametrize("fewest", [0, 4096], ids=["fused", "NumPy"])
@numbered("optimizers")
def test_parameters_in_float32(
    place: int, code: str, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruled, "FEWEST", fewest)
    rows, _ = RUNS.taken(tatamu, code, "float32")
    wanted = ARRAYS[f"float32.optimizer{place}"]
    assert rows[-1].dtype == np.float32
    np.testing.assert_allclose(rows[-1], wanted, 2e-6, 2e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@numbered("closures")
def test_closures(place: int, code: str, dtype: str) -> None:
    rows, losses = RUNS.closed(tatamu, code, dtype)
    wanted = ARRAYS[f"{dtype}.closure{place}"]
    # Line searches make much of the last digit: with few digits only the start is the same.
    kept = 5 if dtype == "float64" else 1
    tolerance = 1e-8 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(np.array(rows)[:kept], wanted[:kept], tolerance, tolerance)
    np.testing.assert_allclose(
        losses[:kept], ARRAYS[f"{dtype}.losses{place}"][:kept], tolerance, tolerance
    )


@numbered("schedulers")
def test_rates_and_momentums(place: int, code: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rows = RUNS.scheduled(tatamu, code)
    np.testing.assert_allclose(rows, ARRAYS[f"scheduler{place}"], 1e-14, 1e-17)


@numbered("plateaus")
def test_plateaus(place: int, code: str) -> None:
    rows = RUNS.measured(tatamu, code)
    np.testing.assert_allclose(rows, ARRAYS[f"plateau{place}"], 1e-14)


@pytest.mark.parametrize("case", FACTS["errors"], ids=[c["code"] for c in FACTS["errors"]])
def test_errors(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        eval(case["code"], RUNS.names(tatamu))
    assert torchs(str(caught.value)).split("\n")[0] == torchs(case["text"])
    assert case["kind"] in [kind.__name__ for kind in type(caught.value).__mro__]


@pytest.mark.parametrize("case", FACTS["warnings"], ids=[c["code"] for c in FACTS["warnings"]])
def test_warnings(case: dict[str, str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(case["code"], RUNS.names(tatamu))
    (warning,) = caught
    assert (warning.category.__name__, str(warning.message)) == (case["kind"], case["text"])


@pytest.mark.parametrize("code", FACTS["reprs"])
def test_reprs(code: str) -> None:
    assert torchs(repr(eval(code, RUNS.names(tatamu)))) == torchs(FACTS["reprs"][code])


@pytest.mark.parametrize("name", FACTS["trained"])
def test_a_training_loop_prints_what_torch_prints(name: str) -> None:
    assert RUNS.trained(tatamu, name) == FACTS["trained"][name]
