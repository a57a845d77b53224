"""The direct convolution kernel on every instruction set that this machine can run."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from direct_cases import (
    GRID,
    HOST,
    LAYERS,
    NCHW,
    NHWC,
    RUNNABLE,
    Layer,
    Numpy,
    channels_last,
    check,
    check_layer,
    convolve,
    correlate,
    embed,
    every_isa,
    every_isa_and_dtype,
    every_tile,
    planned,
    problem_of,
    same,
    square,
    weights_for,
)
from hypothesis import given
from hypothesis import strategies as st

from tatamu.geometry import ConvSpec
from tatamu.kernels import depthwise, direct
from tatamu.kernels.direct_emit import DTYPES, Tile
from tatamu.runtime import threads

pytestmark = pytest.mark.skipif(HOST is None, reason="no kernel can run here")


# ---- grids ---------------------------------------------------------------------------------------


@every_tile
def test_every_kernel_stride_dilation_and_padding(isa: str, tile: Tile) -> None:
    outputs = max(tile.channels - 1, 1)  # a tail too
    done = 0
    for turn, layer in enumerate(GRID):
        x = channels_last(tile.dtype, 1, 1 + turn % 6, 9 + turn % 5, 7 + turn % 17)
        if not layer.fits(*x.shape[2:]):
            continue
        assert planned(isa, layer.spec(), x, outputs).tile == tile
        check_layer(isa, layer, x, outputs)
        done += 1
    assert done > 60


@every_tile
def test_every_width_of_picture(isa: str, tile: Tile) -> None:
    outputs = tile.channels
    for width in range(1, 2 * tile.pixels + 4):
        for layer in (square(1), square(3, pad=1), square(3, stride=2, pad=1)):
            check_layer(isa, layer, channels_last(tile.dtype, 2, 3, 2, width), outputs)


@every_isa_and_dtype
def test_every_number_of_channels(isa: str, dtype: str) -> None:
    for channels in range(1, 71):
        check_layer(isa, square(3, pad=1), channels_last(dtype, 1, channels, 3, 8), 5)
        check_layer(isa, square(1), channels_last(dtype, 1, channels, 1, 9), 71 - channels)
        check_layer(isa, square(3), channels_last(dtype, 1, 4, 4, 5), channels)


@every_isa_and_dtype
@pytest.mark.parametrize(
    ("groups", "inputs", "outputs"),
    [
        (2, 2, 2), (3, 3, 3), (3, 15, 21), (3, 21, 3), (5, 5, 35),
        (7, 7, 7), (32, 32, 32), (2, 66, 34), (3, 99, 51), (3, 105, 210),
    ],
)  # fmt: skip
def test_groups(isa: str, dtype: str, groups: int, inputs: int, outputs: int) -> None:
    for kernel, stride, pad in ((1, 1, 0), (3, 1, 1), (3, 2, 1), (5, 1, 0)):
        base = square(kernel, stride, 1, pad)
        layer = Layer(base.kernel, base.stride, base.dilation, base.pads, groups)
        x = channels_last(dtype, 2, inputs, 6, 9)
        check_layer(isa, layer, x, outputs)
        planes = np.ascontiguousarray(x)
        problem = problem_of(layer.spec(), planes, outputs)
        if direct.accepts(problem, RUNNABLE[isa]) is None:
            check_layer(isa, layer, planes, outputs)
        else:
            assert inputs // groups > direct.PLANAR_CHANNELS


@every_isa
def test_the_convolution_that_hardly_touches_its_picture(isa: str) -> None:
    layer = Layer((16, 16), (5, 5), (1, 1), ((50, 50), (100, 100)))
    for shape in ((1, 4, 60, 150), (1, 4, 1, 1), (2, 3, 7, 3)):
        x = channels_last("float32", *shape)
        check_layer(isa, layer, x, 3)
        check_layer(isa, layer, np.ascontiguousarray(x), 3)


@every_isa_and_dtype
def test_one_pixel(isa: str, dtype: str) -> None:
    for kernel, stride, pad in ((1, 1, 0), (1, 3, 0), (3, 1, 1), (3, 2, 1), (5, 3, 2), (7, 1, 3)):
        x = channels_last(dtype, 3, 5, 1, 1)
        check_layer(isa, square(kernel, stride, 1, pad), x, 9)


@every_isa
def test_windows_that_lie_in_the_padding_altogether(isa: str) -> None:
    x = channels_last("float32", 1, 3, 2, 2)
    layer = Layer((2, 2), (1, 1), (1, 1), ((6, 6), (5, 5)))
    w, bias = weights_for(layer, x, 4)
    check(isa, layer, x, w, bias)
    y = convolve(isa, layer, x, w, bias)
    assert (y[:, :, 0, 0] == bias).all()


@every_isa_and_dtype
@pytest.mark.parametrize(
    ("channels", "kernel", "outputs"),
    [(513, 1, 67), (513, 7, 32), (600, 3, 67), (700, 5, 40), (1030, 3, 130)],
)
def test_blocks_of_channels(isa: str, dtype: str, channels: int, kernel: int, outputs: int) -> None:
    x = channels_last(dtype, 1, channels, 3, 5)
    layer = square(kernel, pad=kernel // 2)
    plan = planned(isa, layer.spec(), x, outputs)
    panel = channels * kernel**2 * plan.tile.channels * x.itemsize
    blocks = -(-channels // 128) if panel > 1 << 19 else 1
    assert plan.numbers["blocks"] == blocks
    assert blocks > 1 or kernel < 7, "the sum is split"
    check_layer(isa, layer, x, outputs)


@every_isa
def test_no_picture_at_all(isa: str) -> None:
    for layer in (square(1), square(3, pad=1)):
        x = channels_last("float32", 1, 3, 4, 4)[:0]
        w, _ = weights_for(layer, np.zeros((1, 3, 1, 1), np.float32), 8)
        plan = planned(isa, layer.spec(), x, 8)
        assert (plan.items, plan.y_shape[0]) == (0, 0)
        assert convolve(isa, layer, x, w).shape == (0, 8, 4, 4)


# ---- how the input lies --------------------------------------------------------------------------


@every_isa_and_dtype
@pytest.mark.parametrize("gaps", [(0, 0, 0, 0), (2, 0, 0, 0), (0, 3, 0, 0), (0, 0, 5, 0),
                                  (0, 0, 0, 7), (1, 2, 3, 4)])  # fmt: skip
def test_views_of_channels_last_arrays(isa: str, dtype: str, gaps: tuple[int, ...]) -> None:
    for layer, channels in product(LAYERS, (1, 3, 20)):
        x = embed(channels_last(dtype, 2, channels, 5, 11), NHWC, gaps)
        check_layer(isa, layer, x, 10)


@every_isa_and_dtype
@pytest.mark.parametrize("gaps", [(0, 0, 0, 0), (2, 0, 0, 0), (0, 3, 0, 0), (0, 0, 5, 0),
                                  (0, 0, 0, 7), (1, 2, 3, 4)])  # fmt: skip
def test_views_of_planar_arrays(isa: str, dtype: str, gaps: tuple[int, ...]) -> None:
    read = 0
    for layer, channels in product(LAYERS, (1, 2, 3, 4)):
        x = embed(channels_last(dtype, 2, channels, 5, 11), NCHW, gaps)
        if direct.readable(problem_of(layer.spec(), x, 10)):
            check_layer(isa, layer, x, 10)
            read += 1
    assert read >= 15


@every_isa
def test_a_picture_that_is_repeated_by_strides_of_zero(isa: str) -> None:
    x = np.broadcast_to(channels_last("float32", 1, 6, 4, 5), (3, 6, 4, 5))
    assert x.strides[0] == 0
    check_layer(isa, square(3, pad=1), x, 7)
    check_layer(isa, square(1), x, 7)


@every_isa
def test_without_a_bias(isa: str) -> None:
    x = channels_last("float32", 1, 6, 4, 5)
    w, _ = weights_for(square(3), x, 37)
    check(isa, square(3), x, w, None)


def test_what_it_does_not_accept() -> None:
    assert HOST is not None
    x = channels_last("float32", 1, 6, 8, 8)
    spec = square(3).spec()
    accepts = direct.accepts
    assert accepts(problem_of(spec, x, 4), HOST) is None
    assert "llvmlite is missing" in str(accepts(problem_of(spec, x, 4), None))
    halves = problem_of(spec, x.astype(np.float16), 4)
    assert accepts(halves, HOST) == "it computes in float32 and float64, not in float16"
    turned = ConvSpec.make(3, transposed=True)
    assert "does not serve transposed" in str(accepts(problem_of(turned, x, 4), HOST))
    cube = ConvSpec.make(3, dims=3)
    assert "two axes, not of 3" in str(depthwise.accepts(problem_of(cube, x, 4), HOST))
    many_planes = problem_of(spec, np.ascontiguousarray(x), 4)
    assert "channels must lie next to one another" in str(accepts(many_planes, HOST))
    gaps = problem_of(spec, np.ascontiguousarray(x[:, :4])[..., ::2], 4)
    assert "channels must lie next to one another" in str(accepts(gaps, HOST))


# ---- whatever there is ---------------------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Layer, Numpy, int, int]:
    """An instruction set, a layer, an input in some order with gaps, output channels, a seed."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    kernel, dilation = pair(1, 7), pair(1, 3)
    if draw(st.integers(0, 3)) == 0:
        stride, pads = (1, 1), same(kernel, dilation)
    else:
        stride = pair(1, 3)
        top, left = pair(0, 3)
        pads = ((top, top), (left, left))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5]))
    inputs, outputs = pair(1, 70 // groups)
    layer = Layer(kernel, stride, dilation, pads, groups)
    least = [
        max(1, d * (k - 1) + 1 - sum(p)) for k, d, p in zip(kernel, dilation, pads, strict=True)
    ]
    more = pair(0, 12)
    n = draw(st.integers(1, 2))
    dtype = draw(st.sampled_from(list(DTYPES)))
    seed = draw(st.integers(0, 99))
    shape = (n, inputs * groups, least[0] + more[0], least[1] + more[1])
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    values *= 10.0 ** draw(st.sampled_from([-3, 0, 0, 4]))
    gaps = draw(st.sampled_from([(0, 0, 0, 0), (0, 0, 0, 3), (1, 2, 0, 0), (0, 1, 4, 1)]))
    x = embed(values, draw(st.sampled_from([NHWC, NHWC, NCHW])), gaps)
    if not direct.readable(problem_of(layer.spec(), x, outputs * groups)):
        x = embed(values, NHWC, gaps)
    return draw(st.sampled_from(list(RUNNABLE))), layer, x, outputs * groups, seed


def check_case(case: tuple[str, Layer, Numpy, int, int]) -> None:
    isa, layer, x, outputs, seed = case
    random = np.random.default_rng(seed + 1)
    shape = (outputs, x.shape[1] // layer.groups, *layer.kernel)
    w = random.standard_normal(shape).astype(x.dtype)
    bias = random.standard_normal(outputs).astype(x.dtype) if seed % 3 else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_threads", 1 + seed % 3)
        check(isa, layer, x, w, bias)


@given(cases())
def test_anything(case: tuple[str, Layer, Numpy, int, int]) -> None:
    check_case(case)


@pytest.mark.nightly
@given(cases())
def test_thousands_of_things(case: tuple[str, Layer, Numpy, int, int]) -> None:
    check_case(case)


# ---- numbers that are none, and numbers next to nothing ------------------------------------------


@every_isa_and_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_where_convolution_puts_it(
    isa: str, dtype: str, bad: float
) -> None:
    for layer in (square(3, pad=1), square(3, 2, 1, 1), square(3, 1, 2, 1), square(1)):
        for planes in (False, True):
            x = channels_last(dtype, 2, 3, 6, 13).copy(order="C" if planes else "K")
            if not direct.readable(problem_of(layer.spec(), x, 21)):
                continue
            x[1, 2, 3, 7] = bad
            w, bias = weights_for(layer, x, 21)
            w = np.where(w == 0, 1, w)
            y = convolve(isa, layer, x, w, bias)
            mark = np.zeros(x.shape)
            mark[1, 2, 3, 7] = 1
            reached = correlate(layer, mark, np.ones(w.shape)) > 0
            assert reached.any() and not reached.all()
            assert (np.isfinite(y) == ~reached).all()
            if np.isnan(bad):
                assert np.isnan(y[reached]).all()
            else:
                signs = correlate(layer, mark, np.sign(w))[reached]
                assert (y[reached] == bad * signs).all()


@every_isa
def test_a_bias_that_is_not_finite(isa: str) -> None:
    x = channels_last("float32", 1, 3, 5, 5)
    w, bias = weights_for(square(3), x, 20)
    bias = bias.copy()
    bias[[4, 19]] = np.nan, np.inf
    y = convolve(isa, square(3), x, w, bias)
    assert np.isnan(y[:, 4]).all() and (y[:, 19] == np.inf).all()
    assert np.isfinite(np.delete(y, [4, 19], axis=1)).all()


@every_isa
def test_denormals_count_as_zero_inside_alone(isa: str) -> None:
    tiny = np.float32(1e-40)
    x = np.full((1, 4, 4, 3), tiny, np.float32).transpose(0, 3, 1, 2)
    y = convolve(isa, square(1), x, np.full((5, 3, 1, 1), 2.0, np.float32))
    assert (y == 0).all()
    assert np.full(9, tiny) @ np.ones(9, np.float32) > 0, "the caller's arithmetic is as it was"
