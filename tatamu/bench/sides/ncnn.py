"""ncnn in float32: its 16-bit storage and arithmetic off. pnnx converts.

It takes one picture at a time; a batch is so many runs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ncnn
import numpy as np

VARIANTS = {"": "fp16 and bf16 off"}
READS = "onnx"


def version() -> str:
    """The library's."""
    return str(ncnn.__version__)


def load(request: dict[str, Any], shape: tuple[int, ...]) -> Callable[[Any], Callable[[], Any]]:
    """What makes a runner for an input."""
    param, weights = converted(Path(request["onnx"]), shape)
    net = ncnn.Net()
    net.opt.num_threads = request["threads"]
    net.opt.use_vulkan_compute = False
    net.opt.use_fp16_packed = False
    net.opt.use_fp16_storage = False
    net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    if net.load_param(str(param)) or net.load_model(str(weights)):
        raise RuntimeError(f"ncnn cannot read {param.name}")

    def one(picture: Any) -> Any:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(picture))
        status, out = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn: extract gave {status}")
        return np.array(out)

    return lambda x: lambda: np.stack([one(picture) for picture in x])


def converted(onnx: Path, shape: tuple[int, ...]) -> tuple[Path, Path]:
    """The network as ncnn's two files beside the ONNX one."""
    folder = onnx.with_suffix(".ncnn")
    folder.mkdir(exist_ok=True)
    param, weights = folder / "net.ncnn.param", folder / "net.ncnn.bin"
    if not weights.exists():
        sizes = ",".join(str(n) for n in (1, *shape[1:]))
        pnnx = Path(sys.executable).with_name("pnnx")
        done = subprocess.run(
            [
                str(pnnx), str(onnx.resolve()), f"inputshape=[{sizes}]", "fp16=0",
                f"ncnnparam={param}", f"ncnnbin={weights}",
            ],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode or not weights.exists():
            raise RuntimeError(f"pnnx cannot convert {onnx.name}: {done.stderr[-300:]}")
    return param, weights
