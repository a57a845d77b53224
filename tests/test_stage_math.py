"""The elementary functions: their error in units in the last place, edges and huge arguments.

References are computed in numpy's long double; erf, which numpy lacks, by its Taylor series there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stage_runner import NATIVE, RUNNABLE, Kernel, kernel

from tatamu.stage import F32, F64, I64, TARGETS, Arguments, Function, PointerTo, Type
from tatamu.stage import math as stage_math

Long = np.longdouble
Array = NDArray[Any]
NUMPY: dict[Type, type[np.floating[Any]]] = {F32: np.float32, F64: np.float64}
NAMES = ("exp", "exp_minus", "log", "log1p", "expm1", "sigmoid", "tanh", "erf", "sin", "cos")

# What the docstrings promise, for float32 and float64.
ULPS = {
    "exp": (1.0, 1.0),
    "exp_minus": (1.5, 1.5),
    "log1p": (3.0, 3.0),
    "expm1": (2.5, 2.5),
    "log": (1.0, 1.0),
    "sigmoid": (2.5, 2.5),
    "tanh": (2.5, 3.0),
    "erf": (1.5, 1.5),
    "sin": (2.0, 2.5),
    "cos": (2.0, 2.5),
}
INSIDE = {"sin": 1e6, "cos": 1e6}

on_each = pytest.mark.parametrize("isa", RUNNABLE)
each_name = pytest.mark.parametrize("name", NAMES)
each_float = pytest.mark.parametrize("t", [F32, F64], ids=["float32", "float64"])
precise = pytest.mark.skipif(
    np.finfo(Long).nmant < 63, reason="this platform's long double is a double"
)


def erf_series(x: Array) -> Array:
    """2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): no term cancels."""
    x = np.clip(x, -7, 7)
    term = np.abs(x)
    total = term.copy()
    for n in range(1, 250):
        term = term * (2 * x * x) / (2 * n + 1)
        total += term
    root = np.sqrt(4 * np.arctan(Long(1)))
    return np.copysign(np.minimum(2 / root * np.exp(-x * x) * total, 1), x)


REFERENCES: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "exp_minus": lambda x: np.exp(-x),
    "log1p": np.log1p,
    "expm1": np.expm1,
    "log": np.log,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "erf": erf_series,
    "sin": np.sin,
    "cos": np.cos,
}


def staged(isa: str, name: str, t: Type, lanes: int | None = None, flush: bool = False) -> Kernel:
    """y = name(x) over n elements, ``lanes`` at a time (0: scalars)."""
    lanes = TARGETS[isa].lanes(t) if lanes is None else lanes
    function = getattr(stage_math, name)

    def loop(f: Function, a: Arguments) -> None:
        x, y = a.pointer("x"), a.pointer("y")
        for i in f.loop(a.n, step=max(lanes, 1)):
            y.store(i, function(f, x.vec(i, lanes) if lanes else x.load(i)))

    def write(f: Function, a: Arguments) -> None:
        if flush:
            with f.denormals_flushed():
                loop(f, a)
        else:
            loop(f, a)

    return kernel(isa, {"x": PointerTo(t), "y": PointerTo(t), "n": I64}, write)


def applied(run: Kernel, x: Array) -> Array:
    """The kernel over an array of any length."""
    padded = np.concatenate([x, np.ones(-len(x) % 64, x.dtype)])
    y = np.zeros_like(padded)
    run(x=padded, y=y, n=len(padded))
    return y[: len(x)]


def arguments(name: str, t: Type, count: int) -> Array:
    """Numbers over the whole range in which the result is a normal number, and where it is hard."""
    r = np.random.default_rng(7)
    tops = (
        {"exp": 88.7, "expm1": 88.7, "tanh": 11.0, "erf": 4.5}
        if t == F32
        else {"exp": 709.7, "expm1": 709.7, "tanh": 21.0}
    )
    if name == "log":
        exponents = r.uniform(-87, 88, count) if t == F32 else r.uniform(-708, 709, count)
        parts = [np.exp(exponents), r.uniform(0.4, 2.5, count), 1 + r.normal(0, 1e-3, count)]
        return np.concatenate(parts).astype(NUMPY[t])
    if name in ("exp_minus", "log1p"):
        top = 87.3 if t == F32 else 708.3
        parts = [r.uniform(0, top, count), np.exp(r.uniform(-60, 3, count))]
        if name == "log1p":
            parts += [-np.exp(r.uniform(-60, -0.01, count))]
        return np.concatenate(parts).astype(NUMPY[t])
    if name in INSIDE:
        turns = np.round(r.uniform(-6e5, 6e5, count))
        parts = [turns * (math.pi / 2), r.uniform(-1e6, 1e6, count), r.uniform(-1e5, 1e5, count)]
    else:
        low = -87.3 if t == F32 else -708.3
        top = tops.get(name, 40.0 if name == "sigmoid" else 6.5)
        parts = [r.uniform(low if name in ("exp", "expm1", "sigmoid") else -top, top, count)]
    tiny = np.exp(r.uniform(-80 if t == F32 else -600, 0, count))
    parts += [r.uniform(-3, 3, count), tiny * r.choice([-1, 1], count)]
    return np.concatenate(parts).astype(NUMPY[t])


def errors(got: Array, exact: Array) -> Array:
    """Distances in units in the last place of the exact value, which is a normal number."""
    kind = got.dtype.type
    near = np.abs(exact).astype(kind)
    unit = np.spacing(np.maximum(near, np.finfo(kind).tiny)).astype(Long)
    return np.abs(got.astype(Long) - exact) / unit


@pytest.mark.slow
@precise
@on_each
@each_name
@each_float
def test_ulps(isa: str, name: str, t: Type) -> None:
    x = arguments(name, t, 30_000 if isa in NATIVE else 500)
    worst = errors(applied(staged(isa, name, t), x), REFERENCES[name](x.astype(Long)))
    assert worst.max() <= ULPS[name][t == F64], x[worst.argmax()]


@precise
@pytest.mark.nightly
@pytest.mark.parametrize("isa", NATIVE)
@each_name
@each_float
def test_ulps_densely(isa: str, name: str, t: Type) -> None:
    x = arguments(name, t, 200_000)
    worst = errors(applied(staged(isa, name, t), x), REFERENCES[name](x.astype(Long)))
    assert worst.max() <= ULPS[name][t == F64], x[worst.argmax()]


@each_name
@each_float
@pytest.mark.parametrize("lanes", [0, 1, 3, 16])
def test_any_lane_count_gives_the_same(name: str, t: Type, lanes: int) -> None:
    isa = RUNNABLE[0]
    x = arguments(name, t, 96)[:384]
    few = applied(staged(isa, name, t, lanes), x) if lanes != 3 else None
    if few is None:  # 3 does not divide the length
        x = x[:192]
        few = np.zeros_like(x)
        staged(isa, name, t, 3)(x=x, y=few, n=len(x))
    assert few.tobytes() == applied(staged(isa, name, t), x).tobytes()


NAN, INF = math.nan, math.inf
EDGES: dict[str, list[tuple[float, float]]] = {
    "exp": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (NAN, NAN), (1e30, INF), (-1e30, 0)],
    "exp_minus": [(0.0, 1), (INF, 0), (NAN, NAN), (1e30, 0)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1, -INF), (INF, INF), (-2, NAN), (-INF, NAN), (NAN, NAN)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1), (NAN, NAN), (1e30, INF)],
    "log": [(0.0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-1, NAN), (-INF, NAN), (NAN, NAN)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0), (NAN, NAN), (1e30, 1), (-1e30, 0)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN), (30, 1), (-30, -1)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN), (7, 1), (-7, -1)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0.0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), (NAN, NAN)],
}


@on_each
@each_name
@each_float
@pytest.mark.parametrize("flush", [False, True], ids=["", "flushed"])
def test_edges(isa: str, name: str, t: Type, flush: bool) -> None:
    x, wanted = np.array(EDGES[name], NUMPY[t]).T
    got = applied(staged(isa, name, t, flush=flush), np.ascontiguousarray(x))
    np.testing.assert_array_equal(got, wanted)
    numbers = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(wanted[numbers]))


@on_each
@each_float
def test_normal_distribution(isa: str, t: Type) -> None:
    x = np.random.default_rng(5).uniform(-9, 9, 20_000).astype(NUMPY[t])
    exact = (1 + erf_series(x.astype(Long) * np.sqrt(Long(0.5)))) / 2
    assert np.abs(applied(staged(isa, "normal", t), x) - exact).max() < (
        2e-7 if t == F32 else 3e-16
    )
    ends = np.array([0.0, -0.0, INF, -INF, 40, -40], NUMPY[t])
    assert applied(staged(isa, "normal", t), ends).tolist() == [0.5, 0.5, 1, 0, 1, 0]


@on_each
@each_float
@pytest.mark.parametrize("name", ["round", "floor", "ceil", "sqrt"])
def test_exact_functions(isa: str, t: Type, name: str) -> None:
    r = np.random.default_rng(6)
    top = 2.0 ** (26 if t == F32 else 55)
    parts = [r.uniform(-9, 9, 300), np.arange(-9, 9.5, 0.5), r.uniform(-top, top, 300)]
    x = np.concatenate([*parts, [-0.0, INF, -INF, NAN, -0.3, 0.3]]).astype(NUMPY[t])
    x = abs(x) if name == "sqrt" else x
    got, wanted = applied(staged(isa, name, t), x), getattr(np, name)(x)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got)[x == x], np.signbit(wanted)[x == x])


@on_each
@each_float
def test_overflow_and_underflow_set_in_where_they_must(isa: str, t: Type) -> None:
    facts = np.finfo(NUMPY[t])
    largest = np.log(Long(facts.max)).astype(NUMPY[t])
    smallest = np.log(Long(facts.tiny)).astype(NUMPY[t])
    largest = np.nextafter(largest, NUMPY[t](0))
    above = np.nextafter(largest, NUMPY[t](INF))
    last = (np.nextafter(above, NUMPY[t](INF)), np.nextafter(smallest, NUMPY[t](0)))
    x = np.array([largest, last[0], last[1], smallest - 1, smallest - 60], NUMPY[t])
    for flush in (False, True):
        got = applied(staged(isa, "exp", t, flush=flush), x)
        assert np.isfinite(got[0]) and got[0] > facts.max * 0.999
        assert np.isinf(got[1])
        assert got[2] >= facts.tiny
        assert got[4] == 0
        small = float(np.exp(Long(x[3])))
        assert got[3] == 0 if flush else abs(float(got[3]) - small) <= facts.smallest_subnormal


@on_each
@each_float
def test_denormals(isa: str, t: Type) -> None:
    tiny = np.finfo(NUMPY[t]).tiny
    x = np.array([tiny / 4, -tiny / 4, np.finfo(NUMPY[t]).smallest_subnormal, tiny / 3], NUMPY[t])
    for name in ("tanh", "erf", "sin"):
        slope = 2 / math.sqrt(math.pi) if name == "erf" else 1.0
        got = applied(staged(isa, name, t), x)
        step = np.finfo(NUMPY[t]).smallest_subnormal
        assert (np.abs(got - x.astype(np.float64) * slope) <= step).all()
        flushed = applied(staged(isa, name, t, flush=True), x)
        assert (flushed == 0).all()
        np.testing.assert_array_equal(np.signbit(flushed), np.signbit(x))
    ones = x[x > 0]
    np.testing.assert_allclose(applied(staged(isa, "log", t), ones), np.log(ones), rtol=1e-6)
    assert (applied(staged(isa, "log", t, flush=True), ones) == -INF).all()
    for name in ("exp", "cos", "sigmoid"):
        wanted = 0.5 if name == "sigmoid" else 1.0
        assert (applied(staged(isa, name, t), x) == wanted).all()


@on_each
@each_float
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_huge_angles_stay_between_minus_one_and_one(isa: str, t: Type, name: str) -> None:
    r = np.random.default_rng(3)
    top = math.log(np.finfo(NUMPY[t]).max)
    x = np.exp(r.uniform(13, top * 0.9999, 3000)).astype(NUMPY[t])
    x = np.concatenate([x, -x, NUMPY[t]([np.finfo(NUMPY[t]).max, 2.0**31, 2.0**63, 2.0**24])])
    got = applied(staged(isa, name, t), x)
    assert (np.abs(got) <= 1).all()
    # For angles up to 2^27 most of the digits are right still.
    near = np.abs(x) < 2**27
    exact = REFERENCES[name](x[near].astype(Long))
    assert np.abs(got[near] - exact).max() < (1e-6 if t == F32 else 1e-8)
