"""``tatamu.from_torch``.

Torch is not among the requirements of the tests. What it does with real torch models is recorded
by ``scripts/fixtures/from_torch.py`` and held to here; the conversion itself is tried on models of
tatamu's own that are written for torch and live under torch's names, as a torch model does.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.interop import conversion, names, rebind
from tatamu.interop.conversion import ConversionError

RECORDED = json.loads((Path(__file__).parent / "fixtures" / "from_torch.json").read_text("utf-8"))
REFUSED = {
    "recurrent": "from_torch cannot convert LSTM\n  model.inner.0, LSTM: tatamu.nn has no such",
    "hooks": "from_torch cannot convert Linear\n  model.0, Linear: it has hooks",
    "parametrized": "from_torch cannot convert ParametrizedLinear\n",
}


def test_what_became_of_real_torch_models() -> None:
    models = RECORDED["models"]
    assert RECORDED["torch"].startswith("2.13.0") and len(models) >= 14
    refused = {name: found for name, found in models.items() if "refused" in found}
    assert set(refused) == set(REFUSED)
    for name, found in refused.items():
        assert found["text"].startswith(REFUSED[name])
    for name, found in models.items():
        if name in refused:
            continue
        bound = 1e-14 if found["dtype"] == "tatamu.float64" else 2e-6
        assert found["error"] < bound, name
        kept = (found["same state_dict"], found["same repr"], found["own memory"])
        assert kept == (True, True, True), name


NET = """
import functools
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, nn as again
from torch.nn import Conv2d

LIMIT = 6.0
torch_only = torch.float32

def clipped(x, most=None):
    return F.relu6(x) if most is None else x.clamp(0, most)

class Block(nn.Module):
    count = 0
    def __init__(self, channels, act=F.relu):
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)
        self.norm = functools.partial(nn.functional.relu)
        self.act = act
        self.sizes = [(1, 2), {"a": torch.float32}]
        self.helper = self.double
    def double(self, x):
        return x * self.factor
    @property
    def factor(self):
        return 2.0
    @staticmethod
    def half(x):
        return x / 2
    @classmethod
    def made(cls, n):
        return cls(n)
    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(x, torch.Tensor) and x.dtype == torch_only
        return self.half(self.helper(self.act(self.conv(x)))) + self.norm(x)

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.blocks = again.Sequential(Block(2), Block(2, act=lambda x: torch.tanh(x)))
        self.tied = self.blocks[0]
        self.head = nn.Linear(8, 3)
        self.register_buffer("mean", torch.ones(2, 1, 1))
        self.register_buffer("unsaved", torch.ones(1), persistent=False)
        self.register_parameter("extra", None)
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
    def forward(self, x):
        x = clipped(self.tied(self.blocks(x - self.mean)), LIMIT) * self.frozen
        return {"out": self.head(x.flatten(1)), "more": (x, None)}
    def elsewhere(self):
        return torch.not_there_at_all(1)
