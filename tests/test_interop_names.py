"""Torch's names for tatamu's modules: what resolves, what prints, what is given back."""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import tatamu
from tatamu import naming, nn, version
from tatamu.errors import ArgumentError, GeometryError
from tatamu.interop import hook, names
from tatamu.interop.namespace import Namespace, nearest


@pytest.fixture
def torch() -> Iterator[Any]:
    """The module that ``import torch`` gives, for the length of a test."""
    with tatamu.install():
        yield importlib.import_module("torch")


def test_names_are_the_same_objects(torch: Any) -> None:
    space: dict[str, Any] = {}
    exec(
        "import torch.nn as nn\nimport torch.nn.functional as F\nimport torchvision\n"
        "from torch import nn as again, Tensor\nfrom torch.nn import init\n"
        "from torch.nn.modules.utils import _pair\nfrom torch.nn.parameter import Parameter\n"
        "import torch.backends.cudnn as cudnn\nimport torchvision.transforms as T\n",
        space,
    )
    assert space["nn"].Conv2d is nn.Conv2d and space["again"] is space["nn"]
    assert space["F"].conv2d is nn.functional.conv2d and space["Tensor"] is tatamu.Tensor
    assert space["init"].kaiming_uniform_ is nn.init.kaiming_uniform_
    assert space["Parameter"] is nn.Parameter and space["_pair"](3) == (3, 3)
    assert torch.float32 is tatamu.float32 and torch.cuda.is_available() is False
    assert torch.nn.functional is space["F"] and torch.random.seed is tatamu.seed
    assert {"nn", "cuda", "float32", "Tensor"} <= set(dir(torch))
    star: dict[str, Any] = {}
    exec("from torch import *", star)
    assert star["ones"] is tatamu.ones and "lens" not in star


def test_every_row_resolves_or_is_not_there(torch: Any) -> None:
    for name in names.SOURCES:
        if name in names.known():
            module = importlib.import_module(name)
            assert isinstance(module, Namespace) and module.__name__ == name
        else:
            with pytest.raises(ModuleNotFoundError, match="No module named"):
                importlib.import_module(name)
    for name in ("torch.lens", "torch.stage", "torch.nope"):
        with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
            importlib.import_module(name)


def test_what_prints_speaks_torch(torch: Any) -> None:
    assert repr(torch) == "<module 'torch' (tatamu)>"
    x = torch.ones(2)
    assert f"{type(x)} {x.dtype} {x.shape}" == (
        "<class 'torch.Tensor'> torch.float32 torch.Size([2])"
    )
    assert str(torch.nn.Parameter) == "<class 'torch.nn.parameter.Parameter'>"
    with pytest.raises(RuntimeError, match="to have 3 channels") as caught:
        torch.nn.Conv2d(3, 4, 1)(torch.ones(1, 2, 5, 5))
    assert str(caught.type) == "<class 'RuntimeError'>"
    assert str(ArgumentError) == "<class 'ValueError'>"
    assert pickle.loads(pickle.dumps(x)).tolist() == [1.0, 1.0]


def test_errors_survive_another_process() -> None:
    for kind in (GeometryError, ArgumentError):
        error = kind("sentence", arithmetic=["1 < 2"], where="model[0]", fits=["that"])
        with tatamu.install():
            sent = pickle.dumps(error)
        back = pickle.loads(sent)
        assert type(back) is kind and str(back) == str(error)


def test_all_is_given_back() -> None:
    before = (list(sys.meta_path), str(tatamu.Tensor), str(GeometryError))
    first = tatamu.install()
    assert repr(first) == "<tatamu: torch's names mean tatamu in this process>"
    importlib.import_module("torch.nn.functional")
    again = tatamu.install()
    assert not again.did and sys.meta_path.count(hook._finder) == 1
    with again:
        pass
    assert hook.installed(), "the inner block did not install, so it gives nothing back"
    tatamu.uninstall()
    tatamu.uninstall()
    assert before == (list(sys.meta_path), str(tatamu.Tensor), str(GeometryError))
    assert naming.prefix == "tatamu"
    assert not [name for name in sys.modules if name.partition(".")[0] in names.TOPS]
    with pytest.raises(ModuleNotFoundError, match="No module named 'torch'"):
        importlib.import_module("torch")


def test_another_torch_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", theirs)
    with pytest.warns(RuntimeWarning, match=r"torch was imported before .*; nothing was changed"):
        done = tatamu.install()
    assert not done.did and "nothing was changed" in repr(done)
    assert sys.modules["torch"] is theirs and not hook.installed()
    assert naming.prefix == "tatamu"


