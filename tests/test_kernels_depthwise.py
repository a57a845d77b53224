"""Depthwise convolution: right on every instruction set, at every edge, and nowhere else."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from covering import varied
from direct_cases import (
    HOST,
    IN_FLOAT32,
    NARROWEST,
    RUNNABLE,
    Layer,
    Numpy,
    every_isa_and_dtype,
    every_isa_in_float32,
    exact,
    launch,
    same,
)
from direct_runner import Grouped, problem
from hypothesis import assume, given
from hypothesis import strategies as st

import tatamu
from tatamu.geometry import ConvSpec
from tatamu.kernels import depthwise
from tatamu.kernels.problem import ConvProblem
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.stage import StagingError

LAYERS = (
    Layer((3, 3), pads=((1, 1), (1, 1))),
    Layer((3, 3), (2, 2), pads=((1, 1), (1, 1))),
    Layer((5, 5), pads=((2, 2), (2, 2))),
    Layer((7, 2), (1, 3), pads=((6, 6), (1, 1))),
    Layer((3, 3), (1, 2), (2, 3), ((2, 2), (4, 4))),
    Layer((1, 1)),
    Layer((2, 4), pads=same((2, 4), (1, 1))),
    Layer((3, 3), pads=((9, 9), (9, 9))),
    Layer((3, 3), pads=((2, 2), (2, 2))),
    Layer((5, 5), (1, 2), pads=((0, 0), (4, 4))),
)


def convolve(isa: str, layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None = None) -> Numpy:
    """What the kernel makes of ``x``, which lies channels-last, gaps between pixels or not."""
    spec = layer.spec()
    spec = ConvSpec.make(spec.kernel, spec.stride, spec.padding, spec.dilation, groups=x.shape[1])
    steps = tuple(s // x.itemsize for s in x.strides)
    p = ConvProblem(spec, str(x.dtype), x.shape, steps, x.shape[1])
    assert depthwise.accepts(p, RUNNABLE[isa]) is None
    return launch(depthwise.plan(p, RUNNABLE[isa]), x, w, bias)


def numbers(seed: int, n: int, c: int, h: int, w: int, dtype: str) -> Numpy:
    """Random numbers (n, c, h, w), channels innermost."""
    random = np.random.default_rng(seed)
    return random.standard_normal((n, h, w, c)).astype(dtype).transpose(0, 3, 1, 2)


def agrees(isa: str, layer: Layer, x: Numpy, bias: bool = True) -> None:
    """Within the bound of its sums."""
    random = np.random.default_rng(5)
    c = x.shape[1]
    w = random.standard_normal((c, 1, *layer.kernel)).astype(x.dtype)
    b = random.standard_normal(c).astype(x.dtype) if bias else None
    grouped = Layer(layer.kernel, layer.stride, layer.dilation, layer.pads, groups=c)
    right, bound = exact(grouped, x, w, b)
    assert (abs(convolve(isa, layer, x, w, b) - right) <= bound).all()


@pytest.mark.slow
@varied(
    "isa,dtype,layer",
    product(RUNNABLE, ("float32", "float64"), LAYERS),
    [
        *product(list(RUNNABLE)[:1], ["float32"], LAYERS),
        *product(IN_FLOAT32[1:], ["float32"], LAYERS[:2]),
        *product([NARROWEST], ["float64"], LAYERS[2:4]),
    ],
)
@pytest.mark.parametrize("channels", [5, 37])
def test_against_the_definition(isa: str, dtype: str, layer: Layer, channels: int) -> None:
    agrees(isa, layer, numbers(1, 2, channels, 11, 33, dtype))


@pytest.mark.slow
@every_isa_in_float32
@given(
    st.sampled_from(LAYERS),
    st.integers(1, 3),
    st.integers(16, 70),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_any_size(
    isa: str, layer: Layer, n: int, c: int, height: int, width: int, bias: bool
) -> None:
    assume(layer.fits(height, width))
    agrees(isa, layer, numbers(2, n, c, height, width, "float32"), bias)


@every_isa_in_float32
def test_gaps_between_pixels(isa: str) -> None:
    x = numbers(3, 2, 40, 12, 30, "float32")[:, 8:29, ::2, ::3]
    agrees(isa, LAYERS[0], x)


def test_a_layer_of_torch_s_runs_on_it_both_ways() -> None:
    x = tatamu.rand(1, 24, 9, 9, requires_grad=True)
    events = []
    with watching(events.append):
        F.conv2d(x, tatamu.rand(24, 1, 3, 3), None, padding=1, groups=24).sum().backward()
    kernels = {e.op.name: e.ran.kernel for e in events}
    assert kernels["convolution"].startswith("depthwise")
    assert kernels["conv_input_grad"].startswith("depthwise")


def test_any_number_of_threads_gives_the_same_bits() -> None:
    x, w = tatamu.rand(2, 40, 50, 60), tatamu.rand(40, 1, 5, 5)
    before = tatamu.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            tatamu.set_num_threads(threads)
            results.append(np.array(F.conv2d(x, w, None, padding=2, groups=40)))
    finally:
        tatamu.set_num_threads(before)
    assert all(np.array_equal(results[0], other) for other in results[1:])


@every_isa_in_float32
def test_what_is_not_finite_stays_where_it_belongs(isa: str) -> None:
    x = numbers(4, 1, 20, 9, 9, "float32").copy(order="K")
    layer, w = LAYERS[0], np.ones((20, 1, 3, 3), np.float32)
    clean = convolve(isa, layer, x, w)
    x[0, 17, 4, 4] = np.nan
    y = convolve(isa, layer, x, w)
    touched = np.isnan(y)
    assert touched[0, 17, 3:6, 3:6].all() and touched.sum() == 9
    assert np.array_equal(y[~touched], clean[~touched])


@every_isa_and_dtype
def test_it_touches_nothing_outside(isa: str, dtype: str) -> None:
    target = RUNNABLE[isa]
    spec = ConvSpec.make(3, (1, 2), (1, 2), groups=21)
    p = problem(spec, dtype, (2, 21, 7, 40), 21)
    run = Grouped(depthwise.choose_tile(p, target), target, debug=True)
    random = np.random.default_rng(6)
    x = random.standard_normal(p.x_shape).astype(dtype)
    w = random.standard_normal((21, 1, 3, 3)).astype(dtype)
    right, bound = exact(Layer((3, 3), (1, 2), pads=((1, 1), (2, 2)), groups=21), x, w, None)
    assert (abs(run(p, x, w, None) - right) <= bound).all()
    for short in ("x", "w", "b", "y", "rows", "segments"):
        with pytest.raises(StagingError, match="are outside of 0 to"):
            run(p, x, w, None, short=short)


def test_what_it_refuses() -> None:
    assert HOST is not None
    spec = ConvSpec.make(3, groups=4)
    accepts = depthwise.accepts
    assert accepts(problem(spec, "float32", (1, 4, 9, 9), 4), HOST) is None
    wide = problem(spec, "float32", (1, 8, 9, 9), 8)
    assert accepts(wide, HOST) == "groups have 2 input and 2 output channels; it needs 1 input"
    one = problem(ConvSpec.make(3), "float32", (1, 1, 9, 9), 1)
    assert "it needs 1 input" in str(accepts(one, HOST))
    threefold = problem(spec, "float32", (1, 4, 9, 9), 12)
    assert "groups have 1 input and 3 output channels, vectors" in str(accepts(threefold, HOST))
    planar = problem(spec, "float32", (1, 4, 9, 9), 4, planar=True)
    assert "channels must lie next to one another" in str(accepts(planar, HOST))
    halves = problem(spec, "float16", (1, 4, 9, 9), 4)
    assert accepts(halves, HOST) == "it computes in float32 and float64, not in float16"
    turned = problem(ConvSpec.make(3, groups=4, transposed=True), "float32", (1, 4, 9, 9), 4)
    assert "does not serve transposed" in str(accepts(turned, HOST))
