"""Convolution by fast Fourier transform: right within its bound, in bounded memory, where it pays.

Right is the sum over all taps in float64, which shares nothing with the package; and, for the
operations, their references.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from fft_cases import Numpy, bound, check, definition, every_plan, operands, planned, run
from hypothesis import given
from hypothesis import strategies as st
from test_fallback import run_python

import tatamu
from tatamu.geometry import ConvSpec
from tatamu.kernels import fft
from tatamu.kernels.fft import Correlation, Line
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.conv_fused import conv_fused, fused
from tatamu.ops.convolution import conv_input_grad, conv_weight_grad, convolution
from tatamu.ops.op import Call, Event
from tatamu.runtime import sharing, threads
from tatamu.runtime.storage import pool
from tatamu.stage import TARGETS

(FFT,) = [kernel for kernel in convolution.kernels if kernel.name == "FFT"]
AVX512 = TARGETS["AVX-512"]
MEGABYTE = 1024 * 1024


# ---- right, for every size ----------------------------------------------------------------------


def lines(dims: int) -> st.SearchStrategy[tuple[Line, ...]]:
    taps, out, size = {1: (64, 150, 250), 2: (14, 25, 40), 3: (5, 7, 10)}[dims]
    steps = st.sampled_from([(1, 1, 1), (1, 2, 1), (2, 1, 1), (3, 2, 1), (2, 1, 2), (1, 1, 3)])
    one = st.builds(
        lambda size, taps, out, first, step: Line(size, taps, out, first, *step),
        st.integers(1, size), st.integers(1, taps), st.integers(1, out),
        st.integers(-size, size // 2), steps,
    )  # fmt: skip
    return st.tuples(*[one] * dims)


def problems(summed: bool) -> st.SearchStrategy[Correlation]:
    few = st.integers(1, 4)
    return st.builds(
        Correlation,
        st.sampled_from(["float32", "float64"]), few, st.integers(1, 3), few, few,
        st.integers(1, 3).flatmap(lines), st.just(summed),
    )  # fmt: skip


@given(problems(False), st.integers(0, 10**6), st.booleans())
def test_a_convolution_is_the_sum_over_its_taps(
    problem: Correlation, choice: int, matrices: bool
) -> None:
    plans = every_plan(problem)
    check(replace(plans[choice % len(plans)], matrices=matrices), choice % 7)


@given(problems(True), st.integers(0, 10**6), st.booleans())
def test_a_gradient_of_weights_is_the_sum_over_all_positions(
    problem: Correlation, choice: int, matrices: bool
) -> None:
    plans = every_plan(problem)
    check(replace(plans[choice % len(plans)], matrices=matrices), choice % 7)


def square(size: int, kernel: int, pad: int = 0, *, summed: bool = False) -> tuple[Line, Line]:
    """Both axes of a convolution, or of its weights' gradient, whose taps are its outputs."""
    out = size + 2 * pad - kernel + 1
    line = Line(size, out, kernel, -pad) if summed else Line(size, kernel, out, -pad)
    return line, line


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [33, 48, 64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("summed", [False, True])
def test_large_kernels(kernel: int, dtype: str, summed: bool) -> None:
    problem = Correlation(dtype, 1, 1, 2, 3, square(90, kernel, 5, summed=summed), summed)
    plans = every_plan(problem)
    assert len({plan.all_tiles for plan in plans}) > 2
    for plan in (plans[0], plans[-1], planned(problem)):
        check(plan)


@pytest.mark.parametrize("summed", [False, True])
def test_float64_to_twelve_digits(summed: bool) -> None:
    problem = Correlation("float64", 2, 2, 3, 4, square(50, 21, 10, summed=summed), summed)
    x, w = operands(problem)
    right = definition(problem, x, w)
    for plan in every_plan(problem):
        np.testing.assert_allclose(run(plan, x, w), right, rtol=0, atol=1e-12 * abs(right).max())


def test_a_bias_is_added_once_to_each_output() -> None:
    problem = Correlation("float64", 2, 3, 2, 2, square(30, 9))
    x, w = operands(problem)
    bias = np.arange(6.0)
    for plan in every_plan(problem):
        with_bias = run(plan, x, w, bias)
        assert np.array_equal(with_bias, run(plan, x, w) + bias[:, None, None])


@pytest.mark.parametrize("order", list(product(range(2), repeat=2)))
def test_memory_order_changes_nothing(order: tuple[int, int]) -> None:
    problem = Correlation("float32", 2, 1, 4, 3, square(40, 11, 3))
    x, w = operands(problem)
    plan = planned(problem)
    x_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    w_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(w, 1, -1)), -1, 1)
    y = run(plan, (x, x_last)[order[0]], (w, w_last)[order[1]])
    assert np.array_equal(y, run(plan, x, w))
    wide = np.full((2, 8, 45, 50), np.nan, np.float32)
    wide[:, 1::2, 2:42, 5:45] = x
    assert np.array_equal(run(plan, wide[:, 1::2, 2:42, 5:45], w), y)
    assert np.array_equal(run(plan, np.flip(np.flip(x, 3).copy(), 3), w), y)


