"""ONNX Runtime on its CPU provider, all graph optimisations on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnxruntime

VARIANTS = {"": "graph_optimization_level=ALL, sequential"}
READS = "onnx"


def version() -> str:
    """The library's."""
    return str(onnxruntime.__version__)


def load(request: dict[str, Any], shape: tuple[int, ...]) -> Callable[[Any], Callable[[], Any]]:
    """What makes a runner for an input."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        request["onnx"], options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda x: lambda: session.run(None, {name: x})[0]