def test_missing_names_are_told_with_what_there_is(torch: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        _ = torch.nn.Con2d
    first, second = str(caught.value).split("\n")
    assert first == "module 'torch.nn' has no attribute 'Con2d'"
    assert second.startswith("  what there is: torch.nn.Conv2d")
    with pytest.raises(AttributeError, match="module 'torch' has no attribute 'zzz'"):
        _ = torch.zzz
    assert nearest("zzz", torch) == []


def test_what_a_script_puts_there_counts(torch: Any) -> None:
    torch.backends.cudnn.benchmark = True
    assert tatamu.backends.cudnn.benchmark is True
    torch.backends.cudnn.benchmark = False
    torch.mine = 1
    assert torch.mine == 1 and not hasattr(tatamu, "mine")


def test_modules_of_torchs_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"torch.nn.modules.conv": ("Conv2d", "Nothing"), "torch": ("Size",)}
    beside = SimpleNamespace(conv=ModuleType("conv"))
    vars(beside.conv)["_ConvNd"] = nn.Module
    monkeypatch.setattr(names, "class_paths", lambda: listed)
    monkeypatch.setattr(nn, "modules", beside, raising=False)
    names.known.cache_clear()
    path = str(nn.Conv2d)
    try:
        with tatamu.install():
            conv: Any = importlib.import_module("torch.nn.modules.conv")
            assert conv.Conv2d is nn.Conv2d and not hasattr(conv, "Nothing")
            assert conv._ConvNd is nn.Module
            assert str(nn.Conv2d) == "<class 'torch.nn.modules.conv.Conv2d'>"
    finally:
        names.known.cache_clear()
    assert str(nn.Conv2d) == path


def test_classes_beside_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    table = names.classes_beside()
    assert table["torch.optim"]["SGD"] == "torch.optim.sgd"
    assert table["torch.utils.data"]["DataLoader"] == "torch.utils.data.dataloader"
    kind = type("Anomaly", (), {"__module__": "tatamu.autograd"})
    monkeypatch.setattr(tatamu.autograd, "Anomaly", kind, raising=False)
    monkeypatch.setattr(tatamu.autograd, "__all__", ["Anomaly"], raising=False)
    paths = {"torch.autograd": {"Anomaly": "torch.autograd.anomaly_mode", "Absent": "torch.x"}}
    monkeypatch.setattr(names, "classes_beside", lambda: paths)
    with tatamu.install():
        importlib.import_module("torch.autograd")
        assert str(kind) == "<class 'torch.autograd.anomaly_mode.Anomaly'>"
    assert str(kind) == "<class 'tatamu.autograd.Anomaly'>"
    del naming._names[kind]


def test_nothing_is_scripted(torch: Any) -> None:
    jit = torch.jit
    for same in (jit.script, jit.export, jit.unused, jit.ignore, jit.ignore(drop=True)):
        assert same(len) is len
    assert jit.is_scripting() is jit.is_tracing() is False


def test_no_device_but_the_processor() -> None:
    assert tatamu.cuda.device_count() == tatamu.cuda.memory_allocated() == 0
    for absent in (tatamu.cuda.current_device, tatamu.cuda.synchronize):
        with pytest.raises(AssertionError, match=r"^Torch not compiled with CUDA enabled\n"):
            absent()
    tatamu.cuda.empty_cache()
    tatamu.cuda.manual_seed(0)
    tatamu.cuda.manual_seed_all(0)
    answers = [
        tatamu.cuda.is_available(), tatamu.cuda.is_initialized(), tatamu.cuda.is_bf16_supported(),
        tatamu.backends.mps.is_available(), tatamu.backends.mps.is_built(),
        tatamu.backends.cudnn.is_available(), tatamu.backends.cuda.is_built(),
        tatamu.backends.cuda.matmul.allow_tf32,
    ]  # fmt: skip
    assert answers == [False] * 8 and tatamu.backends.cudnn.version() is None


# What torch 2.13's own version, 2.13.0+cpu, answers.
VERSIONS = [
    ("v >= '2.1'", True), ("v > (1, 8)", True), ("v < '10.0'", True), ("v == '2.13.0'", False),
    ("v > '2.13.0'", True), ("v >= '2.13.0rc1'", True), ("v == (2, 13)", False),
    ("v >= (2, 13, 0)", True), ("v < (2, 13)", False), ("v <= '2.13'", False),
    ("v != '2.13.0'", True), ("v == str(v)", True), ("v.split('.')[:2] == ['2', '13']", True),
    ("hash(v) == hash(str(v))", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), VERSIONS, ids=[text for text, _ in VERSIONS])
def test_the_version_compares_as_torchs(text: str, answer: bool) -> None:
    assert eval(text, {"v": version.__version__}) is answer
    with pytest.raises(TypeError, match="a version is compared with a str or a tuple"):
        _ = version.__version__ > 2


def test_the_versions_tell_the_truth(torch: Any) -> None:
    assert torch.__version__ == f"2.13.0+tatamu.{tatamu.__version__}" == torch.version.__version__
    assert importlib.import_module("torchvision").__version__.startswith("0.28.0+tatamu.")
    assert torch.version.cuda is None


def test_helpers_of_own_layers() -> None:
    ntuple: Any = importlib.import_module("tatamu.interop.ntuple")
    assert ntuple._pair([1, 2]) == (1, 2) and ntuple._triple("ab") == ("a", "b")
    with pytest.raises(ValueError, match="Input dimension should be at least 3"):
        ntuple._list_with_default([None, 7], [3])


def test_children_that_start_anew_have_the_names() -> None:
    spawn: Any = importlib.import_module("multiprocessing.spawn")
    name = multiprocessing.current_process().name
    with tatamu.install():
        told = spawn.get_preparation_data(name)["tatamu"]
        sent = pickle.dumps(told)
    assert "tatamu" not in spawn.get_preparation_data(name)
    code = (
        "import pickle, sys; pickle.loads(bytes.fromhex(sys.argv[1])); import torch; "
        "print(torch.ones(1).dtype)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sent.hex()], capture_output=True, text=True, check=True
    )
    assert done.stdout == "torch.float32\n"
