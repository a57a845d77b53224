"""Kernels that move and mix: reordering, padding, resizing, against NumPy on the same arrays."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import GUARD, HOST, RUNNABLE, every_isa_and_dtype
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu.geometry import Padded, Resampling
from tatamu.kernels import padding, reorder, resize
from tatamu.kernels.padding import PaddingProblem
from tatamu.kernels.reorder import ReorderProblem
from tatamu.kernels.resize import ResizeProblem
from tatamu.nn import functional as F
from tatamu.ops.reorder import channels_last, copy_into
from tatamu.runtime.launch import Launch
from tatamu.stage import TARGETS, Target

Numpy = Any
needs_host = pytest.mark.skipif(HOST is None, reason="no kernel runs here")


def noise(shape: tuple[int, ...], dtype: str = "float32") -> Numpy:
    return np.random.default_rng(0).uniform(-9, 9, shape).astype(dtype)


def guarded(shape: tuple[int, ...], dtype: Any) -> tuple[Numpy, Numpy]:
    """An array between guards, and all of the memory."""
    space = np.full(prod(shape) + 2 * GUARD, 77, dtype)
    return space[GUARD : GUARD + prod(shape)].reshape(shape), space


def untouched(space: Numpy) -> bool:
    return bool((space[:GUARD] == 77).all() and (space[-GUARD:] == 77).all())


# ---- reordering ----------------------------------------------------------------------------------

SHAPES = [
    (2, 3, 7, 5), (1, 64, 13, 11), (3, 17, 1, 19), (1, 16, 16, 16), (2, 70, 9, 130), (1, 2, 3, 3),
    (1, 300, 20, 30),
]  # fmt: skip


def reordered(target: Target, x: Numpy, to: Numpy, workers: int = 1) -> None:
    steps = (tuple(s // x.itemsize for s in array.strides) for array in (x, to))
    problem = ReorderProblem(x.itemsize, x.shape, *steps)
    assert reorder.accepts(problem, target) is None
    Launch(reorder.plan(problem, target))((x.ctypes.data, to.ctypes.data), workers)


@every_isa_and_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reordering_there_and_back(isa: str, dtype: str, shape: tuple[int, ...]) -> None:
    x = noise(shape, dtype)
    n, c, h, w = shape
    there, space = guarded((n, h, w, c), dtype)
    reordered(RUNNABLE[isa], x, there.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(there, x.transpose(0, 2, 3, 1))
    assert untouched(space)
    back, space = guarded(shape, dtype)
    reordered(RUNNABLE[isa], there.transpose(0, 3, 1, 2), back)
    np.testing.assert_array_equal(back, x)
    assert untouched(space)


@needs_host
@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.permutations(range(4)))
def test_any_permutation(shape: list[int], order: list[int]) -> None:
    axes = [axis for axis in order if axis < len(shape)]
    x = noise(tuple(shape))
    to, space = guarded(tuple(shape[axis] for axis in axes), x.dtype)
    copy_into(to.transpose(*np.argsort(axes)), x)
    np.testing.assert_array_equal(to, x.transpose(axes))
    assert untouched(space)


@needs_host
def test_reordering_on_any_number_of_threads() -> None:
    x = noise((2, 100, 50, 30))
    results = []
    for workers in (1, 2, 5):
        to = np.zeros((2, 50, 30, 100), np.float32)
        reordered(HOST, x, to.transpose(0, 3, 1, 2), workers)  # type: ignore[arg-type]
        results.append(to.tobytes())
    assert results[0] == results[1] == results[2] == x.transpose(0, 2, 3, 1).tobytes()


def test_what_reordering_refuses() -> None:
    target = TARGETS["AVX2"]
    small = ReorderProblem(2, (3, 4), (1, 3), (4, 1))
    assert "not of 2" in str(reorder.accepts(small, target))
    same = ReorderProblem(4, (3, 4), (4, 1), (4, 1))
    assert "two different axes" in str(reorder.accepts(same, target))
    many = ReorderProblem(4, (2, 3, 2, 3, 2), (1, 8, 2, 24, 4), (36, 12, 6, 2, 1))
    assert "5 axes remain" in str(reorder.accepts(many, target))


@pytest.mark.parametrize(("groups", "channels"), [(1, 30), (3, 10), (3, 16)])
def test_channels_of_groups_are_filled_up(groups: int, channels: int) -> None:
    x = noise((2, 30, 13, 17))
    storage = channels_last(x, channels, groups)
    got = np.asarray(storage).view(np.float32).reshape(2, 13, 17, groups, channels)
    wanted = x.transpose(0, 2, 3, 1).reshape(2, 13, 17, groups, 30 // groups)
    np.testing.assert_array_equal(got[..., : 30 // groups], wanted)
    assert (got[..., 30 // groups :] == 0).all()


def test_cloning_into_the_other_order() -> None:
    for dtype in ("float32", "float64", "int64", "uint8", "float16"):
        x = tatamu.from_numpy(noise((2, 24, 17, 13), dtype))
        there = x.contiguous(memory_format=tatamu.channels_last)
        assert there.stride()[1] == 1
        np.testing.assert_array_equal(there.numpy(), x.numpy())
        np.testing.assert_array_equal(there.contiguous().numpy(), x.numpy())


# ---- padding -------------------------------------------------------------------------------------

MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def by_numpy(x: Numpy, widths: list[tuple[int, int]], mode: str, value: float) -> Numpy:
    """NumPy's padding of axes 1 and on; negative widths cut first."""
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape[1:], strict=True)]
    x = x[(slice(None), *cut)]
    grown = [(0, 0), *((max(a, 0), max(b, 0)) for a, b in widths)]
    options: Any = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x, grown, mode=mode, **options)  # type: ignore[call-overload,no-any-return]


