"""`tatamu look --model`: the whole network's part of the command `look`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tatamu.lens.words import LookError, Words

__all__ = ["look_at_network", "refuse_network_options"]


def refuse_network_options(weights: str | None, gradients: bool) -> None:
    """LookError for options that ask for a network where none is named."""
    for option, given in (("--weights", weights is not None), ("--gradients", gradients)):
        if given:
            raise LookError("network.option", option=option)


def look_at_network(
    photo: str | None,
    layers: str | None,
    model: str,
    weights: str | None,
    gradients: bool,
    seed: int,
    out: Path | None,
    max_pixels: int,
    w: Words,
) -> Sequence[str]:
    """Look, write the report, and give the lines for the terminal."""
    from tatamu.lens.folder import check_folder, write_folder
    from tatamu.lens.network_look import NetworkAsked, network_look
    from tatamu.lens.network_page import network_html, network_lines
    from tatamu.lens.progress import Display

    if layers is not None:
        raise LookError("network.layers")
    words = ["tatamu look", *([photo] if photo else []), f"--model {model}"]
    words += [f"--weights {weights}"] if weights else []
    words += ["--gradients"] if gradients else []
    words += [f"--seed {seed}"] if seed else []
    path = None if photo is None else Path(photo)
    asked = NetworkAsked(path, model, weights, gradients, seed, max_pixels, " ".join(words))
    folder = out or Path(f"{path.stem if path else 'cat'}-look")
    check_folder(folder)
    with Display(w) as tell:
        look = network_look(asked, w, tell)
        write_folder(folder, [("report.html", network_html(look, w).encode("utf-8"))])
    written = w("written.plain", path=(folder / "report.html").as_posix())
    return [*network_lines(look, w), "", written]
