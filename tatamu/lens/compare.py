"""`tatamu compare`: one photo through several layers or chains, looked at side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from tatamu.lens import maps, show
from tatamu.lens.folder import check_folder, write_folder
from tatamu.lens.layer_text import looks_like_layers
from tatamu.lens.progress import Display, Tell, silence
from tatamu.lens.records import Array, LayerRecord, Look
from tatamu.lens.report import page
from tatamu.lens.request import Request, look
from tatamu.lens.sections import data_uri, figure, paragraph, section
from tatamu.lens.terminal import source_lines
from tatamu.lens.words import Count, LookError, Words

__all__ = ["Compared", "compare", "compare_and_write", "compare_files", "compare_lines"]

MOST = 12
WIDEST = 480
SHARP = 128


@dataclass(frozen=True)
class Compared:
    """Looks at one photo, the channel they are compared by, and where the common scale ends."""

    looks: tuple[Look, ...]
    channel: int
    end: float
    seed: int
    command: str

    @property
    def lasts(self) -> tuple[LayerRecord, ...]:
        """The last layer of each."""
        return tuple(seen.layers[-1] for seen in self.looks)

    @property
    def planes(self) -> tuple[Array, ...]:
        """The compared channel of each."""
        return tuple(record.output[0, self.channel] for record in self.lasts)

    def difference(self, place: int) -> Array | None:
        """What one's map has more than the first's; None where their sizes differ."""
        first, own = self.planes[0], self.planes[place]
        return own - first if own.shape == first.shape else None


def text_of(seen: Look) -> str:
    """The layers of a look, as they would be typed."""
    return " > ".join(record.text for record in seen.layers)


def compare(
    given: Sequence[str], channel: int | None = None, seed: int = 0, tell: Tell = silence
) -> Compared:
    """Look through each of the layers of ``given``; its first may be a photo's path.

    Raises `LookError` for fewer than two, outputs that are no pictures and channels that one of
    them does not have, and whatever `look` raises.
    """
    photo = None
    layers = list(given)
    if layers and not looks_like_layers(layers[0]):
        photo = Path(layers.pop(0))
    if len(layers) < 2:
        raise LookError("compare.few")
    if len(layers) > MOST:
        raise LookError("compare.many", count=len(layers), limit=MOST)
    looks = []
    for number, text in enumerate(layers, 1):
        tell("compare.wait", number=number, count=len(layers), layers=text)
        looks.append(look(Request(photo=photo, layers=text, seed=seed)))
    for seen in looks:
        record = seen.layers[-1]
        if not record.has_maps:
            shape = show.times(record.output_shape)
            raise LookError("compare.flat", layers=text_of(seen), shape=shape)
    if channel is None:
        least = min(seen.layers[-1].output_shape[1] for seen in looks)
        channel = next(c for c in looks[0].layers[-1].order if c < least)
    for seen in looks:
        count = seen.layers[-1].output_shape[1]
        if not 0 <= channel < count:
            raise LookError(
                "compare.channel",
                channel=channel,
                layers=text_of(seen),
                count=Count("channel", count),
            )
    planes = [seen.layers[-1].output[0, channel].ravel() for seen in looks]
    end = maps.scale_end(np.concatenate(planes))
    photos = "" if photo is None else f" {photo}"
    command = f"tatamu compare{photos} " + " ".join(f'"{text}"' for text in layers)
    return Compared(tuple(looks), channel, end, seed, command)


def compare_and_write(
    given: Sequence[str], channel: int | None, seed: int, out: Path | None, w: Words
) -> list[str]:
    """Compare, write the page and its pictures into a folder, and say how it went."""
    folder = out or Path("compare")
    check_folder(folder)
    with Display(w) as tell:
        compared = compare(given, channel, seed, tell)
        write_folder(folder, compare_files(compared, w))
    path = (folder / "report.html").as_posix()
    return [*compare_lines(compared, w), "", w("compare.written", path=path)]


def compare_files(compared: Compared, w: Words) -> Iterator[tuple[str, bytes]]:
    """The page and each map as a picture: paths within the folder, and bytes."""
    yield "report.html", compare_html(compared, w).encode("utf-8")
    for number, plane in enumerate(compared.planes, 1):
        yield f"maps/{number:02d}.png", maps.png(maps.map_picture(plane, compared.end))


def rows(compared: Compared, w: Words) -> list[list[str]]:
    """The table: a heading, then a row for each."""
    heads = ("layers", "output", "weights", "work", "time", "difference")
    table = [["", *(w(f"compare.{head}") for head in heads)]]
    for place, seen in enumerate(compared.looks):
        costs = [record.cost for record in seen.layers]
        shape = seen.layers[-1].output_shape
        table.append([
            str(place + 1), text_of(seen), show.times((*shape[2:], shape[1])),
            f"{sum(cost.parameters for cost in costs):,}",
            f"{sum(cost.mult_adds for cost in costs):,}",
            show.duration(sum(cost.seconds for cost in costs)),
            _difference(compared, place, w) if place else "",
        ])  # fmt: skip
    return table


def _difference(compared: Compared, place: int, w: Words) -> str:
    found = compared.difference(place)
    if found is None:
        return w("compare.sizes")
    most = float(np.abs(found).max(initial=0))
    return w("compare.by", value=show.plain(most, 4)) if most else w("compare.same")


def _scale_text(compared: Compared, w: Words) -> str:
    ends = show.signed(-compared.end), show.signed(compared.end)
    return w("compare.scale", channel=compared.channel, low=ends[0], high=ends[1])


def compare_lines(compared: Compared, w: Words) -> list[str]:
    """What the terminal says: the photo, the sizes with their arithmetic, the figures."""
    lines = [*source_lines(compared.looks[0].source, w), ""]
    table = rows(compared, w)
    widths = [max(show.cells(row[at]) for row in table) for at in range(len(table[0]))]
    for row in table:
        cells = [
            show.pad(text, width, right=2 <= at <= 5)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.append("")
    for place, seen in enumerate(compared.looks, 1):
        for record in seen.layers:
            for axis in record.axes[:1]:
                lines.append(f" {place}  {axis.rule.explain(axis.size, w.lang, axis.name)}")
    return [*lines, "", w("compare.seed", seed=compared.seed)]


def compare_html(compared: Compared, w: Words) -> str:
    """The whole page."""
    source = compared.looks[0].source
    count = w.count("way", len(compared.looks))
    sharp = min(plane.shape[1] for plane in compared.planes) <= SHARP
    cards = []
    for number, (seen, plane) in enumerate(zip(compared.looks, compared.planes, strict=True), 1):
        shown = maps.map_picture(maps.shrink(plane, WIDEST), compared.end)
        shape = seen.layers[-1].output_shape
        caption = f"{number}  {text_of(seen)}  {show.times((*shape[2:], shape[1]))}"
        cards.append(_card(maps.png(shown), caption, sharp))
    differences = []
    for place in range(1, len(compared.looks)):
        found = compared.difference(place)
        if found is not None and np.any(found):
            shown = maps.map_picture(maps.shrink(found, WIDEST), compared.end)
            caption = w("compare.minus", number=place + 1)
            differences.append(_card(maps.png(shown), caption, sharp))
    parts = [
        section("maps", w("compare.maps"), paragraph(_scale_text(compared, w)), _cards(cards)),
    ]
    if differences:
        text = paragraph(w("compare.minus.text"))
        parts.append(section("minus", w("compare.differences"), text, _cards(differences)))
    parts.append(
        section("figures", w("compare.table"), _table(rows(compared, w)), _sizes(compared, w))
    )
    if source.pixels is not None:
        pixels = source.pixels[:, :, 0] if source.pixels.shape[2] == 1 else source.pixels
        photo = Image.fromarray(pixels)
        if photo.width > WIDEST:
            photo = photo.resize((WIDEST, max(1, round(photo.height * WIDEST / photo.width))))
        parts.append(
            section(
                "photo", w("compare.photo"), _cards([_card(maps.png(photo), source.name, False)])
            )
        )
    head = (
        f'<header><p class="brand">{escape(w("report.brand"))}</p>'
        f"<h1>{escape(w('compare.sentence', count=count, name=source.name))}</h1>"
        f"{paragraph(w('compare.seed', seed=compared.seed), 'meta')}"
        f'<div class="code"><pre><code>{escape(compared.command)}</code></pre></div></header>'
    )
    title = w("compare.title", name=source.name, count=count)
    return page(title, head + "".join(parts), w)


def _card(content: bytes, caption: str, sharp: bool) -> str:
    return f'<div class="card">{figure(data_uri(content, "png"), caption, sharp=sharp)}</div>'


def _cards(cards: Sequence[str]) -> str:
    return f'<div class="cards few">{"".join(cards)}</div>'


def _table(table: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in table[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_code(text, at)}</td>" for at, text in enumerate(row)) + "</tr>"
        for row in table[1:]
    )
    return (
        f'<div class="wide"><table class="figures"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _code(text: str, at: int) -> str:
    return f"<code>{escape(text)}</code>" if at == 1 else escape(text)


def _sizes(compared: Compared, w: Words) -> str:
    """The arithmetic of each one's sizes."""
    lines = []
    for number, seen in enumerate(compared.looks, 1):
        for record in seen.layers:
            for axis in record.axes:
                text = axis.rule.explain(axis.size, w.lang, axis.name)
                plain = re.sub(r"\s{2,}", "  ", text)
                lines.append(f"{number}  {w(f'axis.{axis.name}')}  {plain}")
    return f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else ""
