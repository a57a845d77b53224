"""MNN on its CPU backend, in float32."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import MNN
import numpy as np

VARIANTS = {"": "precision=high"}
READS = "onnx"


def version() -> str:
    """The library's."""
    return str(MNN.version())


def load(request: dict[str, Any], shape: tuple[int, ...]) -> Callable[[Any], Callable[[], Any]]:
    """What makes a runner for an input."""
    path = converted(Path(request["onnx"]))

    def make(x: Any) -> Callable[[], Any]:
        net = MNN.Interpreter(str(path))
        session = net.createSession(
            {"backend": "CPU", "numThread": request["threads"], "precision": "high"}
        )
        source = net.getSessionInput(session)
        net.resizeTensor(source, shape)
        net.resizeSession(session)
        given = MNN.Tensor(shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe)

        def run() -> Any:
            source.copyFrom(given)
            net.runSession(session)
            result = net.getSessionOutput(session)
            sizes = result.getShape()
            held = MNN.Tensor(
                sizes, MNN.Halide_Type_Float, np.empty(sizes, np.float32),
                MNN.Tensor_DimensionType_Caffe,
            )  # fmt: skip
            result.copyToHostTensor(held)
            return np.array(held.getData(), np.float32).reshape(sizes)

        return run

    return make


def converted(onnx: Path) -> Path:
    """The network as MNN's file beside the ONNX one."""
    path = onnx.with_suffix(".mnn")
    if not path.exists():
        done = subprocess.run(
            [
                sys.executable, "-m", "MNN.tools.mnnconvert", "-f", "ONNX", "--modelFile",
                str(onnx), "--MNNModel", str(path), "--bizCode", "tatamu",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not path.exists():
            raise RuntimeError(f"mnnconvert cannot convert {onnx.name}: {done.stdout[-300:]}")
    return path
