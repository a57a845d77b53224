"""OpenVINO on its CPU plug-in, in float32 and for latency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openvino

VARIANTS = {"": "INFERENCE_PRECISION_HINT=f32, PERFORMANCE_HINT=LATENCY"}
READS = "onnx"


def version() -> str:
    """The library's."""
    return str(openvino.__version__).split("-")[0]


def load(request: dict[str, Any], shape: tuple[int, ...]) -> Callable[[Any], Callable[[], Any]]:
    """What makes a runner for an input."""
    core = openvino.Core()
    model = core.read_model(request["onnx"])
    model.reshape(list(shape))
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": request["threads"],
    }
    compiled = core.compile_model(model, "CPU", settings)

    def make(x: Any) -> Callable[[], Any]:
        infer = compiled.create_infer_request()
        return lambda: infer.infer([x], share_inputs=True, share_outputs=True)[0]

    return make