@every_isa_and_dtype
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3, 20])
def test_padding(isa: str, dtype: str, mode: str, channels: int) -> None:
    widths = [(2, 1), (0, 3), (4, 2)]
    if mode == "constant":
        widths = [(2, -1), (-1, 3), (4, 0)]
    x = noise((2, 4, 5, 6, channels), dtype)
    value = np.array(1.5, dtype).view(f"i{x.itemsize}")
    axes = tuple(Padded(mode, n, *w) for n, w in zip(x.shape[1:4], widths, strict=True))
    problem = PaddingProblem(x.itemsize, 2, channels, axes, int(value))
    wanted = by_numpy(x, [*widths, (0, 0)], mode, 1.5)
    y, space = guarded(wanted.shape, dtype)
    target = RUNNABLE[isa]
    Launch(padding.plan(problem, target))((x.ctypes.data, y.ctypes.data), 1)
    np.testing.assert_array_equal(y, wanted)
    assert untouched(space)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bfloat16"])
def test_large_padding_keeps_the_order(mode: str, dtype: str) -> None:
    x = tatamu.from_numpy(noise((2, 9, 21, 23))).to(getattr(tatamu, dtype))
    wide = x.contiguous(memory_format=tatamu.channels_last)
    options = {"value": 3.0} if mode == "constant" else {}
    a, b = (F.pad(t, (3, 2, 1, 4), mode, **options) for t in (x, wide))
    assert b.is_contiguous(memory_format=tatamu.channels_last)
    name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    numbers = x.float().numpy()
    wanted = by_numpy(numbers, [(0, 0), (1, 4), (3, 2)], name, 3.0)
    np.testing.assert_array_equal(a.float().numpy(), wanted)
    np.testing.assert_array_equal(b.float().numpy(), wanted)


# ---- resizing ------------------------------------------------------------------------------------

RESIZED = {
    "nearest": ("nearest", 7, 17), "linear": ("linear", 7, 16), "cubic": ("cubic", 7, 15),
    "area": ("area", 17, 7),
}  # fmt: skip


def matrix(axis: Resampling) -> Numpy:
    found = np.zeros((axis.out, axis.size))
    for o, taps in enumerate(axis.taps()):
        for i, weight in taps:
            found[o, i] += weight
    return found


def mixed(target: Target, problem: ResizeProblem, x: Numpy, workers: int = 1) -> Numpy:
    """What the kernel makes of (planes, rows, pixels, channels)."""
    assert resize.accepts(problem, target) is None
    rows, pixels = problem.sizes(problem.rows)[1], problem.sizes(problem.pixels)[1]
    y, space = guarded((problem.planes, rows, pixels, problem.channels), x.dtype)
    plan = resize.plan(problem, target)
    scratch = np.zeros(max(plan.scratch * workers, 8), np.uint8)
    Launch(plan)((x.ctypes.data, y.ctypes.data, scratch.ctypes.data), workers)
    assert untouched(space)
    return y


