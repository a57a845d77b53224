"""A small U-Net finds circles, squares and triangles in noisy pictures, pixel by pixel.

pip install tatamu
python examples/segmentation.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import tatamu
from tatamu import nn, train
from tatamu.utils.data import TensorDataset

SEED = 1
SIDE = 64
NAMES = ("ground", "circle", "square", "triangle")


def drawn(count: int, seed: int) -> TensorDataset:
    """Pictures of up to four shapes in any colours, under noise, and for each pixel its shape."""
    random = np.random.default_rng(seed)
    pictures = np.zeros((count, 3, SIDE, SIDE), np.float32)
    masks = np.zeros((count, SIDE, SIDE), np.int64)
    for i in range(count):
        picture = Image.new("RGB", (SIDE, SIDE), tuple(random.integers(0, 256, 3).tolist()))
        mask = Image.new("L", (SIDE, SIDE))
        for _ in range(random.integers(1, 5)):
            kind, r = int(random.integers(1, 4)), int(random.integers(6, 16))
            x, y = random.integers(r, SIDE - r, 2).tolist()
            colour = tuple(random.integers(0, 256, 3).tolist())
            for canvas, fill in ((picture, colour), (mask, kind)):
                pen = ImageDraw.Draw(canvas)
                if kind == 1:
                    pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
                elif kind == 2:
                    pen.rectangle((x - r, y - r, x + r, y + r), fill=fill)
                else:
                    pen.polygon(((x, y - r), (x - r, y + r), (x + r, y + r)), fill=fill)
        noise = random.normal(0, 20, (SIDE, SIDE, 3))
        pictures[i] = (np.asarray(picture) + noise).transpose(2, 0, 1) / 255
        masks[i] = np.asarray(mask)
    return TensorDataset(tatamu.from_numpy(pictures), tatamu.from_numpy(masks))


def twice(before: int, after: int) -> nn.Sequential:
    """Two convolutions."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    """Down three times, up again, each level beside what it was on the way down."""

    def __init__(self, c: int, classes: int) -> None:
        super().__init__()
        sizes = [c, 2 * c, 4 * c]
        self.down = nn.ModuleList([twice(a, b) for a, b in zip([3, *sizes], sizes, strict=False)])
        self.middle = twice(4 * c, 8 * c)
        self.up = nn.ModuleList([nn.ConvTranspose2d(2 * n, n, 2, 2) for n in reversed(sizes)])
        self.joined = nn.ModuleList([twice(2 * n, n) for n in reversed(sizes)])
        self.head = nn.Conv2d(c, classes, 1)

    def forward(self, x: Any) -> Any:
        kept = []
        for level in self.down:
            x = level(x)
            kept.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.middle(x)
        for up, level in zip(self.up, self.joined, strict=True):
            x = level(tatamu.cat([up(x), kept.pop()], 1))
        return self.head(x)


def run(quick: bool = False, folder: Path | None = None) -> dict[str, Any]:
    """Train on shapes of one seed, test on those of another."""
    tatamu.manual_seed(SEED)
    training, test = drawn(16 if quick else 400, 10), drawn(8 if quick else 100, 20)
    model = UNet(4 if quick else 12, len(NAMES))
    history = train.fit(
        model, training, epochs=1 if quick else 12, lr=3e-3, batch_size=8 if quick else 16,
        folder=folder, resume=False, seed=SEED,
    )  # fmt: skip
    found = train.evaluate(model, test, metrics=[train.Accuracy(), train.ConfusionMatrix(4)])
    table = found["confusion"]
    overlap = table.diagonal() / (table.sum(0) + table.sum(1) - table.diagonal())
    if folder is not None:
        sheet(model, test, folder / "segmented.png")
    return {"model": model, "history": history, "seed": SEED, "accuracy": found["accuracy"],
            "overlap": float(overlap.mean())}  # fmt: skip


def sheet(model: Any, test: TensorDataset, path: Path, count: int = 8) -> None:
    """Pictures, the truth, and what the net finds, one below the other."""
    colours = np.array([(20, 22, 28), (224, 122, 63), (84, 148, 205), (240, 228, 190)], np.uint8)
    pictures, masks = (t[:count] for t in test.tensors)
    found = train.predict(model, TensorDataset(pictures, masks)).argmax(1)
    shown = (pictures.numpy().transpose(0, 2, 3, 1).clip(0, 1) * 255).astype(np.uint8)
    rows = [shown, colours[masks.numpy()], colours[found.numpy()]]
    Image.fromarray(np.concatenate([np.concatenate([*row], 1) for row in rows])).save(path)


if __name__ == "__main__":
    result = run("--quick" in sys.argv, Path())
    print(f"{100 * result['accuracy']:.1f} % of pixels, mean overlap {result['overlap']:.3f}; "
          "see segmented.png")  # fmt: skip
