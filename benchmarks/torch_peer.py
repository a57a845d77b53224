"""PyTorch's side of `benchmarks.layers`: a process of its own, in an environment of its own.

Reads one JSON request a line from standard input and answers with one a line. It imports torch and
nothing of tatamu; between requests it sleeps, so that its threads do not spin on the other's cores.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

PAUSE = 0.02


def prepare(request: dict[str, Any], layout: torch.memory_format) -> Callable[[], object]:
    """One layer in one memory format: what runs it once."""
    torch.manual_seed(0)
    channels, size, outputs, kernel = (request[n] for n in ("in", "size", "out", "kernel"))
    groups, stride, batch = request["groups"], request["stride"], request["batch"]
    x = torch.randn(batch, channels, size, size).contiguous(memory_format=layout)
    w = torch.randn(outputs, channels // groups, kernel, kernel).contiguous(memory_format=layout)
    b = torch.randn(outputs)
    padding = kernel // 2
    if request["what"] == "forward":
        return lambda: F.conv2d(x, w, b, stride, padding, 1, groups)
    g = F.conv2d(x, w, b, stride, padding, 1, groups)
    g = torch.randn_like(g)

    def backward() -> object:
        return torch.ops.aten.convolution_backward(
            g, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups,
            [True, True, False],
        )  # fmt: skip

    return backward


def median_seconds(run: Callable[[], object], seconds: float) -> float:
    """Median time of a block of runs, after two that do not count and a pause before it."""
    time.sleep(PAUSE)
    run()
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Answer requests until standard input ends."""
    torch.set_grad_enabled(False)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    layer: dict[str, Callable[[], object]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["ask"] == "prepare":
            layer = {
                "channels_last": prepare(request, torch.channels_last),
                "contiguous": prepare(request, torch.contiguous_format),
            }
            print("{}", flush=True)
            continue
        torch.set_num_threads(request["threads"])
        seconds = median_seconds(layer[request["layout"]], request["seconds"])
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
