"""`tatamu train FOLDER`: the network, the training, and what is said and written of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from tatamu.lens import show
from tatamu.lens.network_look import published
from tatamu.lens.networks import builders
from tatamu.lens.report import page
from tatamu.lens.sections import data_uri, definitions, figure, paragraph, section
from tatamu.lens.words import LookError, Words
from tatamu.train.folders import FolderError, Settings, Trained, train_folder
from tatamu.vision.classify import NETWORKS

__all__ = ["train", "trained_html", "trained_lines"]

MOST_MISTAKES = 48
SIDE = 160


def train(settings: Settings, w: Words) -> Trained:
    """Train, and leave ``report.html`` beside the checkpoint and the curves.

    Raises LookError for folders and networks that will not do.
    """
    _check(settings)
    try:
        trained = train_folder(settings, _made)
    except FolderError as error:
        raise LookError(error.key, **error.values) from error
    (settings.out / "report.html").write_text(trained_html(trained, w), "utf-8")
    return trained


def _check(settings: Settings) -> None:
    for option, value, least in (
        ("--epochs", settings.epochs, 1), ("--batch", settings.batch, 1),
        ("--size", settings.size, 8),
    ):  # fmt: skip
        if value < least:
            raise LookError("summary.positive", option=option, value=value, least=least)
    if not 0 < settings.held < 1:
        raise LookError("train.held", value=settings.held)
    if settings.out.exists() and not settings.resume:
        raise LookError("train.exists", path=settings.out)
    if settings.resume and not (settings.out / "last.pt").is_file():
        raise LookError("train.resume", path=settings.out)


def _made(name: str, pretrained: bool) -> tuple[Any, str]:
    """A network of that name, with published weights where there are some and they are wanted."""
    if name in NETWORKS and pretrained:
        return published(name)[0], "network.weights.published"
    known = builders(name)
    if name not in known:
        raise LookError("bench.model", name=name)
    return known[name](), "network.weights.random"


def trained_lines(trained: Trained, w: Words) -> list[str]:
    """What the terminal says at the end: figures, the table of who was taken for whom."""
    settings = trained.settings
    ours, held = trained.counts
    lines = [
        w("train.counts", ours=f"{ours:,}", held=f"{held:,}", classes=len(trained.classes)),
        w("train.weights", model=settings.model, weights=w(trained.weights)),
        w("train.accuracy", percent=f"{100 * trained.accuracy:.1f}"),
        "",
    ]
    width = max(show.cells(name) for name in trained.classes)
    wide = max(4, *(len(str(n)) + 1 for n in trained.confusion.ravel()))
    lines.append(w("train.confusion"))
    numbers = "".join(str(at).rjust(wide) for at in range(len(trained.classes)))
    lines.append(" " * (width + 5) + numbers)
    for at, (name, row) in enumerate(zip(trained.classes, trained.confusion, strict=True)):
        cells = "".join(str(n).rjust(wide) for n in row)
        lines.append(f" {at:>2} {show.pad(name, width)} {cells}")
    return [*lines, "", w("train.written", path=settings.out.as_posix())]


def trained_html(trained: Trained, w: Words) -> str:
    """The whole page: figures, curves, the table, the mistakes as pictures."""
    settings = trained.settings
    ours, held = trained.counts
    counts = w("train.counts", ours=f"{ours:,}", held=f"{held:,}", classes=len(trained.classes))
    title = w("train.title", model=settings.model, folder=settings.folder.name)
    percent = f"{100 * trained.accuracy:.1f}"
    facts = [
        ("train.fact.weights", escape(w(trained.weights))),
        ("train.fact.frozen", escape(w("train.yes" if settings.frozen else "train.no"))),
        ("train.fact.epochs", str(len(trained.history))),
        ("train.fact.lr", f"{settings.lr:g}"),
        ("train.fact.seed", str(settings.seed)),
    ]
    body = (
        f'<header><p class="brand">tatamu train</p><h1>{escape(title)}</h1>'
        f"{paragraph(w('train.accuracy', percent=percent), 'meta')}"
        f"{paragraph(counts, 'meta')}</header>"
        + section("curves", w("train.curves"), trained.history.svg())
        + section("confusion", w("train.confusion.title"), paragraph(w("train.confusion")),
                  _confusion(trained))
        + section("mistakes", w("train.mistakes"), *_mistakes(trained, w))
        + f"<footer>{section('made', w('report.footer'), definitions(facts, w))}</footer>"
    )  # fmt: skip
    return page(title, body, w)


def _confusion(trained: Trained) -> str:
    """A cell for each pair of classes, the darker the more of the row's pictures it has."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in trained.classes)
    rows = []
    for at, (name, row) in enumerate(zip(trained.classes, trained.confusion, strict=True)):
        total = int(row.sum()) or 1
        cells = "".join(
            f'<td style="background:color-mix(in srgb, var(--{"blue" if at == to else "rust"}) '
            f'{round(70 * int(n) / total)}%, transparent)">{int(n)}</td>'
            for to, n in enumerate(row)
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return f'<div class="wide"><table><tr><td></td>{heads}</tr>{"".join(rows)}</table></div>'


def _mistakes(trained: Trained, w: Words) -> Iterator[str]:
    from PIL import Image

    found = trained.mistakes
    if not found:
        yield paragraph(w("train.none"))
        return
    cards = []
    for mistake in found[:MOST_MISTAKES]:
        with Image.open(mistake.path) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((SIDE, SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=85)
        text = w(
            "train.mistake", real=mistake.real, taken=mistake.taken,
            percent=f"{100 * mistake.probability:.0f}",
        )  # fmt: skip
        uri = data_uri(file.getvalue(), "jpeg")
        cards.append(f'<div class="card">{figure(uri, text)}<small>{escape(mistake.path.name)}'
                     "</small></div>")  # fmt: skip
    left = len(found) - len(cards)
    yield f'<div class="cards many">{"".join(cards)}</div>'
    if left:
        yield paragraph(w("train.left", count=left))


def settings_of(folder: str, out: Path | None, **values: Any) -> Settings:
    """Settings from what was typed; the output lies beside the folder unless told otherwise."""
    path = Path(folder)
    place = out or Path(f"{path.name or 'folder'}-trained")
    found = Settings(path, place)
    return replace(found, **{name: v for name, v in values.items() if v is not None})
