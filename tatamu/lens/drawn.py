"""Transforms of a photo, drawn several times: `tatamu look PHOTO "RandomCrop(9)" --draws 12`."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from PIL import Image

from tatamu.lens.layer_text import LayerCall, infers, make, parse_layers, transform_names
from tatamu.lens.progress import Tell, silence
from tatamu.lens.records import Source
from tatamu.lens.report import page
from tatamu.lens.request import MAX_SEED, Request, read_source
from tatamu.lens.sections import data_uri, definitions, paragraph, section
from tatamu.lens.terminal import source_lines
from tatamu.lens.words import Count, LookError, Words

MAX_DRAWS = 400
SHOWN_WIDTH = 480
"""Pictures in the page are no wider; the files beside it are as they were drawn."""


@dataclass(frozen=True)
class Draws:
    """A photo, the transforms it went through, and the pictures that came out, one for each draw.

    `beyond` says of each whether values below 0 or above 1 had to be cut off to show it.
    """

    source: Source
    calls: tuple[LayerCall, ...]
    pictures: tuple[Image.Image, ...]
    beyond: tuple[bool, ...]
    seed: int
    command: str
    version: str

    @property
    def text(self) -> str:
        """The transforms as they would be typed."""
        return " > ".join(str(call) for call in self.calls)


def draw(request: Request, count: int, tell: Tell = silence) -> Draws:
    """Run a photo through transforms `count` times, with one seed before the first.

    Raises `LookError` or `PhotoError`.
    """
    import tatamu
    from tatamu.vision import transforms

    if not 1 <= count <= MAX_DRAWS:
        raise LookError("draws.count", count=count, limit=MAX_DRAWS)
    if not 0 <= request.seed <= MAX_SEED:
        raise LookError("options.seed", seed=request.seed, limit=MAX_SEED)
    if request.layers is None:
        raise LookError("draws.none", names=", ".join(transform_names()))
    calls = parse_layers(request.layers)
    for call in calls:
        if infers(call):
            raise LookError("draws.infer", layer=call)
    steps = [make(call, transforms, transform_names()) for call in calls]
    source = read_source(request, tell)
    if source.pixels is None:
        raise LookError("draws.photo")
    pixels = source.pixels[:, :, 0] if source.pixels.shape[2] == 1 else source.pixels
    photo = Image.fromarray(pixels)
    before = random.getstate()
    tatamu.manual_seed(request.seed)
    random.seed(request.seed)
    try:
        made = []
        for number in range(count):
            tell("progress.draws", number=number + 1, count=count)
            made.append(_shown(_through(photo, steps, calls)))
    finally:
        random.setstate(before)
    return Draws(
        source=source,
        calls=tuple(calls),
        pictures=tuple(picture for picture, _ in made),
        beyond=tuple(beyond for _, beyond in made),
        seed=request.seed,
        command=f"{request.command} --draws {count}",
        version=tatamu.__version__,
    )


def _through(picture: Any, steps: list[Any], calls: list[LayerCall]) -> Any:
    for step, call in zip(steps, calls, strict=True):
        try:
            picture = step(picture)
        except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
            why = str(error).strip() or type(error).__name__
            raise LookError("layers.refused", layer=call, why=why.splitlines()[0]) from error
        if isinstance(picture, tuple):
            raise LookError("draws.several", layer=call, count=Count("picture", len(picture)))
    return picture


def _shown(result: Any) -> tuple[Image.Image, bool]:
    """A result as a picture, and whether values had to be cut off for it."""
    from tatamu import Tensor
    from tatamu.vision.transforms.functional import to_pil_image

    if not isinstance(result, Tensor):
        return (result if result.mode in ("L", "RGB", "RGBA") else result.convert("RGB")), False
    if not result.dtype.is_floating_point:
        return to_pil_image(result), False
    held = result.clamp(0, 1)
    return to_pil_image(held), bool((held != result).any())


def draws_files(draws: Draws, w: Words) -> Iterator[tuple[str, bytes]]:
    """The page and the pictures: paths within the folder, and bytes."""
    yield "report.html", draws_html(draws, w).encode("utf-8")
    for number, picture in enumerate(draws.pictures, 1):
        yield f"draws/{_numbered(number, draws)}.png", _png(picture)


def _numbered(number: int, draws: Draws) -> str:
    return f"{number:0{max(2, len(str(len(draws.pictures))))}d}"


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()


def _size(picture: Image.Image) -> str:
    return f"{picture.width}×{picture.height}"


def draws_lines(draws: Draws, w: Words) -> list[str]:
    """What the terminal says: the photo, the transforms, and the sizes that came out."""
    lines = [*source_lines(draws.source, w), draws.text, ""]
    sizes = [_size(picture) for picture in draws.pictures]
    count = w.count("draw", len(sizes))
    if len(set(sizes)) == 1:
        lines.append(f" {w('draws.same', count=count, size=sizes[0])}")
    else:
        lines.append(f" {w('draws.sizes', count=count)}")
        numbers = [_numbered(number, draws) for number in range(1, len(sizes) + 1)]
        lines += [f"  {n}  {size}" for n, size in zip(numbers, sizes, strict=True)]
    if any(draws.beyond):
        lines.append(f" {w('draws.beyond', count=sum(draws.beyond))}")
    return lines


def draws_html(draws: Draws, w: Words) -> str:
    """The whole page: the photo, then every draw with its number and its size."""
    title = w("draws.title", count=w.count("draw", len(draws.pictures)), text=draws.text)
    notes = [w(key, **dict(values)) for key, values in draws.source.notes]
    sizes = {_size(picture) for picture in draws.pictures}
    text = w("draws.text", seed=draws.seed)
    if any(draws.beyond):
        text = w.join(text, w("draws.beyond.report", count=sum(draws.beyond)))
    cards = [
        _card(_numbered(number, draws), picture, w)
        for number, picture in enumerate(draws.pictures, 1)
    ]
    size = "few" if len(cards) <= 4 else "many" if len(cards) <= 64 else "masses"
    pixels = draws.source.pixels
    assert pixels is not None
    photo = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    count = w.count("draw", len(draws.pictures))
    head = w("draws.same", count=count, size=sizes.pop()) if len(sizes) == 1 else count
    body = (
        f'<header><p class="brand">{escape(w("report.brand"))}</p>'
        f"<h1>{escape(w('draws.sentence', name=draws.source.name))}</h1>"
        f'<p class="meta"><code>{escape(draws.text)}</code></p>'
        f"{paragraph(' · '.join([draws.source.name, *notes]), 'meta')}"
        f'<div class="code"><h2>{escape(w("report.code"))}</h2>'
        f"<pre><code>{escape(torch_code(draws))}</code></pre></div></header>"
        + section("draws", w("draws.photo.title"), _cards([_card("", photo, w)], "few"))
        + section("draws", head[0].upper() + head[1:], paragraph(text), _cards(cards, size))
        + _footer(draws, w)
    )
    return page(title, body, w)


def _cards(cards: list[str], size: str) -> str:
    return f'<div class="cards {size}">{"".join(cards)}</div>'


def _card(number: str, picture: Image.Image, w: Words) -> str:
    shown = picture
    if picture.width > SHOWN_WIDTH:
        height = max(1, round(picture.height * SHOWN_WIDTH / picture.width))
        shown = picture.resize((SHOWN_WIDTH, height))
    name = w("draws.draw", number=int(number)) if number else ""
    alt = w.join(name, _size(picture))
    sharp = ' class="sharp"' if picture.width <= 64 else ""
    return (
        f'<figure class="card"><img{sharp} src="{data_uri(_png(shown), "png")}" '
        f'alt="{escape(alt)}"><figcaption><strong>{escape(name)}</strong> '
        f"{escape(_size(picture))}</figcaption></figure>"
    )


def torch_code(draws: Draws) -> str:
    """Code that draws the same pictures with torchvision."""
    name = draws.source.name.replace("\\", "/").replace('"', '\\"')
    opened = f'Image.open("{name}")'
    turned = any(key == "note.turned" for key, _ in draws.source.notes)
    if turned:
        opened = f"ImageOps.exif_transpose({opened})"
    inner = [f"    transforms.{call}," for call in draws.calls]
    return "\n".join(
        [
            "import random",
            "import torch",
            f"from PIL import Image{', ImageOps' if turned else ''}",
            "from torchvision import transforms",
            "",
            f'photo = {opened}.convert("{draws.source.kind}")',
            "transform = transforms.Compose([",
            *inner,
            "])",
            f"torch.manual_seed({draws.seed})",
            f"random.seed({draws.seed})",
            f"draws = [transform(photo) for _ in range({len(draws.pictures)})]",
        ]
    )


def _footer(draws: Draws, w: Words) -> str:
    rows = [
        ("report.footer.command", f"<code>{escape(draws.command)}</code>"),
        ("report.footer.version", f"tatamu {escape(draws.version)}"),
        ("report.footer.seed", str(draws.seed)),
        ("report.footer.photo", f"<code>{draws.source.sha256[:16]}</code>"),
    ]
    return f"<footer>{section('made', w('report.footer'), definitions(rows, w))}</footer>"
