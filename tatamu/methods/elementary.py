"""The methods of Tensor that are functions of each element, and the same in place."""

from __future__ import annotations

from typing import Self

from tatamu import dtypes
from tatamu.methods.operands import of_one, of_one_
from tatamu.ops import arithmetic, elementary, logic, pointwise, rounding, special, trigonometry
from tatamu.ops.array import Array
from tatamu.ops.common import interned
from tatamu.ops.inplace import write
from tatamu.ops.op import apply
from tatamu.ops.power import pow_, scalar
from tatamu.ops.relu import relu as rectified
from tatamu.ops.sigmoid import sigmoid as logistic
from tatamu.ops.sigmoid import tanh as hyperbolic

__all__ = ["Elementary"]


class Elementary(Array):
    """Functions of one number."""

    __slots__ = ()

    abs = of_one("abs", pointwise.abs_, "The absolute value of each element.")
    absolute = of_one("absolute", pointwise.abs_, "As ``abs``.")
    neg = of_one("neg", arithmetic.neg, "``-self``.")
    negative = of_one("negative", arithmetic.neg, "As ``neg``.")
    sign = of_one("sign", pointwise.sign, "-1, 0 or 1 for each element.")
    sgn = of_one("sgn", rounding.sgn, "As ``sign``: complex numbers would differ.")
    exp = of_one("exp", pointwise.exp, "e to the power of each element.")
    exp2 = of_one("exp2", elementary.exp2, "2 to the power of each element.")
    expm1 = of_one(
        "expm1", elementary.expm1, "e to the power of each element, minus 1, exact near 0."
    )
    log = of_one("log", pointwise.log, "The natural logarithm of each element.")
    log1p = of_one(
        "log1p", elementary.log1p, "The natural logarithm of 1 plus each element, exact near 0."
    )
    log2 = of_one("log2", elementary.log2, "The logarithm to base 2 of each element.")
    log10 = of_one("log10", elementary.log10, "The logarithm to base 10 of each element.")
    sqrt = of_one("sqrt", pointwise.sqrt, "The square root of each element.")
    rsqrt = of_one("rsqrt", elementary.rsqrt, "1 over the square root of each element.")
    reciprocal = of_one("reciprocal", elementary.reciprocal, "1 over each element.")
    relu = of_one("relu", rectified, "Each element, or 0 if it is negative.")
    sigmoid = of_one("sigmoid", logistic, "1 / (1 + e^-x) for each element.")
    tanh = of_one("tanh", hyperbolic, "The hyperbolic tangent of each element.")
    sin = of_one("sin", elementary.sin, "The sine of each element.")
    cos = of_one("cos", elementary.cos, "The cosine of each element.")
    tan = of_one("tan", trigonometry.tan, "The tangent of each element.")
    asin = of_one("asin", trigonometry.asin, "The angle whose sine each element is.")
    arcsin = of_one("arcsin", trigonometry.asin, "As ``asin``.")
    acos = of_one("acos", trigonometry.acos, "The angle whose cosine each element is.")
    arccos = of_one("arccos", trigonometry.acos, "As ``acos``.")
    atan = of_one("atan", trigonometry.atan, "The angle whose tangent each element is.")
    arctan = of_one("arctan", trigonometry.atan, "As ``atan``.")
    sinh = of_one("sinh", trigonometry.sinh, "The hyperbolic sine of each element.")
    cosh = of_one("cosh", trigonometry.cosh, "The hyperbolic cosine of each element.")
    asinh = of_one("asinh", trigonometry.asinh, "The inverse hyperbolic sine of each element.")
    arcsinh = of_one("arcsinh", trigonometry.asinh, "As ``asinh``.")
    acosh = of_one("acosh", trigonometry.acosh, "The inverse hyperbolic cosine of each element.")
    arccosh = of_one("arccosh", trigonometry.acosh, "As ``acosh``.")
    atanh = of_one("atanh", trigonometry.atanh, "The inverse hyperbolic tangent of each element.")
    arctanh = of_one("arctanh", trigonometry.atanh, "As ``atanh``.")
    sinc = of_one("sinc", trigonometry.sinc, "sin πx / πx for each element, 1 at 0.")
    deg2rad = of_one("deg2rad", trigonometry.deg2rad, "Degrees as radians.")
    rad2deg = of_one("rad2deg", trigonometry.rad2deg, "Radians as degrees.")
    erf = of_one("erf", elementary.erf, "The error function of each element.")
    erfc = of_one("erfc", special.erfc, "1 minus the error function of each element.")
    erfinv = of_one("erfinv", special.erfinv, "The number whose error function each element is.")
    lgamma = of_one(
        "lgamma", special.lgamma, "The logarithm of the gamma function's absolute value."
    )
    digamma = of_one("digamma", special.digamma, "The derivative of ``lgamma`` at each element.")
    floor = of_one("floor", rounding.floor, "The largest whole number not above each element.")
    ceil = of_one("ceil", rounding.ceil, "The smallest whole number not below each element.")
    trunc = of_one("trunc", rounding.trunc, "Each element without what follows the point.")
    fix = of_one("fix", rounding.trunc, "As ``trunc``.")
    frac = of_one("frac", rounding.frac, "What follows the point in each element.")
    bitwise_not = of_one("bitwise_not", logic.bitwise_not, "Each bit turned over.")
    logical_not = of_one("logical_not", logic.logical_not, "Whether each element is 0.")
    isnan = of_one("isnan", logic.isnan, "Whether each element is NaN.")
    isinf = of_one("isinf", logic.isinf, "Whether each element is infinite.")
    isfinite = of_one("isfinite", logic.isfinite, "Whether each element is neither NaN nor inf.")
    isposinf = of_one("isposinf", logic.isposinf, "Whether each element is inf.")
    isneginf = of_one("isneginf", logic.isneginf, "Whether each element is -inf.")
    isreal = of_one("isreal", logic.isreal, "Whether each element is real: all are.")
    signbit = of_one("signbit", logic.signbit, "Whether each element has a minus, -0 included.")

    # ---- the same in place ----

    abs_ = of_one_("abs_", pointwise.abs_)
    absolute_ = of_one_("absolute_", pointwise.abs_)
    neg_ = of_one_("neg_", arithmetic.neg)
    negative_ = of_one_("negative_", arithmetic.neg)
    sign_ = of_one_("sign_", pointwise.sign)
    sgn_ = of_one_("sgn_", rounding.sgn)
    exp_ = of_one_("exp_", pointwise.exp)
    exp2_ = of_one_("exp2_", elementary.exp2)
    expm1_ = of_one_("expm1_", elementary.expm1)
    log_ = of_one_("log_", pointwise.log)
    log1p_ = of_one_("log1p_", elementary.log1p)
    log2_ = of_one_("log2_", elementary.log2)
    log10_ = of_one_("log10_", elementary.log10)
    sqrt_ = of_one_("sqrt_", pointwise.sqrt)
    rsqrt_ = of_one_("rsqrt_", elementary.rsqrt)
    reciprocal_ = of_one_("reciprocal_", elementary.reciprocal)
    relu_ = of_one_("relu_", rectified)
    sigmoid_ = of_one_("sigmoid_", logistic)
    tanh_ = of_one_("tanh_", hyperbolic)
    sin_ = of_one_("sin_", elementary.sin)
    cos_ = of_one_("cos_", elementary.cos)
    tan_ = of_one_("tan_", trigonometry.tan)
    asin_ = of_one_("asin_", trigonometry.asin)
    arcsin_ = of_one_("arcsin_", trigonometry.asin)
    acos_ = of_one_("acos_", trigonometry.acos)
    arccos_ = of_one_("arccos_", trigonometry.acos)
    atan_ = of_one_("atan_", trigonometry.atan)
    arctan_ = of_one_("arctan_", trigonometry.atan)
    sinh_ = of_one_("sinh_", trigonometry.sinh)
    cosh_ = of_one_("cosh_", trigonometry.cosh)
    asinh_ = of_one_("asinh_", trigonometry.asinh)
    arcsinh_ = of_one_("arcsinh_", trigonometry.asinh)
    acosh_ = of_one_("acosh_", trigonometry.acosh)
    arccosh_ = of_one_("arccosh_", trigonometry.acosh)
    atanh_ = of_one_("atanh_", trigonometry.atanh)
    arctanh_ = of_one_("arctanh_", trigonometry.atanh)
    sinc_ = of_one_("sinc_", trigonometry.sinc)
    deg2rad_ = of_one_("deg2rad_", trigonometry.deg2rad)
    rad2deg_ = of_one_("rad2deg_", trigonometry.rad2deg)
    erf_ = of_one_("erf_", elementary.erf)
    erfc_ = of_one_("erfc_", special.erfc)
    erfinv_ = of_one_("erfinv_", special.erfinv)
    lgamma_ = of_one_("lgamma_", special.lgamma)
    digamma_ = of_one_("digamma_", special.digamma)
    floor_ = of_one_("floor_", rounding.floor)
    ceil_ = of_one_("ceil_", rounding.ceil)
    trunc_ = of_one_("trunc_", rounding.trunc)
    fix_ = of_one_("fix_", rounding.trunc)
    frac_ = of_one_("frac_", rounding.frac)
    bitwise_not_ = of_one_("bitwise_not_", logic.bitwise_not)
    logical_not_ = of_one_("logical_not_", logic.logical_not)

    # ---- those with parameters ----

    def positive(self) -> Self:
        """The tensor itself; RuntimeError for truth values."""
        if self.dtype is dtypes.bool_:
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def square(self) -> Self:
        """Each element times itself."""
        return apply(pow_, scalar(2), self)

    def square_(self) -> Self:
        """As ``square``, in place."""
        return write(pow_, scalar(2), self)

    def round(self, *, decimals: int = 0) -> Self:
        """The nearest whole numbers, halves to the even one, or numbers of so many decimals.

        >>> import tatamu
        >>> tatamu.tensor([0.5, 1.5, 2.345]).round(decimals=1)
        tensor([0.5000, 1.5000, 2.3000])
        """
        if decimals == 0:
            return rounding.round_(self)
        return apply(rounding.round_decimals, interned((decimals,)), self)

    def round_(self, *, decimals: int = 0) -> Self:
        """As ``round``, in place."""
        if decimals == 0:
            return write(rounding.round_, None, self)
        return write(rounding.round_decimals, interned((decimals,)), self)

    def logit(self, eps: float | None = None) -> Self:
        """log(x / (1 - x)) of each element, held to [eps, 1 - eps] first if ``eps`` is given."""
        return apply(special.logit, interned((eps,)), self)

    def logit_(self, eps: float | None = None) -> Self:
        """As ``logit``, in place."""
        return write(special.logit, interned((eps,)), self)

    def polygamma(self, n: int) -> Self:
        """The ``n``-th derivative of the digamma function at each element."""
        return special.polygamma(n, self)  # type: ignore[no-any-return]

    def polygamma_(self, n: int) -> Self:
        """As ``polygamma``, in place."""
        if n == 0:
            return write(special.digamma, None, self)
        return write(special.polygamma_op, interned((n,)), self)

    def nan_to_num(
        self, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
    ) -> Self:
        """Numbers for NaN (0), inf and -inf (the largest there are); others stay.

        >>> import tatamu
        >>> tatamu.tensor([float("nan"), 1.0, float("inf")]).nan_to_num(posinf=9)
        tensor([0., 1., 9.])
        """
        return apply(rounding.nan_to_num, self._replacements(nan, posinf, neginf), self)

    def nan_to_num_(
        self, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
    ) -> Self:
        """As ``nan_to_num``, in place."""
        return write(rounding.nan_to_num, self._replacements(nan, posinf, neginf), self)

    def _replacements(self, *numbers: float | None) -> tuple[float | None, ...]:
        """The numbers for NaN and infinities; 16-bit floats have largest ones of their own."""
        nan, high, low = numbers
        if self.dtype.is_floating_point:
            most = dtypes.largest(self.dtype)
            high, low = most if high is None else high, -most if low is None else low
        return interned((nan, high, low))
