"""`tatamu parity`: how close tatamu and torch come to float64, as it was measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from tatamu.lens.words import Words

__all__ = ["Row", "overview", "parity", "parity_lines"]

Row = dict[str, Any]
PARTS = ("operations", "layers")
DIRECTIONS = ("forward", "backward")
SIDES = ("torch", "tatamu")


def parity() -> dict[str, Any]:
    """The results that come with tatamu (benchmarks/parity.py makes them)."""
    text = (files("tatamu") / "data" / "parity.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def overview(results: dict[str, Any]) -> list[Row]:
    """The worst and the median error of each part, forward and backward, on both sides."""
    rows = []
    for part in PARTS:
        for place, direction in enumerate(DIRECTIONS):
            row: Row = {"part": part, "direction": direction, "rows": len(results[part])}
            row["cases"] = sum(each["cases"] for each in results[part])
            for side in SIDES:
                errors = [each[side][place] for each in results[part]]
                row[side] = {"worst": max(errors), "median": statistics.median(errors)}
            rows.append(row)
    return rows


def parity_lines(w: Words) -> list[str]:
    """The lines of `tatamu parity`."""
    results = parity()
    facts, torch = results["machine"], results["torch"]
    lines = [
        f"tatamu {facts['tatamu']}   torch {torch['version']} ({torch['capability']})",
        f"{facts['cpu']} ({facts['isa']})   {facts['system']}   Python {facts['python']}   "
        f"{facts['date']}",
        "",
        w("parity.bitwise"),
    ]
    lines += _columns(
        [
            [w(f"parity.bits.{row['name']}"), f"{row['equal']} / {row['cases']}"]
            for row in results["bitwise"]
        ]
    )
    lines += ["", *w("parity.errors").splitlines()]
    for part in PARTS:
        head = [w(f"parity.{part}"), w("parity.cases")]
        head += [w(f"parity.{way}", side=side) for way in DIRECTIONS for side in SIDES]
        rows = [
            [row["name"], str(row["cases"])]
            + [_error(row[side][place]) for place in (0, 1) for side in SIDES]
            for row in results[part]
        ]
        lines += ["", *_columns([head, *rows])]
    return lines


def _error(value: float) -> str:
    """
    >>> _error(0.0), _error(1.234e-7)
    ('0', '1.2e-07')
    """
    return f"{value:.1e}" if value else "0"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned text: the first column to the left, the others to the right."""
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first + " " * (widths[0] - _width(first))]
        pairs = zip(others, widths[1:], strict=True)
        cells += [" " * (width - _width(cell)) + cell for cell, width in pairs]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def _width(text: str) -> int:
    """Columns on a terminal: Japanese characters take two."""
    return sum(2 if ord(character) >= 0x2E80 else 1 for character in text)
