"""Winograd convolution on every instruction set: right, and exact where it should be."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import (
    HOST,
    NHWC,
    RUNNABLE,
    Layer,
    Numpy,
    channels_last,
    convolve,
    correlate,
    embed,
    every_isa,
    exact,
    other_windows,
    problem_of,
    square,
    weights_for,
    winograd_tiles,
)
from direct_runner import Winograd
from hypothesis import given
from hypothesis import strategies as st
from winograd_cases import (
    ALL_TILES,
    PADS,
    SAME,
    TILES,
    Tried,
    check,
    check_runner,
    every_tile,
    exact_and_bound,
    matrices,
    transformed,
)

from tatamu.kernels import winograd
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.kernels.winograd_sides import weight_side
from tatamu.runtime import threads
from tatamu.stage import TARGETS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HOST is None, reason="no kernel can run here"),
]


# ---- right everywhere ----------------------------------------------------------------------------


@pytest.mark.parametrize(("outputs", "kernel"), winograd.LEAST_INPUTS)
def test_the_matrices_that_bound_the_error(outputs: int, kernel: int) -> None:
    b, g, a = matrices(outputs, kernel)
    d = np.array([Fraction(n * n - 7, 3) for n in range(outputs + kernel - 1)])
    w = np.array([Fraction(2 - 3 * n, 1 + n * n) for n in range(kernel)])
    assert (a @ ((g @ w) * (b @ d))).tolist() == [d[i : i + kernel] @ w for i in range(outputs)]
    ours = weight_side(outputs, kernel)
    np.testing.assert_allclose(abs(ours), abs(g).astype(float), rtol=1e-14)


@varied(
    "isa,outputs,kernel",
    [(isa, *form) for isa in RUNNABLE for form in winograd.LEAST_INPUTS if form[1] != 3],
)
def test_other_windows(isa: str, outputs: int, kernel: int) -> None:
    x = channels_last("float32", 2, 37, 11, 18)
    for pad, more in ((0, 0), (1, 0), (kernel - 1, 2)):
        layer = Layer((kernel, kernel), pads=((pad, pad), (pad + more, pad + more)))
        w, bias = weights_for(layer, x, 70)
        (tile,) = (t for t in other_windows(RUNNABLE[isa])
                   if (t.dtype, t.outputs, t.kernel) == ("float32", outputs, kernel))  # fmt: skip
        check(isa, tile, layer, x, w, bias)


@pytest.mark.parametrize(
    ("outputs", "kernel"), [form for form in winograd.LEAST_INPUTS if form[1] != 3]
)
def test_other_windows_are_as_exact_as_plain_sums(outputs: int, kernel: int) -> None:
    isa = next(iter(RUNNABLE))
    inputs = winograd.LEAST_INPUTS[outputs, kernel]
    layer = Layer((kernel, kernel))
    x = channels_last("float32", 1, inputs, 24, 24)
    w, _ = weights_for(layer, x, 64)
    right, _ = exact(layer, x, w, None)
    tile = winograd.tile_of(problem_of(layer.spec(), x, 64), RUNNABLE[isa], outputs)
    fast, plain = (
        np.sqrt(((y - right) ** 2).mean())
        for y in (transformed(isa, tile, layer, x, w), convolve(isa, layer, x, w))
    )
    assert fast <= plain


@every_tile
def test_every_size_padding_and_number_of_channels(isa: str, tile: WinogradTile) -> None:
    for turn in range(27):
        height, width = 1 + turn * 3 % 40, 1 + turn * 17 % 40
        most = 70 if height * width < 300 else 18
        layer = Layer(pads=PADS[turn % len(PADS)])
        if not layer.fits(height, width):
            layer = Layer(pads=((2, 2), (2, 2)))
        inputs, outputs = 1 + turn * 29 % most, 1 + turn * 43 % most
        x = channels_last(tile.dtype, 1 + turn % 3, inputs, height, width)
        gaps = [(0, 0, 0, 0), (0, 0, 0, 3), (0, 0, 5, 0), (1, 2, 3, 4)][turn % 4]
        w, bias = weights_for(layer, x, outputs)
        check(isa, tile, layer, embed(x, NHWC, gaps), w, bias if turn % 2 else None)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layer, Numpy, Numpy, Numpy | None, int]:
    """A layer, an input with gaps, weights and bias in float64, how many threads."""
    height, width = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    layer = Layer(pads=draw(st.sampled_from(PADS)))
    if not layer.fits(height, width):
        layer = SAME
    inputs, outputs = draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    images = draw(st.integers(1, 3)) if height * width < 400 else 1
    x = random.standard_normal((images, inputs, height, width))
    x *= 10.0 ** draw(st.sampled_from([-3, 0, 0, 4]))
    gaps = draw(st.sampled_from([(0, 0, 0, 0), (0, 0, 0, 3), (1, 2, 0, 0), (0, 1, 4, 1)]))
    bias = random.standard_normal(outputs) if draw(st.booleans()) else None
    w = random.standard_normal((outputs, inputs, 3, 3))
    return layer, embed(x, NHWC, gaps), w, bias, draw(st.sampled_from([1, 2, 5]))


def check_case(tried: Tried, case: tuple[Layer, Numpy, Numpy, Numpy | None, int]) -> None:
    isa, tile = tried
    layer, x, w, bias, count = case
    x, w = (a.astype(tile.dtype, order="K") for a in (x, w))
    bias = None if bias is None else bias.astype(tile.dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_threads", count)
        check(isa, tile, layer, x, w, bias)


@given(st.sampled_from(TILES), cases())
def test_anything(tried: Tried, case: Any) -> None:
    check_case(tried, case)


@pytest.mark.nightly
@given(st.sampled_from(ALL_TILES), cases())
def test_thousands_of_things(tried: Tried, case: Any) -> None:
    check_case(tried, case)


NEON_WIDTHS = {
    ("float32", 4): 2, ("float32", 3): 1, ("float32", 2): 3, ("float64", 4): 1, ("float64", 2): 4,
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "outputs"), NEON_WIDTHS)
def test_neon_in_the_emulator(dtype: str, outputs: int) -> None:
    width = NEON_WIDTHS[dtype, outputs]
    (tile,) = (
        tile
        for tile in winograd_tiles(TARGETS["NEON"])
        if (tile.dtype, tile.outputs, tile.vectors) == (dtype, outputs, width)
    )
    run = Winograd(tile, TARGETS["NEON"])
    for n, c, h, w, out, pads in ((1, 5, 7, 9, 19, PADS[1]), (2, 4, 6, 5, 8, PADS[3])):
        check_runner(run, tile, channels_last(dtype, n, c, h, w), out, Layer(pads=pads))


# ---- the error against torch's -------------------------------------------------------------------

TORCH = json.loads(Path(__file__).with_name("fixtures").joinpath("conv_error.json").read_text())
# torch's other format adds in blocks, and is more exact than its faster one, channels_last: what
# each transform's error is of that one's, at most, by inputs per side.
MOST_OF_BLOCKED = {6: 3.5, 5: 2.4, 4: 1.3}
# And of the faster format, by window: torch adds up windows of 2x2 and 4x4 in blocks there, too,
# and is more exact than the plain sum that they are measured by here.
MOST_OF_FASTER = {2: 1.4, 3: 1.0, 4: 1.8, 5: 1.03}


@varied(
    "isa,of_torch",
    product(RUNNABLE, TORCH["layers"]),
    [
        c
        for c in product(RUNNABLE, TORCH["layers"])
        if c[0] == next(iter(RUNNABLE)) or c[1] in TORCH["layers"][::9]
    ],
    ids=lambda isa, found: f"{isa}-{found['layer']}",
)
def test_the_error_is_about_that_of_torch_or_less(isa: str, of_torch: dict[str, Any]) -> None:
    """Of all transforms that such a layer may be given, against the faster of torch's formats."""
    inputs, size, outputs, window = [*of_torch["layer"], 3][:4]
    layer = square(window, pad=window // 2)
    random = np.random.default_rng(of_torch["seed"])
    x = np.maximum(random.standard_normal((1, size, size, inputs), np.float32), 0)
    x = x.transpose(0, 3, 1, 2)
    w = random.standard_normal((outputs, inputs, window, window), np.float32)
    w *= np.float32(np.sqrt(2 / (window**2 * inputs)))
    right, _ = exact(layer, x, w, None)
    faster, blocked = of_torch["channels_last"], of_torch["contiguous"]
    # torch's products were fused with their sums; without that instruction a little more is lost.
    room = MOST_OF_FASTER[window] * (1.0 if RUNNABLE[isa].fma else 1.1)
    problem = problem_of(layer.spec(), x, outputs)
    for outputs_of_tile in winograd.allowed(problem):
        tile = winograd.tile_of(problem, RUNNABLE[isa], outputs_of_tile)
        error = abs(transformed(isa, tile, layer, x, w) - right)
        rms = np.sqrt((error**2).mean()) / right.std()
        assert rms <= room * faster["rms"], tile
        if window in (3, 5):
            assert error.max() / right.std() <= faster["largest"], tile
            assert error.max() / abs(right).max() <= faster["of_largest"], tile
            assert rms <= MOST_OF_BLOCKED[tile.side] * blocked["rms"], tile


# ---- one result from another ---------------------------------------------------------------------


@every_isa
def test_it_is_what_direct_convolution_gives(isa: str) -> None:
    x = channels_last("float32", 2, 37, 11, 18)
    w, bias = weights_for(SAME, x, 70)
    plain, small = convolve(isa, SAME, x, w, bias), exact(SAME, x, w, bias)[1]
    for tile in (tile for i, tile in TILES if i == isa and tile.dtype == "float32"):
        y = transformed(isa, tile, SAME, x, w, bias)
        assert (abs(y - plain) <= small + exact_and_bound(tile.outputs, SAME, x, w, bias)[1]).all()


@every_tile
def test_it_is_linear(isa: str, tile: WinogradTile) -> None:
    random = np.random.default_rng(3)
    both = random.integers(-99, 100, (2, 1, 9, 10, 21)).astype(tile.dtype)  # exact sums
    a, b = both.transpose(0, 1, 4, 2, 3)
    w, _ = weights_for(SAME, a, 33)
    ya, yb, y = (transformed(isa, tile, SAME, x, w) for x in (a, b, a + b))
    most = sum(exact_and_bound(tile.outputs, SAME, x, w, None)[1] for x in (a, b, a + b))
    assert (abs(y - ya - yb) <= most).all()
    assert (transformed(isa, tile, SAME, 8 * a, w) == 8 * ya).all()
    assert (transformed(isa, tile, SAME, a, w / 4) == ya / 4).all()
    assert (transformed(isa, tile, SAME, -a, w) == -ya).all()


@every_tile
def test_a_picture_moved_by_whole_tiles(isa: str, tile: WinogradTile) -> None:
    """Every tile is computed alike, wherever it stands in its block and in the picture."""
    x = channels_last(tile.dtype, 1, 19, 35, 30)
    w, bias = weights_for(SAME, x, 20)
    plain = square(3)
    y = transformed(isa, tile, plain, x, w, bias)
    side = tile.outputs
    for down, right in ((side, 0), (0, side), (2 * side, 3 * side)):
        moved = transformed(isa, tile, plain, x[:, :, down:, right:], w, bias)
        assert (moved == y[:, :, down:, right:]).all()


@every_tile
def test_a_batch_is_its_pictures(isa: str, tile: WinogradTile) -> None:
    """To the bit, blocks of tiles over two pictures included, as long as the tile is the same."""
    x = channels_last(tile.dtype, 3, 19, 15, 17)
    w, bias = weights_for(SAME, x, 20)
    y = transformed(isa, tile, SAME, x, w, bias)
    singles = [transformed(isa, tile, SAME, x[i : i + 1], w, bias) for i in range(3)]
    assert (y == np.concatenate(singles)).all()


@every_tile
def test_any_number_of_threads(
    isa: str, tile: WinogradTile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Many blocks of tiles; and one block, which is shared out by panels.
    for height, width, outputs in ((41, 38, 20), (5, 7, 5 * tile.channels - 1)):
        x = channels_last(tile.dtype, 1, 19, height, width)
        w, bias = weights_for(SAME, x, outputs)
        problem = problem_of(SAME.spec(), x, outputs)
        assert winograd.plan_with(tile, problem, RUNNABLE[isa]).items > 2
        found = []
        for count in (1, 2, 5):
            monkeypatch.setattr(threads, "_threads", count)
            found.append(transformed(isa, tile, SAME, x, w, bias).tobytes())
        assert found[0] == found[1] == found[2]


# ---- numbers that are none, and numbers next to nothing ------------------------------------------


@every_tile
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_within_its_tiles(
    isa: str, tile: WinogradTile, bad: float
) -> None:
    x = channels_last(tile.dtype, 2, 5, 14, 17).copy(order="K")
    w, bias = weights_for(SAME, x, 21)
    before = transformed(isa, tile, SAME, x, w, bias)
    for row, column in ((0, 0), (6, 9), (13, 3), (7, 16)):
        spoilt = x.copy(order="K")
        spoilt[1, 2, row, column] = bad
        y = transformed(isa, tile, SAME, spoilt, w, bias)
        mark = np.zeros(x.shape)
        mark[1, 2, row, column] = 1
        reached = correlate(SAME, mark, np.ones(w.shape)) > 0
        near = np.zeros(y.shape, bool)
        side = tile.outputs
        for i, j in product(range(0, 14, side), range(0, 17, side)):
            if -1 <= row - i <= side and -1 <= column - j <= side:
                near[1, :, i : i + side, j : j + side] = True
        assert not np.isfinite(y[reached]).any()
        assert (y[~near] == before[~near]).all()
        assert not near.all()


@every_tile
def test_a_bias_that_is_not_finite(isa: str, tile: WinogradTile) -> None:
    x = channels_last(tile.dtype, 1, 3, 5, 5)
    w, bias = weights_for(SAME, x, 20)
    bias = bias.copy()
    bias[[4, 19]] = np.nan, np.inf
    y = transformed(isa, tile, SAME, x, w, bias)
    assert np.isnan(y[:, 4]).all() and (y[:, 19] == np.inf).all()
    assert np.isfinite(np.delete(y, [4, 19], axis=1)).all()


@every_tile
def test_denormals_count_as_zero_inside_alone(isa: str, tile: WinogradTile) -> None:
    tiny = np.finfo(tile.dtype).tiny / 8
    x = np.full((1, 6, 6, 3), tiny, tile.dtype).transpose(0, 3, 1, 2)
    y = transformed(isa, tile, SAME, x, np.full((5, 3, 3, 3), 2.0, tile.dtype))
    assert (y == 0).all()
    assert np.full(9, tiny, tile.dtype) @ np.ones(9, tile.dtype) > 0, "the caller's are kept"
