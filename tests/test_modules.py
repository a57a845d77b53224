"""Modules where they go beyond what snippets beside torch can show."""

from __future__ import annotations

import copy
import gc
import inspect
import json
import pickle
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

import tatamu
from tatamu import nn
from tatamu.nn import functional as F
from tatamu.nn.hooks import Bound
from tatamu.nn.utils.weight_norm import WeightNorm

FACTS = Path(__file__).parent / "fixtures" / "signatures.json"
SIGNATURES = json.loads(FACTS.read_text(encoding="utf-8"))["signatures"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 1)
        self.register_buffer("scale", tatamu.ones(1))

    def forward(self, x: Any) -> Any:
        return self.fc(x) * self.scale + self.fc_bias


def double(module: Any, inputs: Any, output: Any) -> Any:
    return output * 2


def test_dictionaries_write_to_the_attributes() -> None:
    net = nn.Module()
    own = net._modules
    relu, tanh = nn.ReLU(), nn.Tanh()
    own["a"] = relu
    assert net.a is relu
    assert own.setdefault("a", tanh) is relu and own.setdefault("b", tanh) is net.b
    own.move_to_end("a")
    assert list(own) == ["b", "a"]
    own.move_to_end("a", last=False)
    assert list(own) == ["a", "b"]
    assert own.pop("z", 3) == 3
    with pytest.raises(KeyError, match="z"):
        own.pop("z")
    assert own.popitem() == ("b", tanh) and not hasattr(net, "b")
    own |= {"c": tanh}
    assert net.c is tanh
    assert type(own.copy()) is dict and type(copy.copy(own)) is dict
    assert type(copy.deepcopy(own)) is dict and type(pickle.loads(pickle.dumps(own))) is dict
    del net
    gc.collect()
    own["d"] = relu  # nobody's any more
    assert list(own) == ["a", "c", "d"]


def test_a_module_goes_when_its_last_name_goes() -> None:
    gc.disable()
    try:
        net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.MultiheadAttention(4, 2))
        gone = weakref.ref(net[0].weight)
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_pickled_modules() -> None:
    net = nn.Sequential(OrderedDict(fc=nn.Linear(2, 1), bn=nn.BatchNorm1d(1))).double().eval()
    handle = net.register_forward_hook(double)
    net.extra = 3
    again = pickle.loads(pickle.dumps(net))
    assert repr(again) == repr(net)
    assert (again.extra, again.training, again.fc.weight.dtype) == (3, False, tatamu.float64)
    assert again.fc.weight.tolist() == net.fc.weight.tolist()
    assert [name for name, _ in again.named_buffers()] == [n for n, _ in net.named_buffers()]
    x = tatamu.ones(1, 2, dtype=tatamu.float64)
    assert again(x).tolist() == net(x).tolist()
    again._modules["fc"] = nn.Identity()
    assert isinstance(again.fc, nn.Identity)
    assert pickle.loads(pickle.dumps(handle)).id == handle.id
    lazy = pickle.loads(pickle.dumps(nn.LazyLinear(3)))
    assert lazy(x.float()).shape == (1, 3)
    normed = nn.Linear(2, 3)
    with pytest.warns(FutureWarning, match="deprecated in favor"):
        nn.utils.weight_norm(normed)
    hooks = pickle.loads(pickle.dumps(normed.requires_grad_(False)))._forward_pre_hooks
    assert isinstance(next(iter(hooks.values())), WeightNorm)


