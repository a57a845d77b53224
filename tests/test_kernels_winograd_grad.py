"""Weight gradients by Winograd's algorithm: right on every processor, as exact as said."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import (
    HOST,
    NARROWEST,
    NHWC,
    RUNNABLE,
    Layer,
    Numpy,
    channels_last,
    embed,
    every_isa,
    problem_of,
)
from hypothesis import given
from hypothesis import strategies as st
from test_kernels_assembly import functions, innermost_loops, multiply_adds, spills
from winograd_cases import PADS, SAME
from winograd_grad_cases import (
    ALL_TILES,
    TILES,
    Checked,
    assert_close,
    bound,
    check,
    every_tile,
    grad_tiles,
    gradients,
    named,
    planned,
    run,
    summed,
)

import tatamu
from tatamu import ops
from tatamu.geometry import ConvSpec
from tatamu.kernels import weight_grad, winograd_grad, winograd_grad_emit
from tatamu.kernels.problem import ConvProblem
from tatamu.kernels.winograd_grad_emit import GradTile
from tatamu.nn import functional as F
from tatamu.runtime import threads
from tatamu.stage import TARGETS, StagingError
from tatamu.stage.compile import assembly

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HOST is None, reason="no kernel can run here"),
]


# ---- right everywhere ----------------------------------------------------------------------------


@every_tile
def test_every_size_padding_and_number_of_channels(isa: str, tile: GradTile) -> None:
    for turn in range(16):
        height, width = 1 + turn * 5 % 29, 1 + turn * 17 % 31
        layer = Layer(pads=PADS[turn % len(PADS)])
        if not layer.fits(height, width):
            layer = Layer(pads=((2, 2), (2, 2)))
        inputs, outputs = 1 + turn * 29 % 70, 1 + turn * 43 % 70
        x = channels_last(tile.product.dtype, 1 + turn % 3, inputs, height, width)
        gaps = [(0, 0, 0, 0), (0, 0, 0, 3), (0, 0, 5, 0), (1, 2, 3, 4)][turn % 4]
        check(isa, tile, layer, embed(x, NHWC, gaps), outputs)


@every_tile
def test_tiles_in_rounds(isa: str, tile: GradTile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds add to what earlier ones left, the last of them without tiles for some parts."""
    x = channels_last(tile.product.dtype, 2, 20, 23, 30)
    g = gradients(SAME, x, 37)
    numbers = planned(isa, tile, SAME, x, 37).numbers
    per_tile = x.itemsize * tile.winograd.points * (numbers["v_tile"] + numbers["m_tile"])
    for tiles in (5, 37, 70):
        monkeypatch.setattr(winograd_grad, "ROUND_BYTES", per_tile * tiles)
        plan = planned(isa, tile, SAME, x, 37)
        assert len(plan.rounds) > 1
        assert_close(tile, SAME, x, g, run(plan, x, g))


@given(
    st.sampled_from(TILES),
    st.tuples(st.integers(1, 33), st.integers(1, 33), st.integers(1, 3)),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from(PADS),
)
def test_anything(tried: Any, size: Any, channels: Any, pads: Any) -> None:
    isa, tile = tried
    height, width, images = size
    layer = Layer(pads=pads)
    x = channels_last(tile.product.dtype, images, channels[0], height, width)
    check(isa, tile, layer if layer.fits(height, width) else SAME, x, channels[1])


def test_neon_in_the_emulator() -> None:
    for tile in grad_tiles(TARGETS["NEON"])[:4]:
        x = channels_last(tile.product.dtype, 1, 5, 7, 6)
        g = gradients(SAME, x, 9)
        dw = Checked(tile, TARGETS["NEON"], debug=False)(problem_of(SAME.spec(), x, 9), x, g)
        assert_close(tile, SAME, x, g, dw)


# ---- one result from another ---------------------------------------------------------------------


