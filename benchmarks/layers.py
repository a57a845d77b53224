"""Layers of well-known networks against PyTorch, in both of its memory formats.

    python -m benchmarks.layers --torch-python PATH [--family NAME]...

PATH is the Python of an environment with torch 2.13 in it. Each side is a process of its own; they
take turns, with a pause before each block. Everything goes through the public call, allocation and
padding included; backward is the gradient of all inputs. The ratio is PyTorch's faster format over
tatamu: above 1 is a layer we win. Ratios are medians over rounds. Errors are the worst of all
outputs against float64, relative to the largest output. With --family only those families are
measured, and their rows replaced in the results file.

For layers that add up products, ``plain_limit`` is what the ratio would be if tatamu made every
product at the measured multiply-add peak: more takes an algorithm that makes fewer. Where it is
near 1, PyTorch is near that peak itself, and no plain kernel can be much faster.
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
from benchmarks.bars import LAYOUTS, bars, times, worked
from benchmarks.common import RESULTS, median_seconds, write
from benchmarks.families import FAMILIES, Case, Family
from tatamu.geometry import ConvSpec
from tatamu.nn import functional as F
from tatamu.runtime import machine

SECONDS = 0.04


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


def arrays(case: Case) -> list[Any]:
    """The case's inputs: the same numbers on both sides."""
    random = np.random.default_rng(0)
    drawn = [
        None if shape is None else random.standard_normal(shape, np.float32)
        for shape in case.inputs
    ]
    return [abs(a) if i in case.positive and a is not None else a for i, a in enumerate(drawn)]


def tensor(array: Any) -> Any:
    """An array as tatamu's own layers would have left it: aligned, pictures channels-last."""
    if array is None:
        return None
    laid = tatamu.from_numpy(array).clone()
    return laid.contiguous(memory_format=tatamu.channels_last) if array.ndim == 4 else laid


def prepare(case: Case, what: str) -> tuple[Callable[[], object], Any]:
    """Our side of one case: what runs it once, and its output."""
    given = arrays(case)
    like_first = [a is not None and a.shape == given[0].shape for a in given]
    others = (
        tensor(a) if alike or a is None else tatamu.from_numpy(a).clone()
        for a, alike in zip(given[1:], like_first[1:], strict=True)
    )
    inputs = [tensor(given[0]), *others]
    named = dict(zip(case.names, inputs, strict=False))
    function = getattr(F, case.call, None) or getattr(tatamu, case.call)

    def forward() -> Any:
        y = function(*inputs[len(named) :], **named, **case.options)
        return y[0] if isinstance(y, tuple) else y

    if what == "forward":
        with tatamu.no_grad():
            out = forward()

        def run() -> object:
            with tatamu.no_grad():
                return forward()

        return run, out
    wanted = [x for x in inputs if x is not None]
    for x in wanted:
        x.requires_grad = True
    y = forward()
    g = tensor(np.random.default_rng(1).standard_normal(y.shape).astype(np.float32))
    return lambda: tatamu.autograd.grad(y, wanted, g, retain_graph=True), y.detach()


def error(case: Case, out: Any, peer: Peer) -> dict[str, float]:
    """Both sides' worst error of the forward result, against PyTorch's in float64."""
    answer = peer.ask(ask="error", out=[float(v) for v in sample(out.numpy(force=True))])
    return {"tatamu": answer["given"], "torch": answer["own"]}


def sample(array: Any) -> Any:
    """Some ten thousand of an array's numbers, evenly spread, in the order of its axes."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat[:: max(1, flat.size // 10_000)]


def measure(peer: Peer, family: Family, case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """One row: our time, PyTorch's two, and the ratio."""
    what = family.what
    memory = family.memory and what == "forward"
    tatamu.set_num_threads(threads)
    run, out = prepare(case, what)
    peer.ask(ask="prepare", **case.request(what))
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for _ in range(1 if case.once else rounds):
        ours.append(median_seconds(run, SECONDS))
        for layout, seconds in theirs.items():
            answer = peer.ask(
                ask="time", layout=layout, threads=threads, seconds=0 if case.once else SECONDS
            )
            seconds.append(answer["seconds"])
    both = zip(theirs["channels_last"], theirs["contiguous"], ours, strict=True)
    ratio = statistics.median(min(a, b) / c for a, b, c in both)
    milliseconds = {name: 1e3 * statistics.median(took) for name, took in theirs.items()}
    return {
        "case": case.label, "what": what, "threads": threads, "ratio": round(ratio, 2),
        "tatamu_ms": round(1e3 * statistics.median(ours), 4),
        **{f"torch_{name}_ms": round(value, 4) for name, value in milliseconds.items()},
        "error": None if case.once else error(case, out, peer),
        **bandwidth(case, out, threads, statistics.median(ours), memory),
    }  # fmt: skip


