"""What is called as training goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "Callback", "EarlyStopping", "History", "LambdaCallback", "LearningRateScheduler",
    "ModelCheckpoint", "ReduceLROnPlateau", "TerminateOnNaN",
]  # fmt: skip


class Callback:
    """The base of all: override what is of interest."""

    model: Any = None

    def set_model(self, model: Any) -> None:
        """Which model is trained."""
        self.model = model

    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch; ``logs`` holds its loss and metrics."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch; ``logs`` holds loss and metrics so far."""


class History(Callback):
    """What `fit` gives back: ``history`` has a list for each loss and metric."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the epoch's numbers."""
        self.epoch.append(epoch)
        for name, number in (logs or {}).items():
            self.history.setdefault(name, []).append(number)


class LambdaCallback(Callback):
    """Functions by the name of when they are called: ``on_epoch_end=f``."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        for name, function in functions.items():
            setattr(self, name, function)


class _Watching(Callback):
    """What follows one number and knows whether it got better."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode {mode!r} is unknown; there are 'auto', 'min' and 'max'")
        self.monitor = monitor
        rising = mode == "max" or (mode == "auto" and monitor.endswith(("acc", "accuracy", "auc")))
        self.sign = 1.0 if rising else -1.0
        self.min_delta = abs(min_delta)
        self.best: float | None = None

    def better(self, number: float) -> bool:
        """Whether it got better, by more than ``min_delta``."""
        return self.best is None or self.sign * (number - self.best) > self.min_delta

    def watched(self, logs: Any) -> float | None:
        """The number; a warning, and None, where there is none."""
        import warnings

        number = (logs or {}).get(self.monitor)
        if number is None:
            names = ", ".join(logs or {})
            warnings.warn(
                f"{type(self).__name__} watches `{self.monitor}` which is not available. "
                f"Available metrics are: {names}",
                stacklevel=2,
            )
        return number


class EarlyStopping(_Watching):
    """Ends training when a number has not got better for ``patience`` epochs."""

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.start = patience, verbose, start_from_epoch
        self.restore, self.baseline = restore_best_weights, baseline
        self.wait, self.stopped_epoch = 0, 0
        self.best_weights: Any = None
        self.best_epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin anew."""
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best, self.best_weights = self.baseline, None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, and stop if it is time."""
        number = self.watched(logs)
        if number is None or epoch < self.start:
            return
        if self.better(number):
            self.best, self.best_epoch, self.wait = number, epoch, 0
            if self.restore:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Say where it stopped, and bring the best weights back."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore and self.best_weights is not None:
            if self.verbose:
                best = self.best_epoch + 1
                print(f"Restoring model weights from the end of the best epoch: {best}.")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(_Watching):
    """Makes the learning rate smaller when a number no longer gets better."""

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}"
            )
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait, self.resting = 0, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, and reduce if it is time."""
        number = self.watched(logs)
        if number is None:
            return
        if self.resting:
            self.resting -= 1
            self.wait = 0
        if self.better(number):
            self.best, self.wait = number, 0
            return
        if self.resting:
            return
        self.wait += 1
        old = self.model.optimizer.rate()
        if self.wait >= self.patience and old > self.min_lr:
            new = max(old * self.factor, self.min_lr)
            self.model.optimizer.learning_rate = new
            self.resting, self.wait = self.cooldown, 0
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")


class LearningRateScheduler(Callback):
    """Asks a function of epoch and rate for the rate of each epoch."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the rate."""
        try:
            rate = self.schedule(epoch, self.model.optimizer.rate())
        except TypeError:
            rate = self.schedule(epoch)
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")


class ModelCheckpoint(_Watching):
    """Writes the weights after each epoch, or only the best; to ``.npz`` files."""

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = True,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath, self.verbose = str(filepath), verbose
        self.best_only = save_best_only

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write, if it is worth it."""
        if self.best_only:
            number = self.watched(logs)
            if number is None or not self.better(number):
                return
            self.best = number
        path = self.filepath.format(epoch=epoch + 1, **(logs or {}))
        self.model.save_weights(path)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: saving model to {path}")


class TerminateOnNaN(Callback):
    """Ends training when the loss is no longer a number."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
