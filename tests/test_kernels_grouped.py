"""Grouped convolution of few channels a group, and its weight gradient."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from covering import Which, few_and_all, varied
from direct_cases import (
    GUARD,
    HOST,
    NARROWEST,
    RUNNABLE,
    SENTINEL,
    Layer,
    Numpy,
    channels_last,
    every_isa,
    exact,
    launch,
    noise,
    windows,
)
from direct_runner import Grouped, check, problem
from grouped_cases import group_tiles
from hypothesis import assume, given
from hypothesis import strategies as st
from test_kernels_assembly import functions, innermost_loops, multiply_adds, spills

import tatamu
from tatamu.geometry import ConvSpec
from tatamu.kernels import depthwise, grouped, grouped_emit, grouped_weight_grad
from tatamu.kernels import grouped_weight_grad_emit as sums_emit
from tatamu.kernels.epilogue import PLAIN, Epilogue
from tatamu.kernels.problem import ConvProblem
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.runtime.launch import ConvLaunch, Launch
from tatamu.stage import TARGETS, StagingError
from tatamu.stage.compile import assembly

# Groups, and input and output channels of each.
GROUPS = ((5, 4, 4), (9, 2, 1), (6, 8, 8), (3, 3, 16))
LAYERS = (
    Layer((3, 3), pads=((1, 1), (1, 1))),
    Layer((3, 3), (2, 2), pads=((1, 1), (2, 2))),
    Layer((2, 3), (1, 3), (2, 2), ((2, 2), (4, 4))),
)
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=str)


def numbers(layer: Layer, group: tuple[int, int, int], dtype: str, n: int, h: int, w: int) -> Any:
    """The layer with its groups, an input, weights and bias."""
    groups, inputs, outputs = group
    x = channels_last(dtype, n, groups * inputs, h, w)
    shape = (groups * outputs, inputs, *layer.kernel)
    weights = noise(dtype, math.prod(shape) + 1)[1:].reshape(shape)
    bias = noise(dtype, groups * outputs + 5)[5:]
    return replace(layer, groups=groups), x, weights, bias


def problem_of(layer: Layer, x: Numpy, outputs: int) -> ConvProblem:
    (top, _), (left, _) = layer.pads
    spec = ConvSpec.make(layer.kernel, layer.stride, (top, left), layer.dilation, layer.groups)
    steps = tuple(s // x.itemsize for s in x.strides)
    return ConvProblem(spec, x.dtype.name, x.shape, steps, outputs)


def planned(isa: str, layer: Layer, x: Numpy, outputs: int) -> grouped.GroupedPlan:
    p = problem_of(layer, x, outputs)
    reason = grouped.unfit(p, RUNNABLE[isa])
    if reason is not None:
        pytest.skip(reason)
    return grouped.plan(p, RUNNABLE[isa])


def agrees(isa: str, layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None) -> None:
    """Within the bound of its sums."""
    right, bound = exact(layer, x, w, bias)
    y = launch(planned(isa, layer, x, len(w)), x, w, bias)
    assert (abs(y - right) <= bound).all()


@varied("isa,group,layer", product(RUNNABLE, GROUPS, LAYERS))
def test_against_the_definition(isa: str, group: tuple[int, int, int], layer: Layer) -> None:
    agrees(isa, *numbers(layer, group, "float32", 2, 11, 33))


@varied("isa,group,dtype", product(RUNNABLE, GROUPS[:2], ["float64"]))
def test_in_double_precision(isa: str, group: tuple[int, int, int], dtype: str) -> None:
    agrees(isa, *numbers(LAYERS[0], group, dtype, 1, 6, 17))


@varied("isa", product(RUNNABLE), [(next(iter(RUNNABLE), ""),)])
@given(
    st.sampled_from(LAYERS),
    st.sampled_from([(4, 4), (1, 2)]),
    st.integers(8, 20),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_any_size(
    isa: str, layer: Layer, kind: tuple[int, int], g: int, n: int, h: int, w: int, biased: bool
) -> None:
    assume(layer.fits(h, w))
    layer, x, weights, bias = numbers(layer, (g, *kind), "float32", n, h, w)
    agrees(isa, layer, x, weights, bias if biased else None)


@every_isa
@every_layer
def test_it_is_one_convolution_for_each_group(isa: str, layer: Layer) -> None:
    layer, x, w, bias = numbers(layer, (8, 4, 4), "float32", 1, 9, 20)
    y = launch(planned(isa, layer, x, len(w)), x, w, bias)
    for group in range(8):
        own = slice(4 * group, 4 * group + 4)
        alone = replace(layer, groups=1)
        right, bound = exact(alone, x[:, own], w[own], bias[own])
        assert (abs(y[:, own] - right) <= bound).all()


@every_isa
def test_groups_of_one_channel_are_depthwise(isa: str) -> None:
    layer, x, w, bias = numbers(LAYERS[0], (37, 1, 1), "float32", 1, 9, 20)
    p = problem_of(layer, x, 37)
    ours, theirs = (m.plan(p, RUNNABLE[isa]) for m in (grouped, depthwise))
    assert np.array_equal(launch(ours, x, w, bias), launch(theirs, x, w, bias))
    assert ours.label.startswith("depthwise")


@every_isa
def test_a_nan_stays_in_its_group_and_its_window(isa: str) -> None:
    layer, x, w, bias = numbers(LAYERS[0], (8, 4, 4), "float32", 1, 9, 20)
    plan = planned(isa, layer, x, len(w))
    clean = launch(plan, x, w, bias)
    x = x.copy(order="K")
    x[0, 13, 4, 6] = np.nan
    y = launch(plan, x, w, bias)
    touched = np.zeros(y.shape, bool)
    touched[0, 12:16, 3:6, 5:8] = True
    assert np.isnan(y[touched]).all()
    assert np.array_equal(y[~touched], clean[~touched])
    # Padding is left out, not multiplied by.
    w = w.copy()
    w[:, :, 0] = np.inf
    y = launch(plan, np.ones_like(x), w, bias)
    assert np.isfinite(y[:, :, 0]).all()


# ---- epilogues and strides of the output ---------------------------------------------------------


def finished(epilogue: Epilogue, y: Numpy, r: Numpy) -> Numpy:
    """The same in NumPy."""
    y = y + r if epilogue.residual else y
    return np.maximum(y, 0) if epilogue.activation == "relu" else y / (1 + np.exp(-y))


ENDS = (
    (Epilogue("relu", residual=True), (5, 4, 4)),
    (Epilogue("silu", residual=True), (37, 1, 1)),
    (Epilogue("silu"), (20, 1, 1)),
)


@varied("isa,epilogue,group", [(isa, *end) for isa in RUNNABLE for end in ENDS])
def test_epilogues_and_outputs_with_gaps(
    isa: str, epilogue: Epilogue, group: tuple[int, int, int]
) -> None:
    layer, x, w, bias = numbers(LAYERS[0], group, "float32", 2, 6, 25)
    right, bound = exact(layer, x, w, bias)
    channels, (rows, columns) = len(w), right.shape[2:]
    y_w, r_w = 2 * channels + 3, channels + 1
    y_strides = (2 * rows * columns * y_w + 7, 2 * columns * y_w, y_w)
    r_strides = (rows * columns * r_w + 2, columns * r_w, r_w)
    p = replace(
        problem_of(layer, x, channels),
        epilogue=epilogue,
        y_strides=y_strides,
        r_strides=r_strides if epilogue.residual else None,
    )
    plan = grouped.plan(p, RUNNABLE[isa])

    def laid(strides: tuple[int, int, int], fill: float) -> tuple[Numpy, Numpy]:
        space = np.full(2 * strides[0] + GUARD, fill, np.float32)
        steps = [4 * step for step in strides]
        view = np.lib.stride_tricks.as_strided(
            space, (2, rows, columns, channels), [*steps, 4]
        ).transpose(0, 3, 1, 2)
        return space, view

    space, y = laid(y_strides, SENTINEL)
    residual_space, r = laid(r_strides, 0.0)
    r[...] = channels_last("float32", 2, channels, rows, columns)[..., ::-1, :]
    weights, biases = plan.pack_weight(w), plan.pack_bias(bias)
    ConvLaunch(plan)(
        x.ctypes.data, weights.ctypes.data, biases.ctypes.data, y.ctypes.data, r.ctypes.data
    )
    want = finished(epilogue, right, r.astype(np.float64))
    assert (abs(y - want) <= 2 * bound + 1e-6 * abs(want) + 2e-6).all()
    y[...] = SENTINEL
    assert (space == np.float32(SENTINEL)).all(), "written between the outputs"
    assert residual_space[-1] == 0


# ---- nothing outside, nothing on the stack -------------------------------------------------------


@every_isa
@pytest.mark.parametrize("group", [(5, 4, 4), (6, 2, 16)])
def test_it_touches_nothing_outside(isa: str, group: tuple[int, int, int]) -> None:
    groups, inputs, outputs = group
    spec = ConvSpec.make(3, (1, 2), (1, 2), groups=groups)
    p = problem(spec, "float32", (2, groups * inputs, 7, 19), groups * outputs)
    run = Grouped(grouped.choose_tile(p, RUNNABLE[isa]), RUNNABLE[isa], debug=True)
    check(run, p)
    x = np.ones(p.x_shape, np.float32)
    w = np.ones((p.out_channels, inputs, 3, 3), np.float32)
    for short in ("x", "w", "b", "y", "rows", "segments"):
        with pytest.raises(StagingError, match="are outside of 0 to"):
            run(p, x, w, None, short=short)


def test_on_neon() -> None:
    neon = TARGETS["NEON"]
    for i, (groups, inputs, outputs) in enumerate(((5, 2, 2), (9, 1, 1), (3, 3, 4))):
        spec = ConvSpec.make(3, padding=1, groups=groups)
        p = problem(spec, "float32", (1, groups * inputs, 5, 16), groups * outputs)
        check(Grouped(grouped.choose_tile(p, neon), neon), p, seed=i)


@pytest.mark.slow
@pytest.mark.skipif(HOST is None, reason="there is no compiler")
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("weights", [False, True], ids=["outputs", "weights"])
@few_and_all
def test_no_tile_keeps_a_vector_on_the_stack(name: str, weights: bool, which: Which) -> None:
    target = TARGETS[name]
    for tile in which(group_tiles(target, weights=weights)):
        module = sums_emit.emit(tile, target) if weights else grouped_emit.emit(tile, PLAIN, target)
        assert spills(assembly(module.text(), target), target) == [], tile


@pytest.mark.skipif(HOST is None, reason="there is no compiler")
def test_the_inner_loop_of_a_depthwise_tile_is_its_multiply_adds() -> None:
    target = TARGETS["AVX-512"]
    p = problem(ConvSpec.make(3, padding=1, groups=32), "float32", (1, 32, 20, 20), 32)
    tile = grouped.choose_tile(p, target)
    text = assembly(grouped_emit.emit(tile, PLAIN, target).text(), target)
    for pixels in tile.sizes:
        (loop,) = innermost_loops(functions(text)[f"tile{pixels}"])
        assert multiply_adds(loop, target) == 3 * pixels
        loads = [i for i in loop if re.match(r"vmovups .*\(.*%zmm", i.replace("\t", " "))]
        assert len(loads) <= pixels + 2 + 3  # inputs and weights


# ---- the weights' gradient -----------------------------------------------------------------------


def weight_gradient(isa: str, layer: Layer, x: Numpy, g: Numpy, inputs: int) -> Numpy:
    """What the kernel and its gathering make of x and the output's gradient."""
    channels = g.shape[1]
    p = problem_of(layer, x, channels)
    reason = grouped_weight_grad.accepts(p, RUNNABLE[isa])
    if reason is not None:
        pytest.skip(reason)
    plan = grouped_weight_grad.plan(p, RUNNABLE[isa])
    parts = np.full(math.prod(plan.dw_shape), np.nan, x.dtype)
    out = np.full((channels, inputs, *layer.kernel), np.nan, x.dtype)
    Launch(plan)((x.ctypes.data, g.ctypes.data, parts.ctypes.data), 1)
    Launch(plan.gathering())((parts.ctypes.data, out.ctypes.data), 1)
    return out


