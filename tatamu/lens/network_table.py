"""`tatamu models`: the table of networks, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tatamu.lens.words import LookError, Words
from tatamu.vision.families import Network, milliseconds, networks

__all__ = ["network_lines"]

HEADS = ("name", "family", "year", "parameters", "mult_adds", "top1", "ms")


def network_lines(
    words: Sequence[str], measure: bool, as_json: bool, w: Words, told: Callable[[str], object]
) -> list[str]:
    """The table's lines; ``told`` hears which network is being measured.

    Raises LookError where no network has such a name.
    """
    found = networks(words)
    if not found:
        raise LookError("models.none", words=" ".join(words))
    rows = []
    for place, network in enumerate(found, 1):
        if measure:
            told(w("models.wait", done=place, all=len(found), name=network.name))
        rows.append({**network._asdict(), "ms": milliseconds(network) if measure else None})
    if as_json:
        return [json.dumps(rows, indent=1)]
    return _table(found, rows, measure, w)


def _table(
    found: Sequence[Network], rows: Sequence[dict[str, Any]], measure: bool, w: Words
) -> list[str]:
    from tatamu.geometry.words import cells

    heads = [w(f"models.{head}") for head in HEADS[: 7 if measure else 6]]
    table = [heads]
    for network, row in zip(found, rows, strict=True):
        line = [
            network.name, network.family, str(network.year), f"{network.parameters / 1e6:.1f} M",
            f"{network.mult_adds:,.0f} M", f"{network.top1:.1f} %",
        ]  # fmt: skip
        table.append([*line, f"{row['ms']:.1f}"] if measure else line)
    widths = [max(cells(line[at]) for line in table) for at in range(len(heads))]
    lines = []
    for line in table:
        parts = []
        for at, (text, width) in enumerate(zip(line, widths, strict=True)):
            blank = " " * (width - cells(text))
            parts.append(text + blank if at < 2 else blank + text)
        lines.append("  ".join(parts).rstrip())
    return [*lines, "", w("models.note"), *([] if measure else [w("models.try")])]
