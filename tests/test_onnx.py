"""ONNX files: run by ONNX's own reference evaluator, they give what the network gives."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.nn import functional as F
from tatamu.onnx import OnnxExporterError, UnsupportedOperatorError, export

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")


def exported(model: Any, *args: Any, **options: Any) -> Any:
    file = io.BytesIO()
    export(model, args, file, **options)
    return onnx.load_from_string(file.getvalue())


def agree(model: Any, *args: Any, tolerance: float = 1e-5, **options: Any) -> Any:
    """The file's numbers are the network's."""
    found = exported(model, *args, **options)
    names = [i.name for i in found.graph.input]
    given = {n: a.numpy() for n, a in zip(names, args, strict=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = reference.ReferenceEvaluator(found).run(None, given)
    with tatamu.no_grad():
        wanted = model(*args)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    assert len(results) == len(wanted)
    for got, want in zip(results, wanted, strict=True):
        expected = want.numpy()
        assert got.shape == expected.shape
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(got, expected, atol=tolerance * scale, rtol=0)
    return found


LAYERS: list[tuple[Any, tuple[int, ...]]] = [
    (nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), (1, 4, 11, 9)),
    (nn.Conv2d(2, 3, 4, padding="same"), (1, 2, 8, 7)),
    (nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), (1, 3, 5, 4)),
    (nn.MaxPool2d(3, 2, 1), (1, 2, 9, 8)),
    (nn.MaxPool2d(3, 2, ceil_mode=True), (1, 2, 8, 7)),
    (nn.AvgPool2d(3, 2, 1), (1, 2, 9, 8)),
    (nn.AvgPool2d(2, 2, 1, count_include_pad=False), (1, 2, 8, 8)),
    (nn.AdaptiveAvgPool2d(1), (2, 3, 5, 4)),
    (nn.AdaptiveAvgPool2d((3, 2)), (2, 3, 6, 4)),
    (nn.AdaptiveAvgPool2d((3, 4)), (2, 3, 7, 6)),
    (nn.AdaptiveAvgPool1d(3), (1, 2, 7)),
    (nn.BatchNorm2d(3), (2, 3, 4, 4)),
    (nn.BatchNorm2d(3, affine=False), (2, 3, 4, 4)),
    (nn.LayerNorm(6), (2, 4, 6)),
    (nn.Linear(5, 3), (2, 5)),
    (nn.Linear(5, 3), (2, 4, 5)),
    (nn.Linear(5, 3, bias=False), (2, 5)),
    (nn.Softmax(1), (2, 5)),
    (nn.LogSoftmax(-1), (2, 5)),
    (nn.Flatten(), (2, 3, 4)),
    (nn.ZeroPad2d((1, 2, 0, 1)), (1, 2, 4, 4)),
    (nn.ReflectionPad2d((1, 2, 0, 1)), (1, 2, 4, 4)),
    (nn.ReplicationPad2d(1), (1, 2, 4, 4)),
    (nn.ChannelShuffle(2), (1, 4, 3, 3)),
    (nn.Upsample(scale_factor=2, mode="nearest"), (1, 2, 3, 4)),
    (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
    *(
        (layer, (2, 3, 4))
        for layer in (
            nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.Hardswish(), nn.Hardsigmoid(),
            nn.Sigmoid(), nn.Tanh(), nn.SiLU(), nn.GELU(), nn.Hardtanh(-0.5, 0.7), nn.Dropout(),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda v: str(v)[:60])
def test_layers(layer: nn.Module, shape: tuple[int, ...]) -> None:
    agree(layer.eval(), tatamu.randn(*shape))


class Shapes(nn.Module):
    """Views, slices, joins and broadcasts."""

    def forward(self, x: Any, y: Any) -> Any:
        a, b = x.split([1, 2], 1)
        z = tatamu.cat([b, a, x[:, 1:2]], 1).permute(0, 2, 3, 1)
        w = z[:, ::2, -1].unsqueeze(1) * y.expand(2, 1, 2, 4)
        return tatamu.roll(z, 1, 1), (w - x.mean((1, 2, 3), keepdim=True)).clamp(max=0.5), w.sum(-1)


def test_shapes() -> None:
    agree(Shapes(), tatamu.randn(2, 3, 4, 5), tatamu.randn(2, 1, 1, 4))


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 33), ("mobilenet_v3_small", 32), ("shufflenet_v2_x0_5", 32),
     ("squeezenet1_1", 40), ("efficientnet_b0", 32), ("densenet121", 32)],
)  # fmt: skip
@pytest.mark.slow
def test_networks(name: str, size: int) -> None:
    from tatamu.vision import models

    tatamu.manual_seed(0)
    agree(getattr(models, name)().eval(), tatamu.randn(1, 3, size, size))


def test_fold_leaves_no_batch_norm() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).eval()
    x = tatamu.randn(1, 2, 6, 6)
    plain = [node.op_type for node in agree(model, x).graph.node]
    folded = [node.op_type for node in agree(model, x, fold=True).graph.node]
    assert "BatchNormalization" in plain
    assert "BatchNormalization" not in folded


def test_names_and_files(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    export(nn.ReLU(), tatamu.randn(2), path, input_names=["a"], output_names=["b"])
    graph = onnx.load(str(path)).graph
    assert [graph.input[0].name, graph.output[0].name] == ["a", "b"]


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    x = tatamu.randn(1, 2, 4, 4)
    file = io.BytesIO()
    with pytest.raises(ValueError, match="opset_version=9: networks are written in opset 17"):
        export(nn.ReLU(), x, file, opset_version=9)
    with pytest.raises(ValueError, match="dynamic_axes: the file's shapes are those of args"):
        export(nn.ReLU(), x, file, dynamic_axes={"input": [0]})
    with pytest.raises(ValueError, match="input_names has 2 names"):
        export(nn.ReLU(), x, file, input_names=["a", "b"])
    with pytest.raises(UnsupportedOperatorError, match="the operator 'cumsum' to ONNX opset"):
        export(lambda t: t.cumsum(1), x, file)
    with pytest.raises(UnsupportedOperatorError, match="divisor_override=3"):
        export(nn.AvgPool2d(2, divisor_override=3), x, file)
    with pytest.raises(UnsupportedOperatorError, match="adaptive maximum"):
        export(nn.AdaptiveMaxPool2d(2), x, file)
    with pytest.raises(UnsupportedOperatorError, match="the operator 'gelu_tanh'"):
        export(nn.GELU("tanh"), x, file)
    with pytest.raises(UnsupportedOperatorError, match="mode='wrap' before opset 19"):
        export(nn.CircularPad2d(1), x, file)
    with pytest.raises(UnsupportedOperatorError, match="antialias=True"):
        export(lambda t: F.interpolate(t, (2, 2), mode="bilinear", antialias=True), x, file)
    with pytest.raises(UnsupportedOperatorError, match="several tensors of indices"):
        index = tatamu.tensor([0, 1])
        export(lambda t: t[:, index, index], x, file)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(OnnxExporterError, match="pip install tatamu"):
        export(nn.ReLU(), x, file)
