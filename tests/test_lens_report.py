"""The HTML report: well-formed, self-contained, in order, and true."""

from __future__ import annotations

import base64
import io
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from tatamu.geometry import ConvSpec, PoolSpec
from tatamu.lens.maps import palette
from tatamu.lens.records import AxisSeen, Look, axes_seen
from tatamu.lens.report import embedded_width, report_html
from tatamu.lens.request import Request, look
from tatamu.lens.ruler import is_scaled, ruler
from tatamu.lens.words import Lang, Words

VOID = {"meta", "img", "link", "br", "hr", "wbr", "input"}
CHAIN = "Conv2d(_, 4, 3, stride=2) > ReLU > MaxPool2d(2) > Flatten"


class Page(HTMLParser):
    """The elements of a page, refusing what is not well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.words.append((self.open[-1], data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        words = " ".join(data for tag, data in self.words if tag not in ("style", "title"))
        return " ".join(words.split())


@cache
def seen(layers: str | None = None, numbers: str | None = None) -> Look:
    return look(Request(layers=layers, input=numbers, command="tatamu look & <co>"))


@cache
def page(layers: str | None = None, lang: Lang = "en", numbers: str | None = None) -> Page:
    return Page(report_html(seen(layers, numbers), Words(lang)))


CASES = [None, "Conv2d(3, 8, 3, stride=2, padding=1)", CHAIN, "Conv2d(3, 20, 1)", "Identity"]


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("layers", CASES)
def test_it_is_well_formed_and_self_contained(layers: str | None, lang: Lang) -> None:
    read = page(layers, lang)
    assert read.all("html")[0]["lang"] == lang
    assert not read.all("script") and not read.all("link") and not read.all("iframe")
    for _, attributes in read.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "xlink:href", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    style = next(data for tag, data in read.words if tag == "style")
    assert "url(" not in style and "@import" not in style
    assert "prefers-color-scheme: dark" in style and "max-width: 960px" in style
    assert not re.search(r"https?://", report_html(seen(layers), Words(lang)))
    for image in read.all("img"):
        assert image["alt"]
    for drawing in read.all("svg"):
        assert drawing.get("aria-label") or drawing.get("aria-hidden") == "true"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_reading_order(lang: Lang) -> None:
    read = page("Conv2d(3, 8, 3, stride=2, padding=1)", lang)
    marks = [
        name if name in ("h1", "pre", "footer") else attributes["class"]
        for name, attributes in read.elements
        if name in ("h1", "pre", "section", "footer")
    ]
    sections = ["pair", "why", "worked", "border", "maps", "torch", "cost"]
    assert marks == ["h1", "pre", *sections, "footer", "made"]


def test_a_chain_repeats_the_order_for_each_layer() -> None:
    read = page(CHAIN)
    assert [a["id"] for a in read.all("div") if "id" in a] == [f"layer-{i}" for i in (1, 2, 3, 4)]
    sections = [a["class"] for a in read.all("section")]
    one = ["pair", "why", "worked", "maps", "torch", "cost"]
    pool = ["pair", "why", "worked", "winners", "maps", "torch", "cost"]
    assert sections == [*one, *one, *pool, "why", "cost", "made"]
    assert "4 layers turned 300×451×3 into 33152" in read.text


def test_the_opening_sentence() -> None:
    layers = "Conv2d(3, 8, 3, stride=2, padding=1)"
    english = "A 3×3 window, moved 2 pixels at a time, turned 300×451×3 into 150×226×8 ."
    assert english in page(layers).text
    assert (
        "3×3 の窓を 2 画素ずつ動かして、 300×451×3 を 150×226×8 にした。" in page(layers, "ja").text
    )


def test_the_footer_can_repeat_it() -> None:
    read = page("Conv2d(3, 8, 3, stride=2, padding=1)")
    record = seen("Conv2d(3, 8, 3, stride=2, padding=1)")
    for fact in (
        "tatamu look & <co>",
        f"tatamu {record.version}",
        record.cpu,
        record.source.sha256[:16],
        record.weights_sha256[:16],
    ):
        assert fact in read.text


def data_of(uri: str) -> bytes:
    return base64.b64decode(uri.split(",", 1)[1])


def test_embedded_maps_are_the_maps() -> None:
    layers = "Conv2d(3, 8, 3, stride=2, padding=1)"
    (record,) = seen(layers).layers
    images = [a for a in page(layers).all("img") if a["alt"].startswith("Map of")]
    assert len(images) == 8
    for channel, attributes in enumerate(images):
        pixels = np.asarray(Image.open(io.BytesIO(data_of(attributes["src"]))).convert("RGB"))
        values = record.output[0, channel].astype(np.float64)
        end = record.channels[channel].end
        place = 127 + np.rint(np.clip(values / end, -1, 1) * 127).astype(int)
        assert pixels.shape[:2] == values.shape
        different = (pixels != palette()[place]).any(axis=2)
        assert different.mean() < 1e-3  # halves may round either way in float32


def test_the_ends_of_every_scale_are_stated() -> None:
    layers = "Conv2d(3, 8, 3, stride=2, padding=1)"
    (record,) = seen(layers).layers
    words = [data for tag, data in page(layers).words if tag == "span"]
    for plane in record.output[0]:
        magnitudes = np.sort(np.abs(plane.ravel()))
        end = magnitudes[int(np.ceil(0.995 * (magnitudes.size - 1)))]
        low = words.index(f"−{end:.2f}")
        assert words[low + 1 : low + 3] == ["0", f"+{end:.2f}"]
        beyond = np.mean(magnitudes > end)
        assert f"beyond {beyond * 100:.1f} %" in page(layers).text


def test_numbers_in_the_report_are_the_numbers() -> None:
    layers = "Conv2d(3, 8, 3, stride=2, padding=1)"
    (record,) = seen(layers).layers
    spot = record.spot
    assert spot is not None and record.weight is not None and record.bias is not None
    text = page(layers).text
    y, x = spot.row * 2 - 1, spot.column * 2 - 1
    patch = record.input[0, :, y : y + 3, x : x + 3].astype(np.float64)
    kernel = record.weight[spot.channel].astype(np.float64)
    for channel in range(3):
        total = f"{(patch[channel] * kernel[channel]).sum():.6g}".replace("-", "−")
        assert total in text
    result = (patch * kernel).sum() + record.bias[spot.channel]
    assert f"{result:.6g}".replace("-", "−") in text
    for value in (patch[0, 0, 0], kernel[2, 2, 2]):
        assert f"{value:.2f}".replace("-", "−") in text
    for plane in record.output[0]:
        for number in (plane.min(), plane.max(), plane.mean()):
            shown = f"{number:+.2f}".replace("-", "−")
            assert shown in text or shown.lstrip("+−") == "0.00"


def test_the_window_is_outlined_where_it_is() -> None:
    layers = "Conv2d(3, 8, 3, stride=2, padding=1)"
    (record,) = seen(layers).layers
    assert record.spot is not None
    top, left, height, width = record.spot.box
    boxes = [a for a in page(layers).all("rect") if a.get("class") == "mark"]
    first = boxes[0]
    middle = (
        float(first["x"]) + float(first["width"]) / 2,
        (float(first["y"]) + float(first["height"]) / 2),
    )
    assert middle == pytest.approx((left + width / 2, top + height / 2), abs=1e-3)
    assert float(first["width"]) >= width


def test_a_page_stays_a_few_megabytes() -> None:
    many = seen("Conv2d(3, 96, 3, padding=1)")
    assert len(report_html(many, Words("en"))) < 8_000_000
    assert embedded_width(many) < embedded_width(seen("Conv2d(3, 8, 3, stride=2, padding=1)"))


def test_what_is_said_about_the_outlined_window() -> None:
    inner, outer = "were left aside", "Part of that window lies in the padding"
    padded = page("Conv2d(3, 8, 3, stride=2, padding=1)").text
    assert inner in padded and outer not in padded and "Hatched cells are padding" in padded
    bare = page("Conv2d(3, 20, 1)").text
    assert inner not in bare and "Hatched" not in bare
    own = page("Conv2d(_, 1, 5, padding=2)", "en", "1 2; 3 4").text
    assert outer in own and "The input and its map" in own and "strongest" not in own


def test_wide_pictures_stand_one_above_the_other() -> None:
    row = " ".join(str(i) for i in range(12))
    assert 'class="stack"' in report_html(seen("Conv2d(_, 1, 1)", f"{row}; {row}"), Words("en"))
    assert 'class="stack"' not in report_html(seen(None), Words("en"))


def test_numbers_have_a_report_too() -> None:
    read = page("Conv2d(_, 1, 2)", "en", "1 2 3; 4 5 6")
    assert "your numbers" in read.text
    assert "torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])" in read.text


# ---- rulers -------------------------------------------------------------------------------------


def axis(size: int, kernel: int, **settings: int) -> AxisSeen:
    return axes_seen(ConvSpec.make(kernel, **settings), (size, size))[0]  # type: ignore[arg-type]


def classes(drawing: str) -> list[str]:
    return [a.get("class", "") for name, a in Page(drawing).elements if name != "svg"]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_short_axis_is_drawn_whole(lang: Lang) -> None:
    drawn = classes(ruler(axis(10, 3, stride=2, padding=1), Words(lang)))
    assert drawn.count("pix") == 10
    assert drawn.count("pad") == drawn.count("hatch") == 2
    assert drawn.count("win") + drawn.count("win last") == 5
    assert drawn.count("miss") == 1
    assert "break" not in drawn


def test_a_long_axis_is_drawn_as_its_ends() -> None:
    drawing = ruler(axis(400, 3, stride=2, padding=1), Words("en"))
    drawn = classes(drawing)
    assert drawn.count("break") == 3
    assert drawn.count("pix") == 34
    assert drawn.count("win last") == 1
    labels = [data for tag, data in Page(drawing).words if tag == "text"]
    assert {"0", "399", "199"} <= set(labels)


def test_numbers_of_four_digits_do_not_run_into_each_other() -> None:
    cells = re.findall(r'class="at"[^>]*>(\d+)<', ruler(axis(2000, 3), Words("en")))
    assert cells == [*map(str, range(18)), *map(str, range(1983, 2000, 2))]


def test_wide_windows_are_drawn_to_scale() -> None:
    wide = axis(600, 16, stride=5, padding=500)
    assert is_scaled(wide)
    drawing = ruler(wide, Words("en"))
    drawn = classes(drawing)
    assert drawn.count("pad") == 2
    assert drawn.count("win") + drawn.count("win last") == 4
    picture = next(a for a in Page(drawing).all("rect") if a["class"] == "pix")
    assert float(picture["width"]) / 912 == pytest.approx(600 / 1600, abs=1e-3)


@pytest.mark.parametrize("size", range(5, 14))
@pytest.mark.parametrize("settings", [(1, 3, 0, 1), (3, 2, 1, 1), (2, 4, 1, 1), (3, 1, 2, 3)])
def test_what_no_window_reads(size: int, settings: tuple[int, int, int, int]) -> None:
    kernel, stride, padding, dilation = settings
    if size + 2 * padding < (kernel - 1) * dilation + 1:
        return
    one = axis(size, kernel, stride=stride, padding=padding, dilation=dilation)
    expected = set(range(-padding, size + padding))
    start = -padding
    while start + (kernel - 1) * dilation < size + padding:
        expected -= {start + i * dilation for i in range(kernel)}
        start += stride
    drawn = [a for a in Page(ruler(one, Words("en"))).all("rect") if a["class"] == "miss"]
    assert {round((float(a["x"]) - 1) / 24) - padding for a in drawn} == expected


def test_a_vast_padding_takes_no_time() -> None:
    vast = axis(5, 1, stride=4_000_000_000, padding=4_000_000_000)
    assert classes(ruler(vast, Words("en"))).count("pad") == 2


def test_windows_that_hang_over_the_end_are_drawn() -> None:
    spec = PoolSpec.make(2, ceil_mode=True)
    drawing = ruler(axes_seen(spec, (5, 5))[0], Words("en"))
    assert classes(drawing).count("win last") == 1
    assert classes(drawing).count("pad") == 1
