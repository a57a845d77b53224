"""What `tatamu look` writes: the report, the maps and the kernels as pictures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tatamu.lens import maps
from tatamu.lens.folder import write_folder
from tatamu.lens.kernels_seen import has_kernels, kernel_of
from tatamu.lens.progress import Tell, silence
from tatamu.lens.records import Channel, LayerRecord, Look
from tatamu.lens.report import report_html
from tatamu.lens.view import View
from tatamu.lens.words import Words


def publish(
    look: Look, folder: Path, w: Words, tell: Tell = silence, view: View | None = None
) -> None:
    """Write the report and its pictures into a folder, all of it or nothing."""
    write_folder(folder, look_files(look, w, tell, view))


def look_files(
    look: Look, w: Words, tell: Tell = silence, view: View | None = None
) -> Iterator[tuple[str, bytes]]:
    """Every file of a look: its path within the folder, and its bytes."""
    import tatamu

    tell("progress.report")
    yield "report.html", report_html(look, w, view).encode("utf-8")
    drawn, count = 0, counts(look)[0]
    channels = ((r, c) for r in look.layers if r.has_maps for c in r.channels)
    threads = tatamu.get_num_threads()
    several = len(look.layers) > 1
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(itertools.islice(channels, threads)):
            drawn += len(batch)
            tell("progress.maps", number=drawn, count=count)
            for files in pool.map(lambda one: _pictures(one[0], one[1], several), batch):
                yield from files


def _pictures(record: LayerRecord, channel: Channel, several: bool) -> list[tuple[str, bytes]]:
    """A channel's map, and its kernel if it has one."""
    prefix = f"{record.index + 1}-" if several else ""
    name = f"{prefix}{_numbered(record, channel.index)}{_slug(channel.name)}.png"
    plane = record.output[0, channel.index]
    files = [(f"maps/{name}", maps.png(maps.map_picture(plane, channel.end)))]
    weight = kernel_of(record, channel.index)
    if weight is not None:
        end = float(np.abs(weight).max()) or 1.0
        files.append((f"kernels/{name}", maps.png(maps.kernel_picture(weight, end))))
    return files


def counts(look: Look) -> tuple[int, int]:
    """How many maps and how many kernels `look_files` yields."""
    pictured = [record for record in look.layers if record.has_maps]
    kernels = [r for r in pictured if has_kernels(r)]
    return sum(len(r.channels) for r in pictured), sum(len(r.channels) for r in kernels)


def _numbered(record: LayerRecord, index: int) -> str:
    return f"{index:0{max(2, len(str(len(record.channels) - 1)))}d}"


def _slug(name: str) -> str:
    return f"-{re.sub(r'[^a-z0-9-]+', '-', name.lower())}" if name else ""
