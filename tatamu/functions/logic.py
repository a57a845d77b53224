"""Comparisons, logic, bits, bounds and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.dtypes import int64
from tatamu.functions.function import function, number_first, put
from tatamu.methods import logic
from tatamu.methods.operands import NUMBERS
from tatamu.ops.array import Array, wrap
from tatamu.tensor import Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "clamp",
    "clamp_",
    "clamp_max",
    "clamp_max_",
    "clamp_min",
    "clamp_min_",
    "clip",
    "clip_",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
    "where",
]

allclose = function(Tensor.allclose)
bitwise_and = number_first(Tensor.bitwise_and)
bitwise_left_shift = number_first(Tensor.bitwise_left_shift)
bitwise_or = number_first(Tensor.bitwise_or)
bitwise_right_shift = number_first(Tensor.bitwise_right_shift)
bitwise_xor = number_first(Tensor.bitwise_xor)
clamp = function(Tensor.clamp)
clamp_ = function(Tensor.clamp_)
clamp_max = function(Tensor.clamp_max)
clamp_max_ = function(Tensor.clamp_max_)
clamp_min = function(Tensor.clamp_min)
clamp_min_ = function(Tensor.clamp_min_)
clip = function(Tensor.clip)
clip_ = function(Tensor.clip_)
eq = function(Tensor.eq)
equal = function(Tensor.equal)
ge = function(Tensor.ge)
greater = function(Tensor.greater)
greater_equal = function(Tensor.greater_equal)
gt = function(Tensor.gt)
isclose = function(Tensor.isclose)
le = function(Tensor.le)
less = function(Tensor.less)
less_equal = function(Tensor.less_equal)
logical_and = function(Tensor.logical_and)
logical_or = function(Tensor.logical_or)
logical_xor = function(Tensor.logical_xor)
lt = function(Tensor.lt)
ne = function(Tensor.ne)
not_equal = function(Tensor.not_equal)


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """``input`` where the condition holds, else ``other``: tensors or numbers.

    With the condition alone, where it holds: one tensor of positions for each axis. Raises
    TypeError for what is no tensor or number, RuntimeError for a condition that is not of bools.

    >>> import tatamu
    >>> a = tatamu.tensor([-1.0, 2.0])
    >>> tatamu.where(a > 0, a, 0.0), tatamu.where(a > 0)
    (tensor([0., 2.]), (tensor([1]),))
    """
    given = [condition, *[x for x in (input, other) if x is not None]]
    fits = isinstance(condition, Array) and len(given) != 2
    if not fits or not all([isinstance(x, (Array, *NUMBERS)) for x in given]):
        kinds = ", ".join(type(x).__name__ for x in given)
        raise TypeError(
            f"where() received an invalid combination of arguments - got ({kinds}), but expected "
            "one of:\n  (Tensor condition)\n  (Tensor condition, Tensor or Number input, Tensor or "
            "Number other)"
        )
    if input is None:
        positions = np.atleast_1d(condition.array).nonzero()
        return tuple([wrap(p, int64) for p in positions])
    result = logic.where(condition, input, other)
    return result if out is None else put("where", out, result)
