"""Quantiles, counts, covariances."""

from __future__ import annotations

from tatamu.functions.function import function
from tatamu.tensor import Tensor

__all__ = [
    "bincount",
    "corrcoef",
    "cov",
    "histc",
    "histogram",
    "nanquantile",
    "quantile",
    "trace",
]

bincount = function(Tensor.bincount)
corrcoef = function(Tensor.corrcoef)
cov = function(Tensor.cov)
histc = function(Tensor.histc)
histogram = function(Tensor.histogram)
nanquantile = function(Tensor.nanquantile)
quantile = function(Tensor.quantile)
trace = function(Tensor.trace)
