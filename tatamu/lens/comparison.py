"""`tatamu bench`: what was asked for, measured, as a table and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tatamu.bench.measure import RUNTIMES, Measured, Missing, Settings, compare
from tatamu.bench.networks import Case
from tatamu.lens.machine import cpu_name
from tatamu.lens.progress import Display
from tatamu.lens.words import Count, LookError, Words

__all__ = ["Asked", "comparison_lines"]

HEADS = ("runtime", "version", "median", "p99", "ratio", "error", "memory", "load", "settings")
MOST_CALLERS = 64


@dataclass(frozen=True)
class Asked:
    """What was asked for, as it was typed."""

    model: str
    weights: str | None
    shape: tuple[int, ...]
    python: str
    runtimes: tuple[str, ...]
    threads: int | None
    rounds: int
    seconds: float
    callers: str | None
    as_json: bool


def comparison_lines(asked: Asked, w: Words) -> list[str]:
    """Measure, and say how it went. Raises LookError for what cannot be measured."""
    import tatamu

    case = case_of(asked)
    for name in asked.runtimes:
        if name not in RUNTIMES:
            raise LookError("bench.unknown", name=name, names=", ".join(list(RUNTIMES)[1:]))
    threads = asked.threads or tatamu.get_num_threads()
    settings = Settings(asked.seconds, asked.rounds, 3, threads, _callers(asked.callers))
    runtimes = ("tatamu", *(n for n in asked.runtimes or list(RUNTIMES)[1:] if n != "tatamu"))
    with Display(w) as tell:
        try:
            found, missing = compare(
                case, settings, runtimes, python=asked.python,
                tell=lambda stage, name: tell(f"bench.{stage}.wait", name=name),
            )  # fmt: skip
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            raise LookError("bench.failed", name=asked.model, why=why) from error
    if asked.as_json:
        return [json.dumps(as_data(case, settings, found, missing), indent=1)]
    return _lines(case, settings, found, missing, w)


def case_of(asked: Asked) -> Case:
    """The network and its input; LookError where there is no such network, file or size."""
    shape = asked.shape
    if asked.weights is not None and not Path(asked.weights).is_file():
        raise LookError("run.file", path=asked.weights, why="No such file or directory")
    file, colon, name = asked.model.rpartition(":")
    if colon and file.endswith(".py"):
        if not Path(file).is_file():
            raise LookError("run.file", path=file, why="No such file or directory")
        return Case(name, shape, str(Path(file).resolve()), checkpoint=asked.weights)
    from tatamu.vision import models

    if asked.model not in models.list_models():
        raise LookError("bench.model", name=asked.model)
    return Case(asked.model, shape, checkpoint=asked.weights)


def _callers(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,2}", part) and 1 <= int(part) <= MOST_CALLERS for part in parts):
        raise LookError("bench.numbers", text=text)
    return tuple(int(part) for part in parts)


def as_data(
    case: Case, settings: Settings, found: Sequence[Measured], missing: Sequence[Missing]
) -> dict[str, Any]:
    """Everything that was measured; times in seconds."""
    rows = [
        {
            "runtime": m.runtime, "variant": m.variant, "version": m.version,
            "settings": m.settings, "median": m.median, "p99": m.p99, "error": m.error,
            "load": m.load, "first": m.first, "peak_memory": m.peak_memory,
            "callers": {n: {"rate": r, "p99": p} for n, (r, p) in m.callers.items()},
        }
        for m in found
    ]  # fmt: skip
    return {
        "network": case.name,
        "input": list(case.shape),
        "cpu": cpu_name(),
        "threads": settings.threads,
        "rows": rows,
        "missing": [asdict(m) for m in missing],
    }


def _lines(
    case: Case,
    settings: Settings,
    found: Sequence[Measured],
    missing: Sequence[Missing],
    w: Words,
) -> list[str]:
    from tatamu.geometry.words import cells

    ours = min((m for m in found if m.runtime == "tatamu"), key=lambda m: m.median)
    table = [[w(f"bench.{head}") for head in HEADS]]
    ranked = sorted(found, key=lambda m: m.median)
    for m in ranked:
        memory = "" if m.peak_memory is None else f"{m.peak_memory / 2**20:,.0f}"
        ratio = w("bench.times", ratio=f"{m.median / ours.median:.2f}")
        table.append([
            m.name, m.version, f"{1e3 * m.median:.2f}", f"{1e3 * m.p99:.2f}", ratio,
            f"{m.error:.0e}", memory, f"{m.load + m.first:.2f}", m.settings,
        ])  # fmt: skip
    widths = [max(cells(row[at]) for row in table) for at in range(len(HEADS))]
    lines = [
        w(
            "bench.heading",
            name=case.name,
            shape="x".join(map(str, case.shape)),
            threads=Count("thread", settings.threads),
            cpu=cpu_name(),
        ),
        "",
    ]
    for row in table:
        parts = []
        for at, (text, width) in enumerate(zip(row, widths, strict=True)):
            blank = " " * (width - cells(text))
            parts.append(blank + text if 2 <= at < len(HEADS) - 1 else text + blank)
        lines.append("  ".join(parts).rstrip())
    for m in ranked:
        for count, (rate, p99) in m.callers.items():
            text = w("bench.callers", count=count, rate=f"{rate:.1f}", p99=f"{1e3 * p99:.2f}")
            lines.append(f"  {m.name}  {text}")
    lost = [m.name for m in ranked if m.runtime != "tatamu" and m.median < ours.median]
    lines += ["", w("bench.note")]
    if lost:
        lines.append(w("bench.lost", names=", ".join(lost)))
    lines += [w("bench.missing", name=m.runtime, why=m.why) for m in missing]
    if all(m.runtime == "tatamu" for m in found):
        lines.append(w("bench.alone"))
    return lines
