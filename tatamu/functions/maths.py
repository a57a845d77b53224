"""Arithmetic, products and functions of each element."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function
from tatamu.ops import comparison
from tatamu.ops.array import Array
from tatamu.ops.common import constant
from tatamu.tensor import Tensor

__all__ = [
    "abs",
    "add",
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "ceil",
    "clamp",
    "cos",
    "div",
    "dot",
    "erf",
    "exp",
    "expm1",
    "floor",
    "log",
    "log1p",
    "log2",
    "log10",
    "matmul",
    "maximum",
    "minimum",
    "mm",
    "mul",
    "mv",
    "neg",
    "outer",
    "pow",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sqrt",
    "square",
    "sub",
    "tanh",
    "where",
]

abs = function(Tensor.abs)
add = function(Tensor.add)
addmm = function(Tensor.addmm)
addmv = function(Tensor.addmv)
baddbmm = function(Tensor.baddbmm)
bmm = function(Tensor.bmm)
ceil = function(Tensor.ceil)
clamp = function(Tensor.clamp)
cos = function(Tensor.cos)
div = function(Tensor.div)
dot = function(Tensor.dot)
erf = function(Tensor.erf)
exp = function(Tensor.exp)
expm1 = function(Tensor.expm1)
floor = function(Tensor.floor)
log = function(Tensor.log)
log10 = function(Tensor.log10)
log1p = function(Tensor.log1p)
log2 = function(Tensor.log2)
matmul = function(Tensor.matmul)
maximum = function(Tensor.maximum)
minimum = function(Tensor.minimum)
mm = function(Tensor.mm)
mul = function(Tensor.mul)
mv = function(Tensor.mv)
neg = function(Tensor.neg)
outer = function(Tensor.outer)
pow = function(Tensor.pow)
reciprocal = function(Tensor.reciprocal)
relu = function(Tensor.relu)
round = function(Tensor.round)
rsqrt = function(Tensor.rsqrt)
sigmoid = function(Tensor.sigmoid)
sign = function(Tensor.sign)
sin = function(Tensor.sin)
sqrt = function(Tensor.sqrt)
square = function(Tensor.square)
sub = function(Tensor.sub)
tanh = function(Tensor.tanh)


def where(condition: Tensor, x: Any, y: Any) -> Tensor:
    """``x`` where the condition holds, else ``y``; one of the two may be a number.

    >>> import tatamu
    >>> a = tatamu.tensor([-1.0, 2.0])
    >>> tatamu.where(a > 0, a, 0.0)
    tensor([0., 2.])
    """
    like = x.dtype if isinstance(x, Array) else y.dtype
    first = x if isinstance(x, Array) else constant(x, like)
    second = y if isinstance(y, Array) else constant(y, like)
    return comparison.where(condition, first, second)  # type: ignore[no-any-return]
