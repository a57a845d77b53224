"""Activations, resizing and padding against values, gradients and sentences of real PyTorch.

The fixtures are made by scripts/fixtures/pointwise.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.nn import functional as F

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "pointwise.json").read_text(encoding="utf-8"))
ARRAYS = np.load(FIXTURES / "pointwise.npz")
ACTIVATIONS = list(enumerate(FACTS["activations"]))
RESIZING = list(enumerate(FACTS["resizing"]))


def value(code: str, x: Any = None) -> Any:
    # torch's parametric ReLU in the fixtures has slopes made in float32.
    return eval(code, {"torch": tatamu, "nn": nn, "F": F, "x": x})


def tensor(name: str, last: bool = False) -> Any:
    array = ARRAYS[name]
    if last:
        axes = (0, *range(2, array.ndim), 1)
        back = np.argsort(axes)
        return tatamu.from_numpy(np.ascontiguousarray(array.transpose(axes))).permute(*back)
    return tatamu.from_numpy(array.copy())


def compare(code: str, name: str, last: bool, tolerance: float) -> Any:
    x = tensor(f"{name}.x", last).requires_grad_()
    y = value(code, x)
    np.testing.assert_allclose(y.numpy(force=True), ARRAYS[f"{name}.y"], tolerance, tolerance)
    y.backward(tensor(f"{name}.g", last))
    np.testing.assert_allclose(x.grad.numpy(), ARRAYS[f"{name}.dx"], tolerance, tolerance)
    return y


@pytest.mark.parametrize("last", [False, True], ids=["", "channels-last"])
@pytest.mark.parametrize(("place", "case"), ACTIVATIONS, ids=[c["code"] for _, c in ACTIVATIONS])
def test_activation(place: int, case: dict[str, str], last: bool) -> None:
    y = compare(case["code"], f"activation{place}", last, 1e-7)
    assert y.stride()[1] == 1 if last else y.is_contiguous()


@pytest.mark.parametrize(("place", "case"), ACTIVATIONS, ids=[c["code"] for _, c in ACTIVATIONS])
def test_name_of_the_node(place: int, case: dict[str, str]) -> None:
    """torch numbers its overloads."""
    x = tensor(f"activation{place}.x").requires_grad_()
    wanted = case["node"].rstrip("01")
    assert value(case["code"], x).grad_fn.name().rstrip("01") == wanted


# The slope at NaN of these differs in torch between its vectors and what is left over behind them.
# torch's vectorised GELU gives NaN for inf; see the file of the operation.
AT_NAN = (
    "F.relu6", "F.hardtanh", "F.elu", "F.celu", "F.selu", "F.hardswish", "F.hardshrink",
    "F.softshrink", "x.clamp(max=torch",
)  # fmt: skip
OWN_EDGES = {"F.gelu(x)": (1, np.inf)}


@pytest.mark.parametrize(("place", "case"), ACTIVATIONS, ids=[c["code"] for _, c in ACTIVATIONS])
def test_nan_infinities_and_zeros(place: int, case: dict[str, str]) -> None:
    edges = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0]).reshape(5, 1, 1)
    x = tatamu.from_numpy(np.repeat(edges, 4, 1)).requires_grad_()
    y = value(case["code"], x)
    wanted = ARRAYS[f"activation{place}.edges"]
    if case["code"] in OWN_EDGES:
        at, number = OWN_EDGES[case["code"]]
        wanted = wanted.copy()
        wanted[at] = number
    np.testing.assert_allclose(y.numpy(force=True), wanted, 1e-7)
    y.backward(tatamu.ones_like(y))
    slopes = ARRAYS[f"activation{place}.edge_slopes"]
    first = case["code"].startswith(AT_NAN)  # leaves the NaN out
    np.testing.assert_allclose(x.grad.numpy()[first:], slopes[first:], 1e-7)


@pytest.mark.parametrize("last", [False, True], ids=["", "channels-last"])
@pytest.mark.parametrize(("place", "code"), RESIZING, ids=[code for _, code in RESIZING])
def test_resizing_and_padding(place: int, code: str, last: bool) -> None:
    compare(code, f"resizing{place}", last, 1e-12)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_the_nearest_position_is_torchs(mode: str) -> None:
    for case in FACTS["nearest"]:
        x = tatamu.arange(float(case["size"])).reshape(1, 1, case["size"])
        got = F.interpolate(x, case["out"], mode=mode)[0, 0].int().tolist()
        assert got == case["sources" if mode == "nearest" else "exact"], case


@pytest.mark.parametrize("case", FACTS["errors"], ids=[case["code"] for case in FACTS["errors"]])
def test_errors_are_torchs(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        value(case["code"])
    assert str(caught.value).splitlines()[0] == case["text"].splitlines()[0]
    kinds = [kind.__name__ for kind in type(caught.value).__mro__]
    assert case["kind"] in kinds


@pytest.mark.parametrize("code", FACTS["reprs"])
def test_reprs_are_torchs(code: str) -> None:
    assert repr(value(code)) == FACTS["reprs"][code]


@pytest.mark.parametrize("code", FACTS["strides"])
def test_results_lie_as_torchs(code: str) -> None:
    assert list(value(code).stride()) == FACTS["strides"][code]


def test_what_torch_has_and_tatamu_has_not() -> None:
    layer = nn.RReLU()
    assert layer.eval()(tatamu.tensor([-4.8, 1.0])).tolist() == pytest.approx([-1.1, 1.0])
    with pytest.raises(ValueError, match="Anti-alias option is restricted to bilinear and bicubic"):
        F.interpolate(tatamu.ones(1, 1, 4), 3, antialias=True)
    sentence = r"Only 3D, 4D and 5D input Tensors supported \(got 4D\).*\(got foo\)"
    with pytest.raises(NotImplementedError, match=sentence):
        F.interpolate(tatamu.ones(1, 1, 4, 4), 3, mode="foo")


def test_functions_and_methods_in_place_agree() -> None:
    numbers = np.random.default_rng(0).uniform(0.1, 3, 50)
    for name in ("sigmoid", "tanh", "sin", "cos", "rsqrt", "reciprocal", "floor", "ceil", "round"):
        x = tatamu.from_numpy(numbers.copy())
        wanted = getattr(tatamu, name)(x)
        assert getattr(x, f"{name}_")() is x
        assert x.tolist() == wanted.tolist() == getattr(tatamu.from_numpy(numbers), name)().tolist()
    x = tatamu.from_numpy(numbers.copy())
    assert x.clamp_(0.5, 1).tolist() == np.clip(numbers, 0.5, 1).tolist()
    integers = tatamu.tensor([-3, 0, 2**60 + 1])
    assert integers.clamp(min=-1).tolist() == [-1, 0, 2**60 + 1]
    assert integers.clamp(max=0.5).dtype is tatamu.float32


def test_modules_of_activations_call_their_functions() -> None:
    x = tatamu.from_numpy(np.random.default_rng(0).uniform(-4, 4, (2, 4, 3)))
    pairs = [
        (nn.ReLU(), F.relu), (nn.ReLU6(), F.relu6), (nn.Hardtanh(), F.hardtanh),
        (nn.LeakyReLU(), F.leaky_relu), (nn.ELU(), F.elu), (nn.CELU(), F.celu),
        (nn.SELU(), F.selu), (nn.SiLU(), F.silu), (nn.Hardswish(), F.hardswish),
        (nn.Hardsigmoid(), F.hardsigmoid), (nn.Sigmoid(), F.sigmoid), (nn.Tanh(), F.tanh),
        (nn.LogSigmoid(), F.logsigmoid), (nn.GELU(), F.gelu), (nn.Mish(), F.mish),
        (nn.Softplus(), F.softplus), (nn.Softsign(), F.softsign), (nn.Softshrink(), F.softshrink),
        (nn.Hardshrink(), F.hardshrink), (nn.Tanhshrink(), F.tanhshrink),
        (nn.Threshold(1, 2), lambda x: F.threshold(x, 1, 2)), (nn.GLU(1), lambda x: F.glu(x, 1)),
        (nn.PReLU(dtype=tatamu.float64), lambda x: F.leaky_relu(x, 0.25)),
        (nn.PixelUnshuffle(1), lambda x: F.pixel_unshuffle(x, 1)),
        (nn.PixelShuffle(1), lambda x: F.pixel_shuffle(x, 1)),
        (nn.UpsamplingNearest2d(3), lambda x: F.interpolate(x, 3)),
    ]  # fmt: skip
    for module, function in pairs:
        given = x.unsqueeze(0) if isinstance(module, nn.Upsample) else x
        assert module(given).tolist() == function(given).tolist(), module
    for module in (nn.ReLU(True), nn.SiLU(True), nn.ELU(inplace=True), nn.Hardtanh(inplace=True)):
        y = x.clone()
        assert module(y) is y


def test_padding_around_convolution_is_compiled_and_agrees() -> None:
    x = tatamu.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, 4, 40, 40)).astype("f4"))
    for mode in ("reflect", "replicate", "circular"):
        layer = nn.Conv2d(4, 8, 3, padding=2, padding_mode=mode)
        plain = nn.Conv2d(4, 8, 3)
        plain.load_state_dict(layer.state_dict())
        name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
        wide = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode=name)  # type: ignore[call-overload]
        wanted = plain(tatamu.from_numpy(wide)).numpy(force=True)
        np.testing.assert_allclose(layer(x).numpy(force=True), wanted, 1e-5, 1e-5)
