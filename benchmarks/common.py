"""How everything here is timed, and how results are written down."""

from __future__ import annotations

import datetime
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tatamu
from tatamu.runtime import machine
from tatamu.stage import host

RESULTS = Path(__file__).parent / "results"
PAUSE = 0.02


def median_seconds(run: Callable[[], object], seconds: float = 0.05, least: int = 5) -> float:
    """Median time of a block of runs, after one that does not count and a pause before it."""
    time.sleep(PAUSE)
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def alternated(
    contenders: Mapping[str, Callable[[], float]], rounds: int = 9
) -> dict[str, list[float]]:
    """What each contender measures in each round; they take turns, so all meet the same machine."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return figures


def machine_facts() -> dict[str, Any]:
    """The heading of every results file."""
    cpu = machine.cpu()
    target = host()
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu.name,
        "llvm_cpu": target.cpu if target else None,
        "isa": cpu.isa,
        "cores": cpu.cores,
        "caches_kib": {f"L{level}": size // 1024 for level, size in cpu.caches},
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tatamu": tatamu.__version__,
        **{name: version(name) for name in ("numpy", "llvmlite")},
    }


def write(name: str, results: dict[str, Any]) -> None:
    """Write ``results/<name>.json``, headed by the machine."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"machine": machine_facts(), **results}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    print(f"\n→ benchmarks/results/{path.name}")
