"""Elementary functions of vectors (any lane count) and scalars, for float32 and float64.

Each reduces its argument to a short interval (Cody & Waite, *Software Manual for the Elementary
Functions*, 1980) and evaluates a minimax polynomial there (Remez' exchange; see
`scripts/fit_polynomials.py`). Lanes never branch: what differs is computed and selected. No C
library is called, not even for rounding, and a target without fused multiply-add multiplies and
adds: the constants are split so that what must be exact is exact either way.

The errors stated, in units in the last place, bound the largest seen over millions of arguments
on every target; `tests/test_stage_math.py` pins them. Arguments and results too small to be normal
may count as zero, as `Function.denormals_flushed` has it; without it they keep their values.

>>> import ctypes, math
>>> import numpy as np
>>> from tatamu.stage import F32, I64, Module, PointerTo, host
>>> from tatamu.stage.compile import load, object_code
>>> m = Module("halves", host())
>>> f, a = m.task({"x": PointerTo(F32)})
>>> a.pointer("x").store(0, sigmoid(f, a.pointer("x").vec(0, 4)))
>>> (address,) = load(object_code(m.text(), m.target), "halves")
>>> x = np.array([0, 1, -1, math.inf], np.float32)
>>> ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(address)(
...     np.array([x.ctypes.data]).ctypes.data, 0, 1, 0)
>>> x.round(3).tolist() == np.float32([0.5, 0.731, 0.269, 1]).tolist()
True
"""

from __future__ import annotations

import math
import struct

from tatamu.stage import coefficients as table
from tatamu.stage import rational
from tatamu.stage.function import Function
from tatamu.stage.types import F64, I32, Type
from tatamu.stage.values import Value

_MANTISSA = {32: 23, 64: 52}
_BIAS = {32: 127, 64: 1023}
# Beyond these, e^x is infinite or zero to the last bit, denormals included.
_EXP_ENDS = {32: (-104.0, 89.0), 64: (-746.0, 710.0)}
# Below this, e^x is no normal number.
_EXP_NORMAL = {32: -87.33654, 64: -708.396418532264}
# From here on tanh is 1 to the last bit.
_TANH_END = {32: 10.0, 64: 20.0}
_ERF_END = {32: 4.0, 64: 6.0}


def exp(f: Function, x: Value) -> Value:
    """e^x, within 1 ulp.

    exp(±0) = 1, exp(-inf) = 0, exp(inf) = inf, NaN stays NaN; inf where the result is too large.
    Results too small to be normal are off by at most one of their own steps, or flushed to zero.
    """
    t = _float(f, x, "exp")
    low, high = _EXP_ENDS[t.bits]
    x = _clamp(f, x, low, high)
    n, r = _split(f, x)
    # 2^n in two factors, since n may exceed what one exponent can hold.
    half = _nearest(f, n * 0.5)
    return (_expm1_reduced(f, r) + 1.0) * _power_of_two(f, half) * _power_of_two(f, n - half)


def log(f: Function, x: Value) -> Value:
    """The natural logarithm, within 1 ulp.

    log(±0) = -inf, log(inf) = inf, NaN for negative numbers and for NaN. With x = 2^k (1 + u) and
    s = u / (2 + u), log(1 + u) is an odd series in s (Tang, 1990, and others before him).
    """
    t = _float(f, x, "log")
    mantissa, bias = _MANTISSA[t.bits], _BIAS[t.bits]
    root = _bits_of(math.sqrt(0.5), t.bits)
    tiny = x < 2.0 ** (1 - bias)
    lifted = f.select(tiny, x * 2.0 ** (mantissa + 1), x)
    bits = f.bits(lifted) + ((bias << mantissa) - root)
    # Added to the bits of a large number, an integer becomes its last digits.
    anchor = 1.5 * 2.0**mantissa
    exponent = f.arithmetic("lshr", bits, mantissa) + _bits_of(anchor, t.bits)
    k = f.from_bits(exponent) - (anchor + bias)
    k = k - f.select(tiny, f.constant(mantissa + 1.0, t), 0)
    u = f.from_bits((bits & ((1 << mantissa) - 1)) + root) - 1.0
    s = u / (u + 2.0)
    z = s * s
    high, low = table.LN2[t.bits]
    square = u * u * 0.5
    rest = s * (square + z * _polynomial(f, z, table.LOG[t.bits])) + k * low
    result = k * high - ((square - rest) - u)
    result = f.select(x < math.inf, result, x)
    result = f.select(x < 0.0, f.constant(math.nan, t), result)
    return f.select(x == 0.0, f.constant(-math.inf, t), result)


