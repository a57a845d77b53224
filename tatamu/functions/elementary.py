"""Functions of each element."""

from __future__ import annotations

from typing import Any

from tatamu.functions.function import function, must_be_tensor
from tatamu.methods.operands import NUMBERS
from tatamu.ops.common import interned
from tatamu.ops.inplace import write
from tatamu.ops.op import apply
from tatamu.ops.relu import threshold as threshold_op
from tatamu.ops.special import polygamma as derivative
from tatamu.tensor import Tensor

__all__ = [
    "abs",
    "abs_",
    "absolute",
    "acos",
    "acos_",
    "acosh",
    "acosh_",
    "arccos",
    "arccos_",
    "arccosh",
    "arccosh_",
    "arcsin",
    "arcsin_",
    "arcsinh",
    "arcsinh_",
    "arctan",
    "arctan_",
    "arctanh",
    "arctanh_",
    "asin",
    "asin_",
    "asinh",
    "asinh_",
    "atan",
    "atan_",
    "atanh",
    "atanh_",
    "bitwise_not",
    "ceil",
    "ceil_",
    "cos",
    "cos_",
    "cosh",
    "cosh_",
    "deg2rad",
    "deg2rad_",
    "digamma",
    "erf",
    "erf_",
    "erfc",
    "erfc_",
    "erfinv",
    "exp",
    "exp2",
    "exp2_",
    "exp_",
    "expm1",
    "expm1_",
    "fix",
    "fix_",
    "floor",
    "floor_",
    "frac",
    "frac_",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "lgamma",
    "log",
    "log1p",
    "log1p_",
    "log2",
    "log2_",
    "log10",
    "log10_",
    "log_",
    "logical_not",
    "logit",
    "logit_",
    "nan_to_num",
    "nan_to_num_",
    "neg",
    "neg_",
    "negative",
    "negative_",
    "polygamma",
    "positive",
    "rad2deg",
    "rad2deg_",
    "reciprocal",
    "reciprocal_",
    "relu",
    "relu_",
    "round",
    "round_",
    "rsqrt",
    "rsqrt_",
    "sgn",
    "sigmoid",
    "sigmoid_",
    "sign",
    "signbit",
    "sin",
    "sin_",
    "sinc",
    "sinc_",
    "sinh",
    "sinh_",
    "sqrt",
    "sqrt_",
    "square",
    "square_",
    "tan",
    "tan_",
    "tanh",
    "tanh_",
    "threshold",
    "threshold_",
    "trunc",
    "trunc_",
]

