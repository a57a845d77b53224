"""Ending a training that no longer gets better."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Stop when ``monitor`` has not got better by more than ``min_delta`` for ``patience`` epochs.

    ``monitor`` is a column of the history; "min" or "max" says which way is better ("auto": losses
    get smaller, all else larger). With ``restore_best`` the model ends with the best epoch's
    weights. ValueError for other modes and for a patience below 1.

    >>> stop = EarlyStopping("val_loss", patience=2)
    >>> [stop.update(epoch, loss) for epoch, loss in enumerate([1.0, 0.5, 0.6, 0.4, 0.7, 0.4])]
    [True, True, False, True, False, False]
    >>> stop.best, stop.epoch, stop.over
    (0.4, 3, True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is 'auto', 'min' or 'max', but got {mode!r}")
        if patience < 1:
            raise ValueError(f"patience is a positive number of epochs, but got {patience}")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = abs(min_delta)
        self.mode = mode if mode != "auto" else "min" if "loss" in monitor else "max"
        self.restore_best = restore_best
        self.best = math.inf if self.mode == "min" else -math.inf
        self.epoch = -1
        self.waited = 0

    @property
    def over(self) -> bool:
        """Whether the training is to end."""
        return self.waited >= self.patience

    def update(self, epoch: int, value: float) -> bool:
        """Take an epoch's number in; whether it is the best so far."""
        gain = self.best - value if self.mode == "min" else value - self.best
        better = gain > self.min_delta
        if better:
            self.best, self.epoch, self.waited = float(value), epoch, 0
        else:
            self.waited += 1
        return better

    def state_dict(self) -> dict[str, Any]:
        """What has been seen."""
        return {"best": self.best, "epoch": self.epoch, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.epoch, self.waited = state["best"], state["epoch"], state["waited"]
