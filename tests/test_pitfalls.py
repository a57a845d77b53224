"""The errors of what learners trip over carry the text on it, in the reader's language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from snippets import outcome

import tatamu
from tatamu import nn
from tatamu.language import Lang
from tatamu.nn import functional as F
from tatamu.pitfalls import hint

FOUND = json.loads(
    (Path(__file__).parent / "fixtures" / "snippets" / "mistakes.json").read_text("utf-8")
)
CODES = [case["code"] for case in FOUND["cases"]]
NAMES: dict[str, Any] = {"torch": tatamu, "nn": nn, "F": F}


@pytest.mark.parametrize("lang", get_args(Lang))
@pytest.mark.parametrize("code", CODES)
def test_error_explains_the_mistake(code: str, lang: Lang, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", {"en": "en_US.UTF-8", "ja": "ja_JP.UTF-8"}[lang])
    key = code.partition("\n")[0].removeprefix("# ")
    lines = outcome(FOUND["preamble"], code, NAMES)["error"].split("\n")
    assert any(line.strip().endswith(hint(key, lang)) for line in lines[1:])


@pytest.mark.parametrize(("bias", "named"), [(True, "Parameter"), (False, "NoneType")])
def test_convolution_of_what_is_no_tensor(bias: bool, named: str) -> None:
    array: Any = np.ones((1, 1, 1, 1), np.float32)
    with pytest.raises(TypeError) as caught:
        nn.Conv2d(1, 1, 1, bias=bias)(array)
    assert str(caught.value).split("\n")[0] == (
        "conv2d() received an invalid combination of arguments - got "
        f"(numpy.ndarray, Parameter, {named}, tuple, tuple, tuple, int), but expected one of:"
    )
    assert "torch.from_numpy(...) makes the input a tensor" in str(caught.value)
