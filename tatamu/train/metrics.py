"""What a network gets right, counted batch by batch.

A metric has ``update(outputs, targets)``, ``value()`` and ``reset()``. Outputs are scores with the
classes along axis 1 (any axes may follow, as in segmentation), targets class numbers, or one weight
for each class as MixUp makes them. Outputs of the targets' own shape are scores of a yes or no.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tatamu.tensor import Tensor

__all__ = ["F1", "Accuracy", "ConfusionMatrix", "Metric", "Precision", "Recall", "TopK"]

Numbers = npt.NDArray[Any]


def _array(x: Any) -> Numbers:
    return x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _targets(outputs: Numbers, targets: Numbers) -> Numbers:
    """Class numbers, also of targets that give every class a weight."""
    return targets.argmax(1) if targets.ndim == outputs.ndim else targets


def decided(outputs: Any, targets: Any) -> tuple[Numbers, Numbers]:
    """The classes that the outputs are for, and those that the targets name, in one row each.

    ValueError if there are not as many of one as of the other.

    >>> decided(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([1, 1]))
    (array([1, 0]), array([1, 1]))
    """
    scores, given = _array(outputs), _array(targets)
    if scores.shape == given.shape and given.dtype.kind == "f" and _yes_or_no(scores):
        return (scores > 0).astype(int).ravel(), (given > 0.5).astype(int).ravel()
    classes, named = scores.argmax(1), _targets(scores, given)
    if classes.shape != named.shape:
        raise ValueError(
            f"outputs of shape {list(scores.shape)} are classes of shape {list(classes.shape)}, "
            f"but targets have shape {list(named.shape)}\n"
            "  a metric takes (N, classes, ...) scores and (N, ...) class numbers"
        )
    return classes.ravel(), named.ravel()


def _yes_or_no(scores: Numbers) -> bool:
    return scores.ndim == 1 or scores.shape[1] == 1


class Metric:
    """The base of metrics: a running table of counts, and a number made of it.

    A metric of one's own has ``name``, ``update`` and ``value``; what ``counts`` holds is kept in
    checkpoints.
    """

    name = "metric"

    def __init__(self) -> None:
        self.counts: Numbers = np.zeros(0)

    def reset(self) -> None:
        """Forget all that was counted."""
        self.counts = np.zeros(0)

    def update(self, outputs: Any, targets: Any) -> None:
        """Count a batch."""
        raise NotImplementedError

    def value(self) -> Any:
        """The number, of all that was counted."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class TopK(Metric):
    """The share of samples whose class is among the ``k`` best scores.

    >>> metric = TopK(2)
    >>> metric.update(np.array([[0.1, 0.3, 0.6], [0.5, 0.4, 0.1]]), np.array([1, 2]))
    >>> metric.value()
    0.5
    """

    def __init__(self, k: int = 5) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"TopK expects a positive number of scores, but got {k}")
        self.k = k
        self.name = f"top{k}"

    def update(self, outputs: Any, targets: Any) -> None:
        scores, given = _array(outputs), _array(targets)
        if self.k == 1:
            right = np.equal(*decided(scores, given))
        else:
            # As many as have a higher score, or the same and a lower number, stand before it.
            named = np.expand_dims(_targets(scores, given), 1)
            own = np.take_along_axis(scores, named, 1)
            place = np.arange(scores.shape[1]).reshape(-1, *[1] * (scores.ndim - 2))
            before = (scores > own) | ((scores == own) & (place < named))
            right = before.sum(1) < self.k
        seen = self.counts if self.counts.size else np.zeros(2)
        self.counts = seen + np.array([right.sum(), right.size])

    def value(self) -> float:
        return float(self.counts[0] / self.counts[1]) if self.counts.size else float("nan")

    def __repr__(self) -> str:
        return f"TopK({self.k})"


class Accuracy(TopK):
    """The share of samples whose best score is that of their class."""

    def __init__(self) -> None:
        super().__init__(1)
        self.name = "accuracy"

    def __repr__(self) -> str:
        return "Accuracy()"


class ConfusionMatrix(Metric):
    """How often samples of each class (rows) were taken for each (columns).

    It grows with the largest class number, unless ``classes`` says how many there are.

    >>> metric = ConfusionMatrix()
    >>> metric.update(np.array([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), np.array([0, 1, 1]))
    >>> metric.value()
    array([[1, 0],
           [1, 1]])
    """

    name = "confusion"

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.classes = classes
        self.reset()

    def reset(self) -> None:
        self.counts = np.zeros((self.classes or 0,) * 2, np.int64)

    def update(self, outputs: Any, targets: Any) -> None:
        found, named = decided(outputs, targets)
        if not found.size:
            return
        wanted = self.classes or max(len(self.counts), int(max(found.max(), named.max())) + 1)
        if named.min() < 0 or max(found.max(), named.max()) >= wanted:
            raise ValueError(
                f"ConfusionMatrix has {wanted} classes, but targets go from {named.min()} to "
                f"{named.max()} and outputs up to {found.max()}"
            )
        table = np.bincount(named * wanted + found, minlength=wanted**2).reshape(wanted, wanted)
        have = len(self.counts)
        table[:have, :have] += self.counts
        self.counts = table

    def value(self) -> Any:
        return self.counts.copy()


AVERAGES = ("macro", "micro", "weighted", None)


class _Shares(ConfusionMatrix):
    """What is made of each class's right, found and real samples.

    ``average`` is "macro" (all classes alike), "weighted" (by their real samples), "micro" (all
    samples alike) or None, which gives one number per class. A class of which there is nothing has
    0, and does not count in "macro" if it is neither found nor real.
    """

    def __init__(self, average: str | None = "macro", classes: int | None = None) -> None:
        super().__init__(classes)
        if average not in AVERAGES:
            raise ValueError(f"average is one of {AVERAGES}, but got {average!r}")
        self.average = average
        self.name = type(self).__name__.lower()

    def _share(self, right: Numbers, found: Numbers, real: Numbers) -> Numbers:
        raise NotImplementedError

    def value(self) -> Any:
        right, found, real = self.counts.diagonal(), self.counts.sum(0), self.counts.sum(1)
        if self.average == "micro":
            return float(self._share(right.sum(), found.sum(), real.sum()))
        shares = self._share(right, found, real)
        if self.average is None:
            return shares
        if self.average == "weighted":
            return float(_divided(shares * real, real.sum()).sum())
        there = (found + real) > 0
        return float(_divided(shares[there].sum(), there.sum()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(average={self.average!r})"


def _divided(a: Any, b: Any) -> Numbers:
    """a / b, and 0 where b is."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    shares: Numbers = np.zeros(np.broadcast_shapes(a.shape, b.shape))
    np.divide(a, b, out=shares, where=b != 0)
    return shares


class Precision(_Shares):
    """Of the samples taken for a class, the share that are of it."""

    def _share(self, right: Numbers, found: Numbers, real: Numbers) -> Numbers:
        return _divided(right, found)


class Recall(_Shares):
    """Of a class's samples, the share that are taken for it."""

    def _share(self, right: Numbers, found: Numbers, real: Numbers) -> Numbers:
        return _divided(right, real)


class F1(_Shares):
    """The harmonic mean of precision and recall.

    >>> metric = F1(average=None)
    >>> metric.update(np.array([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), np.array([0, 1, 1]))
    >>> metric.value().round(3).tolist()
    [0.667, 0.667]
    """

    def _share(self, right: Numbers, found: Numbers, real: Numbers) -> Numbers:
        return _divided(2 * right, found + real)