def sums_agree(isa: str, layer: Layer, group: tuple[int, int, int], dtype: str) -> None:
    layer, x, w, _ = numbers(layer, group, dtype, 2, 19, 24)
    rows, columns = windows(layer, x[:1, :1]).shape[2:4]
    g = channels_last(dtype, 2, len(w), rows, columns)[:, :, ::-1]
    g = np.ascontiguousarray(g.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    dw = weight_gradient(isa, layer, x, g, w.shape[1])

    def sums(x: Numpy, g: Numpy) -> Numpy:
        cut, n = windows(layer, x), layer.groups
        pairs = zip(np.split(cut, n, 1), np.split(g, n, 1), strict=True)
        return np.concatenate([np.einsum("nchwij,nohw->ocij", a, b) for a, b in pairs])

    wide = x.astype(np.float64), g.astype(np.float64)
    terms = 2 * rows * columns
    bound = (4 + 2 * np.sqrt(terms)) * np.finfo(dtype).eps * sums(abs(wide[0]), abs(wide[1]))
    assert (abs(dw - sums(*wide)) <= bound * (1 if dtype == "float32" else 2)).all()


@varied("isa,group,layer", product(RUNNABLE, [(37, 1, 1), (5, 4, 4), (2, 16, 16)], LAYERS))
def test_each_weight_gets_its_sum(isa: str, group: tuple[int, int, int], layer: Layer) -> None:
    sums_agree(isa, layer, group, "float32")


@varied("isa", product(RUNNABLE), [(NARROWEST,)])
def test_each_weight_gets_its_sum_in_double_precision(isa: str) -> None:
    sums_agree(isa, LAYERS[1], (37, 1, 1), "float64")


def test_training_runs_on_both_and_any_number_of_threads_gives_the_same_bits() -> None:
    x = tatamu.rand(2, 40, 50, 30, requires_grad=True)
    w = tatamu.rand(40, 4, 3, 3, requires_grad=True)
    before = tatamu.get_num_threads()
    results, events = [], []
    try:
        for threads in (1, 2, 5):
            tatamu.set_num_threads(threads)
            with watching(events.append):
                y = F.conv2d(x, w, None, padding=1, groups=10)
                dx, dw = tatamu.autograd.grad((y * y).sum(), [x, w])
            results.append([np.array(t.detach()) for t in (y, dx, dw)])
    finally:
        tatamu.set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))
    kernels = {e.op.name: e.ran.kernel for e in events}
    assert kernels["convolution"].startswith("grouped")
    assert kernels["conv_input_grad"].startswith("grouped")
    assert kernels["conv_weight_grad"].startswith("grouped sums")


