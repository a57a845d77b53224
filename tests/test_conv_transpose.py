"""Transposed convolution, and convolution over one and three axes, against stamps and windows.

What is right here is found by stamping: every input, times the kernel, is added into a padded
picture, in float64 and one tap after the other. It shares nothing with the package.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tatamu
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.op import Event

Numpy = Any
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
FORWARD = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def stamped(
    x: Numpy,
    w: Numpy,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    extra: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Numpy:
    """Each input stamps the kernel into a picture that is then cut to size."""
    n, _, *sizes = x.shape
    outputs = w.shape[1]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    room = [(s - 1) * t + r + e for s, t, r, e in zip(sizes, stride, reach, extra, strict=True)]
    picture = np.zeros((n, groups * outputs, *room))
    for tap in product(*map(range, w.shape[2:])):
        at = tuple(
            slice(j * d, j * d + (s - 1) * t + 1, t)
            for j, d, s, t in zip(tap, dilation, sizes, stride, strict=True)
        )
        for g in range(groups):
            mine = np.split(x.astype(np.float64), groups, 1)[g]
            matrix = np.split(w.astype(np.float64), groups)[g][(..., *tap)]
            view = picture[:, g * outputs : (g + 1) * outputs]
            view[(..., *at)] += np.einsum("nc...,co->no...", mine, matrix)
    cut = [slice(p, size - p) for p, size in zip(padding, room, strict=True)]
    return picture[(..., *cut)]


def check(dims: int, x: Numpy, w: Numpy, bias: Numpy | None, **given: Any) -> None:
    per_axis = {
        name: (given.get(name, default),) * dims
        if isinstance(given.get(name, default), int)
        else given[name]
        for name, default in (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1))
    }
    groups = given.get("groups", 1)
    keys = ("stride", "padding", "output_padding", "dilation")
    right = stamped(x, w, *(per_axis[k] for k in keys), groups)
    size = stamped(abs(x), abs(w), *(per_axis[k] for k in keys), groups)
    if bias is not None:
        right = right + bias.reshape(-1, *(1,) * dims)
        size = size + abs(bias).reshape(-1, *(1,) * dims)
    layer = [tatamu.tensor(a) if a is not None else None for a in (x, w, bias)]
    got = TRANSPOSED[dims](*layer, **given)  # type: ignore[operator]
    terms = w[0, 0].size * x.shape[1] // groups + 1
    bound = (4 + 2 * np.sqrt(terms)) * np.finfo(x.dtype).eps * size * (2 if x.dtype == "f8" else 1)
    assert got.shape == right.shape
    assert (abs(got.numpy() - right) <= bound + 1e-300).all()


# Compile-time variety is in the channels and dtypes alone: kernels, strides and sizes are free.
@st.composite
def cases(draw: st.DrawFn) -> tuple[int, Numpy, Numpy, Numpy | None, dict[str, Any]]:
    dims = draw(st.sampled_from([1, 2, 2, 3]))
    groups, inputs, outputs = draw(
        st.sampled_from([(1, 3, 2), (1, 20, 24), (4, 1, 1), (1, 70, 5), (3, 5, 16)])
    )
    axes = st.tuples
    kernel = draw(axes(*[st.integers(1, 5 if dims < 3 else 3)] * dims))
    stride = draw(axes(*[st.integers(1, 4)] * dims))
    dilation = draw(axes(*[st.integers(1, 3)] * dims))
    padding = draw(axes(*[st.integers(0, 4)] * dims))
    extra = tuple(
        draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    )
    sizes = draw(axes(*[st.integers(1, 9 if dims < 3 else 4)] * dims))
    out = [
        (n - 1) * s + d * (k - 1) + 1 + e - 2 * p
        for n, s, d, k, e, p in zip(sizes, stride, dilation, kernel, extra, padding, strict=True)
    ]
    assume(min(out) >= 1)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    dtype = draw(st.sampled_from(["f4", "f4", "f8"]))
    x = random.standard_normal((draw(st.integers(1, 2)), groups * inputs, *sizes)).astype(dtype)
    w = random.standard_normal((groups * inputs, outputs, *kernel)).astype(dtype)
    bias = random.standard_normal(groups * outputs).astype(dtype) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "output_padding": extra,
               "dilation": dilation, "groups": groups}  # fmt: skip
    return dims, x, w, bias, options


@given(cases())
def test_stamps_of_any_kind(case: tuple[int, Numpy, Numpy, Numpy | None, dict[str, Any]]) -> None:
    dims, x, w, bias, options = case
    check(dims, x, w, bias, **options)


@pytest.mark.parametrize("kernel", [(2,), (1, 2), (2, 2), (3, 2), (2, 1, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_stamps_side_by_side_in_a_row(kernel: tuple[int, ...], bias: bool) -> None:
    """Windows as wide as their stride, whatever the other axes do."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, *(4, 3, 5)[: len(kernel)])).astype("f4")
    w = random.standard_normal((3, 5, *kernel)).astype("f4")
    check(len(kernel), x, w, random.standard_normal(5).astype("f4") if bias else None, stride=2)


@pytest.mark.nightly
@given(cases())
def test_many_more_stamps(case: tuple[int, Numpy, Numpy, Numpy | None, dict[str, Any]]) -> None:
    dims, x, w, bias, options = case
    check(dims, x, w, bias, **options)