def log1p(f: Function, x: Value) -> Value:
    """log(1 + x), within 3 ulp, tiny arguments included.

    log1p(±0) = ±0, log1p(-1) = -inf, log1p(inf) = inf, NaN below -1 and for NaN. What rounding
    1 + x takes away is given back as a factor (Kahan; Goldberg 1991, theorem 4).
    """
    _float(f, x, "log1p")
    whole = x + 1.0
    rounded = whole - 1.0
    result = log(f, whole) * (x / rounded)
    return f.select((rounded == 0.0) | (x == math.inf), x, result)


def expm1(f: Function, x: Value) -> Value:
    """e^x - 1, within 2.5 ulp, tiny arguments included.

    expm1(±0) = ±0, expm1(-inf) = -1, expm1(inf) = inf, NaN stays NaN.
    """
    t = _float(f, x, "expm1")
    low, high = _EXP_ENDS[t.bits]
    n, r = _split(f, _clamp(f, x, low / 2, high))
    half = _nearest(f, n * 0.5)
    first, second = _power_of_two(f, half), _power_of_two(f, n - half)
    small = _expm1_reduced(f, r)
    far = (small + 1.0) * first * second  # there the 1 to be taken away does not count
    power = first * second
    result = f.select(x > 40.0, far, f.fma(small, power, power - 1.0))
    return f.select(x == 0.0, x, result)


def sqrt(f: Function, x: Value) -> Value:
    """The square root, correctly rounded; NaN for negative numbers, sqrt(-0) = -0."""
    t = _float(f, x, "sqrt")
    name = f"llvm.sqrt.{f'v{t.lanes}' if t.lanes else ''}f{t.bits}"
    return f.intrinsic(name, t, [(t, f.name_of(x))])


def round(f: Function, x: Value) -> Value:
    """The nearest whole number, halves to the even one; zeros keep their sign."""
    t = _float(f, x, "round")
    # Added to a number of ordinary size, 2^mantissa leaves no digit behind the point.
    size = f.abs(x)
    anchor = f.constant(2.0 ** _MANTISSA[t.bits], t)
    near = (size + anchor) - anchor
    return f.flip_sign(f.select(size < anchor, near, size), x)


def floor(f: Function, x: Value) -> Value:
    """The largest whole number not above ``x``; zeros keep their sign."""
    near = round(f, x)
    return f.select(near > x, near - 1.0, near)


def ceil(f: Function, x: Value) -> Value:
    """The smallest whole number not below ``x``; from (-1, 0) it is -0, as in C."""
    return -floor(f, -x)


def exp_minus(f: Function, size: Value) -> Value:
    """e^-size for a size that is not negative, within 1.5 ulp, in fewer steps than ``exp``.

    exp_minus(0) = 1, exp_minus(inf) = 0, NaN stays NaN. Results too small to be normal are 0.
    """
    t = _float(f, size, "exp_minus")
    mantissa, bias = _MANTISSA[t.bits], _BIAS[t.bits]
    high, low = table.LN2[t.bits]
    end = -_EXP_NORMAL[t.bits]
    anchor = f.constant(1.5 * 2.0**mantissa, t)
    kept = f.min(f.constant(end, t), size)
    shifted = f.fma(kept, f.constant(-1 / math.log(2.0), t), anchor)
    n = shifted - anchor
    r = f.fma(n, f.constant(-low, t), f.fma(n, f.constant(-high, t), -kept))
    power = f.from_bits((f.bits(shifted) + bias) << mantissa)  # its last bits are those of n
    return f.select(size > end, 0.0, f.fma(_expm1_reduced(f, r), power, power))