"""


@pytest.fixture
def theirs() -> Iterator[dict[str, Any]]:
    """The names of a script written for torch, its classes those of a live model."""
    layers = {
        "Module": "module", "Conv2d": "conv", "Linear": "linear", "Sequential": "container",
    }  # fmt: skip
    space: dict[str, Any] = {"__name__": "script_for_torch"}
    with pytest.MonkeyPatch.context() as patch, tatamu.install():
        for name, module in layers.items():
            patch.setattr(getattr(nn, name), "__module__", f"torch.nn.modules.{module}")
        exec(compile(NET, "script_for_torch", "exec"), space)
        yield space


def test_a_class_of_ones_own(theirs: dict[str, Any]) -> None:
    model = theirs["Net"]().eval()
    model.blocks[1].train()
    x = tatamu.randn(2, 2, 2, 2)
    ours = tatamu.from_torch(model, check=True, example=x)
    expected, got = model(x), ours(x)
    assert np.array_equal(expected["out"].detach().numpy(), got["out"].detach().numpy())
    assert type(ours) is not theirs["Net"] and type(ours).__name__ == "Net"
    assert type(ours).forward.__code__ is theirs["Net"].forward.__code__
    assert type(ours).forward.__globals__ is not theirs
    assert ours.tied is ours.blocks[0] and ours.extra is None
    assert list(ours.state_dict()) == list(model.state_dict())
    assert "unsaved" not in ours.state_dict() and "unsaved" in dict(ours.named_buffers())
    assert ours.head.weight.requires_grad and not ours.frozen.requires_grad
    assert [m.training for m in ours.modules()] == [m.training for m in model.modules()]
    block = ours.blocks[0]
    assert block.helper.__self__ is block and type(block).made(2).count == 0
    assert block.sizes == [(1, 2), {"a": tatamu.float32}]
    ours.head.weight.detach().fill_(5)
    assert model.head.weight.detach().numpy().max() < 5
    with pytest.raises(AttributeError, match="module 'torch' has no attribute 'not_there_at_all'"):
        ours.elsewhere()


def test_what_is_missing_is_named(theirs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = theirs["Net"]()
    lone = type("LSTM", (nn.Module,), {"__module__": "torch.nn.modules.rnn"})
    model.rnn, model.again = lone(), lone()
    model.blocks[0].conv.register_forward_hook(lambda *_: None)
    with pytest.raises(ConversionError) as caught:
        tatamu.from_torch(model)
    assert str(caught.value).splitlines() == [
        "from_torch cannot convert Conv2d, LSTM",
        "  model.blocks.0.conv, Conv2d: it has hooks; remove them first",
        "  model.rnn, LSTM: tatamu.nn has no such layer",
    ]
    with pytest.raises(ConversionError, match=r"from_torch takes a torch\.nn\.Module, not int"):
        tatamu.from_torch(3)


def test_values_without_a_counterpart(theirs: dict[str, Any]) -> None:
    model = theirs["Net"]()
    strange = type("Stream", (), {"__module__": "torch.cuda", "__repr__": lambda self: "stream"})
    model.other = strange()
    with pytest.raises(ConversionError, match="knows nothing that stands for stream"):
        tatamu.from_torch(model)
    model.other = strange
    with pytest.raises(ConversionError, match=r"what uses torch\.cuda\.Stream: tatamu has none"):
        tatamu.from_torch(model)
    model.other = ModuleType("torch.distributed")
    with pytest.raises(ConversionError, match=r"tatamu has no torch\.distributed"):
        tatamu.from_torch(model)
    model.other = SimpleNamespace(anything=1)
    assert tatamu.from_torch(model).other is model.other


def test_a_global_without_a_counterpart_fails_where_it_is_used(theirs: dict[str, Any]) -> None:
    theirs["LIMIT"] = ModuleType("torch.distributed")
    ours = tatamu.from_torch(theirs["Net"]())
    limit = type(ours).forward.__globals__["LIMIT"]
    for use in (lambda: limit.all_reduce, lambda: limit()):
        with pytest.raises(ConversionError, match=r"tatamu has no torch\.distributed"):
            use()


def test_dtypes(theirs: dict[str, Any]) -> None:
    linear = theirs["nn"].Linear(3, 2)
    for dtype in (tatamu.bfloat16, tatamu.float16, tatamu.float64):
        linear.weight = nn.Parameter(tatamu.rand(2, 3).to(dtype))
        ours: Any = tatamu.from_torch(linear)
        assert ours.weight.dtype is dtype
        assert ours.weight.tolist() == linear.weight.tolist()
    conv = conversion._Conversion()
    strange = SimpleNamespace(detach=lambda: strange, cpu=lambda: strange, dtype="torch.complex64")
    with pytest.raises(ConversionError, match="tatamu has no dtype complex64"):
        conv.tensor(strange)


def test_outputs_that_differ(theirs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = theirs["nn"].Linear(3, 2)
    x = np.ones((1, 3), np.float32)
    tatamu.from_torch(model, check=True, example=(x,))
    with pytest.raises(ValueError, match="check=True needs an example input"):
        tatamu.from_torch(model, check=True)
    build = conversion._Conversion.module

    def wrong(self: Any, module: Any) -> Any:
        ours = build(self, module)
        ours.bias.detach().add_(1)
        return ours

    monkeypatch.setattr(conversion._Conversion, "module", wrong)
    with pytest.raises(ValueError, match=r"output 0 differs from torch's by [\d.]+ of its largest"):
        tatamu.from_torch(model, check=True, example=x)
    with pytest.raises(ValueError, match=r"output 1 has shape \(2,\); torch's has \(1,\)"):
        conversion._compare_tensors(1, tatamu.ones(1), tatamu.ones(2))


def test_functions_without_a_counterpart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(len=len, relu=abs))
    with pytest.raises(ConversionError, match="what uses it: module 'torch' has no attribute 'len"):
        conversion._Conversion().value(len)
    assert conversion._Conversion().value(min) is min


def test_functions_of_torchvision() -> None:
    place = importlib.import_module("tatamu.vision.utils")

    def make_grid() -> None:
        """Stands where torchvision's own does."""

    make_grid.__module__ = "torchvision.utils"
    assert conversion._Conversion().value(make_grid) is place.make_grid
    make_grid.__module__ = "torchvision.nowhere"
    bound = conversion._Conversion().value(make_grid)
    assert bound is not make_grid and bound.__code__ is make_grid.__code__
    assert place._log_api_usage_once(bound) is None


def test_names_are_had_without_installing() -> None:
    space: Any = rebind.aside("torch")
    assert space.nn.functional.relu is nn.functional.relu and space.nn is rebind.aside("torch.nn")
    assert "torch" not in sys.modules and "torch.nn" in names.known()
    assert importlib.import_module("tatamu").ones is space.ones
