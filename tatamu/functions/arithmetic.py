"""Functions of two and three numbers."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function, must_be_tensor, number_first
from tatamu.ops.pairs import xlogy_of_number
from tatamu.ops.power import power_of_number
from tatamu.tensor import Tensor

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "arctan2",
    "atan2",
    "copysign",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "gcd",
    "gcd_",
    "heaviside",
    "hypot",
    "lcm",
    "lcm_",
    "ldexp",
    "ldexp_",
    "lerp",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "nextafter",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
    "xlogy",
    "xlogy_",
]

add = number_first(Tensor.add)
addcdiv = function(Tensor.addcdiv)
addcmul = function(Tensor.addcmul)
arctan2 = function(Tensor.arctan2)
atan2 = function(Tensor.atan2)
copysign = function(Tensor.copysign)
div = number_first(Tensor.div)
divide = number_first(Tensor.divide)
float_power = number_first(Tensor.float_power)
floor_divide = number_first(Tensor.floor_divide)
fmax = function(Tensor.fmax)
fmin = function(Tensor.fmin)
fmod = function(Tensor.fmod)
gcd = function(Tensor.gcd)
gcd_ = function(Tensor.gcd_)
heaviside = function(Tensor.heaviside)
hypot = function(Tensor.hypot)
lcm = function(Tensor.lcm)
lcm_ = function(Tensor.lcm_)
ldexp = function(Tensor.ldexp)
ldexp_ = function(Tensor.ldexp_)
lerp = function(Tensor.lerp)
logaddexp = function(Tensor.logaddexp)
logaddexp2 = function(Tensor.logaddexp2)
maximum = function(Tensor.maximum)
minimum = function(Tensor.minimum)
mul = number_first(Tensor.mul)
multiply = number_first(Tensor.multiply)
nextafter = function(Tensor.nextafter)
pow = number_first(Tensor.pow, power_of_number)
remainder = number_first(Tensor.remainder)
sub = number_first(Tensor.sub)
subtract = number_first(Tensor.subtract)
true_divide = number_first(Tensor.true_divide)
xlogy = number_first(Tensor.xlogy, xlogy_of_number)
xlogy_ = function(Tensor.xlogy_)


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """``other - alpha * input``."""
    must_be_tensor("rsub", input)
    plain = alpha == 1 and not isinstance(alpha, bool)
    return (input if plain else input * alpha)._less_than(other)  # type: ignore[no-any-return]
