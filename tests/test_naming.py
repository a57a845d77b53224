"""The name that texts are written under."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

import tatamu
from tatamu import naming, nn


@pytest.fixture
def torchs_name() -> Iterator[None]:
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)


@pytest.mark.usefixtures("torchs_name")
def test_texts_under_torchs_name() -> None:
    assert repr(tatamu.float32) == "torch.float32"
    assert repr(tatamu.zeros(2, 3).shape) == "torch.Size([2, 3])"
    assert repr(tatamu.channels_last) == "torch.channels_last"
    assert repr(tatamu.zeros(1, dtype=tatamu.int8)) == "tensor([0], dtype=torch.int8)"
    assert repr(type(tatamu.zeros(1))) == "<class 'torch.Tensor'>"
    assert repr(type(tatamu.float32)) == "<class 'torch.dtype'>"
    assert repr(type(nn.Parameter(tatamu.zeros(1)))) == "<class 'torch.nn.parameter.Parameter'>"
    with pytest.raises(RuntimeError, match=r"expand\(torch.FloatTensor{\[2, 3\]}, size=\[3\]\)"):
        tatamu.zeros(2, 3).expand(3)


def test_the_own_name_comes_back() -> None:
    naming.speak("torch")
    naming.speak(naming.OWN)
    assert repr(tatamu.float32) == "tatamu.float32"
    assert repr(tatamu.Size([2])) == "tatamu.Size([2])"
    assert tatamu.Tensor.__module__ == "tatamu.tensor"
    assert type(tatamu.float32).__qualname__ == "DType"
    assert pickle.loads(pickle.dumps(tatamu.zeros(2, dtype=tatamu.int8))).dtype is tatamu.int8
