"""One runtime's side of a comparison: a process of its own, in an environment of its own.

    python side.py RUNTIME

Reads one JSON request a line from standard input and answers with one a line; what a library
prints goes to standard error. Nothing of tatamu is imported, except by tatamu's own side. Between
requests it sleeps, so that its threads do not spin on the others' cores.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PAUSE = 0.3
"""Seconds before a block of runs, in which other libraries' threads stop spinning."""
WARM_UPS = 3

Runner = Callable[[], Any]


class Side:
    """A runtime with the network it has loaded, if any, in one of its variants."""

    def __init__(self, runtime: Any):
        self.runtime = runtime
        self.make: Callable[[Any], Runner] | None = None
        self.inputs: Any = None
        self.run: Runner | None = None

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the network ready; what that and the first run took."""
        self.run = self.make = None
        self.inputs = np.load(request["inputs"])
        start = time.perf_counter()
        self.make = self.runtime.load(request, self.inputs.shape)
        self.run = self.make(self.inputs)
        loaded = time.perf_counter()
        self.run()
        return {"load": loaded - start, "first": time.perf_counter() - loaded}

    def output(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write the network's output to a file."""
        assert self.run is not None
        np.save(request["to"], np.asarray(self.run()))
        return {}

    def time(self, request: dict[str, Any]) -> dict[str, Any]:
        """The seconds of each run of a block, after a pause and runs that do not count."""
        assert self.run is not None
        time.sleep(PAUSE)
        for _ in range(WARM_UPS):
            self.run()
        return {"times": timed(self.run, request["seconds"], request["least"])}

    def callers(self, request: dict[str, Any]) -> dict[str, Any]:
        """Runs of several callers at the same time: the seconds of each, and of all together."""
        assert self.make is not None
        runs = [self.make(self.inputs.copy()) for _ in range(request["callers"])]
        for run in runs:
            run()
        time.sleep(PAUSE)
        found: list[list[float]] = [[] for _ in runs]

        def work(place: int) -> None:
            found[place] = timed(runs[place], request["seconds"], 3)

        threads = [threading.Thread(target=work, args=(place,)) for place in range(len(runs))]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {
            "times": [taken for own in found for taken in own],
            "all": time.perf_counter() - start,
        }

    def memory(self, request: dict[str, Any]) -> dict[str, Any]:
        """The most memory that this process has held, in bytes; None where it is not told."""
        return {"peak": peak_memory()}


def timed(run: Runner, seconds: float, least: int) -> list[float]:
    """The seconds of each of at least so many runs, for so long."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None where nothing tells.

    Linux lets a new program inherit the peak of the one that started it in ``ru_maxrss``; what
    ``/proc`` says begins anew.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print to standard output must not be taken for an answer

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        runtime = importlib.import_module(f"sides.{sys.argv[1]}")
        answer({"version": runtime.version(), "variants": runtime.VARIANTS})
    except Exception as error:
        answer({"problem": f"{type(error).__name__}: {error}"})
        return
    side = Side(runtime)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(getattr(side, request["ask"])(request))
        except Exception as error:
            answer({"problem": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
