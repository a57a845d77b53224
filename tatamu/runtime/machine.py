"""Facts of this machine: what it says of itself, and what it turns out to do when measured.

>>> cpu().cores >= 1
True
"""

from __future__ import annotations

import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np

from tatamu.stage import Target, host

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor. ``caches`` holds (level, bytes) of the data caches that one core sees."""

    name: str
    isa: str
    cores: int
    caches: tuple[tuple[int, int], ...]


@cache
def cpu() -> Cpu:
    """What this machine says of its processor; ``isa`` is "NumPy" if no kernel can run here."""
    target = host()
    return Cpu(_name(), target.isa if target else "NumPy", cores(), _caches())


def cores() -> int:
    """Cores this process may use: by affinity, and by the time its control group grants."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota = cgroup_cores(_CGROUP, own_group(_MEMBERSHIP))
    return min(allowed, quota) if quota else allowed


def own_group(membership: Path) -> str:
    """The control group this process is in, as ``/proc/self/cgroup`` has it; "/" if unknown."""
    found = "/"
    try:
        for line in membership.read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if "cpu" in controllers.split(","):
                return group  # version 1
            if not controllers:
                found = group  # version 2
    except (OSError, ValueError):
        pass
    return found


def cgroup_cores(root: Path, group: str = "/") -> int | None:
    """Whole cores' worth of time that a control group and those around it grant, rounded up."""
    own = PurePosixPath(group.strip("/"))
    grants = [_granted(root, level) for level in (own, *own.parents)]
    return min((g for g in grants if g), default=None)


def _granted(root: Path, level: PurePosixPath) -> int:
    """What one group grants by its files of version 2 or else of version 1; 0 for no limit."""
    try:
        quota, period = (root / level / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota = (root / "cpu" / level / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / level / "cpu.cfs_period_us").read_text().strip()
        except (OSError, ValueError):
            return 0
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:
        return 0
    return -(-int(quota) // int(period))


def _name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _caches() -> tuple[tuple[int, int], ...]:
    found = []
    for index in sorted(_CACHES.glob("index*")):
        try:
            if (index / "type").read_text().strip() == "Instruction":
                continue
            size = (index / "size").read_text().strip()
            unit = {"K": 1024, "M": 1024**2}[size[-1]]
            found.append((int((index / "level").read_text()), int(size[:-1]) * unit))
        except (OSError, ValueError, KeyError):
            continue
    return tuple(found)


_peaks: dict[int, float] = {}


def fma_peak(threads: int = 1, *, again: bool = False) -> float:
    """Measured multiply-add peak in float32, GFLOP/s, on 1 or more threads; some 20 ms.

    It is what this machine does now: shared machines and warm processors differ from day to
    day, so a benchmark measures it anew (``again``). 0.0 where no kernel can run.
    """
    if again or threads not in _peaks:
        target = host()
        _peaks[threads] = _measure_fma(target, threads) if target else 0.0
    return _peaks[threads]


def read_bandwidth(nbytes: int, threads: int = 1) -> float:
    """Measured speed of reading ``nbytes`` of memory over and over, GB/s; 0.0 without kernels."""
    target = host()
    return _measure_read(target, nbytes, threads) if target else 0.0


def _measure_fma(target: Target, threads: int) -> float:
    from tatamu.kernels import peak
    from tatamu.runtime.compiled import compiled

    symbol = f"peak_fma_{target.tag}"
    code = compiled(lambda: peak.fma_module(target), target, symbol)
    # Each run adds up constants; every item lasts some nanoseconds, so give it many.
    space = np.full(64 * 3, 0.5, np.float32)
    args = (ctypes.c_int64 * 1)(space.ctypes.data)
    rate = peak.fma_flops(target)
    items = 100_000
    return rate * items * threads / _median_seconds(code.addresses[0], args, items, threads) / 1e9


def _measure_read(target: Target, nbytes: int, threads: int) -> float:
    from tatamu.kernels import peak
    from tatamu.runtime.compiled import compiled

    symbol = f"peak_read_{target.tag}"
    code = compiled(lambda: peak.read_module(target), target, symbol)
    count = max(nbytes // 4 // 128 * 128, 128)
    # Ones, since fresh zeros are all one page of memory until somebody writes to them.
    data, space = np.ones(count, np.float32), np.zeros(64 * threads, np.float32)
    args = (ctypes.c_int64 * 3)(data.ctypes.data, space.ctypes.data, count)
    items = max(1, 20_000_000 // data.nbytes)
    seconds = _median_seconds(code.addresses[0], args, items, threads)
    return 4 * count * items * threads / seconds / 1e9


def _median_seconds(address: int, args: object, items: int, threads: int) -> float:
    """Median time of one run of ``items`` per thread."""
    from tatamu.runtime import threads as pool

    kernel = pool.task(address)

    def once() -> None:
        kernel(args, 0, items, 0)

    def together() -> None:
        pool.run_with(address, args, items * threads, threads)

    return _median(once if threads == 1 else together)


def _median(run: Callable[[], None]) -> float:
    times = []
    run()
    for _ in range(9):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
