"""Optimizers: they change a model's parameters by their gradients."""

from typing import TYPE_CHECKING

from tatamu.lazy import importer

if TYPE_CHECKING:
    from tatamu.optim import lr_scheduler, swa_utils
    from tatamu.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
    from tatamu.optim.adaptive import ASGD, Adadelta, Adagrad, RMSprop, Rprop
    from tatamu.optim.lbfgs import LBFGS
    from tatamu.optim.optimizer import Optimizer
    from tatamu.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]

_PLACES = {
    **dict.fromkeys(("Adam", "AdamW", "Adamax", "NAdam", "RAdam"), "adam"),
    **dict.fromkeys(("ASGD", "Adadelta", "Adagrad", "RMSprop", "Rprop"), "adaptive"),
    "LBFGS": "lbfgs",
    "Optimizer": "optimizer",
    "SGD": "sgd",
    "lr_scheduler": "lr_scheduler",
    "swa_utils": "swa_utils",
}
__getattr__ = importer(__name__, _PLACES)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
