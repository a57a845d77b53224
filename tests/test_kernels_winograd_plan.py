"""What the Winograd kernel reads and writes, the plans it follows, and which problems it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from direct_cases import (
    HOST,
    NHWC,
    RUNNABLE,
    Layer,
    Numpy,
    channels_last,
    embed,
    exact,
    launch,
    name_of,
    problem_of,
    weights_for,
)
from direct_runner import Winograd
from hypothesis import given
from hypothesis import strategies as st
from winograd_cases import PADS, SAME, TILES, assert_close, check_runner

import tatamu
from tatamu import ops
from tatamu.geometry import ConvSpec
from tatamu.kernels import winograd
from tatamu.kernels.problem import ConvProblem
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.nn import functional as F
from tatamu.runtime import compiled
from tatamu.stage import TARGETS, StagingError, Target

pytestmark = pytest.mark.skipif(HOST is None, reason="no kernel can run here")


# ---- what is read and written --------------------------------------------------------------------

CHECKED = [(isa, tile) for isa, tile in TILES if tile.dtype == "float32"]
every_checked = pytest.mark.parametrize(
    ("isa", "tile"), CHECKED, ids=[name_of(isa, tile) for isa, tile in CHECKED]
)


@cache
def debug_kernel(isa: str, tile: WinogradTile) -> Winograd:
    return Winograd(tile, RUNNABLE[isa], debug=True)


@pytest.mark.slow
@every_checked
def test_nothing_outside_is_read_or_written(isa: str, tile: WinogradTile) -> None:
    run, full = debug_kernel(isa, tile), tile.channels
    for turn in range(12):
        layer = Layer(pads=PADS[turn % len(PADS)])
        x = channels_last("float32", 1 + turn % 2, 1 + turn * 7 % 36, 3 + turn, 3 + turn * 5 % 17)
        gaps = (0, 1, 2, 3) if turn % 3 else (0, 0, 0, 0)
        check_runner(run, tile, embed(x, NHWC, gaps), full + turn % 4, layer)
    check_runner(run, tile, channels_last("float32", 1, 130, 4, 9), 5 * full, SAME)


@every_checked
@pytest.mark.parametrize("short", ["x", "w", "b", "y", "scratch", "table"])
def test_the_check_sees_one_element_too_few(isa: str, tile: WinogradTile, short: str) -> None:
    x = channels_last("float32", 1, 16, 8, 8)
    with pytest.raises(StagingError, match=r"winograd_emit\.py|copying\.py"):
        check_runner(debug_kernel(isa, tile), tile, x, tile.channels, SAME, short)


# ---- plans ---------------------------------------------------------------------------------------


def dense(inputs: int, height: int, width: int, outputs: int, **given: Any) -> ConvProblem:
    """One float32 picture, channels last, under a 3x3 window with padding 1."""
    spec = ConvSpec.make(given.pop("kernel", 3), padding=given.pop("padding", 1), **given)
    strides = (height * width * inputs, 1, width * inputs, inputs)
    return ConvProblem(spec, "float32", (1, inputs, height, width), strides, outputs)


@given(st.integers(1, 40), st.integers(0, 9), st.integers(1, 9), st.sampled_from([2, 3, 4]))
def test_tables_say_what_the_windows_say(size: int, pad: int, width: int, outputs: int) -> None:
    if size + 2 * pad < 3:
        return
    problem = dense(5, size, width, 7, padding=(pad, 1))
    tile = WinogradTile("float32", outputs, 6, 4, 16)
    window, (height, columns) = problem.spec.windows[0], problem.out_size
    table = winograd.tile_table(problem, tile).tolist()
    across = -(-columns // outputs)
    assert len(table) == across * -(-height // outputs)
    for at, (x, y, first, last, *_, rows, _, r) in enumerate(table[::across]):
        top = at * outputs
        patch = range(window.taps(top).start, window.taps(top).start + outputs + 2)
        assert [i for i, row in enumerate(patch) if row in range(size)] == list(range(first, last))
        assert x == patch.start * width * 5 - 5
        assert (y, rows) == (top * columns * 7, min(outputs, height - top))
        assert r == y  # a residual lies as the output does unless the problem says otherwise


def test_no_share_of_the_panels_is_empty() -> None:
    tile = WinogradTile("float32", 4, 6, 4, 16)
    for size, panels in product((4, 16, 24, 32, 60), range(1, 24)):
        numbers = winograd.plan_with(tile, dense(16, size, size, 64 * panels), TARGETS["AVX-512"])
        shares = numbers.numbers["shares"]
        blocks = numbers.items // shares
        assert (shares - 1) * -(-panels // shares) < panels
        assert shares == 1 or blocks < winograd.LEAST_ITEMS
        assert blocks * winograd.BLOCK_TILES >= numbers.numbers["tiles"]


def test_another_size_or_layer_compiles_nothing() -> None:
    assert HOST is not None
    x = channels_last("float32", 1, 160, 40, 36)  # many items, so that the thread pool is there
    launch(winograd.plan(problem_of(SAME.spec(), x, 64), HOST), x, *weights_for(SAME, x, 64))
    counts = [(compiled.counts.compiled, compiled.counts.from_disk)]
    for n, inputs, height, width, outputs in (
        (2, 160, 36, 20, 64), (1, 192, 24, 31, 192), (1, 170, 40, 40, 128)
    ):  # fmt: skip
        x = channels_last("float32", n, inputs, height, width)
        plan = winograd.plan(problem_of(SAME.spec(), x, outputs), HOST)
        assert plan.symbol == winograd.tile_of(plan.problem, HOST, 4).symbol(HOST)
        w, bias = weights_for(SAME, x, outputs)
        assert_close(plan.tile.outputs, launch(plan, x, w, bias), SAME, x, w, bias)
        counts.append((compiled.counts.compiled, compiled.counts.from_disk))
    assert len(set(counts)) == 1


# ---- which problems it takes ---------------------------------------------------------------------

NETWORKS = [
    (64, 224, 64), (64, 112, 128), (128, 112, 128), (128, 56, 256), (256, 56, 256),
    (256, 28, 512), (512, 28, 512), (512, 14, 512), (64, 56, 64), (128, 28, 128),
    (256, 14, 256), (512, 7, 512),
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_cost_model_chooses(target: Target) -> None:
    for inputs, size, outputs in NETWORKS:
        assert winograd.accepts(dense(inputs, size, size, outputs), target) is None
    for inputs, size, outputs in ((3, 224, 64), (64, 1, 64), (512, 1, 512), (1, 28, 1)):
        problem = dense(inputs, size, size, outputs)
        mine, plain = winograd.steps(problem, target), winograd.direct_cost(problem, target)
        assert mine > plain
        steps = f"{mine:.3g} steps, direct convolution {plain:.3g}"
        assert winograd.accepts(problem, target) == f"too few channels or pixels: {steps}"


USUAL = dense(64, 28, 28, 64)
REFUSED = [
    (dense(64, 28, 28, 64, kernel=7), "it needs a window of 2×2, 3×3, 4×4, 5×5, not 7×7"),
    (dense(64, 28, 28, 64, kernel=(3, 1)), "it needs a window of 2×2, 3×3, 4×4, 5×5, not 3×1"),
    (dense(8, 28, 28, 64, kernel=2), "with 8 channels no transform is as exact as a plain sum"),
    (replace(USUAL, spec=ConvSpec.make(3, dims=3)), "it serves pictures of two axes, not of 3"),
    (dense(64, 28, 28, 64, stride=(1, 2)), "it needs stride 1, not (1, 2)"),
    (dense(64, 28, 28, 64, dilation=2), "it needs dilation 1, not (2, 2)"),
    (dense(64, 28, 28, 64, groups=4), "it serves one group, not 4"),
    (dense(64, 28, 28, 64, transposed=True), "it does not serve transposed convolution"),
    (replace(USUAL, dtype="float16"), "it computes in float32 and float64, not in float16"),
    (replace(USUAL, x_strides=(50176, 784, 28, 1)),
     "channels must lie next to one another in memory"),
    (replace(USUAL, x_shape=(0, 64, 28, 28)), "there is no picture"),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_it_does_not_accept(problem: ConvProblem, reason: str) -> None:
    assert winograd.accepts(USUAL, TARGETS["AVX-512"]) is None
    assert winograd.accepts(problem, TARGETS["AVX-512"]) == reason


@pytest.mark.parametrize(
    ("inputs", "outputs"), [(32, (2,)), (64, (3, 2)), (128, (3, 2)), (160, (4, 3, 2))]
)
def test_few_channels_are_given_an_exact_transform(inputs: int, outputs: tuple[int, ...]) -> None:
    target = TARGETS["AVX-512"]
    problem = dense(inputs, 56, 56, 64)
    assert winograd.choose_tile(problem, target).outputs == outputs[0]
    double = replace(problem, dtype="float64")
    assert winograd.choose_tile(double, target).outputs == 4


def test_few_pixels_are_given_the_transform_that_costs_least() -> None:
    """Of 7x7 outputs, F(4x4) reads half as many weights again as F(3x3) does."""
    target = TARGETS["AVX-512"]
    chosen = [winograd.choose_tile(dense(512, n, n, 512), target).outputs for n in (4, 7, 14, 28)]
    assert chosen == [2, 3, 4, 4]
    assert winograd.cost(dense(512, 7, 7, 512), target).scratch > 0


def test_it_needs_a_compiler() -> None:
    reason = "llvmlite is missing or has no code generator for this processor"
    assert winograd.accepts(USUAL, None) == reason


# ---- through the public call ---------------------------------------------------------------------


@pytest.fixture
def switched_back() -> Iterator[None]:
    yield
    tatamu.set_winograd(True)


def ran(x: tatamu.Tensor, w: tatamu.Tensor) -> tuple[str, Numpy]:
    """Which kernel ran for the window with padding 1, and its result."""
    events: list[ops.Event] = []
    with ops.watching(events.append):
        y = F.conv2d(x, w, padding=1)
    (event,) = (event for event in events if event.op.name == "convolution")
    return event.ran.kernel, y.numpy()


@pytest.mark.usefixtures("switched_back")
def test_it_is_switched_off_and_on_and_weights_may_change() -> None:
    random = np.random.default_rng(8)
    values = random.standard_normal((1, 64, 20, 22)).astype(np.float32)
    weights = random.standard_normal((64, 64, 3, 3)).astype(np.float32)
    x, w = tatamu.tensor(values), tatamu.tensor(weights)
    name, first = ran(x, w)
    assert name == "Winograd F(3×3, 3×3)"
    assert_close(3, first, SAME, values, weights, None)
    for factor in (2, 4):
        w.mul_(2)
        name, y = ran(x, w)
        assert name.startswith("Winograd") and (y == factor * first).all()
    tatamu.set_winograd(False)
    name, plain = ran(x, w)
    assert name.startswith("direct")
    right, most = exact(SAME, values, weights, None)
    assert (abs(plain - 4 * right) <= 4 * most).all()
    w.mul_(0.5)
    assert (ran(x, w)[1] == plain / 2).all()
    tatamu.set_winograd(True)
    name, y = ran(x, w)
    assert name.startswith("Winograd") and (y == 2 * first).all()


def test_what_is_small_or_empty_or_has_a_large_window_runs_directly() -> None:
    for shape, kernel in (((1, 64, 1, 1), 3), ((1, 64, 20, 20), 7), ((0, 64, 20, 20), 3)):
        name, y = ran(tatamu.ones(shape), tatamu.ones(64, 64, kernel, kernel))
        assert name.startswith("direct")
        assert y.shape[:2] == shape[:2]
