"""Keras's metrics: means over all samples seen since ``reset_state``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.interop.keras.losses import Loss
from tatamu.interop.keras.losses import get as get_loss
from tatamu.interop.keras.values import EagerTensor, raw, value

__all__ = [
    "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "Mean", "Metric",
    "SparseCategoricalAccuracy", "TopKCategoricalAccuracy", "for_model",
]  # fmt: skip


class Metric:
    """A mean; ``each`` gives what each sample adds to it."""

    default_name = "metric"

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or self.default_name
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all samples."""
        self.sum, self.count = 0.0, 0.0

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """What each sample adds, as a NumPy array."""
        raise NotImplementedError(f"{type(self).__name__} does not say what a sample adds")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        self.add(self.each(np.asarray(y_true), np.asarray(y_pred)), sample_weight)

    def add(self, found: Any, sample_weight: Any = None) -> None:
        """Add numbers, weighted on request."""
        found = np.asarray(found, np.float64)
        weights = np.ones(found.shape) if sample_weight is None else np.asarray(sample_weight)
        self.sum += float((found * weights).sum())
        self.count += float(np.broadcast_to(weights, found.shape).sum())

    def result(self) -> EagerTensor:
        """The mean so far."""
        return value(np.float32(self.sum / self.count if self.count else 0.0))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> EagerTensor:
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class Mean(Metric):
    """The mean of numbers."""

    default_name = "mean"

    def update_state(self, y_true: Any, y_pred: Any = None, sample_weight: Any = None) -> None:
        """Add numbers: the first argument; the second, if given, weighs them."""
        self.add(y_true, y_pred if sample_weight is None else sample_weight)


class Accuracy(Metric):
    """How often predictions equal targets."""

    default_name = "accuracy"

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """1 where they are equal."""
        return (y_true == y_pred).astype(float)


class BinaryAccuracy(Metric):
    """How often predictions are on the target's side of a threshold."""

    default_name = "binary_accuracy"

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """The share of right outputs of each sample."""
        if y_true.ndim == y_pred.ndim - 1:
            y_true = y_true[..., None]
        right = (y_pred > self.threshold) == (y_true > 0.5)
        return right.mean(axis=-1) if right.ndim else right


class CategoricalAccuracy(Metric):
    """How often the largest prediction is the target's largest."""

    default_name = "categorical_accuracy"

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """1 where it is."""
        return (y_true.argmax(-1) == y_pred.argmax(-1)).astype(float)


class SparseCategoricalAccuracy(Metric):
    """How often the largest prediction is the target's class number."""

    default_name = "sparse_categorical_accuracy"

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """1 where it is."""
        labels = y_true[..., 0] if y_true.ndim == y_pred.ndim else y_true
        return (labels.astype(np.int64) == y_pred.argmax(-1)).astype(float)


class TopKCategoricalAccuracy(Metric):
    """How often the target is among the k largest predictions."""

    default_name = "top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = k

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """1 where it is."""
        best = np.argsort(-y_pred, axis=-1, kind="stable")[..., : self.k]
        return (best == y_true.argmax(-1)[..., None]).any(-1).astype(float)


class _LossMetric(Metric):
    """A loss as a metric."""

    def __init__(self, loss: Loss, name: str) -> None:
        super().__init__(name)
        self.loss = loss

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """What each sample costs."""
        return self.loss.each(raw(value(y_true)), raw(value(y_pred))).detach().numpy()


_NAMED: dict[str, type[Metric]] = {
    kind.default_name: kind
    for kind in (
        BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy,
    )
}  # fmt: skip


def for_model(identifier: Any, loss: Loss, outputs: int) -> Metric:
    """The metric of a name; 'accuracy' is that of the loss. ValueError for unknown names."""
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if identifier in ("accuracy", "acc"):
        return _accuracy(loss, outputs, identifier)
    if identifier in _NAMED:
        return _NAMED[identifier]()
    found = get_loss(identifier)
    name = identifier if isinstance(identifier, str) else found.name
    return _LossMetric(found, name)


def _accuracy(loss: Loss, outputs: int, name: str) -> Metric:
    kind = type(loss).__name__
    if kind == "SparseCategoricalCrossentropy":
        return SparseCategoricalAccuracy(name)
    if kind == "CategoricalCrossentropy" or outputs > 1:
        return CategoricalAccuracy(name)
    return BinaryAccuracy(name)
