"""The families of models against what torchvision gave (``scripts/fixtures/models.py``)."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_cases import (
    ARGUMENTS,
    LOGITS,
    PRESETS,
    STARTS,
    TRAINED,
    digests,
    fill,
    outcome,
    picture,
    pixels,
    trained,
    values,
)
from PIL import Image

import tatamu
from tatamu import naming, nn
from tatamu.nn import init
from tatamu.vision import models, ops

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "models.json").read_text("utf-8"))
ARRAYS = np.load(FIXTURES / "models.npz")
SPACE: dict[str, Any] = {"torch": tatamu, "models": models, "nn": nn, "ops": ops}

# What takes over half a second.
SLOW_STARTS = ("inception_v3", "convnext_tiny", "VGG")

pytestmark = pytest.mark.filterwarnings("ignore:The default weight initialization")


@pytest.fixture
def torchs_name() -> Iterator[None]:
    naming.speak("torch")
    yield
    naming.speak(naming.OWN)


def slow_if(code: str, parts: tuple[str, ...]) -> Any:
    marks = [pytest.mark.slow] if any(part in code for part in parts) else []
    return pytest.param(code, marks=marks)


# ---- beside torchvision ----


def test_all_builders_are_there() -> None:
    assert models.list_models() == sorted(FACTS["structure"])
    assert len(models.list_models()) == 79
    assert all(name in models.__all__ for name in models.list_models())


def _builders() -> list[Any]:
    """Of each family one builder in quick runs."""
    often = {row[0] for row in LOGITS}
    return [
        pytest.param(name, marks=[] if name in often else [pytest.mark.slow])
        for name in sorted(FACTS["structure"])
    ]


@pytest.mark.parametrize("name", _builders())
def test_names_shapes_and_text_are_torchvisions(name: str) -> None:
    with init.skipped():
        model = models.get_model(name)
    assert digests(model) == FACTS["structure"][name]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "size", "gain"), LOGITS)
def test_logits_are_torchvisions(
    name: str, options: dict[str, Any], size: int, gain: float
) -> None:
    with init.skipped():
        model = models.get_model(name, **options).eval()
    fill(model.state_dict(), gain)
    with tatamu.no_grad():
        ours = model(tatamu.from_numpy(picture(2, 3, size, size))).numpy()
    theirs = ARRAYS[name]
    assert ours.shape == theirs.shape == (2, 10)
    assert np.abs(ours - theirs).max() < 1e-4 * np.ptp(theirs)
    # What tells the two pictures apart may be much less than what tells the classes apart.
    between, theirs_between = ours[0] - ours[1], theirs[0] - theirs[1]
    assert np.abs(between - theirs_between).max() < 1e-3 * np.ptp(theirs_between)


def _training() -> list[Any]:
    """Those without kernels that nothing else needs each time, the others at night."""
    found = []
    for at, (code, shape) in enumerate(TRAINED):
        often = any(part in code for part in ("Swin", "Vision", "ConvNeXt", "memory_efficient"))
        mark = pytest.mark.slow if often else pytest.mark.nightly
        found.append(pytest.param(at, code, shape, marks=mark))
    return found


@pytest.mark.parametrize(("at", "code", "shape"), _training())
def test_training_is_torchvisions(at: int, code: str, shape: tuple[int, ...]) -> None:
    theirs = ARRAYS[f"trained{at}"]
    ours = trained(code, shape, SPACE)
    np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=2e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("code", [slow_if(code, SLOW_STARTS) for code in STARTS])
def test_first_values_are_torchvisions(code: str) -> None:
    tatamu.manual_seed(0)
    assert values(eval(code, dict(SPACE))) == FACTS["starts"][code]


def test_all_arguments_have_an_outcome() -> None:
    assert [code for code, _ in FACTS["arguments"]] == list(ARGUMENTS)


@pytest.mark.usefixtures("torchs_name")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("code", "theirs"), FACTS["arguments"])
def test_arguments_do_what_torchvisions_do(code: str, theirs: Any) -> None:
    with init.skipped():
        assert outcome(code, SPACE) == theirs


@pytest.mark.parametrize(("at", "code"), list(enumerate(PRESETS)))
def test_pictures_are_made_ready_as_for_torchvision(at: int, code: str) -> None:
    preset = eval(code, dict(SPACE))
    pillow = Image.fromarray(pixels())
    tensor = tatamu.from_numpy(pixels()).permute(2, 0, 1) / 255
    for kind, given in (("pillow", pillow), ("tensor", tensor)):
        theirs = ARRAYS[f"{kind}{at}"]
        least = 1e-5 * np.abs(theirs).max()
        np.testing.assert_allclose(preset(given).numpy(), theirs, rtol=1e-5, atol=least)


def test_published_counts_are_those_of_the_models() -> None:
    for name, facts in FACTS["structure"].items():
        kind = models.get_model_weights(name)
        for weights in kind:
            published = weights.meta["num_params"]
            if name == "googlenet":  # without the heads that help in training
                with init.skipped():
                    plain = models.googlenet(aux_logits=False)
                assert published == sum(p.numel() for p in plain.parameters())
            # Vision transformers for larger pictures have more places.
            elif weights.meta["min_size"][0] <= 224 or "vit" not in name:
                assert published == facts["parameters"], weights
        assert kind.DEFAULT in list(kind)


# ---- weights ----


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What addresses hold, in place of files."""
    held: dict[str, Any] = {}
    monkeypatch.setattr("tatamu.vision.weights.load_url", lambda url, **_: held[url])
    return held


