"""Optimizers: they change a model's parameters by their gradients."""

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
