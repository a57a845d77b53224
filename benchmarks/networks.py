"""Whole networks against every CPU runtime there is, float32, batch 1 and 8.

    python -m benchmarks.networks --python PATH [--network NAME]... [--batch N]...

PATH is the Python of an environment with torch, torchvision, onnxruntime, openvino, MNN, ncnn and
pnnx in it. Each runtime is a process of its own at its best settings; blocks alternate, with a
pause before each. The ratio is the fastest other runtime's time over tatamu's: above 1 is a network
we win. What was measured is written after each network, so that an interrupt loses one at most.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, write
from tatamu.bench.measure import RUNTIMES, Measured, Missing, Settings, compare
from tatamu.bench.networks import Case
from tatamu.runtime import machine

UNET = Path(__file__).with_name("unet.py")


@dataclass(frozen=True)
class Goal:
    """A network, the ratio to reach for each batch size, and its multiply-adds for one picture."""

    case: Case
    wanted: dict[int, float]


GOALS = (
    Goal(Case("resnet18"), {1: 1.4, 8: 1.4}),
    Goal(Case("resnet50"), {1: 1.4, 8: 1.4}),
    Goal(Case("vgg16"), {1: 1.25, 8: 1.4}),
    Goal(Case("mobilenet_v2"), {1: 1.1, 8: 1.1}),
    Goal(Case("efficientnet_b0"), {1: 1.1, 8: 1.1}),
    Goal(Case("densenet121"), {1: 1.1, 8: 1.1}),
    Goal(Case("squeezenet1_1"), {1: 1.1, 8: 1.1}),
    Goal(Case("UNet", (1, 3, 256, 256), str(UNET)), {1: 1.1, 8: 1.1}),
)


def row(m: Measured) -> dict[str, Any]:
    """One contender's figures."""
    return {
        "name": m.name, "version": m.version, "settings": m.settings,
        "median_ms": round(1e3 * m.median, 3), "p99_ms": round(1e3 * m.p99, 3),
        "first_ms": round(1e3 * m.first, 1), "load_ms": round(1e3 * m.load, 1),
        "error": float(f"{m.error:.2g}"), "peak_memory_mib": round((m.peak_memory or 0) / 2**20),
    }  # fmt: skip


def macs(case: Case) -> int:
    """Multiply-adds of the products and convolutions of one forward pass."""
    import tatamu
    from tatamu.bench.networks import built
    from tatamu.ops.op import Call, Event, watching

    events: list[Event] = []
    model = built(case.request()).eval()
    with tatamu.no_grad(), watching(events.append):
        model(tatamu.zeros(*case.shape))
    products = ("convolution", "linear", "linear_without_bias", "matmul", "bmm")
    calls = [Call(e.op, e.attrs, e.inputs) for e in events if e.op.name in products]
    return sum(call.op.flops(call) for call in calls) // 2


def judged(
    goal: Goal, batch: int, found: list[Measured], missing: list[Missing], peak: float
) -> dict[str, Any]:
    """A network's rows, its ratio and what it was to be."""
    ours = next(m for m in found if m.name == "tatamu compiled")
    others = sorted((m for m in found if m.runtime != "tatamu"), key=lambda m: m.median)
    best = others[0]
    wanted = goal.wanted[batch]
    ratio = round(best.median / ours.median, 2)
    speed = 2 * macs(goal.case) * batch / ours.median / 1e9
    least = min((m.peak_memory for m in others if m.peak_memory), default=0)
    return {
        "network": goal.case.name, "batch": batch, "input": [batch, *goal.case.shape[1:]],
        "ratio": ratio, "wanted": wanted, "met": ratio >= wanted, "best_peer": best.name,
        "gflops": round(speed, 1), "of_peak": round(speed / peak, 2),
        "memory_of_leanest_peer": round((ours.peak_memory or 0) / least, 2) if least else None,
        "rows": [row(m) for m in sorted(found, key=lambda m: m.median)],
        "missing": [f"{m.runtime}: {m.why}" for m in missing],
    }  # fmt: skip


def main() -> None:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="a Python that has the other runtimes")
    parser.add_argument("--network", action="append", help="measure only these")
    parser.add_argument("--batch", action="append", type=int, help="only these batch sizes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    path = RESULTS / "networks.json"
    results = json.loads(path.read_text())["networks"] if path.is_file() else []
    peak = machine.fma_peak(2, again=True)
    for goal in GOALS:
        for batch in goal.wanted:
            named = options.network is None or goal.case.name in options.network
            if not named or (options.batch is not None and batch not in options.batch):
                continue
            case = goal.case
            shaped = Case(case.name, (batch, *case.shape[1:]), case.file)
            found, missing = compare(
                shaped, Settings(options.seconds, options.rounds), tuple(RUNTIMES),
                python=options.python,
            )  # fmt: skip
            result = judged(goal, batch, found, missing, peak)
            same = {(case.name, batch)}
            results = [r for r in results if (r["network"], r["batch"]) not in same] + [result]
            print(line(result), flush=True)
            write("networks", {"peak_gflops_2_threads": round(peak, 1), "networks": results})


def line(result: dict[str, Any]) -> str:
    """A network as it is printed."""
    head = (
        f"{result['network']:16} batch {result['batch']}  ratio {result['ratio']:5.2f} "
        f"(wanted {result['wanted']})  {100 * result['of_peak']:.0f} % of FMA peak"
    )
    rows = [
        f"    {r['name']:22} {r['median_ms']:9.2f} ms  p99 {r['p99_ms']:9.2f}  error "
        f"{r['error']:.0e}  {r['peak_memory_mib']:5} MiB"
        for r in result["rows"]
    ]
    return "\n".join([head, *rows, *(f"    left out: {m}" for m in result["missing"])])


if __name__ == "__main__":
    main()