@every_tile
def test_any_number_of_threads(isa: str, tile: GradTile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd_grad, "ROUND_BYTES", 1_500_000)
    for shape, outputs in (((1, 60, 51, 48), 90), ((3, 130, 5, 9), 140)):
        x = channels_last(tile.product.dtype, *shape)
        g = gradients(SAME, x, outputs)
        plan = planned(isa, tile, SAME, x, outputs)
        assert plan.items > 2 and plan.transforming().items > 2
        found = []
        for count in (1, 2, 5):
            monkeypatch.setattr(threads, "_threads", count)
            found.append(run(plan, x, g).tobytes())
        assert found[0] == found[1] == found[2]


@every_tile
def test_it_is_bilinear(isa: str, tile: GradTile) -> None:
    x = channels_last(tile.product.dtype, 1, 19, 13, 15)
    g = gradients(SAME, x, 21)
    plan = planned(isa, tile, SAME, x, 21)
    dw = run(plan, x, g)
    assert (run(plan, x * 8, g) == dw * 8).all()
    assert (run(plan, x, g * -4) == dw * -4).all()
    other = np.ascontiguousarray(x[:, ::-1].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    both = run(plan, x + other, g) - dw - run(plan, other, g)
    right = summed(SAME, x, g)
    most = bound(tile.winograd.outputs, SAME, abs(x) + abs(other), g, abs(right))
    assert (abs(both) <= 3 * most + 1e-3 * most.max()).all()


@every_isa
def test_it_is_what_outer_products_give(isa: str) -> None:
    x = channels_last("float64", 2, 37, 21, 18)
    g = gradients(SAME, x, 50)
    right = summed(SAME, x, g)
    scale = np.sqrt((x**2).sum() * (g**2).sum()) / 40
    for tile in (t for i, t in TILES if i == isa and t.product.dtype == "float64"):
        dw = run(planned(isa, tile, SAME, x, 50), x, g)
        np.testing.assert_allclose(dw, right, rtol=0, atol=1e-14 * scale)


@every_tile
def test_what_is_not_finite_stays_with_its_channels(isa: str, tile: GradTile) -> None:
    x = channels_last(tile.product.dtype, 1, 9, 14, 17).copy(order="K")
    g = gradients(SAME, x, 21).copy(order="K")
    plan = planned(isa, tile, SAME, x, 21)
    before = run(plan, x, g)
    x[0, 4, 6, 9] = np.nan
    dw = run(plan, x, g)
    assert np.isnan(dw[:, 4]).all()
    assert (np.delete(dw, 4, 1) == np.delete(before, 4, 1)).all()
    x[0, 4, 6, 9] = 1
    g[0, 13, 0, 0] = np.inf
    dw = run(plan, x, g)
    assert not np.isfinite(dw[13]).all()
    clean = run(plan, x, gradients(SAME, x, 21))
    assert (np.delete(dw, 13, 0) == np.delete(clean, 13, 0)).all()


# ---- the error against torch's -------------------------------------------------------------------

TORCH = json.loads(Path(__file__).with_name("fixtures").joinpath("conv_error.json").read_text())


@varied(
    "isa,of_torch",
    product(RUNNABLE, TORCH["gradients"]),
    [
        (isa, layer)
        for place, isa in enumerate(RUNNABLE)
        for layer in TORCH["gradients"][: int(isa == NARROWEST) if place else None]
    ],
    ids=lambda isa, found: f"{isa}-{found['layer']}",
)
def test_the_error_is_at_most_that_of_torchs_plain_sum(isa: str, of_torch: dict[str, Any]) -> None:
    """torch adds up all pixels one after the other in its contiguous format; in channels_last it
    adds in blocks, and is up to four times as exact as that."""
    images, inputs, size, outputs = of_torch["layer"]
    random = np.random.default_rng(of_torch["seed"])
    x = np.maximum(random.standard_normal((images, size, size, inputs), np.float32), 0)
    g = random.standard_normal((images, size, size, outputs), np.float32)
    x, g = (a.transpose(0, 3, 1, 2) for a in (x, g))
    right = summed(SAME, x, g)
    pixels = images * size**2
    plain = of_torch["contiguous"]
    # torch's products were fused with their sums; without that instruction a little more is lost.
    room = 1.0 if RUNNABLE[isa].fma else 1.1
    for side in (side for side, least in winograd_grad.LEAST_PIXELS.items() if pixels >= least):
        tile = winograd_grad.tile_of(problem_of(SAME.spec(), x, outputs), RUNNABLE[isa], side)
        error = abs(run(planned(isa, tile, SAME, x, outputs), x, g) - right)
        assert np.sqrt((error**2).mean()) <= room * plain["rms"] * right.std(), side
        assert error.max() <= plain["of_largest"] * abs(right).max(), side


# ---- what is read and written --------------------------------------------------------------------

DEBUGGED = [(isa, tile) for isa, tile in ALL_TILES if tile.product.dtype == "float32"]
every_debugged = varied("isa,tile", DEBUGGED, ids=named)


@cache
def debug_kernels(isa: str, tile: GradTile) -> Checked:
    return Checked(tile, RUNNABLE[isa])


@every_debugged
def test_nothing_outside_is_read_or_written(
    isa: str, tile: GradTile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for turn in range(8):
        layer = Layer(pads=PADS[turn % len(PADS)])
        x = channels_last("float32", 1 + turn % 2, 1 + turn * 7 % 36, 3 + turn, 3 + turn * 5 % 17)
        x = embed(x, NHWC, (0, 1, 2, 3) if turn % 3 else (0, 0, 0, 0))
        outputs = tile.product.channels + turn % 4
        g = gradients(layer, x, outputs)
        monkeypatch.setattr(winograd_grad, "ROUND_BYTES", 400_000 if turn % 2 else 1 << 23)
        dw = debug_kernels(isa, tile)(problem_of(layer.spec(), x, outputs), x, g)
        assert_close(tile, layer, x, g, dw)


@every_debugged
@pytest.mark.parametrize(
    "short", ["x", "g", "v", "m", "dw", "into", "sums", "out", "table", "segments"]
)
def test_the_check_sees_one_element_too_few(isa: str, tile: GradTile, short: str) -> None:
    x = channels_last("float32", 1, 16 + 3 * (short == "into"), 9, 9)
    outputs = tile.product.channels
    g = gradients(SAME, x, outputs)
    files = r"winograd_grad_emit\.py|winograd_emit\.py|weight_grad_emit\.py|copying\.py"
    with pytest.raises(StagingError, match=files):
        debug_kernels(isa, tile)(problem_of(SAME.spec(), x, outputs), x, g, short)


@pytest.mark.parametrize("isa", TARGETS)
def test_products_are_nothing_but_multiply_adds(isa: str) -> None:
    target = TARGETS[isa]
    for tile in (tile for tile in grad_tiles(target) if tile.winograd.outputs == 4):
        text = assembly(winograd_grad_emit.emit(tile, target).text(), target)
        assert spills(text, target, "multiply") == []
        for name, lines in functions(text).items():
            if not name.startswith("multiply"):
                continue
            once = int(name.removeprefix("multiply")) * tile.product.vectors
            found = sorted(multiply_adds(loop, target) for loop in innermost_loops(lines))
            assert found == [once, once * winograd_grad_emit.UNROLL]


# ---- which problems it takes ---------------------------------------------------------------------


def dense(inputs: int, size: int, outputs: int, images: int = 1, **given: Any) -> ConvProblem:
    """float32 pictures, channels last, under a 3x3 window with padding 1."""
    spec = ConvSpec.make(given.pop("kernel", 3), padding=1, **given)
    strides = (size * size * inputs, 1, size * inputs, inputs)
    return ConvProblem(spec, "float32", (images, inputs, size, size), strides, outputs)


@pytest.mark.parametrize(
    ("size", "images", "outputs"), [(56, 1, 4), (14, 8, 4), (28, 1, 3), (14, 1, 2), (7, 8, 2)]
)
def test_few_pixels_are_given_an_exact_transform(size: int, images: int, outputs: int) -> None:
    problem = dense(128, size, 128, images)
    for target in TARGETS.values():
        assert winograd_grad.accepts(problem, target) is None
        plan = winograd_grad.plan(problem, target)
        assert plan.tile.winograd.outputs == outputs
        assert plan.label == f"Winograd F({outputs}×{outputs}, 3×3) gradient"
        mine, plain = winograd_grad.cost(problem, target), weight_grad.cost(problem, target)
        assert mine.steps < plain.steps
        assert mine.launches == 2 * len(plan.rounds) + 1


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (dense(64, 56, 64, kernel=5), "it needs a 3×3 window, not 5×5"),
        (dense(64, 56, 64, stride=2), "it needs stride 1, not (2, 2)"),
        (dense(64, 56, 64, groups=2), "it serves one group, not 2"),
        (dense(512, 7, 512), "49 pixels: a plain sum of fewer than 150 is more exact"),
    ],
)
def test_what_it_does_not_accept(problem: ConvProblem, reason: str) -> None:
    assert winograd_grad.accepts(problem, TARGETS["AVX-512"]) == reason
    missing = "llvmlite is missing or has no code generator for this processor"
    assert winograd_grad.accepts(problem, None) == missing


