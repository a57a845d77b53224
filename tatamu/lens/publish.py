"""What `tatamu look` writes: the report, the maps and the kernels as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tatamu.lens import maps
from tatamu.lens.folder import write_folder
from tatamu.lens.records import LayerRecord, Look
from tatamu.lens.report import report_html
from tatamu.lens.words import Words


def publish(look: Look, folder: Path, w: Words) -> None:
    """Write the report and its pictures into a folder, all of it or nothing."""
    write_folder(folder, look_files(look, w))


def look_files(look: Look, w: Words) -> Iterator[tuple[str, bytes]]:
    """Every file of a look: its path within the folder, and its bytes."""
    yield "report.html", report_html(look, w).encode("utf-8")
    for record in look.layers:
        prefix = f"{record.index + 1}-" if len(look.layers) > 1 else ""
        for channel in record.channels if record.has_maps else ():
            name = f"{prefix}{_numbered(record, channel.index)}{_slug(channel.name)}.png"
            plane = record.output[0, channel.index]
            yield f"maps/{name}", maps.png(maps.map_picture(plane, channel.end))
            if record.weight is not None and record.weight.ndim == 4:
                weight = record.weight[channel.index]
                end = float(np.abs(weight).max()) or 1.0
                yield f"kernels/{name}", maps.png(maps.kernel_picture(weight, end))


def counts(look: Look) -> tuple[int, int]:
    """How many maps and how many kernels `look_files` yields."""
    pictured = [record for record in look.layers if record.has_maps]
    kernels = [r for r in pictured if r.weight is not None and r.weight.ndim == 4]
    return sum(len(r.channels) for r in pictured), sum(len(r.channels) for r in kernels)


def _numbered(record: LayerRecord, index: int) -> str:
    return f"{index:0{max(2, len(str(len(record.channels) - 1)))}d}"


def _slug(name: str) -> str:
    return f"-{re.sub(r'[^a-z0-9-]+', '-', name.lower())}" if name else ""