def test_parts_depend_on_the_shape_alone_and_one_vector_has_several() -> None:
    assert HOST is not None
    spec = ConvSpec.make(3, padding=1, groups=16)
    plan = grouped_weight_grad.plan(problem(spec, "float32", (1, 16, 112, 9), 16), HOST)
    assert plan.parts > 1
    assert plan.items == plan.parts * plan.numbers["vectors"]


# ---- refusals and costs --------------------------------------------------------------------------


def test_what_it_refuses() -> None:
    assert HOST is not None
    spec = ConvSpec.make(3, groups=4)
    for module in (grouped, grouped_weight_grad):
        assert module.accepts(problem(spec, "float32", (1, 16, 9, 9), 16), HOST) is None
        odd = problem(spec, "float32", (1, 16, 9, 9), 12)
        reason = "groups have 4 input and 3 output channels, vectors"
        assert reason in str(module.accepts(odd, HOST))
        one = problem(ConvSpec.make(3), "float32", (1, 16, 9, 9), 16)
        assert "there is one group" in str(module.accepts(one, HOST))
        planar = problem(spec, "float32", (1, 16, 9, 9), 16, planar=True)
        assert "channels must lie next to one another" in str(module.accepts(planar, HOST))
        halves = problem(spec, "float16", (1, 16, 9, 9), 16)
        assert "not in float16" in str(module.accepts(halves, HOST))
    single = problem(spec, "float32", (1, 4, 9, 9), 4)
    assert "depthwise is the same kernel" in str(grouped.accepts(single, HOST))
    assert grouped_weight_grad.accepts(single, HOST) is None


