"""Keras's losses: the mean over the batch of what each sample costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tatamu.interop.keras.choosing import chosen
from tatamu.interop.keras.values import EagerTensor, raw
from tatamu.nn import functional as F
from tatamu.tensor import Tensor

__all__ = [
    "BinaryCrossentropy", "CategoricalCrossentropy", "Huber", "Loss", "MeanAbsoluteError",
    "MeanSquaredError", "SparseCategoricalCrossentropy", "get",
]  # fmt: skip

EPSILON = 1e-7


class Loss:
    """A number that training makes smaller; ``each`` gives it sample by sample."""

    def __init__(self, reduction: str = "sum_over_batch_size", name: str | None = None) -> None:
        self.reduction = reduction
        self.name = name or type(self).__name__

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each sample costs; every subclass has its own."""
        raise NotImplementedError(f"{type(self).__name__} does not say what a sample costs")

    def total(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> Tensor:
        """The loss of a batch, samples weighted on request."""
        each = self.each(y_true, y_pred)
        if weights is not None:
            while weights.ndim < each.ndim:
                weights = weights.unsqueeze(-1)
            each = each * weights
        if self.reduction in ("sum", None, "none"):
            return each.sum() if self.reduction == "sum" else each
        return each.mean()

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> EagerTensor:
        weights = None if sample_weight is None else raw(sample_weight).float()
        return EagerTensor(self.total(raw(y_true), raw(y_pred).float(), weights))


class MeanSquaredError(Loss):
    """Mean of the squared differences."""

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean along the last axis."""
        return (y_pred - _like(y_true, y_pred)).square().mean(-1)


class MeanAbsoluteError(Loss):
    """Mean of the absolute differences."""

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean along the last axis."""
        return (y_pred - _like(y_true, y_pred)).abs().mean(-1)


class Huber(Loss):
    """Squares near zero, straight lines beyond ``delta``."""

    def __init__(self, delta: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.delta = delta

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean along the last axis."""
        far = (y_pred - _like(y_true, y_pred)).abs()
        near = far.clamp(max=self.delta)
        return (0.5 * near * near + self.delta * (far - near)).mean(-1)


class BinaryCrossentropy(Loss):
    """Yes or no, for each output by itself."""

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean along the last axis."""
        target = _like(y_true, y_pred)
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        if self.from_logits:
            loss = y_pred.relu() - y_pred * target + (-y_pred.abs()).exp().log1p()
        else:
            p = y_pred.clamp(EPSILON, 1 - EPSILON)
            loss = -(target * p.log() + (1 - target) * (1 - p).log())
        return loss.mean(-1)


class CategoricalCrossentropy(Loss):
    """Classes as rows of probabilities (one-hot)."""

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each sample costs. ValueError with Keras's sentence for other shapes."""
        if y_true.shape != y_pred.shape:
            what = "shape" if y_true.ndim == y_pred.ndim else "rank (ndim)"
            raise ValueError(
                f"Arguments `target` and `output` must have the same {what}. Received: "
                f"target.shape={tuple(y_true.shape)}, output.shape={tuple(y_pred.shape)}\n"
                "  for class numbers there is sparse_categorical_crossentropy"
            )
        target = _like(y_true, y_pred)
        if self.label_smoothing:
            classes = y_pred.shape[-1]
            target = target * (1 - self.label_smoothing) + self.label_smoothing / classes
        return -(target * _log_probabilities(y_pred, self.from_logits)).sum(-1)


class SparseCategoricalCrossentropy(Loss):
    """Classes as numbers."""

    def __init__(self, from_logits: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.from_logits = from_logits

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each sample costs. ValueError for shapes or class numbers that do not fit."""
        if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
            y_true = y_true.squeeze(-1)
        if y_true.shape != y_pred.shape[:-1]:
            raise ValueError(
                "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "
                f"target.shape={tuple(y_true.shape)}, output.shape={tuple(y_pred.shape)}\n"
                "  for rows of probabilities there is categorical_crossentropy"
            )
        classes = y_pred.shape[-1]
        labels = y_true.long()
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise ValueError(
                f"class numbers run from {int(labels.min())} to {int(labels.max())}, but the model "
                f"has {classes} outputs, for classes 0 to {classes - 1}"
            )
        logs = _log_probabilities(y_pred, self.from_logits)
        picked = logs.gather(-1, labels.unsqueeze(-1))
        return -picked.squeeze(-1)


def _log_probabilities(y_pred: Tensor, from_logits: bool) -> Tensor:
    """Logarithms of probabilities, which Keras makes sum to 1 and keeps away from 0 first."""
    if from_logits:
        found: Tensor = F.log_softmax(y_pred, -1)
        return found
    p = y_pred / y_pred.sum(-1, keepdim=True)
    return p.clamp(EPSILON, 1 - EPSILON).log()


def _like(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Targets in the shape and dtype of predictions: a missing last axis of one is added."""
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = y_true.unsqueeze(-1)
    return y_true.to(y_pred.dtype)


def _function(kind: type[Loss]) -> Callable[..., EagerTensor]:
    """A loss as Keras's function: sample by sample."""

    def function(y_true: Any, y_pred: Any, **options: Any) -> EagerTensor:
        return EagerTensor(kind(**options).each(raw(y_true), raw(y_pred).float()))

    function.__doc__ = f"`{kind.__name__}`, sample by sample."
    return function


mean_squared_error = mse = _function(MeanSquaredError)
mean_absolute_error = mae = _function(MeanAbsoluteError)
binary_crossentropy = _function(BinaryCrossentropy)
categorical_crossentropy = _function(CategoricalCrossentropy)
sparse_categorical_crossentropy = _function(SparseCategoricalCrossentropy)
huber = _function(Huber)

_KNOWN: dict[str, Any] = {
    "mse": MeanSquaredError, "mean_squared_error": MeanSquaredError,
    "mae": MeanAbsoluteError, "mean_absolute_error": MeanAbsoluteError,
    "binary_crossentropy": BinaryCrossentropy, "huber": Huber,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}  # fmt: skip
_KNOWN |= {kind.__name__: kind for kind in list(_KNOWN.values())}


class _OwnLoss(Loss):
    """A user's function of targets and predictions."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(name=getattr(function, "__name__", "loss"))
        self.function = function

    def each(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the function gives."""
        return raw(self.function(EagerTensor(y_true), EagerTensor(y_pred)))


def get(identifier: Any) -> Loss:
    """The loss of a name, a class, an object or a function."""
    found = chosen(identifier, _KNOWN, "loss")
    return found if isinstance(found, Loss) else _OwnLoss(found)
