"""Compiled networks give eager mode's numbers: whatever they take and give, on any thread."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import LOGITS

import tatamu
from tatamu import naming, nn
from tatamu.compile.compiled import PROGRAMS
from tatamu.compile.execute import Bound
from tatamu.nn import functional as F
from tatamu.vision import models


def close(a: Any, b: Any, share: float = 1e-4) -> None:
    """Within a share of the spread of ``b``."""
    assert a.shape == b.shape and a.dtype is b.dtype
    a, b = a.numpy(force=True), b.numpy(force=True)
    spread = float(np.ptp(b)) if b.size else 0.0
    assert np.abs(a - b).max(initial=0) <= share * spread + 1e-30


def same(a: Any, b: Any) -> None:
    """To the bit."""
    assert a.shape == b.shape and a.dtype is b.dtype
    np.testing.assert_array_equal(a.numpy(force=True), b.numpy(force=True))


def settled(model: Any, seed: int = 0) -> Any:
    """A model in use, with statistics that are not 0 and 1."""
    random = tatamu.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.copy_(tatamu.randn(module.num_features, generator=random))
            module.running_var.copy_(tatamu.rand(module.num_features, generator=random) + 0.5)
    return model.eval()


def small() -> Any:
    tatamu.manual_seed(0)
    return settled(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * 3 * 4, 5),
        )
    )


X = tatamu.rand(2, 3, 6, 8, generator=tatamu.Generator().manual_seed(1))


def eager(model: Any, *args: Any) -> Any:
    with tatamu.no_grad():
        return model(*args)


def test_small_network() -> None:
    model = small()
    fast = tatamu.compile(model)
    close(fast(X), eager(model, X))
    same(fast(X), fast(X))
    assert not fast(X).requires_grad


def test_outputs_are_the_callers_own() -> None:
    fast = tatamu.compile(small())
    first = fast(X)
    kept = first.clone()
    fast(X * 2)
    same(first, kept)
    first.zero_()
    same(fast(X), kept)


def test_shapes_each_get_a_program_and_the_oldest_goes() -> None:
    fast = tatamu.compile(nn.ReLU())
    for n in range(1, PROGRAMS + 3):
        same(fast(tatamu.full((n,), -1.0)), tatamu.zeros(n))
    assert len(fast.programs) == PROGRAMS
    shapes = [plan.graph.inputs[0].shape[0] for plan in fast.programs]
    assert shapes == list(range(3, PROGRAMS + 3))


class Both(NamedTuple):
    total: Any
    parts: Any


class Nested(nn.Module):
    def forward(self, given: dict[str, Any], scale: float = 2.0, extra: Any = None) -> Any:
        a, (b, c) = given["a"], given["pair"]
        total = (a + b) * scale if extra is None else a + b + extra
        return OrderedDict(
            both=Both(total, [b, (c, None)]), name="sum", again=total, view=total[:, :1]
        )


def test_nested_inputs_and_outputs() -> None:
    a, b, c, d = (tatamu.rand(2, 3) for _ in range(4))
    fast = tatamu.compile(Nested())
    for options in ({}, {"scale": 3.0}, {"extra": d}):
        given_ = {"a": a, "pair": (b, c)}
        found, wanted = fast(given_, **options), Nested()(given_, **options)
        assert type(found) is OrderedDict and list(found) == list(wanted)
        assert type(found["both"]) is Both and type(found["both"].parts) is list
        assert found["name"] == "sum" and found["both"].parts[1][1] is None
        same(found["both"].total, wanted["both"].total)
        same(found["again"], wanted["again"])
        same(found["view"], wanted["view"])
        same(found["both"].parts[0], b)
        assert found["both"].parts[0].data_ptr() != b.data_ptr()
    assert len(fast.programs) == 3


class Writing(nn.Module):
    """In place, through views, slices and fresh memory."""

    def forward(self, x: Any) -> Any:
        y = x.clone()
        flat = y.view(-1)
        flat += 1
        y[:, 1:] = y[:, 1:] * 2
        z = tatamu.zeros(2, 5)
        z[:, :3] = y
        z[:, 3:] -= x[:, :2]
        F.relu(z, inplace=True)
        top = z[0]
        top.mul_(3)
        return z, flat.reshape(2, 3), y.t().contiguous()


def test_writes_in_place_become_values() -> None:
    x = tatamu.randn(2, 3)
    before = x.clone()
    fast = tatamu.compile(Writing())
    for found, wanted in zip(fast(x), Writing()(x), strict=True):
        same(found, wanted)
    same(x, before)
    for found, wanted in zip(fast(x + 1), Writing()(x + 1), strict=True):
        same(found, wanted)


def test_inputs_of_other_strides() -> None:
    model = small()
    fast = tatamu.compile(model)
    wide = tatamu.rand(2, 3, 6, 16)
    for x in (
        wide[..., ::2],
        X.contiguous(memory_format=tatamu.channels_last),
        tatamu.rand(1, 3, 6, 8).expand(2, 3, 6, 8),
    ):
        close(fast(x), eager(model, x))


class Deciding(nn.Module):
    def __init__(self, how: Any) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Any) -> Any:
        return x * 2 if self.how(x) else x


@pytest.mark.parametrize(
    "how",
    [
        lambda x: bool(x.sum() > 0),
        lambda x: x.sum().item() > 0,
        lambda x: x.tolist()[0] > 0,
        lambda x: (x + 1).numpy()[0] > 0,
        lambda x: x.detach().data.sum() > 0,
        lambda x: float(x.max()) > 0,
    ],
)
def test_decisions_by_numbers_are_refused(how: Any) -> None:
    fast = tatamu.compile(Deciding(how))
    with pytest.raises(RuntimeError, match=r"test_compile\.py:\d+ reads the numbers of a tensor"):
        fast(tatamu.ones(3))


def test_decisions_by_constants_and_sizes_are_made_once() -> None:
    model = Deciding(lambda x: bool(tatamu.ones(1) > 0) and x.shape[0] > 2)
    same(tatamu.compile(model)(tatamu.ones(3)), tatamu.full((3,), 2.0))


def test_training_mode_is_refused() -> None:
    for module, name in ((nn.BatchNorm2d(3), "BatchNorm2d"), (nn.Dropout(), "Dropout")):
        with pytest.raises(RuntimeError, match=rf"training mode cannot be(.|\n)*1, {name}, comp"):
            tatamu.compile(nn.Sequential(nn.ReLU(), module))
    fast = tatamu.compile(nn.Sequential(nn.ReLU(), nn.Dropout()).eval())
    fast.train()
    with pytest.raises(RuntimeError, match="a model in training mode cannot be compiled"):
        fast(tatamu.ones(2))
    assert tatamu.compile(nn.ReLU())(tatamu.ones(2)).shape == (2,)


def test_random_numbers_and_buffers_written_to_are_refused() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Any) -> Any:
            return F.dropout(x, 0.5, training=True)

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", tatamu.zeros(1))

        def forward(self, x: Any) -> Any:
            self.count += 1
            return x * self.count

    with pytest.raises(RuntimeError, match="the module draws random numbers"):
        tatamu.compile(Noisy())(tatamu.ones(9))
    with pytest.raises(RuntimeError, match=r"test_compile\.py:\d+ writes to count: a compiled"):
        tatamu.compile(Counting())(tatamu.ones(2))


def test_what_cannot_be_followed_is_refused() -> None:
    def unseen(x: Any) -> Any:
        y = x * 2
        y.uniform_()
        return y

    with pytest.raises(RuntimeError, match=r"reads the numbers|cannot follow|draws random"):
        tatamu.compile(unseen)(tatamu.ones(2))
    with pytest.raises(TypeError, match="tensors in tuples, lists and dictionaries, not in set"):
        tatamu.compile(lambda x, y: x)(tatamu.ones(2), {1})
    with pytest.raises(TypeError, match="compile expects a module or a function, but got int"):
        tatamu.compile(3)


def test_changed_parameters_are_noticed() -> None:
    model = small()
    fast = tatamu.compile(model)
    close(fast(X), eager(model, X))
    with tatamu.no_grad():
        model[0].weight.mul_(2)
    close(fast(X), eager(model, X))
    model.load_state_dict({name: value + 0.25 for name, value in model.state_dict().items()})
    close(fast(X), eager(model, X))
    model[5].bias.data = tatamu.ones(5)
    close(fast(X), eager(model, X))
    model[5] = nn.Linear(96, 7)
    close(fast(X), eager(model, X))
    model[5].weight = nn.Parameter(tatamu.ones(7, 96))
    close(fast(X), eager(model, X))
    model[5].weight.detach().numpy()[:] = 2.0
    fast.refresh()
    close(fast(X), eager(model, X))


def test_torchs_arguments_and_the_decorator() -> None:
    model = small()
    for options in ({"mode": "reduce-overhead"}, {"fullgraph": True, "dynamic": False}):
        close(tatamu.compile(model, **options)(X), eager(model, X))
    assert tatamu.compile(model, disable=True) is model

    @tatamu.compile(fold=False)
    def twice(x: Any) -> Any:
        return x * 2

    same(twice(X), X * 2)
    fast = tatamu.compile(model)
    assert fast.training is False and fast.children is not None
    assert str(fast).startswith("compiled Sequential, 0 programs")
    fast(X)
    assert "conv_fused(%x, 0.weight folded, 0.bias folded) 3×3 pad 1×1 relu" in repr(fast)
    assert "arena" in repr(fast)


def test_under_torchs_name_training_runs_the_model_itself(monkeypatch: Any) -> None:
    monkeypatch.setattr(naming, "prefix", "torch")
    model = small().train()
    fast = tatamu.compile(model)
    fast(X).sum().backward()
    assert model[0].weight.grad is not None and not fast.programs
    assert fast.eval() is fast and fast(X).requires_grad and not fast.programs
    with tatamu.no_grad():
        close(fast(X), model(X))
    assert len(fast.programs) == 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_callers(threads: int) -> None:
    model = small()
    fast = tatamu.compile(model)
    inputs = [tatamu.rand(2, 3, 6, 8) for _ in range(4)]
    wanted = [fast(x) for x in inputs]
    before = tatamu.get_num_threads()
    tatamu.set_num_threads(threads)
    failed: list[Any] = []

    def calls(place: int) -> None:
        for _ in range(20):
            if not np.array_equal(fast(inputs[place]).numpy(), wanted[place].numpy()):
                failed.append(place)

    try:
        callers = [threading.Thread(target=calls, args=(place,)) for place in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    finally:
        tatamu.set_num_threads(before)
    assert not failed


def test_python_and_native_execution_agree() -> None:
    fast = tatamu.compile(small())
    native = fast(X)
    (plan,) = fast.programs
    (found,) = Bound(plan, (False,)).run([X])
    same(found, native)


# ---- networks ------------------------------------------------------------------------------------


def builder(name: str, size: int, **options: Any) -> tuple[Any, Any]:
    tatamu.manual_seed(0)
    model = getattr(models, name)(**options).eval()
    return model, tatamu.randn(1, 3, size, size if "vit" in name else size - 3)


# Left to `test_every_network`, so that the full suite does not compile their kernels.
ALIKE = (
    "alexnet", "convnext_tiny", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
    "inception_v3", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf",
    "regnet_y_400mf", "resnet50", "resnext50_32x4d", "swin_t", "swin_v2_t", "vgg11_bn",
    "wide_resnet50_2",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        pytest.param(*case[:3], marks=[pytest.mark.nightly] if case[0] in ALIKE else [])
        for case in LOGITS
    ],
)
def test_one_network_of_each_family(name: str, options: dict[str, Any], size: int) -> None:
    odd = size if "vit" in name else size + 3
    model, x = builder(name, odd, **options)
    close(tatamu.compile(model)(x), eager(model, x))


@pytest.mark.nightly
@pytest.mark.parametrize("name", models.list_models())
def test_every_network(name: str) -> None:
    size = {"inception_v3": 99}.get(name, 224 if "vit" in name else 68)
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model, x = builder(name, size, **options)
    close(tatamu.compile(model)(x), eager(model, x))
    del model
    gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "densenet121",
        pytest.param("mobilenet_v3_small", marks=pytest.mark.nightly),
        pytest.param("googlenet", marks=pytest.mark.nightly),
    ],
)
def test_without_folding_all_bits_are_eager_modes(name: str) -> None:
    options = {"init_weights": False} if name == "googlenet" else {}
    model, x = builder(name, 64, **options)
    tatamu.set_winograd(False)
    try:
        wanted = eager(model, x)
    finally:
        tatamu.set_winograd(True)
    same(tatamu.compile(model, fold=False, winograd=False)(x), wanted)


LAYERS: dict[str, Any] = {
    "conv": lambda c, d: nn.Conv2d(c, d, 3, padding=1),
    "point": lambda c, d: nn.Conv2d(c, d, 1, bias=False),
    "depth": lambda c, d: nn.Conv2d(c, c, 3, padding=1, groups=c),
    "up": lambda c, d: nn.ConvTranspose2d(c, d, 3, padding=1, bias=False),
    "norm": lambda c, d: nn.BatchNorm2d(c),
    "relu": lambda c, d: nn.ReLU(inplace=True),
    "relu6": lambda c, d: nn.ReLU6(),
    "silu": lambda c, d: nn.SiLU(),
    "swish": lambda c, d: nn.Hardswish(inplace=True),
    "leaky": lambda c, d: nn.LeakyReLU(0.2),
    "pool": lambda c, d: nn.MaxPool2d(3, 1, 1),
    "mean": lambda c, d: nn.AvgPool2d(3, 1, 1),
}


class Wired(nn.Module):
    """Layers in a row; after each, what came before may be added, joined, scaled by or shuffled."""

    def __init__(self, plan: list[tuple[str, int, str]]) -> None:
        super().__init__()
        layers, channels, wires = [], 4, []
        for kind, width, wire in plan:
            layer = LAYERS[kind](channels, width)
            layers.append(layer)
            before = channels
            channels = getattr(layer, "out_channels", channels)
            if wire in ("add", "gate") and channels != before:
                wire = "join"
            channels += before if wire == "join" else 0
            wire = "" if wire == "shuffle" and channels % 2 else wire
            wires.append(wire)
        self.layers = nn.ModuleList(layers)
        self.wires = wires

    def forward(self, x: Any) -> Any:
        for layer, wire in zip(self.layers, self.wires, strict=True):
            y = layer(x.clone() if getattr(layer, "inplace", False) else x)
            if wire == "add":
                y = y + x
            elif wire == "gate":
                y = y * F.adaptive_avg_pool2d(x, 1).sigmoid()
            elif wire == "join":
                y = tatamu.cat([x, y], 1)
            elif wire == "shuffle":
                n, c, h, w = y.shape
                y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
            x = y
        return x


steps = st.tuples(
    st.sampled_from(sorted(LAYERS)),
    st.sampled_from([4, 5, 16]),
    st.sampled_from(["", "add", "gate", "join", "shuffle"]),
)


@settings(max_examples=5, deadline=None)
@given(st.lists(steps, min_size=1, max_size=6), st.integers(0, 9))
@pytest.mark.slow
def test_random_networks(plan: list[tuple[str, int, str]], seed: int) -> None:
    tatamu.manual_seed(seed)
    model = settled(Wired(plan), seed)
    x = tatamu.randn(2, 4, 5, 7)
    close(tatamu.compile(model)(x), eager(model, x), 1e-5)
    close(tatamu.compile(model, fold=False)(x), eager(model, x), 1e-5)
