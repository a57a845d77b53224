"""Modules: their tree, state, hooks, texts, and where errors say they happened."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.errors import GeometryError
from tatamu.nn import functional as F


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
        )
        self.head = nn.Flatten()
        self.register_buffer("scale", tatamu.ones(1))
        self.register_buffer("scratch", tatamu.zeros(1), persistent=False)
        self.register_parameter("nothing", None)

    def forward(self, x: tatamu.Tensor) -> Any:
        return self.head(self.features(x)) * self.scale


def test_the_tree() -> None:
    net = Net()
    names = ["features.0.weight", "features.0.bias", "features.2.0.weight"]
    assert [name for name, _ in net.named_parameters()] == names
    assert [name for name, _ in net.named_parameters("net")] == [f"net.{n}" for n in names]
    assert len(list(net.parameters())) == 3
    assert list(net.parameters(recurse=False)) == []
    assert [name for name, _ in net.named_buffers()] == ["scale", "scratch"]
    assert len(list(net.buffers())) == 2
    assert [name for name, _ in net.named_children()] == ["features", "head"]
    assert [name for name, _ in net.named_modules()] == [
        "", "features", "features.0", "features.1", "features.2", "features.2.0", "head",
    ]  # fmt: skip
    assert net.get_submodule("features.2.0") is net.features[2][0]
    assert net.get_submodule("") is net
    assert [type(m).__name__ for m in net.children()] == ["Sequential", "Flatten"]


def test_shared_modules_and_parameters_come_once() -> None:
    shared = nn.Conv2d(1, 1, 1)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    assert len(list(net.parameters())) == 2
    assert len(list(net.modules())) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_state_goes_out_and_in() -> None:
    one, two = Net(), Net()
    state = one.state_dict()
    assert list(state) == [
        "scale", "features.0.weight", "features.0.bias", "features.2.0.weight",
    ]  # fmt: skip
    assert state["scale"].data_ptr() == one.scale.data_ptr()
    result = two.load_state_dict(state)
    assert repr(result) == "<All keys matched successfully>"
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert a.tolist() == b.tolist()
        assert a.data_ptr() != b.data_ptr()
    del state["scale"]
    state["other"] = tatamu.ones(1)
    result = two.load_state_dict(state, strict=False)
    assert repr(result) == "_IncompatibleKeys(missing_keys=['scale'], unexpected_keys=['other'])"
    with pytest.raises(RuntimeError) as caught:
        two.load_state_dict({**state, "features.0.bias": tatamu.ones(3)})
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "scale". \n'
        '\tUnexpected key(s) in state_dict: "other". \n'
        "\tsize mismatch for features.0.bias: copying a param with shape tatamu.Size([3]) from "
        "checkpoint, the shape in current model is tatamu.Size([2])."
    )


def test_attributes_change_their_kind() -> None:
    net = nn.Module()
    net.a = nn.ReLU()
    net.a = nn.Parameter(tatamu.ones(1))
    assert (list(net.children()), len(list(net.parameters()))) == ([], 1)
    net.a = None
    assert list(net.parameters()) == []
    net.a = nn.Parameter(tatamu.ones(2))
    del net.a
    assert not hasattr(net, "a")
    assert list(net.named_parameters()) == []
    net.plain = 3
    net.plain = nn.Identity()
    assert len(list(net.children())) == 1


def test_nothing_before_init() -> None:
    class Hasty(nn.Module):
        def __init__(self, value: Any) -> None:
            self.value = value

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\)"):
        Hasty(nn.ReLU())
    with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__"):
        Hasty(nn.Parameter(tatamu.ones(1)))


def test_modes_apply_and_gradients() -> None:
    net = Net()
    assert net.training and net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    seen: list[str] = []
    net.apply(lambda module: seen.append(type(module).__name__))
    assert seen[-1] == "Net" and seen[0] == "Conv2d"
    layer = net.features[0]
    layer(tatamu.rand(1, 1, 4, 4)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert layer.bias.grad.tolist() == [0, 0]
    net.zero_grad()
    assert layer.bias.grad is None
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    assert net.double().features[0].weight.dtype is tatamu.float64
    assert net.half().scale.dtype is tatamu.float16
    assert net.float().cpu().to(tatamu.float64).scale.dtype is tatamu.float64
    assert isinstance(net.features[0].weight, nn.Parameter)


def test_hooks() -> None:
    layer = nn.Identity()
    calls: list[Any] = []
    before = layer.register_forward_pre_hook(lambda m, inputs: (inputs[0] + 1,))
    after = layer.register_forward_hook(lambda m, inputs, output: calls.append(output.item()))
    changed = layer.register_forward_hook(lambda m, inputs, output: output * 10)
    assert layer(tatamu.tensor(1.0)).item() == 20
    changed.remove()
    assert layer(tatamu.tensor(1.0)).item() == 2
    before.remove()
    after.remove()
    after.remove()
    assert layer(tatamu.tensor(1.0)).item() == 1
    assert calls == [2.0, 2.0]
    single = layer.register_forward_pre_hook(lambda m, inputs: inputs[0] * 3)
    assert layer(tatamu.tensor(1.0)).item() == 3
    single.remove()


def test_sequential() -> None:
    relu, flat = nn.ReLU(), nn.Flatten()
    net = nn.Sequential(OrderedDict(a=relu, b=flat))
    assert (net[0], net[-1], net.a, len(net), list(net)) == (relu, flat, relu, 2, [relu, flat])
    assert [name for name, _ in net[1:].named_children()] == ["b"]
    plain = nn.Sequential(relu).append(flat)
    plain[0] = nn.Identity()
    assert isinstance(plain[0], nn.Identity)
    del plain[0]
    assert list(plain.named_children()) == [("0", flat)]
    assert nn.Sequential()(3) == 3


# ---- convolution ---------------------------------------------------------------------------------


def test_conv_arguments() -> None:
    layer = nn.Conv2d(4, 6, [3, 5], stride=[1, 2], padding=[1, 2], groups=2, dtype=tatamu.float64)
    assert layer.weight.shape == (6, 2, 3, 5)
    assert layer(tatamu.rand(4, 9, 9, dtype=tatamu.float64)).shape == (6, 9, 5)
    assert layer(tatamu.rand(0, 4, 9, 9, dtype=tatamu.float64)).shape == (0, 6, 9, 5)
    assert nn.Conv2d(1, 1, 1, bias=False).bias is None


def test_initial_values_stay_within_their_bounds() -> None:
    layer = nn.Conv2d(16, 64, 3)
    bound = 1 / np.sqrt(16 * 9)
    for parameter in layer.parameters():
        values = parameter.detach().numpy()
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
    w = tatamu.empty(64, 32, 3, 3)
    assert nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu") is w
    assert float(np.std(w.numpy())) == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.03)
    nn.init.xavier_uniform_(w)
    assert w.max().item() == pytest.approx(np.sqrt(6 / (96 * 9)), rel=0.01)
    assert nn.init.ones_(w).mean().item() == 1
    assert nn.init.zeros_(w).abs().max().item() == 0
    assert nn.init.normal_(w, 3, 0).mean().item() == 3
    assert nn.init.calculate_gain("tanh") == 5 / 3


def test_gradients_reach_input_weight_and_bias_unbatched() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1)
    x = tatamu.rand(2, 5, 5, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None and layer.bias is not None
    assert x.grad.shape == x.shape
    assert layer.bias.grad.tolist() == [25, 25, 25]


def test_weights_can_be_changed_between_calls() -> None:
    layer = nn.Conv2d(1, 1, 1)
    x = tatamu.ones(1, 1, 2, 2)
    for value in (2.0, 3.0):
        with tatamu.no_grad():
            layer.weight.fill_(value)
            layer.bias.zero_()
        assert layer(x).max().item() == value
    layer.weight.data = tatamu.full((1, 1, 1, 1), 5.0)
    assert layer(x).max().item() == 5
    layer.weight.data.fill_(6)
    assert layer(x).max().item() == 6
    layer.weight.detach().numpy()[...] = 7
    assert layer(x).max().item() == 7
    layer.weight = nn.Parameter(tatamu.full((1, 1, 1, 1), 8.0))
    assert layer(x).max().item() == 8


def test_relu_in_place() -> None:
    x = tatamu.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0, 2]


def test_pools_return_indices() -> None:
    x = tatamu.arange(16.0).reshape(1, 4, 4)
    values, indices = nn.MaxPool2d(2, return_indices=True)(x)
    assert (values.tolist(), indices.tolist()) == ([[[5, 7], [13, 15]]],) * 2
    assert nn.MaxPool2d([2, 2], [])(x).tolist() == values.tolist()


def test_pooling_keeps_channels_last() -> None:
    x = tatamu.rand(1, 3, 4, 4).contiguous(memory_format=tatamu.channels_last)
    for pool in (nn.MaxPool2d(2), nn.AvgPool2d(2)):
        assert pool(x.contiguous()).is_contiguous()
        assert pool(x).is_contiguous(memory_format=tatamu.channels_last)
        np.testing.assert_allclose(pool(x).numpy(), pool(x.contiguous()).numpy(), rtol=1e-6)


def test_constant_padding_of_integers() -> None:
    x = tatamu.ones(1, 2, dtype=tatamu.uint8)
    assert F.pad(x, (1, 0, 0, 1), value=7).tolist() == [[7, 1, 1], [7, 7, 7]]


# ---- errors that say where -----------------------------------------------------------------------


def test_an_error_says_where_in_the_model() -> None:
    with pytest.raises(GeometryError) as caught:
        Net()(tatamu.rand(1, 1, 8, 8))
    lines = str(caught.value).split("\n")
    assert lines[0].endswith("to have 3 channels, but got 2 channels instead")
    where = "at model.features[2][0], Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), bias=False)"
    assert [line.strip() for line in lines].count(where) == 1
    assert "in_channels=2" in lines[-1]


def test_other_errors_say_where_too() -> None:
    class Odd(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("first line\n  second line")

    with pytest.raises(ValueError) as caught:
        nn.Sequential(nn.ReLU(), Odd())(tatamu.ones(1))
    assert str(caught.value) == "first line\n  at model[1], Odd()\n  second line"
    with pytest.raises(ValueError) as caught:
        Odd()(tatamu.ones(1))
    assert str(caught.value) == "first line\n  at model, Odd()\n  second line"


def test_an_error_in_a_containers_own_code_names_the_container() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.ReLU())

        def forward(self, x: Any) -> Any:
            return self.inner(x) + tatamu.ones(7)

    with pytest.raises(RuntimeError, match=r"non-singleton dimension 0\n  at model, Outer\n  a is"):
        Outer()(tatamu.ones(2))


def test_errors_without_a_text_pass_through() -> None:
    class Silent(nn.Module):
        def forward(self, x: Any) -> Any:
            raise self.error

    module = Silent()
    for error in (ValueError(), ValueError(3), KeyError("k")):
        module.error = error
        with pytest.raises(type(error)) as caught:
            module(1)
        assert caught.value is error
        assert error.args in ((), (3,), ("k",))


def test_the_place_found_by_a_grandparent() -> None:
    class Direct(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 9)))

        def forward(self, x: Any) -> Any:
            return self.body[0][0](x)

    with pytest.raises(GeometryError, match=r"at model\.body\[0\]\[0\], Conv2d\(1, 1, "):
        Direct()(tatamu.ones(1, 2, 2))


def test_conv2d_needs_four_dimensions_of_weight() -> None:
    with pytest.raises(GeometryError, match="conv2d needs weights of 4 dimensions"):
        F.conv2d(tatamu.ones(1, 1, 3, 3), tatamu.ones(1, 1, 3))


def test_padding_errors_of_our_own() -> None:
    with pytest.raises(ValueError, match="negative padding is not supported in mode 'reflect'"):
        F.pad(tatamu.ones(1, 3), (-1, 0), mode="reflect")
    with pytest.raises(RuntimeError, match=r"a size of 3 can be padded by at most 2 on each side"):
        F.pad(tatamu.ones(1, 3), (3, 0), mode="reflect")
    with pytest.raises(RuntimeError, match=r"a size of 3 cannot be cropped by 3 and 1"):
        F.pad(tatamu.ones(1, 3), (-3, -1))


def test_a_layer_without_channels_warns_as_torch_does() -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        layer = nn.Conv2d(0, 0, 1)
    assert repr(layer) == "Conv2d(0, 0, kernel_size=(1, 1), stride=(1, 1))"
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        nn.init.kaiming_normal_(tatamu.empty(0, 3, 1, 1))
