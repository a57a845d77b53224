"""`compile`, `fit`, `evaluate` and `predict`: what a model can do beside being called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tatamu.autograd import grad, no_grad
from tatamu.interop.keras import losses, metrics, optimizers
from tatamu.interop.keras.callbacks import Callback, History
from tatamu.interop.keras.layer import Layer
from tatamu.interop.keras.progress import Progress
from tatamu.interop.keras.values import raw, value
from tatamu.random import default_generator

__all__ = ["Trained"]

BATCH = 32


@dataclass(frozen=True)
class Data:
    """Samples with their targets; ``weights`` say how much each counts."""

    x: Any
    y: Any
    weights: Any = None

    def __len__(self) -> int:
        return len(self.x)

    def part(self, where: Any) -> Data:
        """Some of them."""
        y = None if self.y is None else self.y[where]
        weights = None if self.weights is None else self.weights[where]
        return Data(self.x[where], y, weights)

    def batches(self, size: int, order: Any = None) -> Iterator[Data]:
        """All of them, ``size`` at a time."""
        for start in range(0, len(self), size):
            where = slice(start, start + size)
            yield self.part(where if order is None else order[where])


def as_data(x: Any, y: Any, weights: Any = None) -> Data:
    """Arrays of equal length. ValueError with Keras's sentence if they are not."""
    arrays = [None if a is None else np.asarray(a) for a in (x, y, weights)]
    named = zip(("x", "y", "sample_weight"), arrays, strict=True)
    sizes = {name: len(a) for name, a in named if a is not None}
    if len(set(sizes.values())) > 1:
        listed = "\n".join(f"'{name}' sizes: {size}" for name, size in sizes.items())
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
            f"samples.{listed}\n"
        )
    return Data(*arrays)