def bandwidth(case: Case, out: Any, threads: int, seconds: float, memory: bool) -> dict[str, Any]:
    """What share of the speed of reading the same bytes, now, the forward call reaches."""
    if not memory:
        return {}
    nbytes = 4 * sum(math.prod(shape) for shape in (*case.inputs, out.shape) if shape is not None)
    reading = machine.read_bandwidth(nbytes, threads)
    return {"of_bandwidth": round(nbytes / seconds / 1e9 / reading, 2)}


def limited(row: dict[str, Any], peaks: dict[str, float]) -> dict[str, Any]:
    """The row with its ``plain_limit``, where there are products to count."""
    macs = {case.label: products(case) for family in FAMILIES for case in family.cases}
    count = macs.get(row["case"], 0) * (2 if row["what"] == "backward" else 1)
    if not count:
        return row
    at_peak = 2 * count / peaks[str(row["threads"])] / 1e6
    return {**row, "plain_limit": round(times(row)[1] / at_peak, 2)}


def products(case: Case) -> int:
    """Multiply-adds of a plain sum; 0 for what adds up none."""
    shapes = [shape for shape in case.inputs if shape is not None]
    if case.call in ("linear", "matmul"):
        return math.prod(shapes[0]) * shapes[1][0 if case.call == "linear" else -1]
    if not case.call.startswith("conv"):
        return 0
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in case.options.items()}
    transposed, kernel = "transpose" in case.call, shapes[1][2:]
    spec = ConvSpec.make(kernel, transposed=transposed, dims=len(kernel), **options)
    return spec.macs(shapes[0], shapes[1])


def line(family: Family, row: dict[str, Any]) -> str:
    """A row as it is printed."""
    found = row["error"]
    errors = f"error {found['tatamu']:.0e} {found['torch']:.0e}" if found else ""
    return (
        f"{family.name:14} {row['case'][:58]:58} {row['threads']}t  tatamu {row['tatamu_ms']:9.3f} "
        f"torch {row['torch_channels_last_ms']:9.3f} {row['torch_contiguous_ms']:9.3f} ms  "
        f"ratio {row['ratio']:5.2f}  {errors}"
    )


def summary(family: Family, threads: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A family's geometric mean and least ratio, beside what it is to reach.

    Both are of cases in which one side works for 0.1 ms, where there are any: below, calling costs
    more than computing. ``least_of_all`` counts those, too.
    """
    mine = [row for row in rows if row["threads"] == threads]
    ratios = [row["ratio"] for row in mine]
    long = [row["ratio"] for row in mine if worked(row)] or ratios
    mean = math.exp(statistics.mean(map(math.log, long)))
    return {
        "geometric_mean": round(mean, 2), "least": min(long),
        "least_of_all": min(ratios), "least_bar": family.least, "mean_bar": family.mean,
    }  # fmt: skip


def main() -> None:
    """Measure the families, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True, help="a Python that has torch")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side per layer")
    parser.add_argument("--family", action="append", help="measure only these families")
    parser.add_argument("--dry", action="store_true", help="write no results file")
    options = parser.parse_args()
    peer = Peer(options.torch_python)
    chosen = [f for f in FAMILIES if options.family is None or f.name in options.family]
    path = RESULTS / "layers.json"
    before = json.loads(path.read_text()) if path.is_file() else {}
    summaries: dict[str, Any] = dict(before.get("summary", {}))
    rows: list[dict[str, Any]] = before.get("rows", [])
    peaks = {str(n): round(machine.fma_peak(n, again=True), 1) for n in (1, 2)}
    for family in chosen:
        own = []
        for case in family.cases:
            for threads in family.threads:
                row = measure(peer, family, case, threads, options.rounds)
                own.append({"family": family.name, **row})
                print(line(family, row), flush=True)
        rows = [row for row in rows if row["family"] != family.name] + own
        for threads in family.threads:
            found = summary(family, threads, own)
            summaries[f"{family.name}, {threads} threads"] = found
            print(f"{family.name}, {threads} threads: {found}")
        if not options.dry:  # after each family, so that an interrupt loses one at most
            save(peer.version, peaks, summaries, rows)


def save(
    torch: str, peaks: dict[str, float], summaries: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Write the results file, its families in the order of `FAMILIES`."""
    names = [f.name for f in FAMILIES]
    order = [f"{f.name}, {n} threads" for f in FAMILIES for n in f.threads]
    results = {
        "torch": torch,
        "peak_gflops": peaks,
        "summary": {name: summaries[name] for name in order if name in summaries},
        "rows": [
            limited(row, peaks) for row in sorted(rows, key=lambda row: names.index(row["family"]))
        ],
    }
    write("layers", {**results, "bars": bars(results)})


if __name__ == "__main__":
    main()
