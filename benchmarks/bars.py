"""The ratios that were to be reached, and for each layer below them the measured limit and why.

    python -m benchmarks.bars

reads `results/layers.json`, where `benchmarks.layers` writes the same list as ``bars``. A layer's
``limit`` is the ratio that this machine allows: with every product made at its measured
multiply-add peak, or every byte read and written at its measured speed of reading; ``share`` is how
much of that tatamu reaches.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.common import RESULTS
from benchmarks.families import FAMILIES, Family

# Shorter layers spend longer on the call than on the work: they have a column, but no bar.
SHORTEST_MS = 0.1
LAYOUTS = ("channels_last", "contiguous")


def times(row: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds of both sides."""
    return row["tatamu_ms"], min(row[f"torch_{name}_ms"] for name in LAYOUTS)


def worked(row: dict[str, Any]) -> bool:
    """Whether a layer is long enough for a bar."""
    return max(times(row)) >= SHORTEST_MS


def bars(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each bar of each family that was measured: what was wanted, what was reached, what limits."""
    found = []
    for family in FAMILIES:
        for threads in family.threads:
            summary = results["summary"].get(f"{family.name}, {threads} threads")
            if summary is not None:
                rows = [
                    row
                    for row in results["rows"]
                    if row["family"] == family.name and row["threads"] == threads and worked(row)
                ]
                found += _of_family(family, threads, summary, rows)
    return found


def _of_family(
    family: Family, threads: int, summary: dict[str, Any], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Bars hold on two threads; ``alone`` on one."""
    if threads == 1:
        wanted = {"least": family.alone}
    else:
        wanted = {"least": family.least, "geometric_mean": family.mean}
    found = []
    for what, least in wanted.items():
        if least is None:
            continue
        met = summary[what] >= least
        bar = {"family": family.name, "threads": threads, "bar": what, "wanted": least,
               "reached": summary[what], "met": met}  # fmt: skip
        if not met:
            below = [_limited(row) for row in rows if row["ratio"] < least]
            bar |= {"why": family.limit, "below": below}
        found.append(bar)
    return found


def _limited(row: dict[str, Any]) -> dict[str, Any]:
    """A layer below its bar, with the ratio that the machine allows."""
    found = {"case": row["case"], "ratio": row["ratio"]}
    if "plain_limit" in row:
        limit, of = row["plain_limit"], "multiply-adds at their peak"
    elif row.get("of_bandwidth"):
        limit, of = round(row["ratio"] / row["of_bandwidth"], 2), "bytes at the speed of reading"
    else:
        return found
    return {**found, "limit": limit, "limit_of": of, "share": round(row["ratio"] / limit, 2)}


def text(bar: dict[str, Any]) -> str:
    """A bar in a line, and under it what it was missed by."""
    mark = "met" if bar["met"] else "MISSED"
    name = f"{bar['family']}, {bar['threads']} threads, {bar['bar'].replace('_', ' ')}"
    lines = [f"{name:48} wanted {bar['wanted']:5.2f}  reached {bar['reached']:7.2f}  {mark}"]
    if not bar["met"]:
        lines.append(f"    {bar['why']}")
    for row in bar.get("below", ()):
        limit = f"; {row['limit_of']}: {row['limit']:.2f}" if "limit" in row else ""
        lines.append(f"    {row['ratio']:.2f}{limit}  {row['case']}")
    return "\n".join(lines)


def main() -> None:
    """Print every bar."""
    results = json.loads((RESULTS / "layers.json").read_text(encoding="utf-8"))
    found = bars(results)
    print("\n".join(text(bar) for bar in found))
    print(f"{sum(bar['met'] for bar in found)} of {len(found)} bars met")


if __name__ == "__main__":
    main()