abs = function(Tensor.abs)
abs_ = function(Tensor.abs_)
absolute = function(Tensor.absolute)
acos = function(Tensor.acos)
acos_ = function(Tensor.acos_)
acosh = function(Tensor.acosh)
acosh_ = function(Tensor.acosh_)
arccos = function(Tensor.arccos)
arccos_ = function(Tensor.arccos_)
arccosh = function(Tensor.arccosh)
arccosh_ = function(Tensor.arccosh_)
arcsin = function(Tensor.arcsin)
arcsin_ = function(Tensor.arcsin_)
arcsinh = function(Tensor.arcsinh)
arcsinh_ = function(Tensor.arcsinh_)
arctan = function(Tensor.arctan)
arctan_ = function(Tensor.arctan_)
arctanh = function(Tensor.arctanh)
arctanh_ = function(Tensor.arctanh_)
asin = function(Tensor.asin)
asin_ = function(Tensor.asin_)
asinh = function(Tensor.asinh)
asinh_ = function(Tensor.asinh_)
atan = function(Tensor.atan)
atan_ = function(Tensor.atan_)
atanh = function(Tensor.atanh)
atanh_ = function(Tensor.atanh_)
bitwise_not = function(Tensor.bitwise_not)
ceil = function(Tensor.ceil)
ceil_ = function(Tensor.ceil_)
cos = function(Tensor.cos)
cos_ = function(Tensor.cos_)
cosh = function(Tensor.cosh)
cosh_ = function(Tensor.cosh_)
deg2rad = function(Tensor.deg2rad)
deg2rad_ = function(Tensor.deg2rad_)
digamma = function(Tensor.digamma)
erf = function(Tensor.erf)
erf_ = function(Tensor.erf_)
erfc = function(Tensor.erfc)
erfc_ = function(Tensor.erfc_)
erfinv = function(Tensor.erfinv)
exp = function(Tensor.exp)
exp2 = function(Tensor.exp2)
exp2_ = function(Tensor.exp2_)
exp_ = function(Tensor.exp_)
expm1 = function(Tensor.expm1)
expm1_ = function(Tensor.expm1_)
fix = function(Tensor.fix)
fix_ = function(Tensor.fix_)
floor = function(Tensor.floor)
floor_ = function(Tensor.floor_)
frac = function(Tensor.frac)
frac_ = function(Tensor.frac_)
isfinite = function(Tensor.isfinite)
isinf = function(Tensor.isinf)
isnan = function(Tensor.isnan)
isneginf = function(Tensor.isneginf)
isposinf = function(Tensor.isposinf)
isreal = function(Tensor.isreal)
lgamma = function(Tensor.lgamma)
log = function(Tensor.log)
log10 = function(Tensor.log10)
log10_ = function(Tensor.log10_)
log1p = function(Tensor.log1p)
log1p_ = function(Tensor.log1p_)
log2 = function(Tensor.log2)
log2_ = function(Tensor.log2_)
log_ = function(Tensor.log_)
logical_not = function(Tensor.logical_not)
logit = function(Tensor.logit)
logit_ = function(Tensor.logit_)
nan_to_num = function(Tensor.nan_to_num)
nan_to_num_ = function(Tensor.nan_to_num_)
neg = function(Tensor.neg)
neg_ = function(Tensor.neg_)
negative = function(Tensor.negative)
negative_ = function(Tensor.negative_)
positive = function(Tensor.positive)
rad2deg = function(Tensor.rad2deg)
rad2deg_ = function(Tensor.rad2deg_)
reciprocal = function(Tensor.reciprocal)
reciprocal_ = function(Tensor.reciprocal_)
relu = function(Tensor.relu)
relu_ = function(Tensor.relu_)
round = function(Tensor.round)
round_ = function(Tensor.round_)
rsqrt = function(Tensor.rsqrt)
rsqrt_ = function(Tensor.rsqrt_)
sgn = function(Tensor.sgn)
sigmoid = function(Tensor.sigmoid)
sigmoid_ = function(Tensor.sigmoid_)
sign = function(Tensor.sign)
signbit = function(Tensor.signbit)
sin = function(Tensor.sin)
sin_ = function(Tensor.sin_)
sinc = function(Tensor.sinc)
sinc_ = function(Tensor.sinc_)
sinh = function(Tensor.sinh)
sinh_ = function(Tensor.sinh_)
sqrt = function(Tensor.sqrt)
sqrt_ = function(Tensor.sqrt_)
square = function(Tensor.square)
square_ = function(Tensor.square_)
tan = function(Tensor.tan)
tan_ = function(Tensor.tan_)
tanh = function(Tensor.tanh)
tanh_ = function(Tensor.tanh_)
trunc = function(Tensor.trunc)
trunc_ = function(Tensor.trunc_)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The ``n``-th derivative of the digamma function at each element."""
    must_be_tensor("polygamma", input)
    return derivative(n, input)  # type: ignore[no-any-return]


def threshold(input: Tensor, threshold: Any, value: Any) -> Tensor:
    """Each element above ``threshold``; ``value`` in place of the others."""
    must_be_tensor("threshold", input)
    return apply(threshold_op, _levels(threshold, value), input)


def threshold_(input: Tensor, threshold: Any, value: Any) -> Tensor:
    """As ``threshold``, in place."""
    must_be_tensor("threshold_", input)
    return write(threshold_op, _levels(threshold, value), input)


def _levels(threshold: Any, value: Any) -> tuple[float, float]:
    for place, (name, given) in enumerate((("threshold", threshold), ("value", value)), 2):
        if not isinstance(given, NUMBERS):
            raise TypeError(
                f"threshold(): argument '{name}' (position {place}) must be Number, not "
                f"{type(given).__name__}"
            )
    return interned((float(threshold), float(value)))
