"""What `tatamu animate` writes and prints."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tatamu.lens import show
from tatamu.lens.animation import Animation, Scene
from tatamu.lens.animation_pixels import gif, webp
from tatamu.lens.animation_request import Wanted, animate, check_suffix
from tatamu.lens.animation_stage import lay_out
from tatamu.lens.animation_svg import animation_svg
from tatamu.lens.words import Count, LookError, Words


def animate_lines(wanted: Wanted, path: Path, w: Words) -> list[str]:
    """Write the file, and say what was written. Raises `LookError`."""
    kind = check_suffix(path)
    made = animate(wanted)
    sheet = lay_out(made, {})
    if kind == "svg":
        content = animation_svg(made, w).encode("utf-8")
    else:
        content = gif(sheet) if kind == "gif" else webp(sheet)
    _write(path, content)
    seconds = sum(sheet.durations) / 1000
    written = w(
        "animate.written",
        path=path.as_posix(),
        frames=Count("frame", made.steps),
        seconds=show.plain(seconds, 3),
        size=show.size(len(content)),
    )
    return [*what_it_shows(made, w), written]


def what_it_shows(made: Animation, w: Words) -> list[str]:
    """The layer, its size arithmetic, and a sentence for each scene."""
    lines = [made.text]
    names = max(len(label) for label, _, _ in made.sizes)
    changes = max(len(change) for _, change, _ in made.sizes)
    for label, change, formula in made.sizes:
        lines.append(f"  {label:<{names}}  {change:<{changes}}  {formula}".rstrip())
    for scene in made.scenes:
        lines.append(f"  {w(f'animate.scene.{scene.kind}')}")
        if any(step.count > 1 for step in scene.steps):
            lines.append(f"  {w('animate.grouped')}")
    overlap = [scene for scene in made.scenes if scene.board("overlap") >= 0]
    return [*lines, f"  {_overlap(overlap[0], w)}"] if overlap else lines


def _overlap(scene: Scene, w: Words) -> str:
    """How many contributions the outputs get, borders to be cut off left aside."""
    at = scene.board("overlap")
    ghost = scene.boards[at].ghost
    counts = {
        int(value or 0)
        for row, line in enumerate(scene.after(len(scene.steps) - 1)[at])
        for column, value in enumerate(line)
        if (row, column) not in ghost
    }
    fewest, most = min(counts), max(counts)
    if fewest == most:
        return w("animate.even", most=Count("contribution", most))
    return w("animate.uneven", fewest=fewest, most=most)


def _write(path: Path, content: bytes) -> None:
    """The whole file or none: it takes its name when it is complete."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent, delete=False) as made:
            made.write(content)
        Path(made.name).chmod(0o644)
        Path(made.name).replace(path)
    except OSError as error:
        raise LookError("animate.unwritable", path=path, why=error.strerror) from error
