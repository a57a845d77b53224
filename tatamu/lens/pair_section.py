"""The report's pair: photo beside the strongest map, the same window outlined on both."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from tatamu.lens import maps, show
from tatamu.lens.records import Array, LayerRecord, Look, Pixels, Source
from tatamu.lens.sections import channel_name, data_uri, paragraph, section
from tatamu.lens.words import Words

PHOTO_WIDTH = 900
SHOWN_WIDTH = 440
ZOOM_WIDTH = 33
WIDEST = 3
"""More than so many times as wide as they are high, photo and map stand one above the other."""

Box = tuple[int, int, int, int]
"""Top, left, height and width."""


@dataclass(frozen=True)
class _Picture:
    """A picture to be outlined: its address, and the size in pixels that it stands for."""

    uri: str
    height: int
    width: int


def pair_section(look: Look, record: LayerRecord, w: Words) -> str:
    """Photo and map side by side, and beneath them the outlined place enlarged."""
    spot = record.spot
    if spot is None:
        return ""
    channel = record.channels[spot.channel]
    plane = record.output[0, spot.channel]
    value = float(plane[spot.row, spot.column])
    text = w(
        "report.pair.text",
        value=show.signed(value, show.decimals((channel.low, channel.high))),
        row=spot.row,
        column=spot.column,
        field=show.times(spot.box[2:]),
    )
    several = len(record.channels) > 1
    edges = w("report.pair.edges", channel=channel_name(channel)) if several else ""
    text = w.join(edges, text, _padding_text(look, record, spot.box, w))
    wide = max(ZOOM_WIDTH, 2 * spot.box[3] + 1, 3 * spot.box[2])
    step = max(1, *(step for _, step in record.field))  # below 1 in transposed convolution
    name = w("report.map", channel=channel_name(channel))
    alt = w("report.map.alt", channel=channel_name(channel))
    pixel = (spot.row, spot.column, 1, 1)
    right = [_figure(_map(maps.shrink(plane, PHOTO_WIDTH), channel.end, plane), pixel, name, alt)]
    view, inner = _view((plane.shape[0], plane.shape[1]), pixel, max(9, wide // max(1, step)))
    if view is not None:
        right.append(_zoom(_map(_crop(plane, view), channel.end), inner, w))
    left = _source_figures(look.source, spot.box, wide, w)
    given = "numbers" if look.source.pixels is None else "photo"
    title = w(f"report.pair.{'many' if several else 'one'}.{given}")
    if look.source.width > WIDEST * look.source.height:
        both = f'<div class="stack">{left.pop(0)}{right.pop(0)}</div>{_two(left, right)}'
    else:
        both = _two(left, right)
    return section("pair", title, paragraph(text), both)


def _two(left: list[str], right: list[str]) -> str:
    return f'<div class="two"><div>{"".join(left)}</div><div>{"".join(right)}</div></div>'


def _padding_text(look: Look, record: LayerRecord, box: Box, w: Words) -> str:
    """How the outlined window lies to the padding; nothing where there is none."""
    top, left, height, width = box
    tall, wide = look.source.height, look.source.width
    if top < 0 or left < 0 or top + height > tall or left + width > wide:
        return w("report.pair.outer")
    before = look.layers[: record.index + 1]
    padded = any(any(axis.rule.window.pad) for layer in before for axis in layer.axes)
    return w("report.pair.inner") if padded else ""


def _source_figures(source: Source, box: Box, wide: int, w: Words) -> list[str]:
    view, inner = _view((source.height, source.width), box, wide)
    if source.pixels is None:
        values = source.values[0]
        end = maps.scale_end(values)
        figure = _figure(_map(values, end), box, w("report.input"), w("report.input"))
        crop = None if view is None else _map(_crop(values, view), end)
    else:
        whole = _photo(source.pixels)
        figure = _figure(whole, box, w("report.photo"), w("report.photo.alt"))
        crop = None if view is None else _sharp_photo(_crop(source.pixels, view))
    return [figure] if crop is None else [figure, _zoom(crop, inner, w)]


def _map(values: maps.Values, end: float, stands_for: Array | None = None) -> _Picture:
    height, width = (values if stands_for is None else stands_for).shape
    return _Picture(data_uri(maps.png(maps.map_picture(values, end)), "png"), height, width)


def _photo(pixels: Pixels) -> _Picture:
    """The photo as JPEG, no wider than the page needs it on a fine screen."""
    from PIL import Image

    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
    if width > PHOTO_WIDTH:
        picture = picture.resize((PHOTO_WIDTH, max(1, round(height * PHOTO_WIDTH / width))))
    return _Picture(data_uri(maps.jpeg(picture), "jpeg"), height, width)


def _sharp_photo(pixels: Pixels) -> _Picture:
    from PIL import Image

    picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
    return _Picture(data_uri(maps.png(maps.on_white(picture)), "png"), *pixels.shape[:2])


def _view(size: tuple[int, int], box: Box, wide: int) -> tuple[Box | None, Box]:
    """A stretch of a picture around a box, at three to two, and the box within the stretch.

    None where the stretch would be most of the picture.
    """
    top, left, height, width = box
    wide = -(-wide // 3) * 3
    across, down = min(size[1], wide), min(size[0], max(height, wide * 2 // 3))
    if 2 * across > size[1] and 2 * down > size[0]:
        return None, box
    x = min(max(left + width // 2 - across // 2, 0), size[1] - across)
    y = min(max(top + height // 2 - down // 2, 0), size[0] - down)
    return (y, x, down, across), (top - y, left - x, height, width)


def _crop(pixels: Any, view: Box) -> Any:
    top, left, height, width = view
    return pixels[top : top + height, left : left + width]


def _figure(picture: _Picture, box: Box, caption: str, alt: str) -> str:
    drawing = _outlined(picture, box, alt, ring=box[3] < picture.width / 20)
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _zoom(picture: _Picture, box: Box, w: Words) -> str:
    caption = w("report.zoom", times=max(1, SHOWN_WIDTH // picture.width))
    drawing = _outlined(picture, box, caption, ring=False)
    return f'<figure class="zoom">{drawing}<figcaption>{escape(caption)}</figcaption></figure>'


def _outlined(picture: _Picture, box: Box, alt: str, ring: bool) -> str:
    """A picture with a box drawn around its place; a ring helps to find a box that is tiny."""
    top, left, tall, wide = box
    width, height = picture.width, picture.height
    stroke = width / SHOWN_WIDTH / (2 if width > WIDEST * height else 1)
    marks = ""
    if ring:
        radius = 16 * stroke + wide / 2
        centre = f'cx="{left + wide / 2:g}" cy="{top + tall / 2:g}" r="{radius:g}"'
        marks = (
            f'<circle class="case" {centre} stroke-width="{4 * stroke:g}"/>'
            f'<circle class="mark" {centre} stroke-width="{2 * stroke:g}"/>'
        )
    # The line runs outside a small box, so as not to hide it, and inside a large one.
    spread = stroke * (1.5 if wide < 30 * stroke else -2.5)
    place = (
        f'x="{left - spread:g}" y="{top - spread:g}" '
        f'width="{wide + 2 * spread:g}" height="{tall + 2 * spread:g}"'
    )
    sharp = " sharp" if width <= 128 else ""
    return (
        f'<svg class="outlined{sharp}" role="img" aria-label="{escape(alt)}" '
        f'viewBox="0 0 {width} {height}"><image href="{picture.uri}" width="{width}" '
        f'height="{height}" preserveAspectRatio="none"/>{marks}'
        f'<rect class="case" {place} stroke-width="{5 * stroke:g}"/>'
        f'<rect class="mark" {place} stroke-width="{2.5 * stroke:g}"/></svg>'
    )