class Trained(Layer):
    """The training half of a model."""

    optimizer: optimizers.Optimizer | None = None
    loss: losses.Loss | None = None
    stop_training = False
    _metrics: list[metrics.Metric] | None = None
    _wanted: list[Any]

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
    ) -> None:
        """Say how to train. Names are those of Keras; what only concerns speed is ignored."""
        self.optimizer = optimizers.get(optimizer)
        self.loss = None if loss is None else losses.get(loss)
        wanted = [] if metrics is None else metrics
        self._wanted = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
        self._metrics = None

    @property
    def metrics_names(self) -> list[str]:
        """Keras's names of what is followed."""
        return ["loss", "compile_metrics"] if self._wanted else ["loss"]

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train for some epochs, and give back what was measured in each.

        Raises ValueError if the model was not compiled, or arrays differ in length.
        """
        loss, optimizer = self._compiled()
        data = as_data(x, y, sample_weight)
        held: Data | None = None
        if validation_data is not None:
            held = as_data(*validation_data)
        elif validation_split:
            cut = int(len(data) * (1.0 - validation_split))
            data, held = data.part(slice(cut)), data.part(slice(cut, None))
        if class_weight is not None:
            weights = np.array([class_weight.get(int(label), 1.0) for label in np.ravel(data.y)])
            data = Data(data.x, data.y, weights)
        show = 1 if verbose == "auto" else int(verbose)
        history = History()
        told: list[Callback] = [history, *_listed(callbacks)]
        for callback in told:
            callback.set_model(self)
            callback.on_train_begin()
        self.stop_training = False
        size = batch_size or BATCH
        for epoch in range(initial_epoch, epochs):
            _tell(told, "on_epoch_begin", epoch)
            if show and epochs > 1:
                print(f"Epoch {epoch + 1}/{epochs}")
            logs = self._epoch(data, size, shuffle, loss, optimizer, told, held, show,
                               validation_batch_size or size)  # fmt: skip
            _tell(told, "on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        _tell(told, "on_train_end")
        self.history = history
        return history

    def _epoch(
        self,
        data: Data,
        size: int,
        shuffle: bool,
        loss: losses.Loss,
        optimizer: optimizers.Optimizer,
        told: Sequence[Callback],
        held: Data | None,
        show: int,
        held_size: int,
    ) -> dict[str, float]:
        """One pass over the data, and one over what was held back."""
        order = _order(len(data)) if shuffle else None
        total = -(-len(data) // size)
        progress = Progress(total, show)
        mean = metrics.Mean()
        followed: list[metrics.Metric] = []
        logs: dict[str, float] = {}
        for index, batch in enumerate(data.batches(size, order)):
            _tell(told, "on_train_batch_begin", index)
            y = self._step(batch, loss, optimizer, mean)
            followed = self._followed(loss, y, begin=index == 0)
            for metric in followed:
                metric.update_state(batch.y, y)
            logs = _numbers(mean, followed)
            _tell(told, "on_train_batch_end", index, logs)
            if index + 1 < total:
                progress.update(index + 1, logs)
            if self.stop_training:
                break
        if held is not None and len(held):
            logs |= {f"val_{n}": v for n, v in self._measured(held, held_size, loss).items()}
        progress.update(total, logs, last=True)
        return logs

    def _step(
        self, batch: Data, loss: losses.Loss, optimizer: optimizers.Optimizer, mean: metrics.Mean
    ) -> Any:
        """Forward, backward, and a step; gives the predictions."""
        out = raw(self(batch.x, training=True))
        weights = None if batch.weights is None else raw(value(batch.weights, "float32"))
        total = loss.total(raw(value(batch.y)), out, weights)
        for penalty in self.penalties():
            total = total + penalty
        variables = self.trainable_variables
        gradients = grad(total, [v.own for v in variables], allow_unused=True)
        pairs = zip(gradients, variables, strict=True)
        known = [(g.numpy(), v) for g, v in pairs if g is not None]
        optimizer.apply([g for g, _ in known], [v for _, v in known])
        mean.add(np.full(len(batch), total.item()))
        return out.detach().numpy()

    def _followed(self, loss: losses.Loss, y: Any, begin: bool) -> list[metrics.Metric]:
        """The metrics, made when the first predictions tell how many outputs there are."""
        if self._metrics is None:
            outputs = y.shape[-1] if y.ndim > 1 else 1
            self._metrics = [metrics.for_model(m, loss, outputs) for m in self._wanted]
        if begin:
            for metric in self._metrics:
                metric.reset_state()
        return self._metrics

    def _measured(
        self, data: Data, size: int, loss: losses.Loss, progress: Progress | None = None
    ) -> dict[str, float]:
        """Loss and metrics, without training."""
        mean = metrics.Mean()
        followed: list[metrics.Metric] = []
        logs: dict[str, float] = {}
        total = -(-len(data) // size)
        for index, batch in enumerate(data.batches(size)):
            with no_grad():
                out = raw(self(batch.x, training=False))
                weights = None if batch.weights is None else raw(value(batch.weights, "float32"))
                cost = loss.total(raw(value(batch.y)), out, weights)
                for penalty in self.penalties():
                    cost = cost + penalty
            mean.add(np.full(len(batch), cost.item()))
            y = out.numpy()
            followed = self._followed(loss, y, begin=index == 0)
            for metric in followed:
                metric.update_state(batch.y, y)
            logs = _numbers(mean, followed)
            if progress is not None:
                progress.update(index + 1, logs, last=index + 1 == total)
        return logs

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss, and a list or dictionary with the metrics if there are any."""
        loss, _ = self._compiled()
        data = as_data(x, y, sample_weight)
        size = batch_size or BATCH
        show = 1 if verbose == "auto" else int(verbose)
        progress = Progress(-(-len(data) // size), show)
        logs = self._measured(data, size, loss, progress)
        if return_dict:
            return logs
        found = [logs["loss"], *(n for name, n in logs.items() if name != "loss")]
        return found if len(found) > 1 else found[0]

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> Any:
        """The outputs as one NumPy array."""
        data = as_data(x, None)
        size = batch_size or BATCH
        show = 1 if verbose == "auto" else int(verbose)
        total = -(-len(data) // size)
        progress = Progress(total, show)
        parts = []
        for index, batch in enumerate(data.batches(size)):
            with no_grad():
                parts.append(np.array(raw(self(batch.x, training=False)).numpy()))
            progress.update(index + 1, {}, last=index + 1 == total)
        return np.concatenate(parts)

    def train_on_batch(self, x: Any, y: Any, return_dict: bool = False) -> Any:
        """One step on one batch; gives its loss."""
        loss, optimizer = self._compiled()
        mean = metrics.Mean()
        self._step(as_data(x, y), loss, optimizer, mean)
        number = float(mean.result())
        return {"loss": number} if return_dict else number

    def _compiled(self) -> tuple[losses.Loss, optimizers.Optimizer]:
        if self.optimizer is None:
            raise ValueError(
                "You must call `compile()` before using the model.\n"
                "  model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', "
                "metrics=['accuracy']) for class numbers"
            )
        if self.loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return self.loss, self.optimizer


def _order(count: int) -> Any:
    """A random order, drawn from the default generator."""
    return np.random.default_rng(int(default_generator.words(1)[0])).permutation(count)


def _listed(callbacks: Any) -> list[Callback]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _tell(told: Sequence[Callback], moment: str, *what: Any) -> None:
    for callback in told:
        getattr(callback, moment)(*what)


def _numbers(mean: metrics.Mean, followed: Sequence[metrics.Metric]) -> dict[str, float]:
    found = {metric.name: float(metric.result()) for metric in followed}
    return {**found, "loss": float(mean.result())}