def test_weights_are_loaded(published: dict[str, Any]) -> None:
    weights = models.SqueezeNet1_1_Weights.DEFAULT
    state = models.squeezenet1_1().state_dict()
    published[weights.url] = state
    for given in (weights, "DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        model = models.squeezenet1_1(weights=given)
        assert values(model) == values(_Holding(state))
    assert models.get_model("squeezenet1_1", weights=weights).num_classes == 1000


class _Holding:
    def __init__(self, state: Any) -> None:
        self.state_dict = lambda: state


def test_names_in_old_files_of_densenet_are_understood(published: dict[str, Any]) -> None:
    with init.skipped():
        state = models.densenet121().state_dict()
        old = {
            key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
            for key, value in state.items()
        }
        assert "features.denseblock1.denselayer1.norm.1.weight" in old
        published[models.DenseNet121_Weights.DEFAULT.url] = old
        assert list(models.densenet121(weights="DEFAULT").state_dict()) == list(state)


def test_heads_that_helped_in_training(published: dict[str, Any]) -> None:
    with init.skipped():
        state = models.googlenet(init_weights=False).state_dict()
        published[models.GoogLeNet_Weights.DEFAULT.url] = state
        model = models.googlenet(weights="DEFAULT")
        assert (model.aux1, model.aux2, model.aux_logits) == (None, None, False)
        assert model.transform_input
        sentence = "auxiliary heads in the pretrained googlenet model are NOT pretrained"
        with pytest.warns(UserWarning, match=sentence):
            model = models.googlenet(weights="DEFAULT", aux_logits=True, transform_input=False)
        assert model.aux_logits and model.aux1 is not None and not model.transform_input
        state = models.inception_v3(init_weights=False).state_dict()
        published[models.Inception_V3_Weights.DEFAULT.url] = state
        model = models.inception_v3(weights="DEFAULT")
        assert model.AuxLogits is not None and model.transform_input


def test_weights_without_classes_leave_the_number_open(published: dict[str, Any]) -> None:
    with init.skipped():
        state = models.vgg16(num_classes=5).state_dict()
        published[models.VGG16_Weights.IMAGENET1K_FEATURES.url] = state
        model = models.vgg16(weights="IMAGENET1K_FEATURES", num_classes=5)
    assert model.classifier[6].out_features == 5


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tatamu.vision import weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = models.ResNet18_Weights.DEFAULT.url
    monkeypatch.setenv("TATAMU_OFFLINE", "1")
    told = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    with pytest.raises(FileNotFoundError, match=r"resnet18-f37072fd\.pth is not on") as caught:
        models.resnet18(weights="DEFAULT")
    assert url in str(caught.value) and str(told) in str(caught.value)
    told.parent.mkdir(parents=True, exist_ok=True)
    state = models.resnet18().state_dict()
    tatamu.save(state, told)
    assert weights.fetch(url) == told
    assert values(models.resnet18(weights="DEFAULT")) == values(_Holding(state))
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights.folder() == tmp_path / "cache" / "torch" / "hub" / "checkpoints"


OLD = (
    "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please "
    "use 'weights' instead."
)
NO_ENUM = (
    "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may "
    "be removed in the future. The current behavior is equivalent to passing `weights={}`."
)
BETTER = " You can also use `weights={}.DEFAULT` to get the most up-to-date weights."
BY_PLACE = (
    "Using {} as positional parameter(s) is deprecated since 0.13 and may be removed in the "
    "future. Please use keyword parameter(s) instead."
)


def test_arguments_of_old_warn_in_torchvisions_words(published: dict[str, Any]) -> None:
    published[models.MobileNet_V2_Weights.IMAGENET1K_V1.url] = models.mobilenet_v2().state_dict()
    first = NO_ENUM.format("MobileNet_V2_Weights.IMAGENET1K_V1")
    first += BETTER.format("MobileNet_V2_Weights")
    none = NO_ENUM.format("None")
    cases: list[tuple[tuple[Any, ...], dict[str, Any], list[str]]] = [
        ((), {"pretrained": True}, [OLD, first]),
        ((), {"pretrained": False}, [OLD, none]),
        ((), {"weights": True}, [first]),
        ((), {"weights": None}, []),
        ((True,), {}, [BY_PLACE.format("'weights'"), first]),
        ((False, True), {}, [BY_PLACE.format("'weights' and 'progress'"), none]),
        ((None, True), {}, [BY_PLACE.format("'weights' and 'progress'")]),
    ]
    for args, options, sentences in cases:
        with pytest.warns(UserWarning, match="") as caught:
            warned = models.mobilenet_v2(*args, **options)
            __import__("warnings").warn("done", UserWarning, stacklevel=1)
        assert [str(warning.message) for warning in caught] == [*sentences, "done"]
        assert all(warning.filename == __file__ for warning in caught)
        assert isinstance(warned, models.MobileNetV2)


def test_arguments_given_twice_or_too_many() -> None:
    with pytest.raises(TypeError, match=r"resnet18\(\) takes from 0 to 2 positional arguments but"):
        models.resnet18(None, True, 3)
    with (
        pytest.warns(UserWarning, match="positional"),
        pytest.raises(TypeError, match=r"resnet18\(\) got multiple values for argument 'weights'"),
    ):
        models.resnet18(None, weights=None)


def test_what_wrong_names_could_have_meant() -> None:
    with pytest.raises(ValueError, match=r"Unknown model resnet5\n  names like it: resnet50"):
        models.get_model("resnet5")
    with pytest.raises(ValueError, match=r"(?s)couldn't be retrieved\..*names like it: ResNet"):
        models.get_weight("ResNet5_Weights.DEFAULT")
    with pytest.raises(KeyError) as caught:
        models.resnet50(weights="V2")
    told = ["  ResNet50_Weights has IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT"]
    assert caught.value.__notes__ == told
    with pytest.raises(ValueError, match=r"weights=\.\.\. takes ViT_H_14_Weights"):
        models.vit_h_14(weights=True)


def test_a_builder_of_ones_own() -> None:
    from tatamu.vision.models import _api

    def tiny(*, weights: models.ResNet18_Weights | None = None) -> nn.Module:
        return nn.Linear(2, 2)

    def without_enum(*, weights: int = 3) -> nn.Module:
        return nn.Linear(2, 2)

    tiny.__annotations__["weights"] = models.ResNet18_Weights | None
    without_enum.__annotations__["weights"] = int
    _api.register_model("mine")(tiny)
    try:
        assert "mine" in models.list_models() and isinstance(models.get_model("Mine"), nn.Linear)
        assert models.get_model_weights("mine") is models.ResNet18_Weights
        with pytest.raises(ValueError, match="already registered under the name 'mine'"):
            _api.register_model("mine")(tiny)
        with pytest.raises(ValueError, match="Make sure the typing info is correct"):
            models.get_model_weights(without_enum)
    finally:
        del _api.BUILTIN_MODELS["mine"]


def test_enums_are_copied_and_pickled() -> None:
    weights = models.ResNet50_Weights.DEFAULT
    assert copy.deepcopy(weights) is weights and pickle.loads(pickle.dumps(weights)) is weights
    assert weights.value != models.ResNet50_Weights.IMAGENET1K_V1.value != 3
    assert weights.transforms.keywords == {"crop_size": 224, "resize_size": 232}


# ---- models as tutorials change them ----


def test_the_last_layer_is_replaced() -> None:
    with init.skipped():
        model = models.resnet18()
        model.fc = nn.Linear(model.fc.in_features, 2)
        assert "fc.weight" in model.state_dict() and model.fc.weight.shape == (2, 512)
        vgg = models.vgg11()
        vgg.classifier[6] = nn.Linear(4096, 7)
        assert repr(vgg).rstrip(")\n ").endswith("in_features=4096, out_features=7, bias=True")
        mobile = models.mobilenet_v2().eval()
        mobile.classifier[1] = nn.Linear(mobile.last_channel, 3)
        assert mobile(tatamu.zeros(1, 3, 32, 32)).shape == (1, 3)
        squeezed = models.squeezenet1_1()
        squeezed.classifier[1] = nn.Conv2d(512, 4, 1)
        assert squeezed(tatamu.zeros(1, 3, 32, 32)).shape == (1, 4)


def test_features_without_the_last_layers() -> None:
    with init.skipped():
        model = models.resnet18().eval()
    fill(model.state_dict(), 2.0)
    x = tatamu.from_numpy(picture(1, 3, 32, 32))
    with tatamu.no_grad():
        cut = nn.Sequential(*list(model.children())[:-1])
        features = cut(x)
        assert features.shape == (1, 512, 1, 1)
        assert tatamu.allclose(model.fc(features.flatten(1)), model(x), atol=1e-4)
        whole = copy.deepcopy(model)
        whole.fc = nn.Identity()
        assert tatamu.equal(whole(x), features.flatten(1))
        wanted = {"layer1": "low", "layer3": "high"}
        got = models._utils.IntermediateLayerGetter(model, wanted)(x)
    assert [(name, tuple(value.shape)) for name, value in got.items()] == [
        ("low", (1, 64, 8, 8)),
        ("high", (1, 256, 2, 2)),
    ]


def test_frozen_layers_learn_nothing() -> None:
    model = models.squeezenet1_1(num_classes=2)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.classifier[1] = nn.Conv2d(512, 3, 1)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = tatamu.optim.SGD(trained, lr=0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(tatamu.from_numpy(picture(2, 3, 32, 32))).sum().backward()
    optimizer.step()
    changed = {
        name for name, value in model.state_dict().items() if not tatamu.equal(value, before[name])
    }
    assert changed == {"classifier.1.weight", "classifier.1.bias"}


def test_hooks_see_inner_layers() -> None:
    with init.skipped():
        model = models.resnet18().eval()
    fill(model.state_dict(), 2.0)
    seen: list[tuple[int, ...]] = []
    model.layer2[0].conv1.register_forward_hook(lambda _m, _i, made: seen.append(made.shape))
    with tatamu.no_grad():
        model(tatamu.from_numpy(picture(1, 3, 32, 32)))
    assert seen == [(1, 128, 4, 4)]


def test_large_models_are_made_without_first_values() -> None:
    tatamu.manual_seed(0)
    before = tatamu.get_rng_state()
    with init.skipped():
        with init.skipped():
            models.alexnet()
        layer = nn.Linear(2, 2)
        assert init.ones_(tensor=layer.weight) is layer.weight
    assert tatamu.equal(tatamu.get_rng_state(), before)
    nn.Linear(2, 2)
    assert not tatamu.equal(tatamu.get_rng_state(), before)


# ---- single blocks ----


def test_stochastic_depth_drops_rows_or_all() -> None:
    x = tatamu.ones(1000, 2)
    tatamu.manual_seed(0)
    rows = ops.stochastic_depth(x, 0.25, "row")
    assert sorted(set(rows.flatten().tolist())) == pytest.approx([0, 4 / 3])
    assert tatamu.equal(rows[:, 0], rows[:, 1])
    assert 0.2 < (rows == 0).float().mean().item() < 0.3
    layer = ops.StochasticDepth(1.0, "batch")
    assert not layer(x).any() and layer.eval()(x) is x


def test_frozen_norm_loads_what_a_norm_saved() -> None:
    norm = nn.BatchNorm2d(3).eval()
    fill(norm.state_dict(), 1.0)
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = tatamu.from_numpy(picture(1, 3, 4, 4))
    assert tatamu.allclose(frozen(x), norm(x), atol=1e-6)
    assert not list(frozen.parameters())


def test_a_block_that_stands_for_two_says_so() -> None:
    with pytest.warns(UserWarning, match="Don't use ConvNormActivation directly"):
        ops.misc.ConvNormActivation(3, 8)


def test_places_are_resized_for_other_pictures() -> None:
    from tatamu.vision.models.vision_transformer import interpolate_embeddings

    def vit(size: int) -> Any:
        return models.VisionTransformer(size, 8, 1, 2, 16, 32, num_classes=4)

    state = vit(32).state_dict()
    assert interpolate_embeddings(32, 8, state) == state
    larger = interpolate_embeddings(48, 8, state, reset_heads=True)
    assert larger["encoder.pos_embedding"].shape == (1, 37, 16)
    assert not [key for key in larger if key.startswith("heads")]
    vit(48).load_state_dict(interpolate_embeddings(48, 8, state))
    state["encoder.pos_embedding"] = tatamu.zeros(1, 12, 16)
    with pytest.raises(ValueError, match="seq_length is not a perfect square"):
        interpolate_embeddings(48, 8, state)
    state["encoder.pos_embedding"] = tatamu.zeros(2, 17, 16)
    with pytest.raises(ValueError, match="Unexpected position embedding shape"):
        interpolate_embeddings(48, 8, state)


def test_pictures_of_another_size_are_refused() -> None:
    model = models.VisionTransformer(32, 8, 1, 2, 16, 32)
    with pytest.raises(AssertionError, match="Wrong image height! Expected 32 but got 40!"):
        model(tatamu.zeros(1, 3, 40, 32))
    with pytest.raises(AssertionError, match="Wrong image width! Expected 32 but got 40!"):
        model(tatamu.zeros(1, 3, 32, 40))
    with pytest.raises(AssertionError, match=r"Expected \(batch_size, seq_length, hidden_dim\)"):
        model.encoder(tatamu.zeros(1, 16))


def test_old_files_of_two_families() -> None:
    block = models.vision_transformer.MLPBlock(4, 8, 0.0)
    state = block.state_dict()
    names = {"0": "linear_1", "3": "linear_2"}
    old = {f"{names[key[0]]}{key[1:]}": value for key, value in state.items()}
    models.vision_transformer.MLPBlock(4, 8, 0.0).load_state_dict(old)

    with init.skipped():
        first = models.MNASNet(0.5)
        stem = [nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(1, 32, 3)]
        assert [tuple(layer.weight.shape) for layer in (stem[0], stem[3])] == [
            (32, 3, 3, 3),
            (32, 1, 3, 3),
        ]
        state = first.state_dict()
        assert state._metadata[""]["version"] == 2
        state._metadata[""]["version"] = 1
        model = models.MNASNet(0.5)
        with (
            pytest.warns(UserWarning, match="A new version of MNASNet model has been implemented"),
            pytest.raises(RuntimeError, match=r"size mismatch for layers\.0\.weight"),
        ):
            model.load_state_dict(state)
        assert model.layers[0].weight.shape == (32, 3, 3, 3)
        state._metadata[""]["version"] = 3
        with pytest.raises(ValueError, match="version should be set to 1 or 2 instead of 3"):
            model.load_state_dict(state)


# ---- under torchvision's name ----


def test_names_and_paths_are_torchvisions() -> None:
    with tatamu.install():
        space: dict[str, Any] = {}
        exec(
            "import torchvision\nimport torchvision.models as models\n"
            "from torchvision.models import resnet50, ResNet50_Weights, detection\n"
            "from torchvision.models.resnet import BasicBlock, Bottleneck\n"
            "from torchvision.models.mobilenet import MobileNetV2\n"
            "from torchvision.models._utils import _make_divisible, IntermediateLayerGetter\n"
            "from torchvision.ops.misc import Conv2dNormActivation, SqueezeExcitation\n"
            "from torchvision.ops import StochasticDepth\n",
            space,
        )
        torchvision = space["torchvision"]
        assert torchvision.models.resnet50 is space["resnet50"] is models.resnet50
        assert torchvision.models.list_models(module=torchvision.models) == models.list_models()
        paths = {
            "BasicBlock": "torchvision.models.resnet.BasicBlock",
            "MobileNetV2": "torchvision.models.mobilenetv2.MobileNetV2",
            "SqueezeExcitation": "torchvision.ops.misc.SqueezeExcitation",
            "StochasticDepth": "torchvision.ops.stochastic_depth.StochasticDepth",
        }
        for name, path in paths.items():
            assert str(space[name]) == f"<class '{path}'>"
        assert space["ResNet50_Weights"].__module__ == "torchvision.models.resnet"
        model = models.squeezenet1_1(num_classes=2)
        assert values(pickle.loads(pickle.dumps(model))) == values(model)
    assert str(models.ResNet) == "<class 'tatamu.vision.models.resnet.ResNet'>"


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("detection", "Networks that find boxes are no part of tatamu."),
        ("segmentation", "Networks that label every pixel are no part of tatamu."),
        ("video", "Networks for video are no part of tatamu."),
        ("quantization", "Networks of small integers are no part of tatamu."),
        ("optical_flow", "Networks that follow motion are no part of tatamu."),
    ],
)
def test_packages_say_what_is_not_there(package: str, sentence: str) -> None:
    said = f"module 'tatamu.vision.models.{package}' has no attribute 'resnet50'\n  {sentence}"
    with pytest.raises(AttributeError) as caught:
        _ = getattr(models, package).resnet50
    assert str(caught.value) == said
    with pytest.raises(AttributeError, match=r"__path__'$"):
        _ = getattr(models, package).__path__


@pytest.mark.usefixtures("torchs_name")
def test_names_left_out_say_so() -> None:
    with pytest.raises(AttributeError, match=r"'torchvision.models' has .*\n  tatamu leaves M"):
        _ = models.maxvit_t
    with pytest.raises(AttributeError, match=r"'torchvision.models' has no attribute 'nope'$"):
        _ = models.nope
    with pytest.raises(AttributeError, match="tatamu leaves nms out: boxes are no part of it"):
        _ = ops.nms
    with pytest.raises(AttributeError, match=r"'torchvision.ops' has no attribute 'nope'$"):
        _ = ops.nope
    with pytest.raises(AttributeError, match="module 'torchvision' has no attribute 'nope'"):
        _ = tatamu.vision.nope
