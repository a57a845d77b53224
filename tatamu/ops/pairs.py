"""Functions of two numbers.

y = a - b ⌊a/b⌋      da = g              db = -g ⌊a/b⌋             (fmod: a/b towards 0)
y = |a| as b signed  da = g y/a          db = 0
y = angle of (b, a)  da = g b/(a²+b²)    db = -g a/(a²+b²)
y = √(a² + b²)       da = g a/y          db = g b/y
y = log(e^a + e^b)   da = g / (1 + e^(b-a))    db likewise         (logaddexp2: 2 in place of e)
y = a log b          da = g log b        db = g a/b                (0 where a = 0)
y = a 2^b            da = g 2^b          db = g y log 2
y = max(a, b), the other one if one is NaN (min likewise)          g to the one chosen
y = b - a            da = -g             db = g
y = a/b, floored or towards 0            da = db = 0

The gradients are then summed over the axes that broadcasting made. torch names the node of some by
whether b is a tensor or a number: these have two records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamu.ops.activation import plus, times
from tatamu.ops.arithmetic import div, far_from_zero, mul, neg, sub, sub_shape
from tatamu.ops.array import Array, Node, Numpy
from tatamu.ops.common import (
    as_floats,
    broadcast,
    broadcast_floating,
    constant,
    moved_bytes,
    one_each,
)
from tatamu.ops.comparison import eq, ge, le, where
from tatamu.ops.elementary import exp2, reciprocal
from tatamu.ops.expand import sum_to
from tatamu.ops.logic import Shape, isnan, logical_or, refusing_result
from tatamu.ops.op import NOTHING, Op, Saves
from tatamu.ops.pointwise import exp, log

__all__ = [
    "atan2", "copysign", "copysign_number", "div_floor", "div_trunc", "floor_divide", "fmax",
    "fmin", "fmod", "fmod_number", "heaviside", "hypot", "ldexp", "logaddexp", "logaddexp2",
    "remainder", "remainder_number", "rsub", "rsub_number", "xlogy", "xlogy_by_number",
    "xlogy_of_number",
]  # fmt: skip

Slope = Callable[[Any, Any, Any], Any]
"""The gradient of one operand, from g, a and b."""

BOTH = Saves(((0, 0), (1, 0), (0, 1), (1, 1)), ())


def of_two(
    name: str,
    title: str,
    shape: Shape,
    reference: Callable[[Numpy, Numpy], Any],
    first: Slope,
    second: Slope,
    saves: Saves = BOTH,
) -> Op:
    """The record of a function of two numbers, with the gradient of each."""

    def vjp(node: Node, g: Array) -> tuple[Array | None, ...]:
        a = b = None
        if saves is BOTH:
            saved = node.recall()
            a, b = saved[:2] if node.edges[0] is not None else saved[2:]
        da = first(g, a, b) if node.edges[0] is not None else None
        db = second(g, a, b) if node.edges[1] is not None else None
        return (
            None if da is None else sum_to(da, node.call.shape(0)),
            None if db is None else sum_to(db, node.call.shape(1)),
        )

    return Op(
        name=name,
        title=title,
        shape=shape,
        reference=lambda _, a, b: reference(a, b),
        vjp=vjp,
        saves=saves,
        aliases=False,
        flops=one_each,
        bytes=moved_bytes,
        samples=far_from_zero,
        kernels=(),
    )


def _nought(g: Any, a: Any, b: Any) -> Any:
    return times(g, 0.0)


def _same(g: Any, a: Any, b: Any) -> Any:
    return g


# ---- quotients and what they leave ----


def _divisor(b: Numpy) -> Numpy:
    if b.dtype.kind in "iu" and not b.all():
        raise RuntimeError(
            "ZeroDivisionError\n  an integer is divided by 0; floats would give inf or nan"
        )
    return b


def _floored(a: Numpy, b: Numpy) -> Any:
    return np.floor_divide(a, _divisor(b))


def _truncated(a: Numpy, b: Numpy) -> Any:
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    floored, left = np.divmod(a, _divisor(b))
    return floored + ((left != 0) & ((a < 0) != (b < 0)))


def _fmod(a: Numpy, b: Numpy) -> Any:
    return np.fmod(a, _divisor(b))


def _remainder(a: Numpy, b: Numpy) -> Any:
    left = _fmod(a, b)
    return np.where((left != 0) & ((b < 0) != (left < 0)), left + b, left)


def _quotient(name: str, title: str, kind: str, reference: Any) -> Op:
    shape = refusing_result(broadcast, f"div_{kind}_cpu", "bool")
    return of_two(name, title, shape, reference, _nought, _nought, NOTHING)


div_floor = _quotient("div_floor", "DivBackward2", "floor", _floored)
div_trunc = _quotient("div_trunc", "DivBackward2", "trunc", _truncated)
floor_divide = _quotient("floor_divide", "FloorDivide", "floor", _floored)


def _less_floored(g: Any, a: Any, b: Any) -> Any:
    return neg(mul(g, div_floor(a, b)))


def _less_truncated(g: Any, a: Any, b: Any) -> Any:
    return neg(mul(g, div_trunc(a, b)))


def _left_over(name: str, title: str, kind: str, reference: Any, second: Slope) -> Op:
    shape = refusing_result(broadcast, f"{kind}_cpu", "bool")
    return of_two(name, title, shape, reference, _same, second)


remainder = _left_over("remainder", "RemainderBackward1", "remainder", _remainder, _less_floored)
remainder_number = _left_over(
    "remainder_number", "Remainder", "remainder", _remainder, _less_floored
)
fmod = _left_over("fmod", "FmodBackward1", "fmod", _fmod, _less_truncated)
fmod_number = _left_over("fmod_number", "Fmod", "fmod", _fmod, _less_truncated)


def _reversed(name: str, title: str) -> Op:
    return of_two(
        name,
        title,
        sub_shape,
        lambda a, b: np.subtract(b, a),
        lambda g, a, b: neg(g),
        _same,
        NOTHING,
    )


rsub = _reversed("rsub", "Rsub")
rsub_number = _reversed("rsub_number", "RsubBackward1")

# ---- signs and angles ----


def _signed(g: Any, a: Any, b: Any) -> Any:
    zero = eq(a, constant(0.0, a.dtype))
    ratio = div(copysign(a, b), where(zero, constant(1.0, a.dtype), a))
    return mul(g, where(zero, constant(0.0, a.dtype), ratio))


def _copysign(a: Numpy, b: Numpy) -> Any:
    return np.copysign(as_floats(a), as_floats(b))


copysign: Op = of_two("copysign", "Copysign", broadcast_floating, _copysign, _signed, _nought)
copysign_number = of_two(
    "copysign_number", "CopysignBackward1", broadcast_floating, _copysign, _signed, _nought
)


def _inverse_square(a: Any, b: Any) -> Any:
    from tatamu.ops.arithmetic import add

    return reciprocal(add(mul(a, a), mul(b, b)))


atan2 = of_two(
    "atan2",
    "Atan2",
    broadcast_floating,
    lambda a, b: np.arctan2(as_floats(a), as_floats(b)),
    lambda g, a, b: mul(g, mul(b, _inverse_square(a, b))),
    lambda g, a, b: mul(g, neg(mul(a, _inverse_square(a, b)))),
)
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "bool")
hypot: Op = of_two(
    "hypot",
    "Hypot",
    refusing_result(broadcast, "hypot_cpu", *_INTEGERS),
    np.hypot,
    lambda g, a, b: mul(g, div(a, hypot(a, b))),
    lambda g, a, b: mul(g, div(b, hypot(a, b))),
)

# ---- exponents and logarithms ----


def _sharing(power: Any) -> Slope:
    return lambda g, a, b: div(g, plus(power(sub(b, a)), 1.0))


def _shared(power: Any) -> Slope:
    return lambda g, a, b: div(g, plus(power(sub(a, b)), 1.0))


logaddexp = of_two(
    "logaddexp",
    "Logaddexp",
    refusing_result(broadcast, "logaddexp_cpu", *_INTEGERS),
    np.logaddexp,
    _sharing(exp),
    _shared(exp),
)
logaddexp2 = of_two(
    "logaddexp2",
    "Logaddexp2",
    refusing_result(broadcast, "logaddexp2_cpu", *_INTEGERS),
    np.logaddexp2,
    _sharing(exp2),
    _shared(exp2),
)


def _xlogy(a: Numpy, b: Numpy) -> Any:
    a, b = as_floats(a), as_floats(b)
    product = np.where(a == 0, a.dtype.type(0), a * np.log(b))
    return np.where(np.isnan(b), b, product)


def _log_or_nought(g: Any, a: Any, b: Any) -> Any:
    nought = constant(0.0, g.dtype)
    at_nought = where(le(b, nought), nought, log(b))
    return mul(g, where(eq(a, nought), at_nought, log(b)))


def _xlogy_record(name: str, title: str) -> Op:
    return of_two(
        name,
        title,
        broadcast_floating,
        _xlogy,
        _log_or_nought,
        lambda g, a, b: mul(g, div(a, b)),
    )


xlogy = _xlogy_record("xlogy", "Xlogy")
xlogy_of_number = _xlogy_record("xlogy_of_number", "XlogyBackward1")
xlogy_by_number = _xlogy_record("xlogy_by_number", "XlogyBackward2")

ldexp: Op = of_two(
    "ldexp",
    "Ldexp",
    broadcast_floating,
    lambda a, b: as_floats(a) * np.exp2(as_floats(b)),
    lambda g, a, b: mul(g, exp2(b)),
    lambda g, a, b: times(mul(g, ldexp(a, b)), math.log(2)),
)

# ---- the larger, the smaller, the step ----


def _extreme(name: str, title: str, ufunc: np.ufunc, holds: Op) -> Op:
    def chosen(a: Any, b: Any) -> Any:
        return logical_or(holds(a, b), isnan(b))

    return of_two(
        name,
        title,
        broadcast,
        ufunc,
        lambda g, a, b: where(chosen(a, b), g, constant(0.0, g.dtype)),
        lambda g, a, b: where(chosen(a, b), constant(0.0, g.dtype), g),
    )


fmax = _extreme("fmax", "Fmax", np.fmax, ge)
fmin = _extreme("fmin", "Fmin", np.fmin, le)


def _heaviside(a: Numpy, b: Numpy) -> Any:
    return np.where(a == 0, b, (a > 0).astype(a.dtype))


heaviside = Op(
    name="heaviside",
    title="Heaviside",
    shape=broadcast,
    reference=lambda _, a, b: _heaviside(a, b),
    vjp=None,
    saves=NOTHING,
    aliases=False,
    flops=one_each,
    bytes=moved_bytes,
    samples=far_from_zero,
    kernels=(),
)