class Restored(nn.Module):
    """Saves and restores its ``__dict__`` by itself, as some models do."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 1)

    def __getstate__(self) -> Any:
        return self.__dict__.copy()

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)


def test_dictionaries_restored_by_a_subclass_are_mended() -> None:
    for again in (pickle.loads(pickle.dumps(Restored())), copy.deepcopy(Restored())):
        assert list(again.state_dict()) == ["fc.weight", "fc.bias"]
        again.register_buffer("scale", tatamu.ones(1))
        again.act = nn.ReLU()
        assert (again.scale.item(), again.act, again._modules["act"]) == (1, again.act, again.act)
        again._modules["fc"] = nn.Identity()
        assert isinstance(again.fc, nn.Identity)


def test_an_unknown_attribute_in_forward_names_what_is_near() -> None:
    with pytest.raises(AttributeError) as caught:
        Net()(tatamu.ones(1, 2))
    net = Net()
    net.fc_bias_ = 0
    with pytest.raises(AttributeError) as near:
        net(tatamu.ones(1, 2))
    assert str(caught.value) == "'Net' object has no attribute 'fc_bias'"
    assert str(near.value) == "'Net' object has no attribute 'fc_bias'\n  it has fc_bias_"


def test_left_out_by_name() -> None:
    for name in ("SyncBatchNorm", "DataParallel", "AdaptiveLogSoftmaxWithLoss"):
        said = rf"no attribute '{name}'\n.*\n  tatamu leaves {name}"
        with pytest.raises(AttributeError, match=said):
            getattr(nn, name)
    with pytest.raises(AttributeError, match=r"^module 'tatamu.nn' has no attribute 'Foo'$"):
        _ = nn.Foo
    with pytest.raises(AttributeError, match=r"'prune'\n  tatamu leaves prune out: parametrize"):
        _ = nn.utils.prune
    with pytest.raises(AttributeError, match=r"^module 'tatamu.nn.utils' has no .* 'foo'$"):
        _ = nn.utils.foo
    with pytest.raises(NotImplementedError, match=r"share_memory\(\) is not there.*\n.*state_dict"):
        Net().share_memory()
    q = tatamu.ones(1, 1, 2)
    eye = tatamu.ones(2, 2)
    with pytest.raises(NotImplementedError, match="static_k and static_v are left out"):
        F.multi_head_attention_forward(
            q, q, q, 2, 1, tatamu.ones(6, 2), None, None, None, False, 0.0, eye, None, static_k=q
        )


def test_hooks_of_dead_modules() -> None:
    net = Net()
    hook = Bound(print, net)
    assert pickle.loads(pickle.dumps((net, hook)))[1].hook is print
    del net
    gc.collect()
    with pytest.raises(RuntimeError, match="You are trying to call the hook of a dead Module!"):
        hook()


def test_errors_of_hooks_and_state() -> None:
    net = Net()
    with pytest.raises(RuntimeError, match=r"get_extra_state\(\) that should never be called"):
        net.get_extra_state()
    with pytest.raises(RuntimeError, match=r"set_extra_state\(\) that should never be called"):
        net.set_extra_state(3)

    def public(*args: Any) -> None: ...

    net.register_state_dict_post_hook(public)
    with pytest.raises(RuntimeError, match="Cannot register the same function as the state dict"):
        net._register_state_dict_hook(public)
    everywhere = nn.modules.module
    taken = everywhere.register_module_backward_hook(public)
    with pytest.raises(RuntimeError, match="full backward hooks as a global Module hook"):
        everywhere.register_module_full_backward_hook(public)
    taken.remove()
    nn.hooks.everywhere.backward_full = None
    fails = nn.Identity()
    fails.forward = lambda: 1 / 0

    def also_fails(*args: Any) -> None:
        raise ValueError("again")

    fails.register_forward_hook(also_fails, always_call=True)
    with (
        pytest.raises(ZeroDivisionError),
        pytest.warns(UserWarning, match="module forward hook with ``always_call=True`` raised"),
    ):
        fails()


def test_paths_of_torch() -> None:
    from tatamu.nn.modules.conv import Conv2d, _ConvNd, _ConvTransposeNd
    from tatamu.nn.modules.module import Module, _addindent
    from tatamu.nn.modules.utils import _ntuple, _pair

    assert Conv2d is nn.Conv2d and Module is nn.Module and issubclass(Conv2d, _ConvNd)
    assert issubclass(nn.ConvTranspose1d, _ConvTransposeNd)
    assert nn.modules.Linear is nn.modules.linear.Linear is nn.Linear
    assert isinstance(nn.BatchNorm2d(1), nn.modules.batchnorm._BatchNorm)
    assert (_pair(3), _pair([1, 2]), _ntuple(3)("a")) == ((3, 3), (1, 2), ("a",))
    assert _addindent("a\nb", 2) == "a\n  b"


def test_lazy_layers_of_ones_own() -> None:
    class Half(nn.lazy.LazyModuleMixin, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.UninitializedParameter()

        def forward(self, x: Any) -> Any:
            return x * self.weight

    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented for"):
        Half()(tatamu.ones(1))

    class Never(Half):
        def initialize_parameters(self, x: Any) -> None: ...

    with pytest.raises(RuntimeError, match="module Never has not been fully initialized"):
        Never()(tatamu.ones(1))
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized parameter"):
        Half().weight.share_memory_()


def test_parametrisations_of_several_tensors_are_checked() -> None:
    class Parts(nn.Module):
        given: Any = None

        def forward(self, a: Any, b: Any = 1) -> Any:
            return a * b

        def right_inverse(self, x: Any) -> Any:
            return (x, tatamu.ones(1)) if self.given is None else self.given

    register = nn.utils.parametrize.register_parametrization
    layer = register(nn.Linear(2, 2), "weight", Parts())
    own = layer.parametrizations.weight
    own[0].given = 3
    with pytest.raises(ValueError, match=r"must return a sequence of tensors. Got int"):
        layer.weight = tatamu.ones(2, 2)
    own[0].given = (tatamu.ones(1),)
    with pytest.raises(ValueError, match=r"of length 2. Got a sequence of length 1"):
        layer.weight = tatamu.ones(2, 2)
    wrong = Parts()
    wrong.given = (3,)
    with pytest.raises(ValueError, match="Got element 0 of the sequence with type int"):
        register(nn.Linear(2, 2), "weight", wrong)
    with pytest.raises(ValueError, match="ParametrizationList requires one or more modules"):
        nn.utils.parametrize.ParametrizationList([], tatamu.ones(1))

    class Back(nn.Module):
        def __init__(self, to: Any) -> None:
            super().__init__()
            self.to_what = to

        def forward(self, x: Any) -> Any:
            return x.float()

        def right_inverse(self, x: Any) -> Any:
            return self.to_what(x)

    single = register(nn.Linear(2, 2), "weight", Back(lambda x: x))
    for to, sentence in (
        (
            lambda x: x.double(),
            "returned by parametrization.right_inverse must have the same dtype",
        ),
        (lambda x: x[:1], "returned by parametrization.right_inverse must have the same shape"),
        (lambda x: 3, "parametrization.right_inverse must return a tensor. Got: int"),
    ):
        with pytest.raises(ValueError, match=sentence):
            register(single, "weight", Back(to))
    single.parametrizations.weight[0].to_what = lambda x: x.double()
    with pytest.raises(ValueError, match=r"has dtype tatamu.float64 while `original` has dtype"):
        single.weight = tatamu.ones(2, 2)
    single.parametrizations.weight[0].to_what = lambda x: 3
    with pytest.raises(ValueError, match=r"`right_inverse` should return a tensor. Got int"):
        single.weight = tatamu.ones(2, 2)


def test_sizes_that_lazy_and_skipped_modules_refuse() -> None:
    class Plain(nn.Module): ...

    with pytest.raises(RuntimeError, match="Module must support a 'device' arg"):
        nn.utils.skip_init(Plain)
    with (
        pytest.warns(FutureWarning, match="deprecated"),
        pytest.raises(ValueError, match="run the"),
    ):
        nn.utils.weight_norm(nn.LazyLinear(1))
    with pytest.raises(ValueError, match="can't have uninitialized parameters"):
        nn.utils.spectral_norm(nn.LazyLinear(1))


def test_parameters_as_one_vector() -> None:
    layer = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.tolist() == [*layer.weight.flatten().tolist(), *layer.bias.tolist()]
    nn.utils.vector_to_parameters(vector.detach() * 2, layer.parameters())
    assert layer.bias.tolist() == (vector[6:] * 2).tolist()


# Hardtanh's older names of its bounds are not taken; losses have each their margin behind a None.
OTHER = (
    "nn.Hardtanh", "nn.CosineEmbeddingLoss", "nn.HingeEmbeddingLoss", "nn.MarginRankingLoss",
)  # fmt: skip


def found(path: str) -> Any:
    value: Any = tatamu
    for part in path.split("."):
        value = getattr(value, part, None)
    return value


@pytest.mark.parametrize("path", [path for path in SIGNATURES if found(path) is not None])
def test_parameters_are_torchs(path: str) -> None:
    wanted = [pair for pair in SIGNATURES[path] if "*" not in pair[0]]
    own = {}
    for name, one in inspect.signature(found(path)).parameters.items():
        default = "" if one.default is one.empty else getattr(one.default, "__name__", None)
        own[name] = repr(one.default) if default is None else default
    order = [name for name in own if name in [pair[0] for pair in wanted]]
    if path in OTHER:
        assert order == [name for name, _ in wanted if name in own]
    else:
        assert [[name, own[name]] for name in order] == wanted


def test_missing_layers_are_left_out_by_name() -> None:
    layers = [path.split(".")[1] for path in SIGNATURES if path.count(".") == 1]
    for name in layers:
        other_family = name.endswith("Loss") or name in (
            "CosineSimilarity", "PairwiseDistance", "RMSNorm", "Container",
            "RNNCellBase", "NLLLoss2d",
        )  # fmt: skip
        if not hasattr(nn, name) and not other_family:
            with pytest.raises(AttributeError, match=f"tatamu leaves {name} out"):
                getattr(nn, name)
