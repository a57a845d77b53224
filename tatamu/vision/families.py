"""The networks of `tatamu.vision.models` as a table: family, year, size, published accuracy."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from math import isnan
from statistics import median
from typing import NamedTuple

from tatamu.autograd import no_grad
from tatamu.creation import zeros
from tatamu.nn import init
from tatamu.vision import models

__all__ = ["FAMILIES", "Network", "milliseconds", "networks"]

# The year of the paper, and the builders' names.
FAMILIES = (
    ("AlexNet", 2012, r"alexnet"), ("VGG", 2014, r"vgg\d+(_bn)?"),
    ("GoogLeNet", 2014, r"googlenet"),
    ("Inception V3", 2015, r"inception_v3"), ("ResNet", 2015, r"resnet\d+"),
    ("SqueezeNet", 2016, r"squeezenet.*"), ("Wide ResNet", 2016, r"wide_resnet.*"),
    ("DenseNet", 2016, r"densenet\d+"), ("ResNeXt", 2016, r"resnext.*"),
    ("MobileNetV2", 2018, r"mobilenet_v2"), ("ShuffleNetV2", 2018, r"shufflenet_v2.*"),
    ("MNASNet", 2018, r"mnasnet.*"), ("EfficientNet", 2019, r"efficientnet_b\d"),
    ("MobileNetV3", 2019, r"mobilenet_v3.*"), ("RegNet", 2020, r"regnet.*"),
    ("VisionTransformer", 2020, r"vit_.*"), ("EfficientNetV2", 2021, r"efficientnet_v2.*"),
    ("SwinTransformer", 2021, r"swin_.*"), ("ConvNeXt", 2022, r"convnext_.*"),
)  # fmt: skip

ROUNDS = 5


class Network(NamedTuple):
    """A builder and what was published of it.

    ``mult_adds`` are in millions, for the picture of its own size; ``top1`` is in percent, of the
    best weights for ImageNet's thousand classes.
    """

    name: str
    family: str
    year: int
    parameters: int
    mult_adds: float
    top1: float
    size: int


def networks(words: Sequence[str] = ()) -> list[Network]:
    """All networks, or those with one of ``words`` in their or their family's name, by year.

    >>> [network.name for network in networks(["alex"])]
    ['alexnet']
    """
    found = []
    for family, year, pattern in FAMILIES:
        for name in sorted(models.list_models(), key=_numbered):
            if re.fullmatch(pattern, name) and _meant(words, name, family):
                found.append(_network(name, family, year))
    return found


def _meant(words: Sequence[str], name: str, family: str) -> bool:
    plain = [word.lower().replace(" ", "") for word in words]
    either = f"{name} {family.lower().replace(' ', '')}"
    return not plain or any(word in either for word in plain)


def _numbered(name: str) -> list[tuple[int, str]]:
    """Names in the order of the numbers in them."""
    return [(int(part or 0), text) for text, part in re.findall(r"([^\d]+)(\d*)", name)]


def _network(name: str, family: str, year: int) -> Network:
    scores = [w.meta["_metrics"]["ImageNet-1K"]["acc@1"] for w in models.get_model_weights(name)]
    first = models.get_model_weights(name).DEFAULT
    (size,) = first.transforms().crop_size
    meta = first.meta
    return Network(
        name, family, year, meta["num_params"], 1e3 * meta["_ops"],
        max(score for score in scores if not isnan(score)), size,
    )  # fmt: skip


def milliseconds(network: Network) -> float:
    """What one picture takes here, in eval mode: the median of five runs after one that compiles.

    Its weights are zeros, which take as long as any.
    """
    with init.skipped():
        model = models.get_model(network.name, weights=None)
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data.zero_()
    model.eval()
    picture = zeros(1, 3, network.size, network.size)
    seconds = []
    with no_grad():
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            model(picture)
            seconds.append(time.perf_counter() - start)
    return 1e3 * median(seconds[1:])
