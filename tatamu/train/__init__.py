"""Training a network: the loop, what is measured, what is kept, and what is not trained.

>>> import tatamu
>>> from tatamu import nn, train
>>> _ = tatamu.manual_seed(0)
>>> x = tatamu.randn(64, 2)
>>> data = tatamu.utils.data.TensorDataset(x, (x[:, 0] > x[:, 1]).long())
>>> history = train.fit(nn.Linear(2, 2), data, epochs=20, lr=0.1, seed=1, progress=False)
>>> history[-1]["accuracy"] > 0.95
True
"""

from typing import TYPE_CHECKING

from tatamu.lazy import importer

if TYPE_CHECKING:
    from tatamu.train.features import cache_features
    from tatamu.train.finite import NonFiniteError
    from tatamu.train.freezing import Trainable, freeze, trainable, unfreeze
    from tatamu.train.history import History
    from tatamu.train.loop import evaluate, fit, predict
    from tatamu.train.metrics import F1, Accuracy, ConfusionMatrix, Metric, Precision, Recall, TopK
    from tatamu.train.stopping import EarlyStopping

__all__ = [
    "F1",
    "Accuracy",
    "ConfusionMatrix",
    "EarlyStopping",
    "History",
    "Metric",
    "NonFiniteError",
    "Precision",
    "Recall",
    "TopK",
    "Trainable",
    "cache_features",
    "evaluate",
    "fit",
    "freeze",
    "predict",
    "trainable",
    "unfreeze",
]

_METRICS = ("Accuracy", "ConfusionMatrix", "F1", "Metric", "Precision", "Recall", "TopK")
_PLACES = {
    **dict.fromkeys(_METRICS, "metrics"),
    **dict.fromkeys(("Trainable", "freeze", "trainable", "unfreeze"), "freezing"),
    **dict.fromkeys(("evaluate", "fit", "predict"), "loop"),
    "EarlyStopping": "stopping",
    "History": "history",
    "NonFiniteError": "finite",
    "cache_features": "features",
}
__getattr__ = importer(__name__, _PLACES)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
