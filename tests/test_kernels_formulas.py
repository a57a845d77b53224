"""Every formula of elementwise kernels on every instruction set, against float64.

All of them are compiled together, one function each. What is right is written out here once more,
from the functions' definitions; formulas for gradients are compared with central differences of
those.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from direct_cases import RUNNABLE, every_isa_and_dtype

from tatamu.kernels.formulas import FORMULAS
from tatamu.kernels.problem import DTYPES
from tatamu.stage import I64, Module
from tatamu.stage.compile import load, object_code

Numpy = Any
NAMES = [name for name in FORMULAS if name != "where"]
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
COUNT = 64

_erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x: Numpy) -> Numpy:
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-abs(x)))


def softplus(x: Numpy) -> Numpy:
    return np.logaddexp(0, x)


def bent(x: Numpy) -> Numpy:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


# Each function of (x, parameters) with parameters to try it with.
FUNCTIONS: dict[str, tuple[Callable[..., Numpy], tuple[float, ...]]] = {
    "copy": (lambda x: x, ()),
    "neg": (lambda x: -x, ()),
    "abs": (abs, ()),
    "sign": (np.sign, ()),
    "square": (lambda x: x**2, ()),
    "cube": (lambda x: x**3, ()),
    "reciprocal": (lambda x: 1 / x, ()),
    "sqrt": (np.sqrt, ()),
    "rsqrt": (lambda x: x**-0.5, ()),
    "exp": (np.exp, ()),
    "log": (np.log, ()),
    "expm1": (np.expm1, ()),
    "log1p": (np.log1p, ()),
    "sigmoid": (sigmoid, ()),
    "tanh": (np.tanh, ()),
    "erf": (_erf, ()),
    "sin": (np.sin, ()),
    "cos": (np.cos, ()),
    "floor": (np.floor, ()),
    "ceil": (np.ceil, ()),
    "round": (np.round, ()),
    "relu": (lambda x: np.maximum(x, 0), ()),
    "threshold": (lambda x, t, v: np.where(x > t, x, v), (0.5, -3.0)),
    "hardtanh": (lambda x, a, b: np.clip(x, a, b), (-1.0, 1.5)),
    "leaky_relu": (lambda x, a: np.where(x > 0, x, a * x), (0.25,)),
    "hardshrink": (lambda x, b: np.where(abs(x) > b, x, 0), (0.5,)),
    "softshrink": (lambda x, b: np.sign(x) * np.maximum(abs(x) - b, 0), (0.5,)),
    "hardsigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), ()),
    "hardswish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), ()),
    "silu": (lambda x: x * sigmoid(x), ()),
    "logsigmoid": (lambda x: -softplus(-x), ()),
    "softplus": (lambda x, b, t: np.where(b * x > t, x, softplus(b * x) / b), (2.0, 3.0)),
    "mish": (lambda x: x * np.tanh(softplus(x)), ()),
    "elu": (lambda x, a, s, i: s * np.where(x > 0, x, a * np.expm1(i * x)), (1.3, 1.1, 0.8)),
    "gelu": (lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2, ()),
    "gelu_tanh": (lambda x: x * (1 + np.tanh(bent(x))) / 2, ()),
}
POSITIVE = ("reciprocal", "sqrt", "rsqrt", "log", "log1p")

# Gradients, by the function they are of and its parameters.
SLOPES = {
    "threshold_grad": "threshold", "hardtanh_grad": "hardtanh", "clamp_grad": "hardtanh",
    "leaky_relu_grad": "leaky_relu", "shrink_grad": "softshrink",
    "hardsigmoid_grad": "hardsigmoid", "hardswish_grad": "hardswish", "silu_grad": "silu",
    "logsigmoid_grad": "logsigmoid", "softplus_grad": "softplus", "mish_grad": "mish",
    "elu_grad": "elu", "gelu_grad": "gelu", "gelu_tanh_grad": "gelu_tanh",
}  # fmt: skip

PAIRS: dict[str, Callable[[Numpy, Numpy], Numpy]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "prelu": lambda x, a: np.where(x > 0, x, a * x),
    "relu_grad": lambda g, y: g * (y > 0),
    "sigmoid_grad": lambda g, y: g * y * (1 - y),
    "tanh_grad": lambda g, y: g * (1 - y**2),
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


@cache
def compiled(isa: str, dtype: str) -> dict[str, Callable[[int, int, int], None]]:
    """Each formula over two arrays; its parameters are constants."""
    target, t = RUNNABLE[isa], DTYPES[dtype]
    m = Module(f"formulas_{dtype}_{target.tag}", target)
    lanes = target.lanes(t)
    for name in NAMES:
        formula = FORMULAS[name]
        f = m.exported(f"{m.name}_{name}", {"a": I64, "b": I64, "y": I64})
        a, b, y = (f.pointer(getattr(f.args, n), t) for n in ("a", "b", "y"))
        numbers = parameters(name)
        for i in f.loop(COUNT, step=lanes):
            values = [a.vec(i, lanes), b.vec(i, lanes)][: formula.values]
            result = formula.write(f, *values, *numbers)
            if name in COMPARISONS:
                one, zero = f.constant(1.0, t.vector(lanes)), f.constant(0.0, t.vector(lanes))
                result = f.select(result, one, zero)
            y.store(i, result)
    symbols = [f.symbol for f in m.functions]
    addresses = load(object_code(m.text(), target), *symbols)
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)
    return {name: kind(at) for name, at in zip(NAMES, addresses, strict=True)}


def parameters(name: str) -> tuple[float, ...]:
    of = SLOPES.get(name, name)
    return FUNCTIONS[of][1] if of in FUNCTIONS else ()


def run(isa: str, name: str, a: Numpy, b: Numpy) -> Numpy:
    y = np.empty_like(a)
    compiled(isa, a.dtype.name)[name](a.ctypes.data, b.ctypes.data, y.ctypes.data)
    return y


def numbers(name: str, dtype: str) -> tuple[Numpy, Numpy]:
    """Arguments clear of corners, where the gradient is a matter of convention."""
    r = np.random.default_rng(len(name))
    a = r.uniform(-6, 6, COUNT)
    if name in POSITIVE:
        a = r.uniform(0.1, 9, COUNT)
    a = np.round(a * 64) / 64 + 1 / 512
    return a.astype(dtype), (np.round(r.uniform(-2, 2, COUNT) * 64) / 64 + 1 / 512).astype(dtype)


def test_every_formula_is_tried() -> None:
    assert {*FUNCTIONS, *SLOPES, *PAIRS} == set(NAMES)


@every_isa_and_dtype
def test_functions(isa: str, dtype: str) -> None:
    for name, (function, given) in FUNCTIONS.items():
        a, b = numbers(name, dtype)
        close(dtype, run(isa, name, a, b), function(a.astype(float), *given), name)


@every_isa_and_dtype
def test_pairs(isa: str, dtype: str) -> None:
    for name, function in PAIRS.items():
        a, b = numbers(name, dtype)
        a[::4] = b[::4]
        close(dtype, run(isa, name, a, b), function(a.astype(float), b.astype(float)), name)


@every_isa_and_dtype
def test_slopes_are_central_differences(isa: str, dtype: str) -> None:
    for name, of in SLOPES.items():
        function, given = FUNCTIONS[of]
        g, x = numbers(name, dtype)[::-1]
        wide, h = x.astype(float), 1e-6
        slope = (function(wide + h, *given) - function(wide - h, *given)) / (2 * h)
        close(dtype, run(isa, name, g, x), g * slope, name, least=2e-9, ulps=16)


def close(
    dtype: str, got: Numpy, wanted: Numpy, name: str, least: float = 0.0, ulps: int = 8
) -> None:
    scale = np.maximum(abs(wanted), 1)
    error = float((abs(got - wanted) / scale).max())
    assert error <= max(ulps * float(np.finfo(dtype).eps), least), (name, error)


@every_isa_and_dtype
def test_nan_stays(isa: str, dtype: str) -> None:
    a, b = np.full(COUNT, np.nan, dtype), np.ones(COUNT, dtype)
    for name in FUNCTIONS:
        if name != "sign":  # which torch makes 0
            assert np.isnan(run(isa, name, a, b)).all(), name
    for name in ("maximum", "minimum"):
        assert np.isnan(run(isa, name, a, b)).all()
        assert np.isnan(run(isa, name, b, a)).all()
    assert (run(isa, "sign", a, b) == 0).all()
    # Comparisons are false, but for `ne`; ReLU and threshold let the gradient through.
    assert [float(run(isa, name, a, b)[0]) for name in COMPARISONS] == [0, 1, 0, 0, 0, 0]
    assert (run(isa, "relu_grad", b, a) == 1).all()
    assert (run(isa, "threshold_grad", b, a) == 1).all()


@every_isa_and_dtype
def test_infinities_and_zeros(isa: str, dtype: str) -> None:
    a = np.resize(np.array([np.inf, -np.inf, 0.0, -0.0], dtype), COUNT)
    wanted = {
        "relu": [np.inf, 0, 0, -0.0],
        "sigmoid": [1, 0, 0.5, 0.5],
        "silu": [np.inf, np.nan, 0, -0.0],
        "gelu": [np.inf, np.nan, 0, -0.0],
        "logsigmoid": [0, -np.inf, -math.log(2), -math.log(2)],
        "softplus": [np.inf, 0, math.log(2) / 2, math.log(2) / 2],
        "mish": [np.inf, np.nan, 0, -0.0],
        "hardswish": [np.inf, np.nan, 0, -0.0],
        "hardsigmoid": [1, 0, 0.5, 0.5],
        "tanh": [1, -1, 0, -0.0],
    }
    for name, values in wanted.items():
        got = run(isa, name, a, a)[:4]
        right = np.array(values, dtype)
        np.testing.assert_allclose(got, right, 1e-6, err_msg=name)
        signs = ~np.isnan(right)
        np.testing.assert_array_equal(np.signbit(got)[signs], np.signbit(right)[signs], name)
