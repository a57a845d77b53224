"""One training under way: its place, its steps, and what is kept of it."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import tatamu
from tatamu.nn.module import Module
from tatamu.nn.utils import clip_grad_norm_
from tatamu.optim.lr_scheduler import ReduceLROnPlateau
from tatamu.train import checkpoints, finite
from tatamu.train.finite import NonFiniteError
from tatamu.train.freezing import frozen_parts
from tatamu.train.history import History
from tatamu.train.metrics import Metric
from tatamu.train.progress import Bar
from tatamu.train.stopping import EarlyStopping
from tatamu.utils.data import DataLoader, RandomSampler, SequentialSampler

__all__ = ["Plan", "Run"]

SAVE_SECONDS = 60.0


@dataclass
class Plan:
    """What ``fit`` was asked for."""

    model: Module
    train: Any
    val: Any
    epochs: int
    loss: Callable[[Any, Any], Any]
    optimizer: Any
    scheduler: Any
    step_scheduler: Any
    metrics: list[Metric]
    accumulate: int
    mix: Callable[[Any, Any], tuple[Any, Any]] | None
    clip: float | None
    stop: EarlyStopping | None
    folder: Path | None
    save_every: int | None
    frozen_eval: bool
    progress: bool | None
    after_epoch: Callable[[dict[str, Any]], object] | None
    measure: Callable[[], dict[str, Any]]


class Run:
    """The state that steps change; ``go`` runs to the end."""

    def __init__(self, plan: Plan, seed: int | None, resume: bool) -> None:
        self.plan = plan
        self.history = History(seed=tatamu.initial_seed() if seed is None else seed)
        self.streams = checkpoints.Streams(plan.train)
        self.epoch = 0  # epochs that are over
        self.done = 0  # batches of this one
        self.steps = 0  # of the optimizer, in all
        self.total, self.count = 0.0, 0
        self.seconds = 0.0  # of this epoch, before this process
        self.began: dict[str, Any] | None = None  # the streams at this epoch's start
        self.best: dict[str, Any] | None = None
        self.saved = time.monotonic()
        self.interrupted = False
        for metric in plan.metrics:
            metric.reset()
        kept = checkpoints.read(plan.folder) if plan.folder is not None and resume else None
        if kept is not None:
            self._restore(kept)
        elif plan.folder is not None:
            self._save()

    def go(self) -> History:
        """All epochs that are left."""
        plan = self.plan
        with _deferred_interrupt(self), Bar(plan.progress, plan.epochs) as bar:
            while self.epoch < plan.epochs and not self.history.stopped:
                self._epoch(bar)
        self._finish()
        return self.history

    # ---- one epoch ----

    def _epoch(self, bar: Bar) -> None:
        plan = self.plan
        start = time.perf_counter() - self.seconds
        plan.model.train()
        if plan.frozen_eval:
            for part in frozen_parts(plan.model):
                part.eval()
        length = len(plan.train) if hasattr(plan.train, "__len__") else None
        bar.begin(self.epoch + 1, length, self.done)
        window: list[tuple[Any, Any]] = []
        first, seen = time.perf_counter(), 0
        for batch in self._batches():
            window.append(batch)
            if len(window) == plan.accumulate:
                seen += self._step(window)
                window = []
                self.seconds = time.perf_counter() - start
                self._after_step()
            rate = seen / max(time.perf_counter() - first, 1e-9)
            bar.step(self._measures(), rate)
        if window:
            self._step(window)
        if not self.count:
            raise ValueError("fit got no batch\n  the training data are empty")
        self.seconds = time.perf_counter() - start
        self._end_epoch(bar)

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        """The batches of this epoch that are left, as they would have come without a pause."""
        loader, now = self.plan.train, None
        if self.began is None:
            self.began = self.streams.state()
        else:
            now = self.streams.state()
            self.streams.restore(self.began)
        batches = iter(loader)
        if now is not None:
            # Samples that only a sampler known here chooses need not be made to be passed over.
            numbers = getattr(batches, "numbers", None) if _chosen_at_once(loader) else None
            for _ in islice(batches if numbers is None else numbers, self.done):
                pass
            self.streams.restore(now)
        for inputs, targets in batches:
            if self.plan.mix is not None:
                inputs, targets = self.plan.mix(inputs, targets)
            yield inputs, targets

    def _step(self, window: list[tuple[Any, Any]]) -> int:
        """One step of the optimizer for the mean loss of all samples of these batches."""
        plan = self.plan
        samples = sum(len(targets) for _, targets in window)
        plan.optimizer.zero_grad()
        for inputs, targets in window:
            share = len(targets) / samples
            before = tatamu.get_rng_state()
            outputs = plan.model(inputs)
            loss = plan.loss(outputs, targets)
            value = float(loss.detach())
            if not math.isfinite(value):
                self._report(f"the loss is {value}", inputs, targets, before)
            (loss if share == 1 else loss * share).backward()
            self.total += value * len(targets)
            self.count += len(targets)
            for metric in plan.metrics:
                metric.update(outputs, targets)
        trained = [p for group in plan.optimizer.param_groups for p in group["params"]]
        if not finite.finite_gradients(trained):
            self._report("a gradient is not finite", inputs, targets, before)
        if plan.clip is not None:
            clip_grad_norm_(trained, plan.clip)
        plan.optimizer.step()
        if plan.step_scheduler is not None:
            plan.step_scheduler.step()
        self.done += len(window)
        self.steps += 1
        return samples

    def _report(self, what: str, inputs: Any, targets: Any, stream: Any) -> None:
        """Find the layer, then raise."""
        plan = self.plan
        tatamu.set_rng_state(stream)
        place = finite.found(plan.model, inputs, lambda: plan.loss(plan.model(inputs), targets))
        rates = ", ".join(f"{float(group['lr']):g}" for group in plan.optimizer.param_groups)
        lines = [
            f"{what} in epoch {self.epoch + 1}, batch {self.done + 1}: {place.words}",
            f"learning rate {rates}; smaller ones, clip=1.0 or inputs of another scale may help",
        ]
        if plan.folder is not None:
            lines.append(f"{plan.folder / checkpoints.LAST} holds the training before this batch")
        raise NonFiniteError("\n  ".join(lines), place.phase, place.layer)

    def _measures(self) -> dict[str, Any]:
        values = {metric.name: metric.value() for metric in self.plan.metrics}
        numbers = {n: v for n, v in values.items() if isinstance(v, int | float)}
        return {"loss": self.total / max(self.count, 1), **numbers}

    def _end_epoch(self, bar: Bar) -> None:
        plan = self.plan
        row = {"epoch": self.epoch + 1, **self._measures()}
        if plan.val is not None:
            found = plan.measure()
            numbers = {n: v for n, v in found.items() if isinstance(v, int | float)}
            row |= {f"val_{name}": value for name, value in numbers.items()}
        row["lr"] = float(plan.optimizer.param_groups[0]["lr"])
        row["seconds"] = round(self.seconds, 3)
        self.history.append(row)
        if isinstance(plan.scheduler, ReduceLROnPlateau):
            plan.scheduler.step(row.get("val_loss", row["loss"]))
        elif plan.scheduler is not None:
            plan.scheduler.step()
        self._judge(row)
        self.epoch += 1
        self.done, self.total, self.count, self.seconds, self.began = 0, 0.0, 0, 0.0, None
        for metric in plan.metrics:
            metric.reset()
        bar.end(row)
        if plan.folder is not None:
            self._save()
            self.history.save(plan.folder)
        if plan.after_epoch is not None:
            plan.after_epoch(row)
        self._check_interrupt()

    def _judge(self, row: dict[str, Any]) -> None:
        """Whether this epoch is the best, and whether it is time to end."""
        stop = self.plan.stop
        if stop is None:
            return
        if stop.monitor not in row:
            raise ValueError(
                f"EarlyStopping waits for {stop.monitor!r}, but an epoch has {', '.join(row)}"
            )
        if stop.update(self.epoch, row[stop.monitor]):
            self.history.best = self.epoch
            self.best = {n: t.clone() for n, t in self.plan.model.state_dict().items()}
        if stop.over:
            self.history.stopped = (
                f"{stop.monitor} has not been better than {stop.best:.4g} for {stop.waited} epochs"
            )

    def _finish(self) -> None:
        plan = self.plan
        if self.best is not None and plan.stop is not None and plan.stop.restore_best:
            plan.model.load_state_dict(self.best)
        if plan.folder is not None:
            best = plan.model.state_dict() if self.best is None else self.best
            tatamu.save(best, plan.folder / "best.pt")

    # ---- what is kept ----

    def _after_step(self) -> None:
        every = self.plan.save_every
        late = time.monotonic() - self.saved > SAVE_SECONDS
        if self.plan.folder is not None and (late or (every and self.steps % every == 0)):
            self._save()
        self._check_interrupt()

    def _check_interrupt(self) -> None:
        if self.interrupted:
            if self.plan.folder is not None:
                self._save()
            raise KeyboardInterrupt

    def _save(self) -> None:
        plan = self.plan
        assert plan.folder is not None
        owners = {"scheduler": plan.scheduler, "step_scheduler": plan.step_scheduler}
        content = {
            "model": plan.model.state_dict(),
            "optimizer": plan.optimizer.state_dict(),
            **{name: own.state_dict() for name, own in owners.items() if own is not None},
            "streams": self.streams.state(),
            "began": self.began,
            "epoch": self.epoch,
            "done": self.done,
            "steps": self.steps,
            "total": self.total,
            "count": self.count,
            "seconds": self.seconds,
            "metrics": [metric.counts.tolist() for metric in plan.metrics],
            "history": [dict(row) for row in self.history],
            "seed": self.history.seed,
            "best": self.best,
            "best_epoch": self.history.best,
            "stopped": self.history.stopped,
            "stop": None if plan.stop is None else plan.stop.state_dict(),
        }
        checkpoints.write(plan.folder, content)
        self.saved = time.monotonic()

    def _restore(self, kept: dict[str, Any]) -> None:
        plan = self.plan
        plan.model.load_state_dict(kept["model"])
        plan.optimizer.load_state_dict(kept["optimizer"])
        owners = {"scheduler": plan.scheduler, "step_scheduler": plan.step_scheduler}
        for name, own in owners.items():
            if own is not None and name in kept:
                own.load_state_dict(kept[name])
        for name in ("began", "epoch", "done", "steps", "total", "count", "seconds", "best"):
            setattr(self, name, kept[name])
        for metric, counts in zip(plan.metrics, kept["metrics"], strict=True):
            metric.counts = np.array(counts, metric.counts.dtype)
        self.history.extend(kept["history"])
        self.history.seed = kept["seed"]
        self.history.best = kept["best_epoch"]
        if plan.stop is not None and kept["stop"] is not None:
            plan.stop.load_state_dict(kept["stop"])
            self.history.stopped = kept["stopped"]
        self.streams.restore(kept["streams"])


def _chosen_at_once(loader: Any) -> bool:
    """Whether a loader without workers draws all its numbers before the first sample is made."""
    return (
        type(loader) is DataLoader
        and loader.num_workers == 0
        and loader.batch_size is not None
        and type(loader.sampler) in (RandomSampler, SequentialSampler)
        and not getattr(loader.sampler, "replacement", False)
        and not loader._in_a_row
    )


@contextmanager
def _deferred_interrupt(run: Run) -> Iterator[None]:
    """Ctrl-C waits for the step under way; the second one does not."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return

    def note(number: int, frame: Any) -> None:
        run.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
