"""The gradient of a convolution's input, by the compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.op import Event, Ran

CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], str], ...] = (
    ((2, 32, 17, 13), (40, 32, 3, 3), {"padding": 1}, "Winograd"),
    ((1, 64, 9, 9), (64, 64, 3, 3), {"padding": (0, 2)}, "Winograd"),
    ((2, 3, 11, 8), (8, 3, 3, 3), {"padding": 2, "dilation": 2}, "direct"),
    ((1, 5, 12, 9), (7, 5, 5, 2), {"padding": (4, 1)}, "direct"),
    ((1, 6, 9, 10), (9, 2, 3, 3), {"padding": 2, "dilation": 2, "groups": 3}, "direct"),
    ((2, 8, 7, 7), (8, 1, 3, 3), {"padding": 1, "groups": 8}, "direct"),
    ((1, 20, 6, 5), (12, 20, 1, 1), {}, "direct"),
    ((1, 4, 8, 9), (3, 4, 2, 4), {"padding": "same"}, "direct"),
    ((1, 4, 9, 9), (6, 4, 3, 3), {"stride": 2}, "NumPy reference"),
    ((1, 4, 5, 5), (6, 4, 2, 2), {"padding": 2}, "NumPy reference"),
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
    (ran,) = [e.ran for e in events if e.op.name == "conv2d_input_grad"]
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


def test_why_a_strided_gradient_is_not_compiled_is_said() -> None:
    random = np.random.default_rng(3)
    x, w = random.standard_normal((1, 4, 9, 9)), random.standard_normal((6, 4, 3, 3))
    *_, ran = input_gradient(x, w, None, stride=2)
    assert "as a convolution it would need stride 1 and padding no wider than the window" in ran.why


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
    x, w = random.standard_normal((1, 32, 8, 8)), random.standard_normal((32, 32, 3, 3))
    g, fast, ran = input_gradient(x, w, None, padding=1)
    assert ran.kernel.startswith("Winograd")
    tatamu.set_winograd(False)
    try:
        _, plain, ran = input_gradient(x, w, g, padding=1)
    finally:
        tatamu.set_winograd(True)
    assert ran.kernel.startswith("direct")
    np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-11)
