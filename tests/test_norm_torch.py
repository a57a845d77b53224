"""Normalisation, softmax and reductions against what torch did.

The same Python text runs here with tatamu's names; scripts/fixtures/norms.py ran it with torch's.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.dtypes import BY_NAME
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
ARRAYS = np.load(FIXTURES / "norms.npz")
CASES = json.loads((FIXTURES / "norms.json").read_text(encoding="utf-8"))
NAMES = {"torch": tatamu, "nn": nn, "F": F}


def run(code: str) -> Any:
    names: dict[str, Any] = dict(NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, names)
    return names.get("y")


def ids(kind: str) -> list[str]:
    return [case["code"] for case in CASES[kind]]


@pytest.mark.parametrize("order", ["contiguous", "channels_last"])
@pytest.mark.parametrize("place", range(len(CASES["layers"])), ids=ids("layers"))
def test_layers_give_torchs_numbers(place: int, order: str) -> None:
    case, prefix = CASES["layers"][place], f"layer{place}."
    if order == "channels_last" and len(case["shape"]) != 4:
        pytest.skip("no picture")
    module = eval(case["code"], dict(NAMES)).double()
    with tatamu.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tatamu.tensor(ARRAYS[prefix + name]))

    def expect(name: str, got: Any) -> None:
        right = ARRAYS[prefix + name]
        np.testing.assert_allclose(got.detach().numpy(), right, rtol=1e-10, atol=1e-11)

    for number in range(2):
        array = ARRAYS[f"{prefix}{number}.x"]
        if order == "channels_last":
            array = np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        x = tatamu.from_numpy(array).requires_grad_()
        y = module(x)
        expect(f"{number}.y", y)
        module.zero_grad()
        y.backward(tatamu.tensor(ARRAYS[f"{prefix}{number}.g"]))
        expect(f"{number}.dx", x.grad)
        for name, parameter in module.named_parameters():
            expect(f"{number}.d{name}", parameter.grad)
    buffers = dict(module.named_buffers())
    assert [f"{prefix}buffer.{name}" for name in buffers] == [
        name for name in ARRAYS.files if name.startswith(f"{prefix}buffer.")
    ]
    for name, buffer in buffers.items():
        expect(f"buffer.{name}", buffer)
    expect("eval", module.eval()(x))


@pytest.mark.parametrize("case", CASES["reprs"], ids=ids("reprs"))
def test_text_is_torchs(case: dict[str, str]) -> None:
    assert repr(eval(case["code"], dict(NAMES))) == case["text"]


@pytest.mark.parametrize("place", range(len(CASES["values"])), ids=ids("values"))
def test_values_are_torchs(place: int) -> None:
    case = CASES["values"][place]
    y = run(case["code"]).detach()
    assert y.dtype is BY_NAME[case["dtype"]]
    expected = ARRAYS[f"value{place}"]
    assert tuple(y.shape) == expected.shape
    precise = 1e-12 if expected.dtype == np.float64 else 1e-3 if expected.itemsize == 2 else 4e-7
    np.testing.assert_allclose(y.numpy(), expected, rtol=precise, atol=precise / 10)


@pytest.mark.parametrize("case", CASES["nodes"], ids=ids("nodes"))
def test_nodes_have_torchs_names(case: dict[str, str]) -> None:
    x = tatamu.rand(2, 3, 4, requires_grad=True)
    assert eval(case["code"], {**NAMES, "x": x}).grad_fn.name() == case["text"]


@pytest.mark.parametrize("case", CASES["errors"], ids=ids("errors"))
def test_errors_open_with_torchs_sentence(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:
        run(case["code"])
    expected = case["text"].replace("torch.", "tatamu.").split("\n")[0]
    assert str(caught.value).split("\n")[0] == expected
    assert case["kind"] in {kind.__name__ for kind in type(caught.value).__mro__}


# ---- what is ours --------------------------------------------------------------------------------


def test_running_statistics_count_as_written_in_place() -> None:
    mean, var = tatamu.zeros(3), tatamu.ones(3)
    versions = mean._version, var._version
    x = tatamu.rand(4, 3, 5, requires_grad=True)
    F.batch_norm(x, mean, var, training=True)
    assert (mean._version, var._version) == (versions[0] + 1, versions[1] + 1)
    F.batch_norm(x, mean, var)
    assert mean._version == versions[0] + 1
    assert mean.grad_fn is None


def test_backward_keeps_two_numbers_a_statistic_and_the_input() -> None:
    x = tatamu.rand(2, 6, 4, 4, requires_grad=True)
    w = tatamu.ones(6, requires_grad=True)
    for y, statistics in (
        (F.batch_norm(x, None, None, w, training=True), (6,)),
        (F.group_norm(x, 3, w), (2, 3)),
    ):
        assert y.grad_fn is not None and y.grad_fn.saved is not None
        others = [s for s in y.grad_fn.saved if s.storage not in (x.storage, w.storage)]
        assert [tuple(s.shape) for s in others] == [statistics, statistics]
    y = F.softmax(x, 1)
    assert y.grad_fn is not None and y.grad_fn.saved is not None
    assert [s.storage for s in y.grad_fn.saved if s is not None] == [y.storage]


def test_only_what_asks_gets_a_gradient() -> None:
    x, w, b = tatamu.rand(2, 6, 4), tatamu.ones(6), tatamu.zeros(6)
    calls = (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda x, w, b: F.batch_norm(x, w.detach(), w.detach(), w, b),
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda x, w, b: F.layer_norm(x.transpose(1, 2), (6,), w, b),
    )
    for call in calls:
        leaves = [t.clone().requires_grad_() for t in (x, w, b)]
        whole = tatamu.autograd.grad(call(*leaves).abs().sum(), leaves)
        for place in range(3):
            given = [t.requires_grad_() if i == place else t.detach() for i, t in enumerate(leaves)]
            (own,) = tatamu.autograd.grad(call(*given).abs().sum(), given[place])
            np.testing.assert_allclose(own.numpy(), whole[place].numpy(), rtol=1e-5, atol=1e-5)


def test_gradients_in_another_order_than_the_input() -> None:
    array = np.random.default_rng(0).standard_normal((2, 4, 5, 3))
    g = np.random.default_rng(1).standard_normal(array.shape)
    for call in (
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.layer_norm(x, (3,)),
        lambda x: F.softmax(x, 1),
    ):
        found = []
        for order in (tatamu.contiguous_format, tatamu.channels_last):
            x = tatamu.from_numpy(array).contiguous(memory_format=order).detach()
            x.requires_grad = True
            (dx,) = tatamu.autograd.grad(call(x), x, tatamu.from_numpy(g))
            found.append(dx.numpy())
        np.testing.assert_allclose(*found, rtol=1e-10, atol=1e-12)


def test_a_layer_keeps_the_order_of_its_input() -> None:
    x = tatamu.rand(2, 6, 5, 5).contiguous(memory_format=tatamu.channels_last)
    for layer in (nn.BatchNorm2d(6), nn.GroupNorm(2, 6), nn.InstanceNorm2d(6), nn.Softmax(1)):
        assert layer(x).is_contiguous(memory_format=tatamu.channels_last)
        assert layer(x.contiguous()).is_contiguous()


def test_names_in_a_state_dict() -> None:
    own = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(nn.BatchNorm2d(3).state_dict()) == own
    assert list(nn.InstanceNorm2d(3).state_dict()) == []
    assert list(nn.BatchNorm2d(3, track_running_stats=False).state_dict()) == own[:2]
    layer = nn.BatchNorm2d(3).double()
    assert layer.num_batches_tracked is not None and layer.running_var is not None
    assert layer.num_batches_tracked.dtype is tatamu.int64
    assert layer.running_var.dtype is tatamu.float64


def test_half_precision_beside_float32_weights() -> None:
    x = tatamu.rand(4, 3, 6)
    w, mean, var = tatamu.tensor([1.0, 2.0, 3.0]), tatamu.zeros(3), tatamu.ones(3)
    y = F.batch_norm(x.half(), mean, var, w, training=True)
    assert (y.dtype, mean.dtype) == (tatamu.float16, tatamu.float32)
    right = F.batch_norm(x.half().float(), None, None, w, training=True)
    np.testing.assert_allclose(y.float().numpy(), right.numpy(), atol=4e-3)


def test_warnings_are_torchs() -> None:
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax has been deprec"):
        F.softmax(tatamu.zeros(2, 3))
    with pytest.warns(UserWarning, match=r"var\(\): degrees of freedom is <= 0"):
        tatamu.zeros(1).var()
    with pytest.warns(UserWarning, match="input's size at dim=0 does not match num_features"):
        nn.InstanceNorm2d(3)(tatamu.zeros(4, 4, 4))


def test_a_bias_that_does_not_fit_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"got bias of shape \[5\] and input of shape \[2, 6, 4"):
        F.group_norm(tatamu.zeros(2, 6, 4), 3, tatamu.zeros(6), tatamu.zeros(5))
