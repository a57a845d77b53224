"""Sums, extremes and variances over any axes: against NumPy in float64 (float128 for float64)."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from direct_cases import HOST, RUNNABLE, every_isa_and_dtype, every_isa_in_float32
from fold_cases import NCHW, NHWC, ORDERS, laid, on_threads, run, seen
from hypothesis import given
from hypothesis import strategies as st
from test_kernels_assembly import spills

import tatamu
from tatamu.kernels import reduce_emit
from tatamu.kernels.fold import division, folded
from tatamu.kernels.fold_emit import KINDS
from tatamu.kernels.reduce import ReduceProblem, plan
from tatamu.ops import watching
from tatamu.stage import F32, F64, TARGETS
from tatamu.stage.compile import assembly

pytestmark = pytest.mark.skipif(HOST is None, reason="there is no compiler")

Wide = np.longdouble
SHAPES = ((3, 5, 7, 11), (2, 67, 9, 9), (1, 3, 40, 50), (20, 1, 31, 2))


def reduced(isa: str, x: Any, axes: tuple[int, ...], kind: str, **options: Any) -> Any:
    """The kernel's result, the axes that stay in their logical order."""
    problem = ReduceProblem(kind, seen(x, axes), **options)
    order = np.argsort([-s for s in x.strides], kind="stable")
    kept = [int(axis) for axis in order if axis not in axes]
    y = np.full([x.shape[axis] for axis in kept], np.nan, x.dtype)
    run(plan(problem, RUNNABLE[isa]), [x], [y])
    return y.transpose(np.argsort(kept)) if kept else y


def check(isa: str, x: Any, axes: tuple[int, ...]) -> None:
    wide, count = x.astype(Wide), int(np.prod([x.shape[axis] for axis in axes]))
    eps = np.finfo(x.dtype).eps
    # At most 32 numbers are added before the sum goes on in float64, if it is not there already.
    chain = min(count, 32) if x.dtype == np.float32 else count
    bound = (2 + np.sqrt(chain)) * eps / 2 * abs(wide).sum(axes) / np.sqrt(count / chain)
    total = reduced(isa, x, axes, "sum")
    assert (abs(total - wide.sum(axes)) <= bound + eps * abs(total)).all()
    mean = reduced(isa, x, axes, "sum", divisor=float(count))
    assert (abs(mean - wide.mean(axes)) <= bound / count + eps * abs(mean)).all()
    np.testing.assert_array_equal(reduced(isa, x, axes, "max"), x.max(axes))
    np.testing.assert_array_equal(reduced(isa, x, axes, "min"), x.min(axes))
    var = reduced(isa, x, axes, "moments", divisor=float(count))
    np.testing.assert_allclose(var, wide.var(axes).astype(float), rtol=20 * eps, atol=eps**2)
    std = reduced(isa, x, axes, "moments", divisor=float(count), rooted=True)
    np.testing.assert_allclose(std, wide.std(axes).astype(float), rtol=20 * eps, atol=eps)


@every_isa_and_dtype
@ORDERS
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_set_of_axes(isa: str, dtype: str, order: Any, shape: Any) -> None:
    x = laid((np.random.default_rng(0).standard_normal(shape) + 3).astype(dtype), order)
    for some in range(1, 5):
        for axes in combinations(range(4), some):
            if not isinstance(folded(dtype, shape, order, axes), str):
                check(isa, x, axes)


@every_isa_in_float32
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((300_000,), (0,)), ((3, 100_003), (1,)), ((9000, 5), (0,)), ((2, 3, 70_000), (0, 2))],
)
def test_long_axes_are_folded_in_parts(isa: str, shape: Any, axes: Any) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    numbers, _ = division(seen(x, axes), RUNNABLE[isa])
    assert numbers["parts"] > 1
    check(isa, x, axes)


@pytest.mark.slow
@every_isa_in_float32
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 70), st.integers(1, 9), st.integers(1, 30)),
    st.sampled_from([NCHW, NHWC]),
    st.sets(st.integers(0, 3), min_size=1),
)
def test_any_size(isa: str, shape: Any, order: Any, axes: Any) -> None:
    x = laid(np.random.default_rng(2).uniform(1, 2, shape).astype(np.float32), order)
    kept = tuple(sorted(axes))
    if not isinstance(folded("float32", shape, order, kept), str):
        check(isa, x, kept)