def test_few_channels_are_left_to_outer_products() -> None:
    for problem in (dense(3, 56, 64), dense(2, 28, 16)):
        reason = winograd_grad.accepts(problem, TARGETS["AVX-512"])
        assert reason is not None and reason.startswith("too few channels or pixels: ")


def test_memory_is_bounded() -> None:
    problem = dense(64, 224, 64, images=8)
    plan = winograd_grad.plan(problem, TARGETS["AVX-512"])
    assert len(plan.rounds) > 20
    assert 4 * (plan.v_size + plan.m_size) <= winograd_grad.ROUND_BYTES + 4 * 36 * 32
    assert winograd_grad.cost(problem, TARGETS["AVX-512"]).scratch < 20_000_000


# ---- through the public call ---------------------------------------------------------------------


def test_it_is_switched_off_and_on() -> None:
    x, w = tatamu.randn(1, 32, 24, 24), tatamu.randn(32, 32, 3, 3, requires_grad=True)

    def gradient() -> tuple[str, Numpy]:
        events: list[ops.Event] = []
        y = F.conv2d(x, w, padding=1)
        with ops.watching(events.append):
            (dw,) = tatamu.autograd.grad(y, [w], tatamu.ones_like(y))
        (event,) = (event for event in events if event.op.name == "conv_weight_grad")
        return event.ran.kernel, dw.numpy()

    name, fast = gradient()
    assert name == "Winograd F(3×3, 3×3) gradient"
    try:
        tatamu.set_winograd(False)
        name, plain = gradient()
    finally:
        tatamu.set_winograd(True)
    assert name.startswith("outer products")
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-4)
    assert gradient()[0].startswith("Winograd")


def test_inputs_and_gradients_in_any_order_of_axes() -> None:
    x, w = tatamu.randn(2, 32, 19, 20), tatamu.randn(24, 32, 3, 3, requires_grad=True)
    y = F.conv2d(x, w, padding=1)
    g = tatamu.randn(*y.shape)
    (planar,) = tatamu.autograd.grad(y, [w], g)
    last = [tatamu.from_numpy(t.numpy().transpose(0, 2, 3, 1).copy()).permute(0, 3, 1, 2)
            for t in (x, g)]  # fmt: skip
    (innermost,) = tatamu.autograd.grad(F.conv2d(last[0], w, padding=1), [w], last[1])
    assert (planar.numpy() == innermost.numpy()).all()
