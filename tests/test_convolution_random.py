"""Convolution of every kind at random: right by every kernel, adjoint, and true to its algebra."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from convolution_cases import (
    EVERY_WIDTH,
    FUNCTIONS,
    Case,
    Numpy,
    allowed,
    cases,
    check,
    gather,
    laid,
)
from covering import varied
from hypothesis import given, settings
from hypothesis import strategies as st

import tatamu
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.choose import candidates
from tatamu.ops.convolution import convolution
from tatamu.ops.op import Call, Event, Plan
from tatamu.runtime import threads
from tatamu.runtime.packing import packed
from tatamu.runtime.storage import pool

pytestmark = pytest.mark.slow

FEW = settings(max_examples=60)
MANY = settings(max_examples=4000)


# ---- everything ---------------------------------------------------------------------------------


@FEW
@given(cases(2))
def test_convolution(case: Case) -> None:
    check(case)


@FEW
@given(cases(1) | cases(3))
def test_convolution_over_one_and_three_axes(case: Case) -> None:
    check(case)


@FEW
@given(cases(2, True))
def test_transposed_convolution(case: Case) -> None:
    check(case)


@FEW
@given(cases(1, True) | cases(3, True))
def test_transposed_convolution_over_one_and_three_axes(case: Case) -> None:
    check(case)


@pytest.mark.nightly
@MANY
@given(st.one_of(*(cases(*kind, EVERY_WIDTH) for kind in FUNCTIONS)))
def test_thousands_of_convolutions(case: Case) -> None:
    check(case)


# ---- its algebra --------------------------------------------------------------------------------


def forward(case: Case, x: Numpy, w: Numpy, b: Numpy | None = None) -> Numpy:
    """The function's output; operands in the case's order of memory."""
    x, w = (laid(a, order) for a, order in zip((x, w), case.orders, strict=True))
    bias = None if b is None else tatamu.from_numpy(b)
    return np.array(FUNCTIONS[case.dims, case.transposed](x, w, bias, **case.arguments))


def close(case: Case, a: Numpy, b: Numpy, terms: float = 1.0) -> None:
    """Two results agree but for rounding, each relative to the largest number."""
    tolerance = 100 * np.finfo(case.dtype).eps * terms
    assert a.shape == b.shape
    assert not a.size or abs(a - b).max() <= tolerance * (1 + abs(b).max())


@FEW
@given(st.one_of(*(cases(*kind) for kind in FUNCTIONS)), st.floats(-4, 4))
def test_it_is_linear_in_both_operands(case: Case, factor: float) -> None:
    x, w, _ = case.arrays()
    other = np.random.default_rng(case.seed + 2)
    dx, dw = (other.standard_normal(a.shape).astype(case.dtype) for a in (x, w))
    scale = x.dtype.type(factor)
    y = forward(case, x, w)
    close(case, forward(case, x + scale * dx, w), y + scale * forward(case, dx, w), 8)
    close(case, forward(case, x, w + scale * dw), y + scale * forward(case, x, dw), 8)


@FEW
@given(st.one_of(*(cases(dims) for dims in (1, 2, 3))))
def test_a_bias_is_added(case: Case) -> None:
    x, w, _ = case.arrays()
    b = np.arange(1.0, 1 + len(w)).astype(case.dtype)
    close(case, forward(case, x, w, b), forward(case, x, w) + b.reshape(-1, *(1,) * case.dims))


@FEW
@given(st.one_of(*(cases(dims) for dims in (1, 2, 3))))
def test_a_shifted_picture_gives_shifted_outputs(case: Case) -> None:
    """A stride's worth of zeros in front: all outputs that read none of them are as they were."""
    x, w, _ = case.arrays()
    y = forward(case, x, w)
    shifted = np.pad(x, [(0, 0), (0, 0), *((s, 0) for s in case.stride)])
    moved = forward(case, shifted, w)
    inside = tuple(slice(1, 1 + n) for n in y.shape[2:])
    skipped = [-(-p[0] // s) for p, s in zip(case.pads, case.stride, strict=True)]
    rest = tuple(slice(n, None) for n in skipped)
    kept = moved[(slice(None), slice(None), *inside)]
    close(case, kept[(slice(None), slice(None), *rest)], y[(slice(None), slice(None), *rest)])


@FEW
@given(st.one_of(*(cases(*kind) for kind in FUNCTIONS)))
def test_groups_are_convolutions_side_by_side(case: Case) -> None:
    x, w, b = case.arrays()
    y = forward(case, x, w, b)
    alone = replace(case, groups=1)
    parts = [np.split(a, case.groups, axis) for a, axis in ((x, 1), (w, 0))]
    biases = [None] * case.groups if b is None else np.split(b, case.groups)
    each = [forward(alone, *operands) for operands in zip(*parts, biases, strict=True)]
    close(case, y, np.concatenate(each, 1), 4)


@FEW
@given(st.one_of(*(cases(dims) for dims in (1, 2, 3))))
def test_a_window_of_one_is_a_matrix_product(case: Case) -> None:
    ones, zeros = (1,) * case.dims, (0,) * case.dims
    case = replace(case, kernel=ones, dilation=ones, padding=zeros, same=False, groups=1)
    x, w, _ = case.arrays()
    picked = x[(slice(None), slice(None), *(slice(None, None, s) for s in case.stride))]
    product = np.tensordot(picked.astype(np.float64), w.reshape(w.shape[:2]), ((1,), (1,)))
    close(case, forward(case, x, w), np.moveaxis(product, -1, 1), 4)


def by_kernel(name: str, case: Case, event: Event) -> Numpy:
    """The call's output as the kernel of this name makes it."""
    plan = Plan(Call(event.op, event.attrs, event.inputs))
    (kernel,) = [kernel for kernel in event.op.kernels if kernel.name == name]
    plan.runner = kernel.prepare(plan.call)
    return np.array(plan.run(event.inputs)[0])


@varied(
    "name,dtype",
    product(("FFT", "Winograd"), ("float32", "float64")),
    [("FFT", "float64"), ("Winograd", "float32")],
)
@given(case=cases(2))
@settings(max_examples=25)
def test_transforms_agree_with_plain_sums(name: str, dtype: str, case: Case) -> None:
    case = replace(case, dtype=dtype, images=1 + case.seed % 2, bias=False)
    if name == "Winograd":
        ones = (1, 1)
        case = replace(case, kernel=(3, 3), stride=ones, dilation=ones, same=True, groups=1)
    x, w, _ = case.arrays()
    events: list[Event] = []
    with watching(events.append):
        FUNCTIONS[2, False](laid(x, case.orders[0]), laid(w, case.orders[1]), **case.arguments)
    (event,) = [event for event in events if event.op is convolution]
    a, b = by_kernel(name, case, event), by_kernel("direct", case, event)
    size = gather(case, abs(x.astype(np.float64)), abs(w.astype(np.float64)))
    bound = allowed(name, case, w[0].size, size, [x, w])
    bound += allowed("direct", case, w[0].size, size, [x, w])
    assert (abs(a - b) <= bound).all()


def test_large_kernels_take_the_transform_and_small_ones_do_not() -> None:
    kernels = {}
    for kernel in (3, 5, 41):
        events: list[Event] = []
        with watching(events.append):
            F.conv2d(tatamu.ones(1, 3, 120, 120), tatamu.ones(4, 3, kernel, kernel))
        kernels[kernel] = events[-1].ran.kernel
    assert kernels[41].startswith("FFT")
    assert not any(kernels[kernel].startswith("FFT") for kernel in (3, 5))


# ---- memory -------------------------------------------------------------------------------------

LAYERS: tuple[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ("direct", (2, 16, 90, 90), (32, 16, 5, 5), {"padding": 2}),
    ("Winograd", (1, 64, 96, 96), (64, 64, 3, 3), {"padding": 1}),
    ("depthwise", (1, 64, 90, 90), (64, 1, 3, 3), {"padding": 1, "groups": 64}),
    ("FFT", (1, 3, 200, 200), (4, 3, 61, 61), {"padding": 30}),
)


def peak(run: Callable[[], Any]) -> int:
    """Bytes that a call holds at its worst beyond those that were held before, its result too."""
    pool.clear()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = run()
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    del kept
    return most


@pytest.mark.parametrize(("kernel", "shape", "weights", "arguments"), LAYERS)
def test_a_call_needs_its_output_and_what_its_kernel_says(
    kernel: str, shape: tuple[int, ...], weights: tuple[int, ...], arguments: dict[str, Any]
) -> None:
    x, w = laid(np.ones(shape, np.float32), 1), tatamu.ones(*weights)
    events: list[Event] = []
    with watching(events.append):
        y = F.conv2d(x, w, None, **arguments)
    assert events[0].ran.kernel.startswith(kernel)
    best = candidates(Call(convolution, events[0].attrs, events[0].inputs))[0]
    said = y.numel() * 4 + best.scratch * threads.get_num_threads()
    gc.collect()  # of what other tests have left behind
    before = packed.nbytes
    assert peak(lambda: F.conv2d(x, w, None, **arguments)) < 1.2 * said + 200_000
    assert packed.nbytes == before, "weights are packed once"


@pytest.mark.parametrize(("kernel", "shape", "weights", "arguments"), LAYERS)
def test_nothing_is_left_behind(
    kernel: str, shape: tuple[int, ...], weights: tuple[int, ...], arguments: dict[str, Any]
) -> None:
    def step() -> None:
        x = tatamu.ones(*shape, requires_grad=True)
        w = tatamu.ones(*weights, requires_grad=True)
        F.conv2d(x, w, None, **arguments).sum().backward()

    step()
    gc.collect()
    before = packed.nbytes
    tracemalloc.start()
    held = tracemalloc.get_traced_memory()[0] - pool.held
    for _ in range(3):
        step()
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - pool.held < held + 100_000
    tracemalloc.stop()
    assert packed.nbytes == before
