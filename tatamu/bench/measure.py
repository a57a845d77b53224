"""Contenders that take turns: each a runtime in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from tatamu.bench.networks import Case, export, files_of

__all__ = ["RUNTIMES", "Measured", "Missing", "Settings", "compare", "installed"]

RUNTIMES = {
    "tatamu": "tatamu",
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "mnn": "MNN",
    "ncnn": "ncnn",
}
"""Each runtime and the module that must be importable for it."""

Tell = Callable[[str, str], object]


@dataclass(frozen=True)
class Settings:
    """How to measure: seconds of a block, number of rounds, threads of each runtime."""

    seconds: float = 0.5
    rounds: int = 5
    least: int = 3
    threads: int = 2
    callers: tuple[int, ...] = ()


@dataclass
class Measured:
    """One contender's figures; times are seconds of single runs, a list for each round."""

    runtime: str
    variant: str
    version: str
    settings: str
    load: float = 0.0
    first: float = 0.0
    error: float = 0.0
    peak_memory: int | None = None
    rounds: list[list[float]] = field(default_factory=list)
    callers: dict[int, tuple[float, float]] = field(default_factory=dict)
    problem: str = ""

    @property
    def name(self) -> str:
        """The runtime and its variant."""
        return f"{self.runtime} {self.variant}".strip()

    @property
    def median(self) -> float:
        """The median over rounds of each round's median, in seconds."""
        return statistics.median(statistics.median(times) for times in self.rounds)

    @property
    def p99(self) -> float:
        """What 99 of 100 runs did not exceed, in seconds."""
        return float(np.percentile([t for times in self.rounds for t in times], 99))


@dataclass(frozen=True)
class Missing:
    """A runtime that does not take part, and why."""

    runtime: str
    why: str


class _Process:
    """A side: asked one question after the other."""

    def __init__(self, runtime: str, python: str, log: IO[str]):
        script = Path(__file__).with_name("side.py")
        self._process = subprocess.Popen(
            [python, str(script), runtime],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        self._log = log

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request. RuntimeError where the side cannot do it, or has died."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._end()) from None
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """What it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._end())
        found: dict[str, Any] = json.loads(line)
        if "problem" in found:
            raise RuntimeError(found["problem"])
        return found

    def _end(self) -> str:
        self._log.seek(0)
        last = self._log.read().strip().splitlines()[-1:]
        return " ".join([f"the process ended with status {self._process.wait()}", *last])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.kill()
        self._process.wait()


@contextmanager
def _started(runtime: str, python: str, folder: Path) -> Iterator[_Process]:
    with (folder / f"{runtime}.log").open("a+") as log:
        process = _Process(runtime, python, log)
        try:
            yield process
        finally:
            process.close()


def installed(runtime: str, python: str) -> str | None:
    """The version of a runtime in an environment; None where it is not there."""
    module = RUNTIMES[runtime]
    script = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    done = subprocess.run([python, "-c", script], capture_output=True, check=False)
    return None if done.returncode else module


def compare(
    case: Case,
    settings: Settings,
    runtimes: Sequence[str] = tuple(RUNTIMES),
    *,
    python: str = sys.executable,
    variants: Sequence[str] = (),
    tell: Tell = lambda stage, name: None,
) -> tuple[list[Measured], list[Missing]]:
    """Measure a network in tatamu and in other runtimes, those of the environment of ``python``.

    Contenders take turns in blocks, with a pause before each; errors are the worst of the first
    output against float64, relative to its largest number.
    """
    with tempfile.TemporaryDirectory(prefix="tatamu-bench-") as name:
        folder = Path(name)
        paths = files_of(case, folder)
        missing: list[Missing] = []
        contenders: list[tuple[Measured, _Process]] = []
        exact = _exact(case, paths, folder)
        with ExitStack() as stack:
            for runtime in runtimes:
                where = sys.executable if runtime == "tatamu" else python
                if installed(runtime, where) is None:
                    missing.append(Missing(runtime, "not installed"))
                    continue
                for found in _variants(runtime, where, folder, variants, missing):
                    tell("load", found.name)
                    process = stack.enter_context(_started(runtime, where, folder))
                    try:
                        process.answer()
                        _load(process, found, case, paths, settings, exact, folder)
                    except RuntimeError as error:
                        missing.append(Missing(found.name, str(error)))
                        continue
                    contenders.append((found, process))
            for number in range(settings.rounds):
                for found, process in contenders:
                    tell("round", f"{number + 1}/{settings.rounds} {found.name}")
                    request = {"seconds": settings.seconds, "least": settings.least}
                    found.rounds.append(process.ask(ask="time", **request)["times"])
            for found, process in contenders:
                for count in settings.callers:
                    tell("callers", f"{count} {found.name}")
                    request = {"callers": count, "seconds": settings.seconds}
                    answer = process.ask(ask="callers", **request)
                    times = answer["times"]
                    rate = len(times) * case.shape[0] / answer["all"]
                    found.callers[count] = (rate, float(np.percentile(times, 99)))
                found.peak_memory = process.ask(ask="memory")["peak"]
        return [found for found, _ in contenders], missing


def _variants(
    runtime: str, python: str, folder: Path, wanted: Sequence[str], missing: list[Missing]
) -> list[Measured]:
    """The contenders of a runtime, one for each variant."""
    with _started(runtime, python, folder) as process:
        try:
            about = process.answer()
        except RuntimeError as error:
            missing.append(Missing(runtime, str(error)))
            return []
    found = [
        Measured(runtime, variant, about["version"], text)
        for variant, text in about["variants"].items()
    ]
    return [m for m in found if not wanted or not m.variant or m.variant in wanted]


def _load(
    process: _Process,
    found: Measured,
    case: Case,
    paths: dict[str, str],
    settings: Settings,
    exact: Any,
    folder: Path,
) -> None:
    if found.runtime not in ("tatamu", "torch") and "onnx" not in paths:
        paths["onnx"] = str(export(case, paths, folder / "network.onnx"))
    request = {**case.request(), **paths, "variant": found.variant, "threads": settings.threads}
    answer = process.ask(ask="load", **request)
    found.load, found.first = answer["load"], answer["first"]
    to = folder / "output.npy"
    process.ask(ask="output", to=str(to))
    given = np.load(to).astype(np.float64).reshape(exact.shape)
    found.error = float(np.abs(given - exact).max() / max(np.abs(exact).max(), 1e-300))


def _exact(case: Case, paths: dict[str, str], folder: Path) -> Any:
    """The first output in float64."""
    with _started("tatamu", sys.executable, folder) as process:
        process.answer()
        process.ask(ask="load", **case.request(), **paths, variant="double", threads=2)
        to = folder / "exact.npy"
        process.ask(ask="output", to=str(to))
    return np.load(to)
