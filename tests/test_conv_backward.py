"""The gradients of a convolution's input and weights, by the compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import TARGETS, every_dtype, tiles_of
from test_kernels_assembly import spills

import tatamu
from tatamu.kernels import weight_grad_emit
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.op import Event, Ran
from tatamu.stage.compile import assembly

CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], str], ...] = (
    ((2, 64, 33, 29), (72, 64, 3, 3), {"padding": 1}, "Winograd"),
    ((1, 64, 21, 21), (64, 64, 3, 3), {"padding": (0, 2)}, "Winograd"),
    ((2, 3, 11, 8), (8, 3, 3, 3), {"padding": 2, "dilation": 2}, "direct"),
    ((1, 5, 12, 9), (7, 5, 5, 2), {"padding": (4, 1)}, "direct"),
    ((1, 6, 9, 10), (9, 2, 3, 3), {"padding": 2, "dilation": 2, "groups": 3}, "grouped"),
    ((1, 6, 9, 10), (6, 3, 3, 3), {"padding": 1, "groups": 2}, "direct"),
    ((2, 8, 7, 7), (8, 1, 3, 3), {"padding": 1, "groups": 8}, "depthwise"),
    ((1, 20, 6, 5), (12, 20, 1, 1), {}, "direct"),
    ((1, 4, 8, 9), (3, 4, 2, 4), {"padding": "same"}, "direct"),
    ((1, 4, 9, 9), (6, 4, 3, 3), {"stride": 2}, "direct"),
    ((1, 4, 5, 5), (6, 4, 2, 2), {"padding": 2}, "direct"),
    ((2, 20, 13, 10), (24, 20, 3, 3), {"stride": 2, "padding": 1}, "direct"),
    ((1, 6, 17, 12), (8, 3, 5, 4), {"stride": (3, 2), "padding": 2, "groups": 2}, "direct"),
    ((1, 3, 12, 11), (4, 3, 3, 2), {"stride": (2, 3), "dilation": (3, 2)}, "direct"),
    ((1, 3, 9, 9), (4, 3, 1, 2), {"stride": (3, 4)}, "direct"),
)


def input_gradient(
    x: np.ndarray, w: np.ndarray, g: np.ndarray | None, **arguments: Any
) -> tuple[np.ndarray, np.ndarray, Ran]:
    """The output's gradient that was used, the input's, and what computed it."""
    leaf = tatamu.tensor(x, requires_grad=True)
    y = F.conv2d(leaf, tatamu.tensor(w), None, **arguments)
    random = np.random.default_rng(7)
    seed = random.standard_normal(y.shape).astype(x.dtype) if g is None else g
    events: list[Event] = []
    with watching(events.append):
        y.backward(tatamu.tensor(seed))
    (ran,) = [e.ran for e in events if e.op.name == "conv_input_grad"]
    assert leaf.grad is not None
    return seed, np.array(leaf.grad), ran


@pytest.mark.parametrize(("shape", "weights", "arguments", "kernel"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_adjoint_of_the_convolution(
    shape: tuple[int, ...],
    weights: tuple[int, ...],
    arguments: dict[str, Any],
    kernel: str,
    dtype: str,
) -> None:
    random = np.random.default_rng(1)
    x, w = (random.standard_normal(s).astype(dtype) for s in (shape, weights))
    g, dx, ran = input_gradient(x, w, None, **arguments)
    assert ran.kernel.startswith(kernel)
    # <conv(d), g> = <d, gradient> for directions d: each position of the picture on its own.
    wide = tatamu.tensor(w.astype(np.float64))
    for _ in range(4):
        d = random.standard_normal(shape)
        y = np.array(F.conv2d(tatamu.tensor(d), wide, None, **arguments))
        left, right = float((y * g).sum()), float((d * dx).sum())
        size = float(np.sqrt((y**2).sum() * (g.astype(np.float64) ** 2).sum()))
        assert abs(left - right) <= (1e-6 if dtype == "float32" else 1e-13) * size


@pytest.mark.parametrize(("shape", "weights", "arguments", "kernel"), CASES)
def test_each_pixel_gets_what_its_outputs_say(
    shape: tuple[int, ...], weights: tuple[int, ...], arguments: dict[str, Any], kernel: str
) -> None:
    random = np.random.default_rng(2)
    x, w = random.standard_normal(shape), random.standard_normal(weights)
    g, dx, _ = input_gradient(x, w, None, **arguments)
    at = tuple(int(random.integers(n)) for n in shape)
    bump = np.zeros(shape)
    bump[at] = 1.0
    response = np.array(F.conv2d(tatamu.tensor(bump), tatamu.tensor(w), None, **arguments))
    np.testing.assert_allclose(dx[at], (response * g).sum(), rtol=1e-11, atol=1e-12)


def test_a_gradient_that_is_one_number_everywhere() -> None:
    x = tatamu.ones(1, 32, 12, 12, requires_grad=True)
    F.conv2d(x, tatamu.ones(32, 32, 3, 3), None, padding=1).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(np.array(x.grad)[0, :, 5, 5], 32 * 9, rtol=1e-5)
    np.testing.assert_allclose(np.array(x.grad)[0, :, 0, 0], 32 * 4, rtol=1e-5)


def test_a_changed_weight_is_noticed() -> None:
    random = np.random.default_rng(4)
    w = tatamu.tensor(random.standard_normal((32, 32, 3, 3)))
    g = tatamu.tensor(random.standard_normal((1, 32, 8, 8)))
    gradients = []
    for _ in range(2):
        x = tatamu.tensor(random.standard_normal((1, 32, 8, 8)), requires_grad=True)
        F.conv2d(x, w, None, padding=1).backward(g)
        assert x.grad is not None
        gradients.append(np.array(x.grad))
        w.mul_(2.0)
    np.testing.assert_allclose(gradients[1], 2 * gradients[0], rtol=1e-12, atol=1e-12)


def test_without_winograd_it_is_direct() -> None:
    random = np.random.default_rng(5)
    x, w = random.standard_normal((1, 64, 40, 40)), random.standard_normal((64, 64, 3, 3))
    g, fast, ran = input_gradient(x, w, None, padding=1)
    assert ran.kernel.startswith("Winograd")
    tatamu.set_winograd(False)
    try:
        _, plain, ran = input_gradient(x, w, g, padding=1)
    finally:
        tatamu.set_winograd(True)
    assert ran.kernel.startswith("direct")
    np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-10)


WEIGHT_CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 32, 17, 13), (40, 32, 3, 3), {"padding": 1, "stride": 2}),
    ((1, 64, 9, 9), (64, 64, 3, 3), {"padding": (0, 2), "stride": (1, 2)}),
    ((3, 3, 11, 8), (8, 3, 3, 3), {"padding": 2, "dilation": 2}),
    ((1, 5, 12, 9), (7, 5, 5, 2), {"padding": (4, 1)}),
    ((1, 6, 9, 10), (9, 2, 3, 3), {"padding": 2, "stride": 3, "groups": 3}),
    ((2, 8, 7, 7), (16, 1, 3, 3), {"padding": 1, "groups": 8}),
    ((2, 20, 6, 5), (70, 20, 1, 1), {}),
    ((1, 4, 8, 9), (3, 4, 2, 4), {"padding": "same"}),
    ((1, 4, 3, 3), (6, 4, 2, 2), {"padding": 5}),
    ((1, 1, 40, 90), (1, 1, 7, 7), {"padding": 3}),
)
WEIGHT_CASES_OF_DTYPES = [(t, *c) for t in ("float32", "float64") for c in WEIGHT_CASES]


def weight_gradient(
    x: np.ndarray, w: np.ndarray, **arguments: Any
) -> tuple[np.ndarray, np.ndarray, Ran]:
    """The output's gradient that was used, the weights', and what computed it."""
    leaf = tatamu.tensor(w, requires_grad=True)
    y = F.conv2d(tatamu.tensor(x), leaf, None, **arguments)
    g = np.random.default_rng(8).standard_normal(y.shape).astype(x.dtype)
    events: list[Event] = []
    with watching(events.append):
        y.backward(tatamu.tensor(g))
    (ran,) = [e.ran for e in events if e.op.name == "conv_weight_grad"]
    assert leaf.grad is not None
    return g, np.array(leaf.grad), ran


@varied("dtype,shape,weights,arguments", WEIGHT_CASES_OF_DTYPES, WEIGHT_CASES_OF_DTYPES[:12])
def test_each_weight_gets_what_its_products_say(
    shape: tuple[int, ...], weights: tuple[int, ...], arguments: dict[str, Any], dtype: str
) -> None:
    random = np.random.default_rng(11)
    x, w = (random.standard_normal(s).astype(dtype) for s in (shape, weights))
    g, dw, ran = weight_gradient(x, w, **arguments)
    lanes_span_groups = arguments.get("groups") == 8
    assert ran.kernel.startswith("depthwise sums" if lanes_span_groups else "outer products")
    assert dw.shape == weights
    wide = tatamu.tensor(x.astype(np.float64))
    for _ in range(3):
        at = tuple(int(random.integers(n)) for n in weights)
        bump = np.zeros(weights)
        bump[at] = 1.0
        response = np.array(F.conv2d(wide, tatamu.tensor(bump), None, **arguments))
        products = response * g
        bound = (1e-6 if dtype == "float32" else 1e-14) * (np.abs(products).sum() + 1)
        assert abs(dw[at] - products.sum()) <= bound
    d = random.standard_normal(weights)
    y = np.array(F.conv2d(wide, tatamu.tensor(d), None, **arguments))
    size = float(np.sqrt((y**2).sum() * (g.astype(np.float64) ** 2).sum()))
    accuracy = 1e-6 if dtype == "float32" else 1e-13
    assert abs(float((y * g).sum()) - float((d * dw).sum())) <= accuracy * size


def test_any_number_of_threads_gives_the_same_bits() -> None:
    random = np.random.default_rng(12)
    x, w = (random.standard_normal(s).astype(np.float32) for s in ((3, 24, 30, 40), (24, 24, 3, 3)))
    before = tatamu.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            tatamu.set_num_threads(threads)
            results.append(weight_gradient(x, w, padding=1)[1])
    finally:
        tatamu.set_num_threads(before)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_inputs_in_any_layout_give_the_same_gradient() -> None:
    random = np.random.default_rng(13)
    x, w = random.standard_normal((2, 8, 9, 7)), random.standard_normal((16, 8, 3, 3))
    _, planar, _ = weight_gradient(x, w, padding=1)
    leaf = tatamu.tensor(w, requires_grad=True)
    last = tatamu.tensor(np.ascontiguousarray(x.transpose(0, 2, 3, 1))).permute(0, 3, 1, 2)
    y = F.conv2d(last, leaf, None, padding=1)
    g = np.random.default_rng(8).standard_normal(y.shape)
    y.backward(tatamu.tensor(np.ascontiguousarray(g.transpose(0, 2, 3, 1))).permute(0, 3, 1, 2))
    np.testing.assert_allclose(np.array(leaf.grad), planar, rtol=1e-12, atol=1e-12)


def test_a_batch_of_none_has_no_gradient_but_zero() -> None:
    leaf = tatamu.ones(4, 3, 3, 3, requires_grad=True)
    F.conv2d(tatamu.zeros(0, 3, 8, 8), leaf, None, padding=1).sum().backward()
    assert not np.array(leaf.grad).any()


def test_non_finite_values_stay_in_the_weights_that_meet_them() -> None:
    x = np.random.default_rng(14).standard_normal((1, 6, 5, 5)).astype(np.float32)
    w = np.ones((5, 6, 3, 3), np.float32)
    x[0, 2, 0, 0] = np.nan
    _, dw, _ = weight_gradient(x, w, padding=1)
    touched = np.isnan(dw)
    assert touched[:, 2, :2, :2].all()
    touched[:, 2] = False
    assert not touched.any()


@pytest.mark.parametrize("isa", TARGETS)
@every_dtype
def test_no_tile_of_weight_gradients_keeps_a_vector_on_the_stack(isa: str, dtype: str) -> None:
    target = TARGETS[isa]
    whole = [t for t in tiles_of(target) if t.dtype == dtype]
    widest = max(tile.lanes for tile in whole)
    for tile in (t for t in whole if t.lanes == widest):
        text = assembly(weight_grad_emit.emit(tile, target).text(), target)
        assert spills(text, target) == [], tile
