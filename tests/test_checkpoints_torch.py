"""Checkpoints that torch wrote are read; see scripts/fixtures/checkpoints.py."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu import nn

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "checkpoints.json").read_text("utf-8"))
FILES = {name: a.tobytes() for name, a in np.load(FIXTURES / "checkpoints.npz").items()}
CASES = script("checkpoint_cases")

NUMBERED = list(enumerate(CASES.CASES))
OLD = [(place, code) for place, code in NUMBERED if code in CASES.LEGACY]


def described(value: Any) -> Any:
    """As JSON gives it back."""
    found = CASES.Describer(tatamu, lambda x: x.storage.address)(value)
    return json.loads(json.dumps(found))


def loaded(content: bytes, **how: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return tatamu.load(io.BytesIO(content), **how)


def test_the_fixtures_hold_every_case() -> None:
    assert set(FACTS["contents"]) == set(CASES.CASES)
    assert len(CASES.CASES) > 55
    assert len(OLD) > 40


@pytest.mark.parametrize(("place", "code"), NUMBERED)
def test_zip_format(place: int, code: str) -> None:
    assert described(loaded(FILES[f"zip{place}"])) == FACTS["contents"][code]


@pytest.mark.parametrize(("place", "code"), OLD)
def test_older_stream(place: int, code: str) -> None:
    assert described(loaded(FILES[f"legacy{place}"])) == FACTS["contents"][code]


@pytest.mark.parametrize(("place", "code"), NUMBERED[:: len(NUMBERED) // 12])
def test_mapped(place: int, code: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    path.write_bytes(FILES[f"zip{place}"])
    assert described(tatamu.load(path, mmap=True)) == FACTS["contents"][code]


@pytest.mark.parametrize("form", ["torch", "stream"])
@pytest.mark.parametrize("code", CASES.CASES)
def test_round_trip(code: str, form: str) -> None:
    """What is written here and read again is what torch makes of the same code."""
    file = io.BytesIO()
    value = CASES.made(tatamu, code)
    tatamu.save(value, file, _use_new_zipfile_serialization=form == "torch")
    found = described(loaded(file.getvalue()))
    assert found == described(value)
    if "trained" not in code and "nn." not in code:  # the bits of arithmetic are others' concern
        assert found == FACTS["contents"][code]


@pytest.mark.parametrize("name", ["net.pt", "net_legacy.pt"])
def test_a_model_takes_what_was_loaded(name: str) -> None:
    net = eval(FACTS["net"]["code"], {"nn": nn})
    result = net.load_state_dict(tatamu.load(FIXTURES / name))
    assert str(result) == "<All keys matched successfully>"
    picture = (tatamu.arange(192.0) / 96 - 1).reshape(1, 3, 8, 8)
    output = net.eval()(picture).numpy(force=True)
    np.testing.assert_allclose(output, FACTS["net"]["output"], atol=1e-6)


@pytest.mark.parametrize("name", ["module", "module_stream"])
def test_whole_modules_are_refused(name: str) -> None:
    for settings in ({}, {"weights_only": False}):
        with pytest.raises(Exception, match="what is wanted is its state_dict") as caught:
            loaded(FILES[name], **settings)
        assert "torch.nn.modules.container.Sequential" in str(caught.value)
        assert type(caught.value).__name__ == "UnpicklingError"
