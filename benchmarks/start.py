"""What a new user waits for: import, the first kernel, the same kernel from disk, the first report.

Each figure is the median of fresh processes. ``--install`` also times the README's first command,
from an empty virtual environment to the first report.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

from benchmarks.common import write

ROOT = Path(__file__).parent.parent

FIRST_KERNEL = """
import json, time
import tatamu
from tatamu import nn
from tatamu.runtime.compiled import counts
from tatamu.stage import compile as code
from tatamu.stage import host
tatamu.set_num_threads(1)
start = time.perf_counter()
host(), code.versions()
llvm = time.perf_counter() - start
conv = nn.Conv2d(64, 64, 3, padding=1)
times = []
with tatamu.no_grad():
    for size in (56, 56, 72):
        x = tatamu.rand(1, 64, size, size)
        start = time.perf_counter()
        conv(x)
        times.append(time.perf_counter() - start)
        compiled = counts.compiled
print(json.dumps({
    "llvm_ms": 1e3 * llvm, "first_call_ms": 1e3 * times[0], "second_call_ms": 1e3 * times[1],
    "kernel_ms": 1e3 * (counts.compile_seconds + counts.load_seconds),
    "compiled_by_second_size": counts.compiled - compiled,
    "compiled": counts.compiled, "from_disk": counts.from_disk,
}))
"""


def fresh(code: str, folder: Path, cache: str) -> str:
    """Standard output of a fresh Python process, with its kernel cache in ``folder/cache``."""
    environment = {
        **os.environ,
        "TATAMU_CACHE": str(folder / cache),
        "PYTHONPATH": str(ROOT),
        # As an installed package has it: compiled once, read from then on.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def kernel_row(folder: Path, runs: int) -> dict[str, Any]:
    """A first-ever kernel, then the same from disk."""
    fresh(FIRST_KERNEL, folder, "warm-up")
    cold, warm = [], []
    for run in range(runs):
        cold.append(json.loads(fresh(FIRST_KERNEL, folder, f"kernels-{run}")))
        warm.append(json.loads(fresh(FIRST_KERNEL, folder, f"kernels-{run}")))
    assert all(r["compiled"] == cold[0]["compiled"] for r in cold)
    assert all(r["from_disk"] == cold[0]["compiled"] for r in warm)

    def middle(rows: list[dict[str, float]], key: str) -> float:
        return round(statistics.median(row[key] for row in rows), 2)

    return {
        "start_llvm_ms": middle(cold, "llvm_ms"),
        "first_kernel_ms": middle(cold, "kernel_ms"),
        "from_disk_ms": middle(warm, "kernel_ms"),
        "second_size_compiles": max(r["compiled_by_second_size"] for r in cold + warm),
    }


def import_ms(folder: Path, runs: int) -> float:
    """Importing tatamu, beyond starting Python."""
    code = "import time; s = time.perf_counter(); import tatamu; print(time.perf_counter() - s)"
    fresh(code, folder, "kernels")
    times = [float(fresh(code, folder, "kernels")) for _ in range(runs)]
    return round(1e3 * statistics.median(times), 1)


def install_seconds() -> dict[str, float]:
    """From an empty virtual environment to the first report, as the README says."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        venv.create(Path(folder) / "env", with_pip=True)
        binaries = Path(folder) / "env" / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([binaries / "pip", "install", "-q", str(ROOT)], check=True)
        installed = time.perf_counter()
        environment = {**os.environ, "TATAMU_CACHE": str(Path(folder) / "kernels")}
        look = [binaries / "tatamu", "look", "-o", str(Path(folder) / "look")]
        subprocess.run(look, check=True, env=environment, stdout=subprocess.DEVNULL)
        done = time.perf_counter()
    return {
        "install_s": round(installed - start, 1),
        "first_look_s": round(done - installed, 1),
        "install_to_report_s": round(done - start, 1),
    }


def main() -> None:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="time an installation, too")
    parser.add_argument("--runs", type=int, default=9, help="fresh processes per figure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {"import_ms": import_ms(folder, options.runs)}
        results |= kernel_row(folder, options.runs)
    if options.install:
        results |= install_seconds()
    for name, value in results.items():
        print(f"{name:22} {value}")
    write("start", results)


if __name__ == "__main__":
    main()