@every_isa_in_float32
@ORDERS
def test_a_large_mean_leaves_the_variance_alone(isa: str, order: Any) -> None:
    x = laid((np.random.default_rng(3).standard_normal((2, 20, 50, 60)) + 1e4).astype("f4"), order)
    for axes in ((0, 2, 3), (2, 3), (1,), (0, 1, 2, 3)):
        count = float(np.prod([x.shape[axis] for axis in axes]))
        var = reduced(isa, x, axes, "moments", divisor=count)
        np.testing.assert_allclose(var, x.astype(np.float64).var(axes), rtol=2e-6)


@every_isa_in_float32
@ORDERS
def test_sums_are_as_good_as_float64_s(isa: str, order: Any) -> None:
    x = laid(np.random.default_rng(4).uniform(0, 1, (4, 32, 100, 100)).astype(np.float32), order)
    for axes in ((0, 1, 2, 3), (0, 2, 3)):
        right = x.astype(np.float64).sum(axes)
        assert (abs(reduced(isa, x, axes, "sum") / right - 1) < 1.2e-7).all()


@every_isa_and_dtype
@pytest.mark.parametrize("axes", [(1,), (0,), (0, 1)])
def test_what_is_not_finite(isa: str, dtype: str, axes: Any) -> None:
    x = np.random.default_rng(5).standard_normal((70, 90)).astype(dtype)
    x[3, 5], x[60, 80], x[7, 7], x[9, 9] = np.nan, np.nan, np.inf, -np.inf
    for kind, expected in (("max", x.max(axes)), ("min", x.min(axes)), ("sum", x.sum(axes))):
        got = reduced(isa, x, axes, kind)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        infinite = np.isinf(expected)
        np.testing.assert_array_equal(got[infinite], expected[infinite])
    lowest = np.full((70, 90), -np.inf, dtype)
    assert (reduced(isa, lowest, axes, "max") == -np.inf).all()


@pytest.mark.parametrize("shape", [(1, 64, 60, 60), (8, 3, 50, 50), (2, 700, 9, 9)], ids=str)
@ORDERS
def test_any_number_of_threads_gives_the_same_bits(shape: Any, order: Any) -> None:
    x = tatamu.from_numpy(laid(np.random.default_rng(6).random(shape, np.float32), order))

    def all_of_them() -> list[Any]:
        return [
            np.array(y)
            for axes in ((0, 1, 2, 3), (0, 2, 3), (2, 3), (1,))
            for y in (x.sum(axes), x.mean(axes), x.amax(axes), x.var(axes), x.std(axes))
        ]

    first, *others = on_threads(all_of_them)
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@ORDERS
@pytest.mark.parametrize("keepdim", [False, True])
def test_the_axes_that_stay_keep_their_order(order: Any, keepdim: bool) -> None:
    array = np.random.default_rng(7).random((2, 16, 9, 10), np.float32)
    x = tatamu.from_numpy(laid(array, order))
    for axes in ((0,), (1,), (2, 3), (0, 1), (3,)):
        events: list[Any] = []
        with watching(events.append):
            y = x.sum(axes, keepdim)
        assert "sum" in events[0].ran.kernel
        np.testing.assert_allclose(y.numpy(), array.sum(axes, keepdims=keepdim), rtol=1e-5)
        steps = [abs(s) for s, n in zip(y.stride(), y.shape, strict=True) if n > 1]
        kept = [axis for axis in order if axis not in axes]
        expected = sorted(range(len(kept)), key=lambda i, kept=kept: sorted(kept).index(kept[i]))
        assert np.argsort(expected).tolist() == np.argsort([-s for s in steps]).tolist()


def test_what_is_refused() -> None:
    assert "not in float16" in str(folded("float16", (4, 4), (0, 1), (0,)))
    assert folded("float32", (4, 4), None, (0,)) == "it reads memory without gaps"
    assert folded("float32", (4, 0), (0, 1), (0,)) == "there is nothing to read"
    six = folded("float32", (2,) * 5, (0, 1, 2, 3, 4), (0, 2, 4))
    assert "alternate more than twice" in str(six)
    events: list[Any] = []
    with watching(events.append):
        tatamu.ones(10).sum()
        tatamu.ones(64, 64)[:, ::2].sum()
    assert "fewer than 1024 numbers" in events[0].ran.why
    assert "without gaps" in events[-1].ran.why


@pytest.mark.slow
@pytest.mark.parametrize("isa", TARGETS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].inputs == 1])
@pytest.mark.parametrize("rows", [True, False])
def test_no_loop_keeps_a_vector_on_the_stack(isa: str, kind: str, rows: bool) -> None:
    for t in (F32, F64):
        text = assembly(reduce_emit.emit(kind, t, TARGETS[isa], rows=rows).text(), TARGETS[isa])
        assert spills(text, TARGETS[isa], f"{kind}_{'row' if rows else 'columns'}") == []
