"""Special functions.

y = erfc x      dx = -g 2/√π e^(-x²)     y = erf⁻¹ x   dx = g √π/2 e^(y²)
y = log Γ(x)    dx = g ψ(x)              y = ψ(x)      dx = g ψ'(x)
y = ψ⁽ⁿ⁾(x)     dx = g ψ⁽ⁿ⁺¹⁾(x)
y = log(x / (1 - x)), x held to [e, 1 - e]   dx = g / (x (1 - x)) inside, 0 outside (NaN if no e)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import div, mul, neg
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import (
    as_floats,
    constant,
    interned,
    like_first_floating,
    moved_bytes,
    one_each,
    samples,
    several,
)
from tatamu.ops.comparison import gt, lt, where
from tatamu.ops.elementary import INPUT, OUTPUT, of_one
from tatamu.ops.op import Op, apply
from tatamu.ops.pointwise import erf_reference, exp

__all__ = ["digamma", "erfc", "erfinv", "lgamma", "logit", "polygamma", "polygamma_op"]

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _erfc_reference(x: Numpy) -> Any:
    return _erfc(x).astype(x.dtype)


erfc = of_one(
    "erfc",
    "Erfc",
    _erfc_reference,
    lambda x: times(exp(neg(mul(x, x))), -2 / math.sqrt(math.pi)),
    compiled=False,
)

_POLE = 1.0
_CENTRE = (
    np.array([-0.140543331, 0.914624893, -1.645349621, 0.886226899]),
    np.array([0.012229801, -0.329097515, 1.442710462, -2.118377725, 1.0]),
)
_TAIL = (
    np.array([1.641345311, 3.429567803, -1.624906493, -1.970840454]),
    np.array([1.637067800, 3.543889200, 1.0]),
)


def _erfinv_reference(x: Numpy) -> Any:
    """Quotients of polynomials for the centre and the tails, then Newton's method, twice."""
    y = x.astype(np.float64)
    size = np.abs(y)
    centre = y * np.polyval(_CENTRE[0], y * y) / np.polyval(_CENTRE[1], y * y)
    z = np.sqrt(-np.log((1 - size) / 2))
    tail = np.copysign(np.polyval(_TAIL[0], z), y) / np.polyval(_TAIL[1], z)
    found = np.where(size <= 0.7, centre, tail)
    for _ in range(2):
        slope = 2 / math.sqrt(math.pi) * np.exp(-found * found)
        found = found - (erf_reference(found) - y) / slope
    found = np.where(size == _POLE, np.copysign(np.inf, y), found)
    return np.where(size > _POLE, np.nan, found).astype(x.dtype)


erfinv = of_one(
    "erfinv",
    "Erfinv",
    _erfinv_reference,
    lambda y: times(exp(mul(y, y)), math.sqrt(math.pi) / 2),
    saves=OUTPUT,
    low=-0.95,
    high=0.95,
    compiled=False,
)


def _log_gamma(x: float) -> float:
    if x <= 0 and x == math.floor(x):
        return math.inf
    return math.lgamma(x)


_lgamma = np.vectorize(_log_gamma, otypes=[np.float64])
# ψ(x) for large x is log x - 1/2x - Σ B₂ₖ / 2k x²ᵏ; and B₂ₖ stand in the sum for ψ⁽ⁿ⁾, too.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_LARGE = 15.0


def _psi(x: float) -> float:
    if math.isnan(x) or x == -math.inf:
        return math.nan
    if x == 0:
        return math.copysign(math.inf, -x)
    if x < 0:
        if x == math.floor(x):
            return math.nan
        return _psi(1 - x) - math.pi / math.tan(math.pi * math.fmod(x, 1.0))
    below = 0.0
    while x < _LARGE:
        below -= 1 / x
        x += 1
    if x == math.inf:
        return x
    series = sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
    return below + math.log(x) - 0.5 / x - series


def _derivative_of_psi(n: int, x: float) -> float:
    """(-1)ⁿ⁺¹ n! Σ 1 / (x + k)ⁿ⁺¹, the terms far out by the Euler-Maclaurin formula."""
    if math.isnan(x) or x == -math.inf:
        return math.nan
    sign = -1.0 if n % 2 == 0 else 1.0
    if x <= 0 and x == math.floor(x):
        return sign * math.inf if n % 2 else math.nan
    s = n + 1
    total = 0.0
    while x < _LARGE:
        total += x**-s
        x += 1
    total += x ** (1 - s) / (s - 1) + 0.5 * x**-s
    rising = float(s)
    for k, b in enumerate(_BERNOULLI, 1):
        total += b * rising / math.factorial(2 * k) * x ** (1 - s - 2 * k)
        rising *= (s + 2 * k - 1) * (s + 2 * k)
    return sign * math.factorial(n) * total


_digamma = np.vectorize(_psi, otypes=[np.float64])
_polygamma = np.vectorize(_derivative_of_psi, otypes=[np.float64])


def _polygamma_reference(attrs: tuple[int], x: Numpy) -> Any:
    x = as_floats(x)
    return _polygamma(attrs[0], x).astype(x.dtype)


def _polygamma_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    return (mul(g, polygamma(node.call.attrs[0] + 1, x)),)


polygamma_op = Op(
    name="polygamma",
    title="Polygamma",
    shape=like_first_floating,
    reference=_polygamma_reference,
    vjp=_polygamma_vjp,
    saves=INPUT,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(
        samples((2, 3), attrs=(1,), low=0.5), samples((3,), attrs=(2,), low=-0.8, high=-0.2)
    ),
    kernels=(),
)


def polygamma(n: int, x: Any) -> Any:
    """The ``n``-th derivative of the digamma function, which is the zeroth."""
    return digamma(x) if n == 0 else apply(polygamma_op, interned((n,)), x)


digamma: Op = of_one(
    "digamma",
    "Digamma",
    lambda x: _digamma(x).astype(x.dtype),
    lambda x: polygamma(1, x),
    low=0.5,
    compiled=False,
)
lgamma = of_one(
    "lgamma",
    "Lgamma",
    lambda x: _lgamma(x).astype(x.dtype),
    lambda x: digamma(x),
    low=0.5,
    compiled=False,
)


def _logit_reference(attrs: tuple[float | None], x: Numpy) -> Any:
    x = as_floats(x)
    (eps,) = attrs
    if eps is not None:
        low, high = x.dtype.type(eps), x.dtype.type(1 - eps)
        x = np.where(x < low, low, np.where(x > high, high, x))
    return np.log(x / (1 - x))


def _logit_vjp(node: Node, g: Array) -> tuple[Array]:
    (x,) = node.recall()
    (eps,) = node.call.attrs
    outside = constant(math.nan if eps is None else 0.0, g.dtype)
    low = constant(0.0 if eps is None else eps, x.dtype)
    high = constant(1.0 if eps is None else 1 - eps, x.dtype)
    inside = div(g, mul(x, plus(neg(x), 1.0)))
    return (where(lt(x, low), outside, where(gt(x, high), outside, inside)),)


logit = Op(
    name="logit",
    title="Logit",
    shape=like_first_floating,
    reference=_logit_reference,
    vjp=_logit_vjp,
    saves=INPUT,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=several(
        samples((2, 3), attrs=(None,), low=0.1, high=0.9),
        samples((2, 3), attrs=(0.3,), low=0.35, high=0.65),
        samples((2, 3), attrs=(0.3,), low=0.05, high=0.25),
    ),
    kernels=(),
)
