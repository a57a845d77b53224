"""Pooling kernels: right on every instruction set, in both memory orders, and nowhere else."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from covering import HOST_ISA, varied
from direct_cases import HOST, IN_FLOAT32, NARROWEST, RUNNABLE, TARGETS, every_isa_in_float32
from hypothesis import given, settings
from hypothesis import strategies as st
from pooling_cases import (
    ORDERS,
    WAYS,
    Bins,
    Numpy,
    Way,
    Window,
    empty,
    exact,
    laid,
    pool,
    ranges,
    reads_of,
    scattered,
    steps,
    turned,
)
from stage_runner import Kernel, unique
from test_kernels_assembly import spills

from tatamu.kernels import pooling, pooling_emit, scatter, scatter_emit
from tatamu.kernels.pooling import PoolProblem
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.scatter import ScatterProblem
from tatamu.stage import StagingError
from tatamu.stage.compile import assembly

# Channels side by side on every instruction set; planes, whose lanes are one, on the host's own.
VARIANTS = [(*kind, "channels last") for kind in product(RUNNABLE, DTYPES)] + [
    (next(iter(RUNNABLE)), dtype, "planes") for dtype in DTYPES
]
KEPT = [
    *product(IN_FLOAT32, ["float32"], ["channels last"]),
    (NARROWEST, "float64", "channels last"),
    (next(iter(RUNNABLE)), "float32", "planes"),
]
every_variant = varied(
    "isa,dtype,order", VARIANTS, KEPT, ids=lambda *v: "-".join(v).replace(" ", "-")
)
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
KINDS = ("mean", "norm1", "norm2")
SHAPE = (2, 21, 2, 6, 9)


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0, odd: bool = False) -> Numpy:
    """Quarters, with many ties; if asked, some NaN and infinities."""
    random = np.random.default_rng(seed)
    x = random.integers(-12, 13, shape) / 4
    if odd:
        bad = random.choice([np.nan, np.inf, -np.inf], shape)
        x = np.where(random.random(shape) < 0.3, bad, x)
    return x.astype(dtype)


def close(got: Numpy, right: Numpy) -> None:
    eps = np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, right, rtol=8 * eps, atol=8 * eps)


def check(isa: str, dtype: str, order: str, way: Way, shape: Any, gaps: bool = False) -> None:
    """All kinds of pooling and their gradients, against the definition."""
    reads = reads_of(way, shape[2:])
    x = laid(numbers(shape, dtype), order, gaps)
    odd = laid(numbers(shape, dtype, 1, odd=True), order, gaps)
    counts = [[len(found) or 1 for found in axis] for axis in reads]
    divisors = np.multiply.outer(np.multiply.outer(counts[0], counts[1]), counts[2])
    for given_ in (x, odd):
        values, places = exact("argmax", given_, reads, divisors)
        np.testing.assert_array_equal(pool(isa, "max", given_, reads, order, gaps=gaps)[0], values)
        got, found = pool(isa, "argmax", given_, reads, order, gaps=gaps)
        np.testing.assert_array_equal(got, values)
        np.testing.assert_array_equal(found, places)
        # Norms are means of other numbers: of planes, seen once.
        for kind in KINDS if order == "channels last" or way is WAYS["volume"] else KINDS[:1]:
            with np.errstate(invalid="ignore"):
                right, _ = exact(kind, given_, reads, divisors, 6)
            named: dict[str, Any] = {"counts": counts, "window": 6, "gaps": gaps}
            close(pool(isa, kind, given_, reads, order, **named)[0], right)
    if any(isinstance(rule, Window) and rule.dilation > 1 for rule in way):
        return
    back = [turned(axis, size) for axis, size in zip(reads, shape[2:], strict=True)]
    out = (*shape[:2], *map(len, reads))
    g = laid(numbers(out, dtype, 2), order, gaps)
    shared = g.astype(np.float64) / divisors
    right, _ = exact("mean", shared, back, np.ones(shape[2:]))
    close(pool(isa, "spread", g, back, order, counts=counts, gaps=gaps)[0], right)
    if order == "channels last":
        _, places = exact("argmax", x, reads, divisors)
        right = np.zeros(shape)
        for n, c, *o in np.ndindex(*out):
            at = places[(n, c, *o)]
            right[n, c].reshape(-1)[at] += g[(n, c, *o)]
        at = laid(places, order, gaps)
        close(pool(isa, "route", g, back, order, places=at, gaps=gaps)[0], right)


# On every instruction set, see test_any_number_of_channels.
@varied("isa,dtype,order", VARIANTS, [v for v in KEPT if v[0] in (HOST_ISA, NARROWEST)])
@every_way
def test_against_the_definition(isa: str, dtype: str, order: str, way: Way) -> None:
    check(isa, dtype, order, way, SHAPE)


@pytest.mark.parametrize("order", ORDERS)
def test_gaps_between_numbers(order: str) -> None:
    isa = next(iter(RUNNABLE))
    check(isa, "float32", order, WAYS["volume"], (2, 5, 3, 4, 5), gaps=True)


@every_isa_in_float32
@pytest.mark.parametrize("channels", [1, 3, 16, 37, 64, 65, 200])
def test_any_number_of_channels(isa: str, channels: int) -> None:
    x = laid(numbers((1, channels, 1, 5, 7), "float32"), "channels last")
    reads = reads_of(WAYS["3x3 padded"], (1, 5, 7))
    values, places = exact("argmax", x, reads, np.ones(1))
    got, found = pool(isa, "argmax", x, reads, "channels last")
    np.testing.assert_array_equal(got, values)
    np.testing.assert_array_equal(found, places)
    np.testing.assert_array_equal(pool(isa, "max", x, reads, "channels last")[0], values)
    total, _ = exact("mean", x, reads, np.ones(values.shape[2:]))
    close(pool(isa, "mean", x, reads, "channels last")[0], total)


rules = st.builds(
    lambda kernel, stride, pad, dilation: Window(kernel, stride, min(pad, kernel // 2), dilation),
    st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.integers(1, 3),
) | st.builds(Bins, st.integers(1, 9))  # fmt: skip


@given(st.tuples(rules, rules, rules), st.tuples(*[st.integers(1, 40)] * 2), st.data())
@settings(max_examples=40)
def test_any_windows_and_sizes(way: Way, batch: tuple[int, int], data: st.DataObject) -> None:
    sizes = tuple(data.draw(st.integers(1, 7)) for _ in way)
    order = data.draw(st.sampled_from(list(ORDERS)))
    reads = reads_of(way, sizes)
    if not all(reads):
        return
    x = laid(numbers((batch[0] % 3 + 1, batch[1], *sizes), "float32", batch[0], odd=True), order)
    isa = next(iter(RUNNABLE))
    values, places = exact("argmax", x, reads, np.ones(1))
    got, found = pool(isa, "argmax", x, reads, order)
    np.testing.assert_array_equal(got, values)
    np.testing.assert_array_equal(found, places)


# ---- places --------------------------------------------------------------------------------------


@every_variant
def test_numbers_put_where_indices_say(isa: str, dtype: str, order: str) -> None:
    random = np.random.default_rng(3)
    plane = 23
    places = random.integers(-2, plane + 2, (2, 19, 31))
    values = numbers((2, 19, 31), dtype, 4)
    x = numbers((2, 19, plane), dtype, 5)
    added, put, taken = np.zeros(x.shape), np.zeros(x.shape), np.zeros(values.shape)
    for n, c, o in np.ndindex(*places.shape):
        at = places[n, c, o]
        if 0 <= at < plane:
            added[n, c, at] += values[n, c, o]
            put[n, c, at] = values[n, c, o]
            taken[n, c, o] = x[n, c, at]
    at5, values5, x5 = (laid(a[:, :, None, None], order) for a in (places, values, x))
    flat = at5[:, :, 0, 0]
    np.testing.assert_array_equal(
        scattered(isa, "add", values5[:, :, 0, 0], flat, plane, order), added
    )
    np.testing.assert_array_equal(
        scattered(isa, "put", values5[:, :, 0, 0], flat, plane, order), put
    )
    np.testing.assert_array_equal(scattered(isa, "take", x5[:, :, 0, 0], flat, plane, order), taken)


# ---- bounds, refusals, registers -----------------------------------------------------------------


LAID = [
    *((kind, "channels", "channels last", "volume") for kind in pooling_emit.KINDS),
    *(
        (kind, way, "planes", windows)
        for kind in ("max", "argmax", "mean", "spread")
        for way, windows in (
            ("row1", "volume"), ("row2", "3x3 padded"), ("run", "global"), ("one", "bins"),
        )
        if pooling_emit.serves(kind, way) and (kind, way) != ("spread", "row2")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "way", "order", "windows"), LAID)
def test_it_touches_nothing_outside(kind: str, way: str, order: str, windows: str) -> None:
    assert HOST is not None
    shape = (1, 19, 2, 4, 7)
    reads = reads_of(WAYS[windows], shape[2:])
    counts = tuple(tuple(len(found) for found in axis) for axis in reads)
    if kind in ("spread", "route"):
        reads = [turned(axis, size) for axis, size in zip(reads, shape[2:], strict=True)]
        shape = (1, 19, *map(len, counts))
    if kind == "route":
        counts = tuple((1,) * len(axis) for axis in reads)
    x = laid(numbers(shape, "float32"), order)
    y = empty((1, 19, *map(len, reads)), np.float32, order)
    problem = PoolProblem(
        kind, "float32", shape, steps(x), steps(y), tuple(map(ranges, reads)), counts
    )
    plan = pooling.plan(problem, HOST)
    assert plan.way == way
    t = DTYPES["float32"]
    module = pooling_emit.emit(kind, "float32", plan.way, HOST, debug=True)
    kernel = Kernel(module, pooling_emit.fields(kind, t), unique("pooling"))
    noted = y.size if kind == "argmax" else x.size
    arrays: dict[str, Any] = {
        "x": x.transpose(ORDERS[order]).reshape(-1).copy(),
        "y": np.zeros(y.size, np.float32),
    }
    if "places" in pooling_emit.operands(kind):
        arrays["places"] = np.zeros(noted, np.int64)
    arrays |= {name: table.reshape(-1) for name, table in plan.tables.items()}
    kernel(**arrays, **plan.numbers, end=plan.items)
    for short in arrays:
        given_ = {n: a[: a.size - (n == short)] for n, a in arrays.items()}
        with pytest.raises(StagingError, match="are outside of 0 to"):
            kernel(**given_, **plan.numbers, end=plan.items)


@pytest.mark.parametrize("kind", scatter_emit.KINDS)
def test_places_touch_nothing_outside(kind: str) -> None:
    assert HOST is not None
    problem = ScatterProblem(kind, "float32", 2, 19, 6, 9, (114, 1, 19), (114, 1, 19), (171, 1, 19))
    plan = scatter.plan(problem, HOST)
    module = scatter_emit.emit(kind, "float32", HOST, debug=True)
    kernel = Kernel(module, scatter_emit.fields(kind, DTYPES["float32"]), unique("scatter"))
    arrays: dict[str, Any] = {
        "values": np.ones(228, np.float32),
        "places": np.full(228, 8),
        "picture": np.ones(342, np.float32),
    }
    kernel(**arrays, **plan.numbers, end=plan.items)
    for short in arrays:
        given_ = {n: a[: a.size - (n == short)] for n, a in arrays.items()}
        with pytest.raises(StagingError, match="are outside of 0 to"):
            kernel(**given_, **plan.numbers, end=plan.items)


def test_what_they_refuse() -> None:
    assert HOST is not None

    def problem(
        kind: str = "max", dtype: str = "float32", c: int = 1, size: int = 4
    ) -> PoolProblem:
        reads = ((range(1),), (range(size),), (range(size),))
        strides = (0, c, 0, size, 1)
        return PoolProblem(kind, dtype, (1, 8, 1, size, size), strides, strides, reads, ((1,),) * 3)

    accepts = pooling.accepts
    assert accepts(problem(), HOST) is None
    assert accepts(problem(dtype="float16"), HOST) == (
        "it computes in float32 and float64, not in float16"
    )
    assert accepts(problem("median"), HOST) == "there is no kernel for median"
    assert accepts(problem("route"), HOST) is None
    assert "channels must lie next to one another" in str(accepts(problem("route", c=16), HOST))
    assert accepts(problem(size=50000), HOST) == "positions are counted in 32 bits"
    gaps = ScatterProblem("add", "float32", 1, 8, 4, 4, (0, 1, 8), (0, 1, 8), (0, 2, 16))
    assert scatter.accepts(gaps, HOST) == "neither channels nor positions lie next to one another"
    halves = ScatterProblem("add", "float16", 1, 8, 4, 4, (0, 1, 8), (0, 1, 8), (0, 1, 8))
    assert scatter.accepts(halves, HOST) == "it computes in float32 and float64, not in float16"


@pytest.mark.parametrize("isa", TARGETS)
@pytest.mark.parametrize("kind", ["max", "argmax", "mean", "route"])
def test_no_tile_keeps_a_vector_on_the_stack(isa: str, kind: str) -> None:
    target = TARGETS[isa]
    text = assembly(pooling_emit.emit(kind, "float32", "channels", target).text(), target)
    assert spills(text, target) == []
