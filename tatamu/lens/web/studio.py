"""From a photo and the sliders to a record: the layer is made, run and written down."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tatamu.lens import filters, maps
from tatamu.lens.chain import Step, make_chain
from tatamu.lens.layer_text import LayerCall, parse_layers
from tatamu.lens.observe import TIME_BUDGET, observe
from tatamu.lens.probe import Probe, probe
from tatamu.lens.progress import Tell, silence
from tatamu.lens.records import LayerRecord, Look, Source
from tatamu.lens.request import photo_source, sample_photo
from tatamu.lens.web.settings import Settings
from tatamu.lens.words import Phrase
from tatamu.vision.images import Photo, PhotoError, decoded, read_photo

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from tatamu.nn import Module

SEED = 0
LONGEST_SIDE = 800
MOST_VALUES = 16_000_000
"""Of one output, 64 MB; the channels of the largest photo that is not reduced fit in."""

_making = threading.Lock()
"""Random weights come from one generator, which is seeded for each layer."""


@dataclass(frozen=True)
class Picture:
    """A photo ready to be looked at, and what the page shows of it."""

    source: Source
    shown: bytes
    whole_size: tuple[int, int]

    @property
    def reduced(self) -> bool:
        """Whether the photo was made smaller."""
        return self.whole_size != (self.source.width, self.source.height)


@dataclass(frozen=True)
class Seen:
    """What one position of the sliders gave."""

    picture: Picture
    settings: Settings
    record: LayerRecord


def demo_picture() -> Picture:
    """The photo that comes with tatamu."""
    return _picture(read_photo(sample_photo()), sample=True)


def open_picture(data: bytes, max_pixels: int) -> Picture:
    """An uploaded photo. Raises `PhotoError`, which names no file."""
    try:
        photo = decoded(data, "photo", max_pixels)
    except PhotoError as error:
        error.values["path"] = Phrase("serve.photo")
        raise
    return _picture(photo, sample=False)


def _picture(photo: Photo, sample: bool) -> Picture:
    whole = photo.image.size
    longest = max(whole)
    if longest > LONGEST_SIDE:
        width, height = (max(1, round(side * LONGEST_SIDE / longest)) for side in whole)
        small = _resized(photo.image, (width, height))
        photo = replace(photo, image=small)
    source = photo_source(photo, sample)
    if photo.image.size != whole:
        facts = (("width", whole[0]), ("height", whole[1]), ("side", LONGEST_SIDE))
        source = replace(source, notes=(*source.notes, ("serve.reduced", facts)))
    return Picture(source, _shown(photo.image), whole)


def _resized(image: PILImage.Image, size: tuple[int, int]) -> PILImage.Image:
    from PIL import Image

    return image.resize(size, Image.Resampling.LANCZOS)


def _shown(image: PILImage.Image) -> bytes:
    """The photo as the page shows it; small ones without loss."""
    if image.width * image.height > 500_000:
        return maps.jpeg(image)
    buffer = io.BytesIO()
    maps.on_white(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def look_at(
    picture: Picture, settings: Settings, tell: Tell = silence, budget: float = 0.0
) -> Seen:
    """The record of a layer on a photo. Raises `LookError` for a layer that does not fit."""
    source = picture.source
    calls = parse_layers(settings.layer_text())
    steps, names, origin = _made(settings, calls, source)
    records = observe(steps, source.values, names, origin, 0.0, tell, budget)
    return Seen(picture, settings, records[0])


def whole_look(seen: Seen, peak: float, tell: Tell = silence) -> Look:
    """The same look with the measurements that a report shows."""
    import tatamu
    from tatamu.lens.machine import cpu_name
    from tatamu.lens.request import hash_weights

    source, settings = seen.picture.source, seen.settings
    steps, names, origin = _made(settings, parse_layers(settings.layer_text()), source)
    if not _as_named(settings):
        names, origin = (), "own" if origin != "random" else origin
    records = observe(steps, source.values, names, origin, peak, tell, TIME_BUDGET)
    return Look(
        source=source,
        layers=records,
        seed=SEED,
        command=f'tatamu look PHOTO "{records[0].text}" --seed {SEED}',
        version=tatamu.__version__,
        cpu=cpu_name(),
        weights_sha256=hash_weights([step.module for step in steps]),
    )


def _as_named(settings: Settings) -> bool:
    """Whether the weights are the named kernels as they are written down, and no others."""
    usual = settings.kind == "Conv2d" and settings.kernel == 3
    return usual and settings.channels <= len(filters.NAMES)


def _made(
    settings: Settings, calls: Sequence[LayerCall], source: Source
) -> tuple[list[Step], tuple[str, ...], str]:
    import tatamu

    shape = (1, *source.values.shape)
    with _making:
        tatamu.manual_seed(SEED)
        steps = make_chain(calls, shape, source.name, source.kind, MOST_VALUES)
    module = steps[0].module
    if settings.weights == "random" or settings.kernel < 3 or "Pool" in settings.kind:
        return steps, (), "random"
    names = filters.NAMES[: settings.channels]
    _take_filters(module, names, settings, source.values.shape[0])
    return steps, names, "named+spread" if len(names) == settings.channels else "named"


def _take_filters(module: Module, names: Sequence[str], settings: Settings, channels: int) -> None:
    """The first output channels become the named kernels, grown to the kernel's size."""
    import tatamu

    grown = [filters.grown(name, settings.kernel) for name in names]
    weight = np.array(module.weight.detach().numpy())
    wanted = filters.spread(grown, channels)
    if settings.kind == "ConvTranspose2d":
        weight[:, : len(names)] = wanted.swapaxes(0, 1)
    else:
        weight[: len(names)] = wanted
    bias = np.array(module.bias.detach().numpy())
    bias[: len(names)] = 0
    with tatamu.no_grad():
        module.weight.copy_(tatamu.tensor(weight))
        module.bias.copy_(tatamu.tensor(bias))


def account(record: LayerRecord, channel: int, row: int, column: int) -> Probe | None:
    """How one value of a record came about. Raises IndexError outside the output."""
    return probe(record, record.input, record.output, channel, row, column)
