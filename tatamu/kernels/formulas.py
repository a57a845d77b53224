"""The formulas of elementwise operations: one for each kind of step, on vectors or scalars.

Every kernel that computes elementwise writes its instructions through these: chains of operations
(`pointwise`), and what convolutions do to their sums (`epilogue`). So all agree to the bit.

A comparison with NaN is false (``ne`` is true), and a NaN stays a NaN in every function here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tatamu.stage import Function, Value
from tatamu.stage import math as vector

__all__ = ["FORMULAS", "Formula"]

# The density of the normal distribution at 0, and the constants of GELU's approximation by tanh.
DENSITY = 1 / math.sqrt(2 * math.pi)
BEND = 0.044715
STEEP = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class Formula:
    """``write(f, *values, *parameters)`` gives the result; parameters are numbers of a call.

    ``cost`` is about how many multiply-adds one element takes as much time as.
    """

    write: Callable[..., Value]
    values: int = 1
    parameters: int = 0
    cost: int = 1


FORMULAS: dict[str, Formula] = {}


Write = Callable[..., Value]


def _formula(values: int = 1, parameters: int = 0, cost: int = 1) -> Callable[[Write], Write]:
    """Enter a function in the table under its name without the underscore."""

    def enter(write: Write) -> Write:
        FORMULAS[write.__name__.strip("_")] = Formula(write, values, parameters, cost)
        return write

    return enter


# ---- arithmetic and comparison -------------------------------------------------------------------

for _name, _operator in {
    "add": lambda f, a, b: a + b,
    "sub": lambda f, a, b: a - b,
    "mul": lambda f, a, b: a * b,
    "div": lambda f, a, b: a / b,
    "eq": lambda f, a, b: a == b,
    "ne": lambda f, a, b: a != b,
    "lt": lambda f, a, b: a < b,
    "le": lambda f, a, b: a <= b,
    "gt": lambda f, a, b: a > b,
    "ge": lambda f, a, b: a >= b,
    "maximum": lambda f, a, b: f.select((a > b) | (a != a), a, b),
    "minimum": lambda f, a, b: f.select((a < b) | (a != a), a, b),
}.items():
    FORMULAS[_name] = Formula(_operator, 2)
FORMULAS["where"] = Formula(lambda f, c, a, b: f.select(c, a, b), 3)
FORMULAS["copy"] = Formula(lambda f, x: x)
FORMULAS["neg"] = Formula(lambda f, x: -x)
FORMULAS["abs"] = Formula(lambda f, x: f.abs(x))
FORMULAS["square"] = Formula(lambda f, x: x * x)
FORMULAS["cube"] = Formula(lambda f, x: x * x * x)
FORMULAS["reciprocal"] = Formula(lambda f, x: 1.0 / x, cost=4)
FORMULAS["sqrt"] = Formula(lambda f, x: vector.sqrt(f, x), cost=4)
FORMULAS["rsqrt"] = Formula(lambda f, x: 1.0 / vector.sqrt(f, x), cost=8)
for _name in ("exp", "log", "expm1", "log1p", "sigmoid", "tanh", "erf", "sin", "cos"):
    FORMULAS[_name] = Formula(getattr(vector, _name), cost=30)
for _name in ("floor", "ceil", "round"):
    FORMULAS[_name] = Formula(getattr(vector, _name), cost=2)


@_formula()
def _sign(f: Function, x: Value) -> Value:
    one, zero = f.constant(1.0, x.type), f.constant(0.0, x.type)
    return f.select(x > 0.0, one, f.select(x < 0.0, f.constant(-1.0, x.type), zero))


# ---- activations: straight pieces ----------------------------------------------------------------


@_formula()
def _relu(f: Function, x: Value) -> Value:
    return f.select(x < 0.0, 0.0, x)


@_formula(2)
def _relu_grad(f: Function, g: Value, y: Value) -> Value:
    return f.select(y <= 0.0, 0.0, g)


@_formula(1, 2)
def _threshold(f: Function, x: Value, threshold: object, value: object) -> Value:
    return f.select(x <= threshold, value, x)


@_formula(2, 2)
def _threshold_grad(f: Function, g: Value, x: Value, threshold: object, value: object) -> Value:
    return f.select(x <= threshold, 0.0, g)


@_formula(1, 2)
def _hardtanh(f: Function, x: Value, low: object, high: object) -> Value:
    raised = f.select(x < low, low, x)
    return f.select(raised > high, high, raised)


@_formula(2, 2)
def _hardtanh_grad(f: Function, g: Value, x: Value, low: object, high: object) -> Value:
    return f.select((x <= low) | (x >= high), 0.0, g)


@_formula(2, 2)
def _clamp_grad(f: Function, g: Value, x: Value, low: object, high: object) -> Value:
    return f.select((x >= low) & (x <= high), g, 0.0)


@_formula(1, 1)
def _leaky_relu(f: Function, x: Value, slope: object) -> Value:
    return f.select(x > 0.0, x, x * slope)


@_formula(2, 1)
def _leaky_relu_grad(f: Function, g: Value, x: Value, slope: object) -> Value:
    return f.select(x > 0.0, g, g * slope)


@_formula(2)
def _prelu(f: Function, x: Value, slope: Value) -> Value:
    return f.select(x > 0.0, x, x * slope)


@_formula(1, 1)
def _hardshrink(f: Function, x: Value, bound: object) -> Value:
    return f.select(f.abs(x) <= bound, 0.0, x)


@_formula(1, 1)
def _softshrink(f: Function, x: Value, bound: object) -> Value:
    return f.select(x > bound, x - bound, f.select(-x > bound, x + bound, x * 0.0))


@_formula(2, 1)
def _shrink_grad(f: Function, g: Value, x: Value, bound: object) -> Value:
    return f.select(f.abs(x) <= bound, 0.0, g)


@_formula()
def _hardsigmoid(f: Function, x: Value) -> Value:
    return _relu6(f, x + 3.0) * (1 / 6)


@_formula(2)
def _hardsigmoid_grad(f: Function, g: Value, x: Value) -> Value:
    return f.select(f.abs(x) < 3.0, g * (1 / 6), 0.0)


@_formula()
def _hardswish(f: Function, x: Value) -> Value:
    return x * _relu6(f, x + 3.0) * (1 / 6)


@_formula(2)
def _hardswish_grad(f: Function, g: Value, x: Value) -> Value:
    inner = f.select(x <= 3.0, g * f.fma(x, 1 / 3, 0.5), g)
    return f.select(x < -3.0, 0.0, inner)


def _relu6(f: Function, x: Value) -> Value:
    return _hardtanh(f, x, 0.0, 6.0)


# ---- activations: curves -------------------------------------------------------------------------


@_formula(2, cost=2)
def _sigmoid_grad(f: Function, g: Value, y: Value) -> Value:
    return g * (1.0 - y) * y


@_formula(2, cost=2)
def _tanh_grad(f: Function, g: Value, y: Value) -> Value:
    return g * (1.0 - y * y)


@_formula(cost=30)
def _silu(f: Function, x: Value) -> Value:
    return x * vector.sigmoid(f, x)


@_formula(2, cost=35)
def _silu_grad(f: Function, g: Value, x: Value) -> Value:
    s = vector.sigmoid(f, x)
    return g * (s * f.fma(x, 1.0 - s, 1.0))


@_formula(cost=40)
def _logsigmoid(f: Function, x: Value) -> Value:
    low = f.select(x < 0.0, x, f.select(x >= 0.0, 0.0, x))
    return low - vector.log1p(f, vector.exp_minus(f, f.abs(x)))


@_formula(2, cost=30)
def _logsigmoid_grad(f: Function, g: Value, x: Value) -> Value:
    return g * vector.sigmoid(f, -x)


@_formula(1, 2, cost=50)
def _softplus(f: Function, x: Value, beta: object, threshold: object) -> Value:
    scaled = x * beta
    high = f.select(scaled > 0.0, scaled, f.select(scaled <= 0.0, 0.0, scaled))
    curve = (high + vector.log1p(f, vector.exp_minus(f, f.abs(scaled)))) / beta
    return f.select(scaled > threshold, x, curve)


@_formula(2, 2, cost=35)
def _softplus_grad(f: Function, g: Value, x: Value, beta: object, threshold: object) -> Value:
    scaled = x * beta
    return f.select(scaled > threshold, g, g * vector.sigmoid(f, scaled))


def _tanh_of_softplus(f: Function, x: Value) -> Value:
    """tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2); 1 to the last bit from 20 on."""
    power = vector.exp(f, f.select(x > 20.0, 20.0, x))
    n = power * (power + 2.0)
    return n / (n + 2.0)


@_formula(cost=35)
def _mish(f: Function, x: Value) -> Value:
    return x * _tanh_of_softplus(f, x)


@_formula(2, cost=70)
def _mish_grad(f: Function, g: Value, x: Value) -> Value:
    t = _tanh_of_softplus(f, x)
    return g * f.fma(x * vector.sigmoid(f, x), 1.0 - t * t, t)


@_formula(1, 3, cost=35)
def _elu(f: Function, x: Value, alpha: object, scale: object, inner: object) -> Value:
    below = vector.expm1(f, x * inner) * (f.lift(alpha, x.type) * scale)
    return f.select(x < 0.0, below, x * scale)


@_formula(2, 3, cost=35)
def _elu_grad(
    f: Function, g: Value, x: Value, alpha: object, scale: object, inner: object
) -> Value:
    slope = f.lift(alpha, x.type) * scale * inner
    return f.select(x <= 0.0, g * slope * vector.exp(f, x * inner), g * scale)


@_formula(cost=20)
def _gelu(f: Function, x: Value) -> Value:
    return x * vector.normal(f, x)


@_formula(2, cost=40)
def _gelu_grad(f: Function, g: Value, x: Value) -> Value:
    density = vector.exp_minus(f, x * x * 0.5) * DENSITY
    return g * f.fma(x, density, vector.normal(f, x))


@_formula(cost=35)
def _gelu_tanh(f: Function, x: Value) -> Value:
    inner = x * STEEP * f.fma(x * x, BEND, 1.0)
    return x * 0.5 * (vector.tanh(f, inner) + 1.0)


@_formula(2, cost=45)
def _gelu_tanh_grad(f: Function, g: Value, x: Value) -> Value:
    square = x * x
    t = vector.tanh(f, x * STEEP * f.fma(square, BEND, 1.0))
    slope = f.fma(square, 3 * BEND, 1.0) * STEEP
    return g * f.fma(x * 0.5 * (1.0 - t * t), slope, (t + 1.0) * 0.5)
