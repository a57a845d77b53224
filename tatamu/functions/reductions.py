"""What takes axes away, and softmax."""

from __future__ import annotations

from tatamu.functions.function import function
from tatamu.tensor import Tensor

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "log_softmax",
    "max",
    "mean",
    "min",
    "prod",
    "softmax",
    "std",
    "sum",
    "var",
]

amax = function(Tensor.amax)
amin = function(Tensor.amin)
argmax = function(Tensor.argmax)
argmin = function(Tensor.argmin)
log_softmax = function(Tensor.log_softmax)
max = function(Tensor.max)
mean = function(Tensor.mean)
min = function(Tensor.min)
prod = function(Tensor.prod)
softmax = function(Tensor.softmax)
std = function(Tensor.std)
sum = function(Tensor.sum)
var = function(Tensor.var)