def test_costs_grow_with_work_and_count_what_is_read_and_written() -> None:
    target = TARGETS["AVX-512"]
    spec = ConvSpec.make(3, padding=1, groups=32)
    small, large = (problem(spec, "float32", (1, 128, n, n), 128) for n in (14, 28))
    for module in (grouped, grouped_weight_grad):
        a, b = (module.cost(p, target) for p in (small, large))
        assert b.steps == 4 * a.steps
        assert b.moved == 4 * a.moved == 2 * 4 * 128 * 28 * 28
    multiply_adds = 28 * 28 * 8 * 9 * 4
    assert multiply_adds < grouped.cost(large, target).steps < 1.5 * multiply_adds
    residual = replace(large, epilogue=Epilogue(residual=True))
    assert grouped.cost(residual, target).moved == 3 * 4 * 128 * 28 * 28
    # Pixels a page apart drive one another out of the first cache.
    strided = ConvSpec.make(3, 2, 1, groups=32)
    near, far = (problem(strided, "float32", (1, c, 14, 14), c) for c in (992, 1024))
    costs = [grouped.cost(p, target).steps / p.flops for p in (near, far)]
    assert costs[1] > 1.2 * costs[0]


def test_packing_is_cheap_and_keeps_every_weight_once() -> None:
    assert HOST is not None
    spec = ConvSpec.make(3, padding=1, groups=37)
    plan = grouped.plan(problem(spec, "float32", (1, 37, 9, 9), 37), HOST)
    w = np.arange(37 * 9, dtype=np.float32).reshape(37, 1, 3, 3)
    packed = plan.pack_weight(w)
    assert set(packed.reshape(-1).tolist()) == set(range(37 * 9))
    assert packed.size < 2 * w.size
