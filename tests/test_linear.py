"""Products and linear layers as users call them: which kernel serves, and what must agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_cases import WAYS, exact, laid, noise, threads

import tatamu
from tatamu import nn
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.op import Event


def served(run: Any) -> dict[str, str]:
    """Which kernel ran for each operation."""
    events: list[Event] = []
    with watching(events.append):
        run()
    return {e.op.name: e.ran.kernel for e in events if e.ran.kernel != "view"}


def tensor(array: Any) -> tatamu.Tensor:
    """A tensor that lies as the array does."""
    return tatamu.from_numpy(array)


def within(got: tatamu.Tensor, a: Any, b: Any, bias: Any = None) -> None:
    right, bound = exact(a, b, bias)
    assert tuple(got.shape) == right.shape
    assert (abs(got.detach().numpy() - right) <= bound).all()


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs", "kernel"),
    [
        (1, 300, 200, "dot products"), (8, 300, 200, "dot products"), (48, 64, 90, "dot products"),
        (1, 60, 400, "matrix product"), (49, 300, 200, "matrix product"),
        (2, 3, 4, "NumPy reference"),
    ],
)  # fmt: skip
def test_which_kernel_serves_a_linear_layer(
    rows: int, inputs: int, outputs: int, kernel: str
) -> None:
    x, w, b = noise(1, "float32", rows, inputs), noise(2, "float32", outputs, inputs), None
    for b in (None, noise(3, "float32", outputs)):
        y: Any = None

        def run(b: Any = b) -> None:
            nonlocal y
            y = F.linear(tensor(x), tensor(w), None if b is None else tensor(b))

        (ran,) = served(run).values()
        assert ran.startswith(kernel)
        within(y, x, w.T, b)


def test_gradients_have_kernels_of_their_own() -> None:
    for rows, for_input in ((1, "sums of rows"), (6, "sums of rows"), (7, "matrix product")):
        x, layer = tatamu.rand(rows, 256, requires_grad=True), nn.Linear(256, 200)
        y = layer(x)
        with tatamu.no_grad():
            g = tatamu.rand(rows, 200)
        events: list[Event] = []
        with watching(events.append):
            y.backward(g)
        kernels = [e.ran.kernel for e in events if e.op.name == "matmul"]
        assert kernels[0].startswith(for_input)
        assert kernels[1].startswith("matrix product")
        w, gradients = layer.weight, (x.grad, layer.weight.grad, layer.bias)
        assert gradients[0] is not None and gradients[1] is not None
        within(gradients[0], g.numpy(), w.detach().numpy())
        within(gradients[1], g.numpy().T, x.detach().numpy())
        assert gradients[1].is_contiguous()


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(WAYS),
    st.sampled_from(WAYS),
    st.sampled_from(["float32", "float64"]),
)
def test_products_of_any_strides(
    sizes: tuple[int, int, int], first: str, second: str, dtype: str
) -> None:
    m, n, k = sizes
    a, b = laid(first, 1, dtype, m, k), laid(second, 2, dtype, k, n)
    within(tensor(a) @ tensor(b), a, b)
    within(F.linear(tensor(a), tensor(b.T)), a, b)


def test_vectors_and_stacks() -> None:
    a, b = noise(1, "float32", 3, 1, 50, 40), noise(2, "float32", 4, 40, 30)
    x, y, v = tensor(a), tensor(b), noise(3, "float32", 40)
    within(x @ y, a, b)
    within(x @ tensor(b[0]), a, b[0])
    within(tensor(a[0, 0]) @ y, a[0, 0], b)
    within((x @ tensor(v)).unsqueeze(-1), a, v[:, None])
    within((tensor(v) @ y).unsqueeze(-2), v[None], b)
    wide = noise(4, "float32", 500, 300)
    within((tensor(wide) @ tensor(wide[0])).unsqueeze(1), wide, wide[0][:, None])
    within((tensor(wide[:, 0].copy()) @ tensor(wide)).unsqueeze(0), wide[:, :1].T, wide)
    assert served(lambda: tensor(wide) @ tensor(wide[0])) == {"matmul": "dot products"}
    assert served(lambda: tensor(wide.T) @ tensor(wide[:, 0])) == {"matmul": "sums of rows"}
    # One matrix for a whole stack whose rows follow one another is one product.
    stack = noise(5, "float32", 7, 9, 200)
    assert served(lambda: tensor(stack) @ tensor(wide[:200, :80])) == {
        "bmm": served(lambda: tensor(stack.reshape(63, 200)) @ tensor(wide[:200, :80]))["matmul"]
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_metamorphic(dtype: str) -> None:
    a, b, c = (noise(i, dtype, 70, 70) for i in range(3))
    x, y, z = (tensor(v) for v in (a, b, c))
    _, bound = exact(a, b)
    assert (abs(((x @ y).t() - y.t() @ x.t()).numpy().T) <= 2 * bound).all()
    together = x @ tatamu.from_numpy(np.concatenate([b, c], 1))
    apart = np.concatenate([(x @ y).numpy(), (x @ z).numpy()], 1)
    _, wide = exact(a, np.concatenate([b, c], 1))
    assert (abs(together.numpy() - apart) <= 2 * wide).all()
    assert np.array_equal((x * 4 @ y).numpy(), (x @ y * 4).numpy()), "powers of two are exact"
    eye = np.eye(70, dtype=dtype)
    assert np.array_equal((x @ tensor(eye)).numpy(), a)
    assert np.array_equal((tensor(eye) @ x).numpy(), a)


def test_a_convolution_of_kernel_1_is_a_linear_layer() -> None:
    x, w, b = noise(1, "float32", 2, 48, 9, 7), noise(2, "float32", 40, 48), noise(3, "float32", 40)
    last = tensor(x).permute(0, 2, 3, 1)
    conv = F.conv2d(tensor(x), tensor(w[:, :, None, None]), tensor(b)).permute(0, 2, 3, 1)
    layer = F.linear(last, tensor(w), tensor(b))
    _, bound = exact(x.transpose(0, 2, 3, 1), w.T, b)
    assert (abs(conv.numpy() - layer.numpy()) <= 2 * bound).all()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    layer, rows = nn.Linear(700, 500), (1, 5, 40, 200)
    inputs = [tatamu.rand(n, 700, requires_grad=True) for n in rows]
    results = []
    for count in (1, 2, 5):
        with threads(count):
            found = []
            for x in inputs:
                y = layer(x)
                wanted = [x, layer.weight, layer.bias]
                found += [y.detach(), *tatamu.autograd.grad((y * y).sum(), wanted)]
            results.append([np.array(t) for t in found])
    for other in results[1:]:
        assert all(np.array_equal(p, q) for p, q in zip(results[0], other, strict=True))


def test_weights_that_change_are_noticed() -> None:
    layer, x = nn.Linear(100, 300), tatamu.rand(3, 100)
    before = layer(x).detach()
    with tatamu.no_grad():
        layer.weight.mul_(2)
        layer.bias.mul_(2)  # type: ignore[union-attr]
    assert np.array_equal(layer(x).detach().numpy(), (before * 2).numpy())


def test_what_is_not_finite_stays_in_its_row() -> None:
    layer, x = nn.Linear(100, 300), tatamu.rand(4, 100)
    clean = layer(x).detach().numpy().copy()
    x[2, 99] = float("nan")
    y = layer(x).detach().numpy()
    assert np.isnan(y[2]).all()
    assert np.array_equal(np.delete(y, 2, 0), np.delete(clean, 2, 0))


def test_integers_and_halves_are_numpys() -> None:
    a = np.arange(60 * 50).reshape(60, 50) % 7
    assert np.array_equal((tensor(a) @ tensor(a.T)).numpy(), a @ a.T)
    half = tensor(a.astype(np.float32)).half()
    assert (half @ half.t()).dtype is tatamu.float16
    assert np.array_equal((half @ half.t()).float().numpy(), (a @ a.T).astype(np.float32))


def test_empty() -> None:
    layer = nn.Linear(40, 30)
    assert layer(tatamu.zeros(0, 40)).shape == (0, 30)
    bias = tatamu.rand(30)
    y = F.linear(tatamu.zeros(5, 0), tatamu.zeros(30, 0), bias)
    assert np.array_equal(y.numpy(), np.broadcast_to(bias.numpy(), (5, 30)))
    x = tatamu.zeros(0, 40, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    assert not layer.weight.grad.numpy().any()


def test_no_features_warn_as_in_torch() -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        layer = nn.Linear(0, 3)
    assert layer.bias is not None and not layer.bias.detach().numpy().any()
    with pytest.raises(ValueError, match="in1_features must be > 0"):
        nn.Bilinear(0, 1, 1)


def test_second_derivative_of_a_layer_served_by_kernels() -> None:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(s) for s in ((5, 80), (70, 80), (70,))]
    x, w, b = (tatamu.tensor(a, requires_grad=True) for a in arrays)
    y = F.linear(x, w, b)
    (dx,) = tatamu.autograd.grad((y * y).sum(), x, create_graph=True)
    (dw,) = tatamu.autograd.grad((dx * dx).sum(), w)
    # dx = 2 (x wᵀ + b) w; half of |dx|²'s gradient by w, by hand:
    sums = arrays[0] @ arrays[1].T + arrays[2]
    d = 2 * sums @ arrays[1]
    by_hand = 2 * (sums.T @ d + (d @ arrays[1].T).T @ arrays[0])
    np.testing.assert_allclose(dw.numpy(), 2 * by_hand, rtol=1e-11, atol=1e-9)
