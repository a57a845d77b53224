"""Products of matrices and vectors."""

from __future__ import annotations

from tatamu.functions.function import function
from tatamu.tensor import Tensor

__all__ = [
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "dot",
    "matmul",
    "mm",
    "mv",
    "outer",
]

addmm = function(Tensor.addmm)
addmv = function(Tensor.addmv)
baddbmm = function(Tensor.baddbmm)
bmm = function(Tensor.bmm)
dot = function(Tensor.dot)
matmul = function(Tensor.matmul)
mm = function(Tensor.mm)
mv = function(Tensor.mv)
outer = function(Tensor.outer)