def sigmoid(f: Function, x: Value) -> Value:
    """1 / (1 + e^-x), within 2.5 ulp; 0 where it is too small to be normal.

    sigmoid(±0) = 1/2, sigmoid(-inf) = 0, sigmoid(inf) = 1, NaN stays NaN. Nothing overflows on
    the way: for negative x it is e^x / (1 + e^x).
    """
    t = _float(f, x, "sigmoid")
    power = exp_minus(f, f.abs(x))
    return f.select(x < 0.0, power, f.constant(1.0, t)) / (power + 1.0)


def normal(f: Function, x: Value) -> Value:
    """The normal distribution at x, (1 + erf(x / √2)) / 2, within 2e-7 (float64: 3e-16).

    normal(0) = 1/2, normal(-inf) = 0, normal(inf) = 1; NaN gives 0 or 1.
    """
    t = _float(f, x, "normal")
    if t.bits == 64:
        return f.fma(erf(f, x * math.sqrt(0.5)), 0.5, f.constant(0.5, t))
    z = x * x
    quotient = (
        x * _polynomial(f, z, rational.NORMAL_ABOVE) / _polynomial(f, z, rational.NORMAL_BELOW)
    )
    side = f.flip_sign(f.constant(0.5, t), x)
    return f.select(f.abs(x) < rational.NORMAL_END, quotient, side) + 0.5


def tanh(f: Function, x: Value) -> Value:
    """The hyperbolic tangent, within 2.5 ulp (float64: 3), tiny arguments included.

    tanh(±0) = ±0, tanh(±inf) = ±1, NaN stays NaN. It is e / (e + 2) with e = exp(2 |x|) - 1.
    """
    t = _float(f, x, "tanh")
    size = f.min(f.constant(_TANH_END[t.bits], t), f.abs(x))
    n, r = _split(f, size * 2.0)
    power = _power_of_two(f, n)
    e = f.fma(_expm1_reduced(f, r), power, power - 1.0)
    return f.flip_sign(e / (e + 2.0), x)


def erf(f: Function, x: Value) -> Value:
    """The error function, within 1.5 ulp.

    erf(±0) = ±0, erf(±inf) = ±1, NaN stays NaN. Up to 1 it is a polynomial times x, from there on
    1 - exp of one.
    """
    t = _float(f, x, "erf")
    size = f.min(f.constant(_ERF_END[t.bits], t), f.abs(x))
    near = f.fma(size, _polynomial(f, size * size, table.ERF_NEAR[t.bits]), size)
    n, r = _split(f, _polynomial(f, size - 1.0, table.ERF_FAR[t.bits]))
    far = 1.0 - (_expm1_reduced(f, r) + 1.0) * _power_of_two(f, n)
    return f.flip_sign(f.select(size < 1.0, near, far), x)


def sin(f: Function, x: Value) -> Value:
    """The sine of radians, for |x| up to 1e6 within 2 ulp (float64: 2.5).

    sin(±0) = ±0; NaN for ±inf and NaN. Larger arguments lose digits as they grow; the result
    stays within [-1, 1].
    """
    _float(f, x, "sin")
    quarter, r = _quarter_turns(f, f.abs(x))
    return f.flip_sign(_sine_from(f, quarter, r), x)


