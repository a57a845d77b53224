"""What takes axes away, and softmax."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function, must_be_tensor
from tatamu.methods.axes import along_axis
from tatamu.tensor import Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "nanmean",
    "nansum",
    "prod",
    "softmax",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]

all = function(Tensor.all)
amax = function(Tensor.amax)
amin = function(Tensor.amin)
aminmax = function(Tensor.aminmax)
any = function(Tensor.any)
argmax = function(Tensor.argmax)
argmin = function(Tensor.argmin)
count_nonzero = function(Tensor.count_nonzero)
log_softmax = function(Tensor.log_softmax)
logsumexp = function(Tensor.logsumexp)
max = function(Tensor.max)
mean = function(Tensor.mean)
min = function(Tensor.min)
nanmean = function(Tensor.nanmean)
nansum = function(Tensor.nansum)
prod = function(Tensor.prod)
softmax = function(Tensor.softmax)
std = function(Tensor.std)
sum = function(Tensor.sum)
var = function(Tensor.var)


@along_axis
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean, over all axes or some."""
    must_be_tensor("std_mean", input)
    return input._beside_mean("std_mean", dim, unbiased, keepdim, correction)


@along_axis
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean, over all axes or some.

    >>> import tatamu
    >>> tatamu.var_mean(tatamu.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    must_be_tensor("var_mean", input)
    return input._beside_mean("var_mean", dim, unbiased, keepdim, correction)
