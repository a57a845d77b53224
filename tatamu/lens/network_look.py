"""`tatamu look PHOTO --model NAME`: a whole network at work on a photo, from pixels to answer."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tatamu.lens.network_records import NetworkRecord
from tatamu.lens.networks import network
from tatamu.lens.progress import Tell, silence
from tatamu.lens.recording import record
from tatamu.lens.records import Source
from tatamu.lens.request import photo_source, sample_photo
from tatamu.lens.stages import Stages, stages
from tatamu.lens.words import LookError, Words
from tatamu.vision.classify import NETWORKS, Classifier, WeightsMissing, chosen, prepared
from tatamu.vision.images import MAX_PIXELS, read_photo

if TYPE_CHECKING:
    from tatamu.nn import Module

__all__ = ["NetworkAsked", "NetworkLook", "network_look", "published"]

DIGITS = "digits"
RANDOM = "random"
TOP = 5


@dataclass(frozen=True)
class NetworkAsked:
    """What was asked for, as it was typed. ``weights`` is a checkpoint, "random" or None."""

    photo: Path | None
    model: str
    weights: str | None = None
    gradients: bool = False
    seed: int = 0
    max_pixels: int = MAX_PIXELS
    command: str = "tatamu look"


@dataclass(frozen=True)
class NetworkLook:
    """A photo, what the network saw of it, everything it did, and where its weights are from.

    ``pixels`` is the cut-out that went in, as bytes; ``origin`` the key of a text on the weights;
    ``classes`` the names of what it tells apart, in English and Japanese, if they are known.
    """

    source: Source
    pixels: npt.NDArray[np.uint8]
    record: NetworkRecord
    stages: Stages
    title: str
    origin: str
    classes: tuple[tuple[str, ...], tuple[str, ...]] | None
    asked: NetworkAsked

    def name(self, index: int, w: Words) -> str:
        """What a class is called; its number where nobody knows."""
        if self.classes is None or index >= len(self.classes[0]):
            return w("network.class", index=index)
        return self.classes[w.lang == "ja"][index]


@dataclass(frozen=True)
class _Ready:
    model: Any
    batch: Any
    pixels: npt.NDArray[np.uint8]
    title: str
    origin: str
    classes: tuple[tuple[str, ...], tuple[str, ...]] | None


def network_look(asked: NetworkAsked, w: Words, tell: Tell = silence) -> NetworkLook:
    """Run a photo through a network and record all of it.

    Raises LookError for an unknown network, weights that are not here or do not fit, and a network
    that does not take the photo; PhotoError for the photo.
    """
    import tatamu

    path = asked.photo or sample_photo()
    tell("progress.reading", name=path.name)
    photo = read_photo(path, asked.max_pixels)
    source = photo_source(photo, asked.photo is None)
    tatamu.manual_seed(asked.seed)
    tell("network.wait.load", name=asked.model)
    with ExitStack() as stack:
        ready = _ready(asked, photo.image, stack, w)
        tell("network.wait.run", name=ready.title)
        names = ready.classes[0] if ready.classes else ()
        try:
            seen = record(
                ready.model, ready.batch, gradients=asked.gradients, cam=True, names=names
            )
        except (RuntimeError, ValueError, TypeError) as error:
            why = str(error).splitlines()[0]
            raise LookError("network.refused", name=ready.title, why=why) from error
    return NetworkLook(
        source, ready.pixels, seen, stages(seen), ready.title, ready.origin, ready.classes, asked
    )


def _ready(asked: NetworkAsked, image: Any, stack: ExitStack, w: Words) -> _Ready:
    """The network with its weights, and the photo as it wants it."""
    if asked.model == DIGITS:
        return _digits(asked, image)
    preset = NETWORKS.get(asked.model, NETWORKS["mobilenet_v2"])
    batch = prepared(image, preset)
    pixels = _bytes(batch.numpy()[0], preset.mean, preset.deviation)
    if asked.model in NETWORKS and asked.weights is None:
        model, title = published(asked.model)
        return _Ready(model, batch, pixels, title, "network.weights.published", _imagenet())
    text = NETWORKS[asked.model].name if asked.model in NETWORKS else asked.model
    model = network(text, [tuple(batch.shape)], stack, w).eval()
    batch, pixels = _channels(model, batch, pixels)
    if asked.weights in (None, RANDOM):
        return _Ready(model, batch, pixels, asked.model, "network.weights.random", None)
    _load(model, str(asked.weights))
    classes = _imagenet() if asked.model.isidentifier() else None
    return _Ready(model, batch, pixels, asked.model, "network.weights.file", classes)


def published(name: str) -> tuple[Module, str]:
    """A network with its published weights, and its title; LookError where these are not here."""
    try:
        found = chosen(name)
        return Classifier(found).model, found.title
    except WeightsMissing as error:
        ways = " / ".join(error.ways)
        raise LookError("network.weights.missing", name=name, ways=ways) from error


def _load(model: Module, path: str) -> None:
    """A checkpoint's weights; LookError where there is none or it does not fit."""
    import tatamu

    if not Path(path).is_file():
        raise LookError("run.file", path=path, why="No such file or directory")
    try:
        state = tatamu.load(path, weights_only=True)
        model.load_state_dict(state.get("state_dict", state))
    except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        why = str(error).splitlines()[0]
        raise LookError("network.weights.misfit", path=path, why=why) from error


def _digits(asked: NetworkAsked, image: Any) -> _Ready:
    from tatamu.vision import digits

    batch = digits.prepared(image)
    pixels = _bytes(batch.numpy()[0], (0.0,), (255.0,), scale=255.0)
    trained = asked.weights is None
    model = digits.lenet(pretrained=trained).eval()
    origin = "network.weights.digits" if trained else "network.weights.random"
    if not trained and asked.weights != RANDOM:
        _load(model, str(asked.weights))
        origin = "network.weights.file"
    return _Ready(model, batch, pixels, "LeNet", origin, (digits.CLASSES, digits.CLASSES))


def _channels(model: Module, batch: Any, pixels: npt.NDArray[np.uint8]) -> tuple[Any, Any]:
    """The picture in grey for a network whose first convolution takes one channel."""
    from tatamu.nn import Conv2d

    first = next((m for m in model.modules() if isinstance(m, Conv2d)), None)
    if first is None or first.in_channels != 1:
        return batch, pixels
    return batch.mean(1, keepdim=True), pixels.mean(2, keepdims=True).astype(np.uint8)


def _bytes(
    values: Any, mean: tuple[float, ...], deviation: tuple[float, ...], scale: float = 1.0
) -> npt.NDArray[np.uint8]:
    """What was normalised, as a picture again: (height, width, channels)."""
    plain = values.transpose(1, 2, 0)
    whole = plain * scale if scale != 1.0 else plain * np.array(deviation) + np.array(mean)
    return np.asarray(np.clip(np.rint(whole), 0, 255), np.uint8)


def _imagenet() -> tuple[tuple[str, ...], tuple[str, ...]]:
    from tatamu.vision.classify import class_names

    return class_names("en"), class_names("ja")