@varied("isa,mode,channels", product(RUNNABLE, RESIZED, [1, 3, 21]))
def test_resizing(isa: str, mode: str, channels: int) -> None:
    kind, before, after = RESIZED[mode]
    rows, pixels = Resampling(kind, before, after), Resampling(kind, before + 2, after)
    for backwards in (False, True):
        problem = ResizeProblem("float32", 2, channels, rows, pixels, backwards)
        sizes = [problem.sizes(axis)[0] for axis in (rows, pixels)]
        x = noise((2, *sizes, channels))
        down, across = matrix(rows), matrix(pixels)
        if backwards:
            down, across = down.T, across.T
        wanted = np.einsum("ph,qw,nhwc->npqc", down, across, x.astype(float))
        got = mixed(RUNNABLE[isa], problem, x)
        np.testing.assert_allclose(got, wanted, 1e-5, 2e-5)


@needs_host
def test_resizing_in_double_precision_and_on_threads() -> None:
    rows, pixels = Resampling("linear", 9, 33), Resampling("linear", 30, 61)
    x = noise((2, 9, 30, 40), "float64")
    problem = ResizeProblem("float64", 2, 40, rows, pixels)
    wanted = np.einsum("ph,qw,nhwc->npqc", matrix(rows), matrix(pixels), x)
    results = [mixed(HOST, problem, x, workers) for workers in (1, 2, 5)]  # type: ignore[arg-type]
    np.testing.assert_allclose(results[0], wanted, 1e-13, 1e-13)
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


@needs_host
def test_resizing_leaves_neighbours_of_nan_alone() -> None:
    x = noise((1, 20, 20, 20))
    x[0, 5, 6] = np.nan
    problem = ResizeProblem(
        "float32", 1, 20, Resampling("nearest", 20, 40), Resampling("nearest", 20, 40)
    )
    lost = np.isnan(mixed(HOST, problem, x)).all(-1)  # type: ignore[arg-type]
    assert sorted(zip(*np.nonzero(lost[0]), strict=True)) == [
        (10, 12),
        (10, 13),
        (11, 12),
        (11, 13),
    ]


VOLUMES = [("trilinear", (3, 9, 8)), ("area", (3, 9, 8)), ("nearest", (9, 4, 8))]


@pytest.mark.parametrize(("mode", "size"), VOLUMES)
def test_volumes_take_two_passes(mode: str, size: tuple[int, ...]) -> None:
    x = tatamu.from_numpy(noise((2, 5, 5, 6, 7), "float64"))
    wide = np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 4, 1))
    last = tatamu.from_numpy(wide).permute(0, 4, 1, 2, 3)
    kind = {"trilinear": "linear"}.get(mode, mode)
    axes = [Resampling(kind, n, m) for n, m in zip((5, 6, 7), size, strict=True)]
    wanted = np.einsum("ad,bh,cw,ijdhw->ijabc", *map(matrix, axes), x.numpy())
    for t in (x, last):
        t = t.detach().requires_grad_()
        y = F.interpolate(t, size, mode=mode)
        np.testing.assert_allclose(y.numpy(force=True), wanted, 1e-12, 1e-12)
        y.backward(tatamu.from_numpy(wanted.copy()))
        slope = np.einsum("ad,bh,cw,ijabc->ijdhw", *map(matrix, axes), wanted)
        np.testing.assert_allclose(t.grad.numpy(), slope, 1e-12, 1e-12)


@given(
    st.sampled_from(["nearest", "nearest-exact", "linear", "cubic", "area"]),
    st.integers(1, 40),
    st.integers(1, 60),
    st.booleans(),
    st.booleans(),
)
def test_weights_sum_to_one(mode: str, size: int, out: int, corners: bool, smooth: bool) -> None:
    smooth = smooth and mode in ("linear", "cubic")
    axis = Resampling(mode, size, out, None, corners and mode in ("linear", "cubic"), smooth)
    taps = axis.taps()
    assert len(taps) == out
    for found in taps:
        assert abs(sum(weight for _, weight in found) - 1) < 1e-9
        assert all(0 <= i < size for i, _ in found)
    pairs = {(o, i) for o, found in enumerate(taps) for i, _ in found}
    assert pairs == {(o, i) for i, found in enumerate(axis.transposed()) for o, _ in found}


def test_bytes_are_resized_by_rounding() -> None:
    x = tatamu.from_numpy(np.array([[[[0, 255], [10, 20]]]], np.uint8))
    assert F.interpolate(x, scale_factor=2)[0, 0, 0].tolist() == [0, 0, 255, 255]
    y = F.interpolate(x, (2, 4), mode="bilinear")
    assert (y.dtype, y[0, 0, 0].tolist()) == (tatamu.uint8, [0, 64, 191, 255])


def test_integers_are_not_resized() -> None:
    with pytest.raises(NotImplementedError, match=r"not implemented for 'Long'\n.*x.float\(\)"):
        F.interpolate(tatamu.ones(1, 1, 4, dtype=tatamu.int64), 3)
