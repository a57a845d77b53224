"""Layers of well-known networks against PyTorch, in both of its memory formats.

    python -m benchmarks.layers --torch-python PATH

PATH is the Python of an environment with torch 2.13 in it. Each side is a process of its own; they
take turns, with a pause before each block. Everything goes through the public call, allocation and
padding included; backward is the gradient of the input and of the weights. The ratio is PyTorch's
faster format over tatamu: above 1 is a layer we win. Ratios are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tatamu
from benchmarks.common import median_seconds, write
from tatamu.geometry import ConvSpec
from tatamu.nn import functional as F
from tatamu.ops.conv2d import conv2d_input_grad, conv2d_weight_grad, gradient_of
from tatamu.ops.op import apply

SECONDS = 0.04
SIZES_3X3 = (
    (64, 224, 64), (64, 112, 128), (128, 112, 128), (128, 56, 256), (256, 56, 256),
    (256, 28, 512), (512, 28, 512), (512, 14, 512), (64, 56, 64), (128, 28, 128),
    (256, 14, 256), (512, 7, 512),
)  # fmt: skip
# family -> (in, size, out, kernel, stride, groups)
FAMILIES: dict[str, tuple[tuple[int, ...], ...]] = {
    "3x3": tuple((i, h, o, 3, 1, 1) for i, h, o in SIZES_3X3),
    "1x1": (
        (64, 56, 256, 1, 1, 1), (256, 56, 64, 1, 1, 1), (512, 28, 128, 1, 1, 1),
        (1024, 14, 256, 1, 1, 1), (512, 7, 2048, 1, 1, 1), (256, 56, 512, 1, 2, 1),
    ),
    "strided 3x3": ((128, 56, 128, 3, 2, 1), (256, 28, 256, 3, 2, 1), (512, 14, 512, 3, 2, 1)),
    "first layer": ((3, 224, 64, 7, 2, 1), (3, 224, 64, 3, 1, 1), (3, 224, 32, 3, 2, 1)),
    "5x5": ((64, 27, 192, 5, 1, 1),),
    "grouped": ((128, 56, 128, 3, 1, 32), (256, 28, 256, 3, 1, 32)),
    "depthwise": ((32, 112, 32, 3, 1, 32), (144, 56, 144, 3, 2, 144), (384, 14, 384, 3, 1, 384)),
}  # fmt: skip


class Peer:
    """The other process."""

    def __init__(self, python: str):
        script = Path(__file__).with_name("torch_peer.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._read()["torch"]

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request, wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the torch process ended; does --torch-python have torch installed?")
        answer: dict[str, Any] = json.loads(line)
        return answer


def prepare(layer: dict[str, int], what: str) -> Callable[[], object]:
    """Our side of one layer: what runs it once."""
    tatamu.manual_seed(0)
    size, kernel, stride = layer["size"], layer["kernel"], layer["stride"]
    inputs = layer["in"] // layer["groups"]
    last = np.random.default_rng(0).standard_normal((1, size, size, layer["in"]), np.float32)
    x = tatamu.from_numpy(last).permute(0, 3, 1, 2)
    w, b = tatamu.randn(layer["out"], inputs, kernel, kernel), tatamu.randn(layer["out"])
    padding, groups = kernel // 2, layer["groups"]
    if what == "forward":
        return lambda: F.conv2d(x, w, b, stride, padding, 1, groups)
    spec = ConvSpec.make(kernel, stride, padding, 1, groups)
    g = F.conv2d(x, w, b, stride, padding, 1, groups)

    def backward() -> object:
        dx = apply(conv2d_input_grad, gradient_of(spec, x.shape), g, w)
        return dx, apply(conv2d_weight_grad, gradient_of(spec, w.shape), x, g)

    return backward


def measure(
    peer: Peer, layer: dict[str, int], what: str, threads: int, rounds: int
) -> dict[str, Any]:
    """One row: our time, PyTorch's two, and the ratio."""
    tatamu.set_num_threads(threads)
    run = prepare(layer, what)
    peer.ask(ask="prepare", what=what, batch=1, **layer)
    ours, theirs = [], {"channels_last": [], "contiguous": []}  # type: ignore[var-annotated]
    for _ in range(rounds):
        ours.append(median_seconds(run, SECONDS))
        for layout, times in theirs.items():
            answer = peer.ask(ask="time", layout=layout, threads=threads, seconds=SECONDS)
            times.append(answer["seconds"])
    ratio = statistics.median(
        min(a, b) / c
        for a, b, c in zip(theirs["channels_last"], theirs["contiguous"], ours, strict=True)
    )
    milliseconds = {name: 1e3 * statistics.median(times) for name, times in theirs.items()}
    return {
        "layer": layer, "what": what, "threads": threads, "ratio": round(ratio, 2),
        "tatamu_ms": round(1e3 * statistics.median(ours), 3),
        **{f"torch_{name}_ms": round(value, 3) for name, value in milliseconds.items()},
    }  # fmt: skip


def main() -> None:
    """Measure all families, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True, help="a Python that has torch")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side per layer")
    options = parser.parse_args()
    peer = Peer(options.torch_python)
    rows = []
    names = ("in", "size", "out", "kernel", "stride", "groups")
    plans = [("forward", family, (1, 2)) for family in FAMILIES] + [("backward", "3x3", (2,))]
    with tatamu.no_grad():
        for what, family, counts in plans:
            for shape in FAMILIES[family]:
                layer = dict(zip(names, shape, strict=True))
                for threads in counts:
                    row = {"family": family, **measure(peer, layer, what, threads, options.rounds)}
                    rows.append(row)
                    print(
                        f"{what:8} {family:12} {shape!s:28} {threads} threads  tatamu "
                        f"{row['tatamu_ms']:8.3f} ms, torch {row['torch_channels_last_ms']:8.3f} "
                        f"and {row['torch_contiguous_ms']:8.3f} ms, ratio {row['ratio']:.2f}",
                        flush=True,
                    )
    means = {}
    for what, family, counts in plans:
        for threads in counts:
            ratios = [
                r["ratio"]
                for r in rows
                if (r["what"], r["family"], r["threads"]) == (what, family, threads)
            ]
            name = f"{what} {family}, {threads} threads"
            mean = math.exp(statistics.mean(map(math.log, ratios)))
            means[name] = {"geometric_mean": round(mean, 2), "least": min(ratios)}
            print(f"{name:34} geometric mean {mean:.2f}, least {min(ratios):.2f}")
    write("layers", {"torch": peer.version, "summary": means, "rows": rows})


if __name__ == "__main__":
    main()