@given(cases())
def test_it_is_the_gradient_of_the_convolution(case: Any) -> None:
    dims, x, w, _, options = case
    given = {k: v for k, v in options.items() if k != "output_padding"}
    y = TRANSPOSED[dims](tatamu.tensor(x), tatamu.tensor(w), **options)  # type: ignore[operator]
    g = tatamu.zeros(*y.shape, dtype=y.dtype).requires_grad_()
    out = FORWARD[dims](g, tatamu.tensor(w), **given)  # type: ignore[operator]
    wide = tatamu.zeros(*out.shape, dtype=y.dtype)
    wide[(..., *(slice(0, n) for n in x.shape[2:]))] = tatamu.tensor(x)
    out.backward(wide)
    assert g.grad is not None
    np.testing.assert_array_equal(g.grad.numpy(), y.numpy())


@given(cases())
def test_its_own_gradients(case: Any) -> None:
    dims, x, w, bias, options = case
    leaves = [tatamu.tensor(a.astype("f8")).requires_grad_() for a in (x, w, bias) if a is not None]
    y = TRANSPOSED[dims](*leaves, **options)  # type: ignore[operator]
    random = np.random.default_rng(1)
    g = tatamu.tensor(random.standard_normal(y.shape))
    gradients = tatamu.autograd.grad(y, leaves, g)
    # The output is linear in each operand, and affine in all: <f(d), g> = <d, gradient>.
    for place, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
        d = random.standard_normal(leaf.shape)
        moved = [leaf.detach() for leaf in leaves]
        moved[place] = tatamu.tensor(leaf.detach().numpy() + d)
        step = TRANSPOSED[dims](*moved, **options) - y.detach()  # type: ignore[operator]
        left = float((step.numpy() * g.numpy()).sum())
        right = float((d * gradient.numpy()).sum())
        size = float(np.sqrt((step.numpy() ** 2).sum() * (g.numpy() ** 2).sum())) + 1.0
        assert abs(left - right) <= 1e-10 * size


def test_nothing_is_multiplied_by_zeros() -> None:
    events: list[Event] = []
    x, w = tatamu.ones(1, 16, 5, 6), tatamu.ones(16, 8, 4, 4)
    with watching(events.append):
        F.conv_transpose2d(x, w, stride=2, padding=1)
    (event,) = events
    assert event.ran.kernel.endswith(", 4 phases")
    assert event.op.name == "conv_transpose"


def test_outputs_that_no_input_reaches_are_the_bias() -> None:
    bias = tatamu.tensor([5.0, 7.0])
    y = F.conv_transpose2d(tatamu.ones(1, 1, 2, 2), tatamu.ones(1, 2, 1, 1), bias, stride=3)
    expected = np.full((4, 4), 5.0)
    expected[::3, ::3] = 6
    np.testing.assert_array_equal(y.numpy()[0, 0], expected)
    np.testing.assert_array_equal(y.numpy()[0, 1], expected + 2)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bits(dims: int) -> None:
    random = np.random.default_rng(0)
    sizes = {1: (4001,), 2: (61, 53), 3: (11, 20, 18)}[dims]
    x = tatamu.tensor(random.standard_normal((2, 24, *sizes)).astype("f4"))
    w = tatamu.tensor(random.standard_normal((40, 24, *(3,) * dims)).astype("f4"))
    count = tatamu.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 5):
            tatamu.set_num_threads(threads)
            leaf, weight = x.detach().requires_grad_(), w.detach().requires_grad_()
            y = FORWARD[dims](leaf, weight, stride=2, padding=1)  # type: ignore[operator]
            z = TRANSPOSED[dims](y, weight, stride=2, padding=1)  # type: ignore[operator]
            gradients = tatamu.autograd.grad(z.sum(), [leaf, weight])
            found.append([np.array(t.detach()) for t in (y, z, *gradients)])
    finally:
        tatamu.set_num_threads(count)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dims", [1, 3])
@pytest.mark.parametrize("order", ["planar", "channels innermost", "sliced"])
def test_one_and_three_axes_are_slices_of_two(dims: int, order: str) -> None:
    """A convolution over one axis is one over rows; three axes are sums of planes."""
    random = np.random.default_rng(3)
    shape = {1: (2, 20, 33), 3: (2, 20, 5, 8, 9)}[dims]
    x = random.standard_normal(shape)
    if order == "channels innermost":
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    elif order == "sliced":
        x = np.repeat(x, 2, -1)[..., ::2]
    given = tatamu.from_numpy(x)
    w = tatamu.tensor(random.standard_normal((12, 20, *(3,) * dims)))
    y = FORWARD[dims](given, w, padding=1)  # type: ignore[operator]
    if dims == 1:
        two = F.conv2d(given.unsqueeze(2), w.unsqueeze(2), padding=(0, 1)).squeeze(2)
        np.testing.assert_allclose(y.numpy(), two.numpy(), rtol=1e-12, atol=1e-12)
        return
    for d in range(shape[2]):
        reads = [(k, d + k - 1) for k in range(3) if 0 <= d + k - 1 < shape[2]]
        planes = [F.conv2d(given[:, :, at], w[:, :, k], padding=1).numpy() for k, at in reads]
        np.testing.assert_allclose(y.numpy()[:, :, d], sum(planes), rtol=1e-11, atol=1e-11)