# ---- threads and memory -------------------------------------------------------------------------


@contextmanager
def working_space(monkeypatch: pytest.MonkeyPatch, size: int) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(fft, "WORKSPACE", size)
        yield


SPREAD = [
    Correlation("float32", 2, 1, 5, 7, square(60, 15, 7)),
    Correlation("float32", 1, 20, 1, 1, square(40, 13, 6)),
    Correlation("float64", 2, 1, 24, 24, square(24, 9, 4)),
    Correlation("float32", 3, 2, 5, 7, square(60, 15, 7, summed=True), summed=True),
    Correlation("float64", 3, 12, 1, 1, square(40, 13, 6, summed=True), summed=True),
    Correlation("float32", 4, 1, 24, 24, square(24, 9, 4, summed=True), summed=True),
]


@pytest.mark.parametrize("problem", SPREAD)
def test_any_number_of_threads_gives_the_same_bits(problem: Correlation) -> None:
    x, w = operands(problem)
    for matrices in (False, True):
        plan = replace(planned(problem), matrices=matrices)
        one = run(plan, x, w)
        for count in (2, 5):
            assert run(plan, x, w, threads=count).tobytes() == one.tobytes()


@pytest.mark.parametrize("problem", SPREAD)
def test_jobs_of_every_size_agree(problem: Correlation, monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = operands(problem)
    right = definition(problem, x, w)
    seen = set()
    for size in (2**26, 2**20, 2**18, 2**16, 2**14):
        with working_space(monkeypatch, size):
            found = fft.plan_with(planned(problem).sides, problem)
        seen.add((found.groups, found.tiles, found.outputs))
        for matrices in (False, True):
            plan = replace(found, matrices=matrices)
            assert (abs(run(plan, x, w) - right) <= bound(plan, x, w)).all()
    assert len(seen) > 2


LARGE = [
    Correlation("float32", 1, 1, 4, 3, (Line(600, 256, 347, -1), Line(1500, 256, 1247, -1))),
    Correlation("float32", 8, 1, 64, 64, square(200, 31, 15)),
    Correlation("float64", 1, 256, 1, 1, square(300, 51, 25)),
    Correlation("float32", 2, 1, 3, 8, square(2000, 101, 50)),
    Correlation("float32", 4, 1, 64, 64, square(128, 31, 15, summed=True), summed=True),
    Correlation("float64", 2, 1, 3, 8, square(1000, 63, 31, summed=True), summed=True),
    Correlation("float32", 1, 1, 1, 1, (Line(10**6, 4096, 10**6 - 4095),)),
    Correlation("float32", 1, 1, 4, 4, (Line(60, 9, 52), Line(60, 9, 52), Line(60, 9, 52))),
]


@pytest.mark.parametrize("problem", LARGE)
def test_working_space_is_bounded(problem: Correlation) -> None:
    plan = planned(problem)
    for count in (1, 2, 5, 64):
        workers = plan.workers(count)
        assert 1 <= workers <= count
        assert plan.shared + workers * plan.own <= fft.WORKSPACE
    assert plan.packed <= fft.PACKED


def test_small_problems_need_little() -> None:
    plan = planned(Correlation("float32", 1, 1, 1, 1, square(64, 31, 15)))
    assert plan.shared + plan.own < MEGABYTE


def test_a_call_allocates_no_more_than_it_says() -> None:
    spec = {"padding": 25}
    x, w = tatamu.randn(1, 3, 300, 300), tatamu.randn(8, 3, 51, 51)
    F.conv2d(x, w, None, **spec)  # type: ignore[arg-type]
    (plan,) = [plan.runner._plan for plan in fft_plans() if plan.call.shapes[1] == w.shape]  # type: ignore[attr-defined]
    pool.clear()
    tracemalloc.start()
    y = F.conv2d(x, w, None, **spec)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = plan.shared + plan.workers(threads.get_num_threads()) * plan.own
    assert peak < 1.2 * said + 1.2 * y.numel() * 4 + MEGABYTE


def fft_plans() -> list[Any]:
    """Plans of convolutions that a transform serves."""
    ops = (convolution, conv_input_grad, conv_weight_grad)
    every = [plan for op in ops for plan in op.plans.values()]
    return [plan for plan in every if plan.runner and plan.ran().kernel.startswith("FFT")]


def test_steps_are_all_done_and_errors_come_through() -> None:
    done: list[int] = []
    sharing.share(lambda index, worker: done.append(index), 100, workers=3)
    assert sorted(done) == list(range(100))

    def fail(index: int, worker: int) -> None:
        if index == 3:
            raise ValueError("step three")

    for workers in (1, 4):
        with pytest.raises(ValueError, match="step three"):
            sharing.share(fail, 100, workers)


# ---- when it is used ----------------------------------------------------------------------------


def test_what_it_refuses_and_why() -> None:
    good = Correlation("float32", 1, 1, 3, 8, square(512, 63, 31))
    assert fft.accepts(good, AVX512) is None
    cases = (
        (replace(good, dtype="float16"), "it computes in float32 and float64, not in float16"),
        (replace(good, images=0), "there is nothing to compute"),
        (replace(good, outputs=0), "there is nothing to compute"),
        (replace(good, lines=square(512, 3, 1)), "too little to gain: "),
        (replace(good, inputs=512, outputs=512), " MB of transformed weights and "),
    )
    for problem, reason in cases:
        assert reason in str(fft.accepts(problem, AVX512))
    assert isinstance(fft.plan(replace(good, images=0)), str)
    with pytest.raises(AssertionError):
        planned(replace(good, inputs=512, outputs=512))


@pytest.mark.parametrize("target", [*TARGETS.values(), None], ids=[*TARGETS, "none"])
def test_it_is_for_large_kernels_only(target: Any) -> None:
    for channels, size in product((1, 3, 64), (14, 56, 224)):

        def with_kernel(kernel: int, groups: int = 1) -> str | None:
            each = channels // groups  # noqa: B023
            sides = square(size, kernel, kernel // 2)  # noqa: B023
            return fft.accepts(Correlation("float32", 1, groups, each, each, sides), target)

        assert with_kernel(1) is not None
        if target is not None:
            assert with_kernel(3) is not None
            assert with_kernel(3, channels) is not None
        if size == 224 and channels < 64:
            assert with_kernel(101) is None


def test_cost_is_that_of_the_plan() -> None:
    small, large = (Correlation("float32", 1, 1, 3, 8, square(n, 63, 31)) for n in (256, 512))
    for target in TARGETS.values():
        a, b = fft.cost(small, target), fft.cost(large, target)
        assert 2 < b.steps / a.steps < 6
        assert a.scratch >= planned(small).packed + planned(small).shared
        assert a.items == 1


def test_what_ends_in_an_activation_is_not_served() -> None:
    shapes = (tatamu.ones(1, 1, 99, 99), tatamu.ones(1, 1, 51, 51), None, None)
    call = Call(conv_fused, fused(ConvSpec.make(51), "relu"), shapes)
    assert FFT.accepts(call) == "it ends in no activation and adds no residual"


# ---- the operations -----------------------------------------------------------------------------

CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((1, 3, 130, 150), (4, 3, 41, 35), {"padding": (20, 3)}),
    ((2, 2, 100, 90), (4, 1, 31, 33), {"padding": "same", "groups": 2}),
    ((1, 1, 90, 120), (2, 1, 45, 60), {"stride": (1, 2), "padding": 70}),
    ((1, 2, 150, 150), (2, 2, 25, 30), {"dilation": (3, 2), "padding": 5}),
    ((1, 2, 90, 90), (2, 1, 55, 55), {"padding": 27, "groups": 2}),
)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "weights", "arguments"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_and_both_gradients_agree_with_the_references(
    shape: tuple[int, ...], weights: tuple[int, ...], arguments: dict[str, Any], dtype: str
) -> None:
    random = np.random.default_rng(1)
    x, w, b = (random.standard_normal(s).astype(dtype) for s in (shape, weights, weights[:1]))
    leaves = [tatamu.tensor(a, requires_grad=True) for a in (x, w, b)]
    events: list[Event] = []
    with watching(events.append):
        y = F.conv2d(*leaves, **arguments)
        g = random.standard_normal(y.shape).astype(dtype)
        y.backward(tatamu.tensor(g))
    assert y.strides[1] == 1, "channels-last, though torch's strides are shown"
    found = {event.op.name: event for event in events}
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    given = {"convolution": (x, w, b), "conv_input_grad": (g, w), "conv_weight_grad": (x, g)}
    results = {"convolution": y.detach(), "conv_input_grad": leaves[0].grad}
    results["conv_weight_grad"] = leaves[1].grad
    for name, pair in given.items():
        event = found[name]
        assert event.ran.kernel.startswith("FFT"), (name, event.ran)
        wide = [a.astype(np.float64) for a in pair]
        right = event.op.reference(event.attrs, *wide)
        size = np.sqrt(np.prod([(a**2).sum() for a in wide[:2]]))
        np.testing.assert_allclose(np.array(results[name]), right, rtol=0, atol=tolerance * size)


def convolved(x: Numpy, w: Numpy, **arguments: Any) -> Numpy:
    events: list[Event] = []
    with watching(events.append):
        y = F.conv2d(tatamu.tensor(x), tatamu.tensor(w), None, **arguments)
    assert events[-1].ran.kernel.startswith("FFT")
    assert events[-1].ran.isa == "NumPy"
    return np.array(y)


def test_changed_weights_are_noticed() -> None:
    random = np.random.default_rng(3)
    x, w = tatamu.tensor(random.standard_normal((1, 1, 99, 99))), tatamu.ones(1, 1, 41, 41)
    w = w.to(tatamu.float64)
    before = np.array(F.conv2d(x, w))
    assert w.storage._packed
    w.mul_(3.0)
    np.testing.assert_allclose(np.array(F.conv2d(x, w)), 3 * before, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_fills_its_tiles_and_no_others(bad: float) -> None:
    random = np.random.default_rng(4)
    x, w = random.standard_normal((2, 2, 300, 300)), random.standard_normal((3, 2, 35, 35))
    problem = Correlation("float64", 2, 1, 2, 3, square(300, 35))
    plan = planned(problem)
    assert plan.all_tiles > 2
    x[0, 1, 299, 299] = bad
    y = convolved(x, w)
    last = tuple(side.count - 1 for side in plan.sides)
    reached = np.zeros(y.shape[2:], bool)
    for tile in np.ndindex(*(side.count for side in plan.sides)):
        if all(side.reads(t)[1] == 300 for side, t in zip(plan.sides, tile, strict=True)):
            parts = [slice(*side.part(t)) for side, t in zip(plan.sides, tile, strict=True)]
            reached[tuple(parts)] = True
    assert reached[
        tuple(slice(*side.part(t)) for side, t in zip(plan.sides, last, strict=True))
    ].all()
    assert not reached.all()
    assert not np.isfinite(y[0, :, reached]).any()
    assert np.isfinite(y[0][:, ~reached]).all()
    assert np.isfinite(y[1]).all()


def test_numbers_near_the_end_of_the_range_stay_finite_where_sums_do() -> None:
    x = np.full((1, 1, 100, 100), 1e30, np.float32)
    y = convolved(x, np.full((1, 1, 51, 51), 1e3, np.float32))
    np.testing.assert_allclose(y, 1e33 * 51 * 51, rtol=1e-4)


def test_plain_order_can_be_had() -> None:
    x, w = tatamu.ones(1, 1, 99, 99), tatamu.ones(1, 1, 41, 41)
    call = Call(convolution, ConvSpec.make(41), (x, w))
    tatamu.set_winograd(False)
    try:
        events: list[Event] = []
        with watching(events.append):
            y = F.conv2d(x, w)
        assert events[0].ran.kernel.startswith("direct")
        assert FFT.accepts(call) == "switched off by set_winograd(False)"
    finally:
        tatamu.set_winograd(True)
    assert FFT.accepts(call) is None
    np.testing.assert_array_equal(np.array(y), 41.0 * 41.0)


def test_derivatives_of_second_order() -> None:
    random = np.random.default_rng(5)
    x = tatamu.tensor(random.standard_normal((1, 1, 90, 90)), requires_grad=True)
    w = tatamu.tensor(random.standard_normal((1, 1, 45, 45)), requires_grad=True)
    y = F.conv2d(x, w, None, padding=22)
    (dx,) = tatamu.autograd.grad((y * y).sum() * 0.5, [x], create_graph=True)
    (dw,) = tatamu.autograd.grad((dx * dx).sum(), [w])
    step = 1e-6
    v = random.standard_normal((1, 1, 45, 45))

    def squared(at: Numpy) -> float:
        kernel = tatamu.tensor(at)
        z = F.conv2d(x, kernel, None, padding=22)
        (d,) = tatamu.autograd.grad((z * z).sum() * 0.5, [x])
        return float((d * d).sum())

    base = np.array(w.detach())
    slope = (squared(base + step * v) - squared(base - step * v)) / (2 * step)
    np.testing.assert_allclose((np.array(dw) * v).sum(), slope, rtol=1e-5)


def test_without_llvmlite_large_kernels_are_transformed_all_the_same() -> None:
    (line,) = run_python(
        """
        import sys, warnings
        sys.modules["llvmlite"] = None
        warnings.simplefilter("ignore")
        import tatamu
        from tatamu import ops

        for kernel in (3, 61):
            events = []
            layer = tatamu.nn.Conv2d(3, 4, kernel, padding=kernel // 2)
            with ops.watching(events.append):
                x = tatamu.ones(1, 3, 150, 150, requires_grad=True)
                layer(x).sum().backward()
            for event in events:
                if event.op.name.startswith("conv"):
                    print(kernel, event.ran.kernel.split()[0], end=" ")
        print()
        """
    )
    assert line.split() == [*("3", "NumPy") * 3, *("61", "FFT") * 3]