def cos(f: Function, x: Value) -> Value:
    """The cosine of radians, for |x| up to 1e6 within 2 ulp (float64: 2.5).

    cos(±0) = 1; NaN for ±inf and NaN. Larger arguments lose digits as they grow; the result
    stays within [-1, 1].
    """
    _float(f, x, "cos")
    quarter, r = _quarter_turns(f, f.abs(x))
    return _sine_from(f, quarter + 1, r)


def _float(f: Function, x: Value, name: str) -> Type:
    if x.type.kind != "float" or x.type.bits not in _MANTISSA:
        raise f.error(f"{name} is for float32 and float64, not for {x.type}")
    return x.type


def _clamp(f: Function, x: Value, low: float, high: float) -> Value:
    """``x`` in [low, high]; NaN passes, since `min` and `max` then give their second operand."""
    return f.min(f.constant(high, x.type), f.max(f.constant(low, x.type), x))


def _nearest(f: Function, x: Value) -> Value:
    """The whole number next to ``x``, for |x| far below 2^(mantissa bits)."""
    anchor = 1.5 * 2.0 ** _MANTISSA[x.type.bits]
    return (x + anchor) - anchor


def _split(f: Function, x: Value) -> tuple[Value, Value]:
    """``x = n log(2) + r`` with n whole and r small."""
    bits = x.type.bits
    high, low = table.LN2[bits]
    n = _nearest(f, x * (1.0 / math.log(2.0)))
    return n, f.fma(n, f.constant(-low, x.type), f.fma(n, f.constant(-high, x.type), x))


def _expm1_reduced(f: Function, r: Value) -> Value:
    return f.fma(r * r, _polynomial(f, r, table.EXP[r.type.bits]), r)


def _power_of_two(f: Function, n: Value) -> Value:
    """2^n for a whole number ``n`` that is a normal number's exponent."""
    bits = n.type.bits
    whole = f.bits(n + 1.5 * 2.0 ** _MANTISSA[bits])  # its last bits are those of n
    return f.from_bits((whole + _BIAS[bits]) << _MANTISSA[bits])


def _quarter_turns(f: Function, x: Value) -> tuple[Value, Value]:
    """``x = n pi/2 + r``: n's last bits as an integer, and r.

    float32 does this in double precision; more parts in single precision would cost as much.
    """
    t = x.type
    wide = f.convert("fpext", x, Type(F64.kind, F64.bits, t.lanes)) if t.bits == 32 else x
    shifted = wide * (2.0 / math.pi) + 1.5 * 2.0 ** _MANTISSA[64]
    n = shifted - 1.5 * 2.0 ** _MANTISSA[64]
    r = wide
    for part in table.HALF_PI[t.bits]:
        r = f.fma(n, f.constant(-part, wide.type), r)
    r = _clamp(f, r, -0.8, 0.8)  # only where x is so large that no digit of r is right
    quarter = f.bits(shifted)
    if t.bits == 32:
        return f.convert("trunc", quarter, Type(I32.kind, 32, t.lanes)), f.convert("fptrunc", r, t)
    return quarter, r


def _sine_from(f: Function, quarter: Value, r: Value) -> Value:
    """sin(quarter * pi/2 + r)."""
    bits = r.type.bits
    z = r * r
    sine = f.fma(r * z, _polynomial(f, z, table.SIN[bits]), r)
    cosine = f.fma(z * z, _polynomial(f, z, table.COS[bits]), 1.0 - z * 0.5)
    size = f.select((quarter & 1) == 0, sine, cosine)
    return f.from_bits(f.bits(size) ^ ((quarter & 2) << (bits - 2)))


def _polynomial(f: Function, x: Value, constants: tuple[float, ...]) -> Value:
    total = f.constant(constants[-1], x.type)
    for c in reversed(constants[:-1]):
        total = f.fma(total, x, f.constant(c, x.type))
    return total


def _bits_of(x: float, bits: int) -> int:
    kinds = {32: ("<f", "<I"), 64: ("<d", "<Q")}[bits]
    return int(struct.unpack(kinds[1], struct.pack(kinds[0], x))[0])
