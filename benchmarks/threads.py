"""The thread pool: what a dispatch costs, and what a task costs after a while of idleness."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.common import write
from tatamu.kernels import peak
from tatamu.runtime import machine, threads
from tatamu.runtime.compiled import compiled
from tatamu.stage import I64, Module, Target, host

IDLE_MS = (0, 2, 20)
TASK_US = (50, 100, 200, 500, 1000, 5000)


def empty_task(target: Target) -> int:
    """The address of a kernel that does nothing."""
    symbol = f"nothing_{target.tag}"

    def write_module() -> Module:
        m = Module(symbol, target)
        m.task({"unused": I64})
        return m

    return compiled(write_module, target, symbol).addresses[0]


def once(run: Callable[[], None]) -> float:
    """Microseconds of one run."""
    start = time.perf_counter()
    run()
    return 1e6 * (time.perf_counter() - start)


def dispatch_row(address: int, items: int) -> dict[str, float]:
    """Back-to-back jobs of ``items`` items that do nothing, called from Python."""
    args = (ctypes.c_int64 * 1)(0)
    times = [once(lambda: threads.run_with(address, args, items, 2)) for _ in range(20_000)]
    quantiles = statistics.quantiles(times, n=10)
    return {"items": items, "median_us": round(quantiles[4], 2), "p90_us": round(quantiles[8], 2)}


def idle_row(address: int, idle_ms: int, task_us: int, rounds: int = 120) -> dict[str, float]:
    """The same task on one thread and on two, in turns, each after a sleep."""
    target = host()
    assert target is not None
    space = np.full(192, 0.5, np.float32)
    args = (ctypes.c_int64 * 1)(space.ctypes.data)
    per_item = peak.fma_flops(target) / (machine.fma_peak(1) * 1e9)
    items = int(task_us * 1e-6 / per_item)
    wake = task_us >= threads.WAKE_US
    times: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count in (1, 2):
            time.sleep(idle_ms / 1000)
            times[count].append(
                once(lambda n=count: threads.run_with(address, args, items, n, wake))
            )
    one, two = statistics.median(times[1]), statistics.median(times[2])
    return {
        "idle_ms": idle_ms,
        "task_us": task_us,
        "one_thread_us": round(one, 1),
        "two_threads_us": round(two, 1),
        "ratio": round(two / one, 2),
        "two_threads_p90_us": round(statistics.quantiles(times[2], n=10)[8], 1),
        "one_thread_p90_us": round(statistics.quantiles(times[1], n=10)[8], 1),
    }


def idle_cpu_percent(seconds: float = 2.0) -> float:
    """Processor time this process takes while it waits."""
    time.sleep(0.01)
    before = time.process_time()
    time.sleep(seconds)
    return 100 * (time.process_time() - before) / seconds


def main() -> None:
    """Measure, print, write the results."""
    target = host()
    assert target is not None, "these measurements need llvmlite"
    machine.fma_peak(1)
    dispatch = [dispatch_row(empty_task(target), items) for items in (1, 2, 100)]
    for row in dispatch:
        print(f"dispatch of {row['items']:>3} items: {row['median_us']} µs, p90 {row['p90_us']} µs")
    symbol = f"peak_fma_{target.tag}"
    task = compiled(lambda: peak.fma_module(target), target, symbol).addresses[0]
    idle = [idle_row(task, ms, us) for ms in IDLE_MS for us in TASK_US]
    for row in idle:
        print(
            f"idle {row['idle_ms']:>2} ms, task {row['task_us']:>4} µs: one thread "
            f"{row['one_thread_us']}, two {row['two_threads_us']} µs, ratio {row['ratio']}"
        )
    percent = round(idle_cpu_percent(), 3)
    print(f"processor time while idle: {percent} %")
    worst = max(row["ratio"] for row in idle if row["idle_ms"] > 0)
    write(
        "threads",
        {"dispatch": dispatch, "idle": idle, "worst_ratio_after_idling": worst,
         "idle_cpu_percent": percent},
    )  # fmt: skip


if __name__ == "__main__":
    main()
