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

import numpy as np
import torch
from torch.nn import functional as F

PAUSE = 0.02
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def arrays(request: dict[str, Any]) -> list[Any]:
    """The case's inputs: the same numbers on both sides."""
    random = np.random.default_rng(0)
    drawn = [
        None if shape is None else random.standard_normal(shape, np.float32)
        for shape in request["inputs"]
    ]
    positive = request["positive"]
    return [abs(a) if i in positive and a is not None else a for i, a in enumerate(drawn)]


def prepare(
    request: dict[str, Any], layout: torch.memory_format, dtype: torch.dtype = torch.float32
) -> tuple[Callable[[], object], torch.Tensor]:
    """One case in one memory format: what runs it once, and its output."""
    given = [None if a is None else torch.from_numpy(a).to(dtype) for a in arrays(request)]
    inputs = [
        x.contiguous(memory_format=layout) if x is not None and x.ndim == 4 else x for x in given
    ]
    named = dict(zip(request["names"], inputs, strict=False))
    function = getattr(F, request["call"], None) or getattr(torch, request["call"])

    def forward() -> torch.Tensor:
        y = function(*inputs[len(named) :], **named, **request["options"])
        return y[0] if isinstance(y, tuple) else y

    if request["what"] == "forward":

        def run() -> torch.Tensor:
            with torch.no_grad():
                return forward()

        return run, torch.empty(0) if request["once"] else run()
    wanted = [x.requires_grad_() for x in inputs if x is not None]
    y = forward()
    g = torch.from_numpy(np.random.default_rng(1).standard_normal(y.shape)).to(y)
    if y.ndim == 4:
        g = g.contiguous(memory_format=layout)
    return lambda: torch.autograd.grad(y, wanted, g, retain_graph=True), y.detach()


def median_seconds(run: Callable[[], object], seconds: float, least: int = 5) -> float:
    """Median time of a block of runs, after two that do not count and a pause before it.

    Where one run is all there is, it counts.
    """
    time.sleep(PAUSE)
    if least > 1:
        run()
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def errors(request: dict[str, Any], given: list[float], own: torch.Tensor) -> dict[str, float]:
    """Worst differences from float64, relative to the largest number; a sample of the outputs."""
    _, right = prepare(request, torch.contiguous_format, torch.float64)
    step = max(1, right.numel() // 10_000)
    exact = right.detach().contiguous().reshape(-1)[::step].numpy()
    scale = max(float(abs(exact).max()), 1e-300)
    ours = own.detach().contiguous().reshape(-1)[::step].double().numpy()
    return {
        "given": float(abs(np.array(given) - exact).max()) / scale,
        "own": float(abs(ours - exact).max()) / scale,
    }


def main() -> None:
    """Answer requests until standard input ends."""
    print(json.dumps({"torch": torch.__version__}), flush=True)
    layer: dict[str, tuple[Callable[[], object], torch.Tensor]] = {}
    case: dict[str, Any] = {}
    for text in sys.stdin:
        request = json.loads(text)
        if request["ask"] == "prepare":
            case = request
            layer = {name: prepare(request, layout) for name, layout in LAYOUTS.items()}
            print("{}", flush=True)
        elif request["ask"] == "error":
            answer = errors(case, request["out"], layer["channels_last"][1])
            print(json.dumps(answer), flush=True)
        else:
            torch.set_num_threads(request["threads"])
            run = layer[request["layout"]][0]
            seconds = median_seconds(run, request["seconds"], 1 if case["once"] else 5)
            print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
