"""Pooling as users call it: which kernels serve it, in which order, on how many threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.ops.layout import channels_last_strides
from tatamu.runtime.compiled import counts

CALLS: dict[str, Callable[[Any], Any]] = {
    "max": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "lp": lambda x: F.lp_pool2d(x, 2, 3, 2),
    "adaptive avg": lambda x: F.adaptive_avg_pool2d(x, (5, 3)),
    "global avg": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (5, 3)),
    "unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
both_orders = pytest.mark.parametrize("last", [True, False], ids=["channels last", "planes"])


def picture(last: bool, *shape: int) -> Any:
    x = tatamu.from_numpy(np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32))
    return x.contiguous(memory_format=tatamu.channels_last) if last else x


def gradient(call: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """Output and gradient of the sum of its squares."""
    leaf = x.detach().requires_grad_()
    y = call(leaf)
    (dx,) = tatamu.autograd.grad((y * y).sum(), [leaf])
    return y.detach(), dx


@every_call
@both_orders
def test_any_number_of_threads_gives_the_same_bits(call: Any, last: bool) -> None:
    x = picture(last, 2, 70, 40, 36)
    before = tatamu.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            tatamu.set_num_threads(threads)
            results.append([np.array(part) for part in gradient(call, x)])
    finally:
        tatamu.set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert np.array_equal(one, two)


@every_call
@both_orders
def test_outputs_and_gradients_keep_the_order_of_the_input(call: Any, last: bool) -> None:
    x = picture(last, 2, 3, 8, 10)
    for part in gradient(call, x):
        wanted = channels_last_strides(part.shape)
        assert part.is_contiguous() or part.strides == wanted
        assert part.strides == (wanted if last else tatamu.zeros(*part.shape).stride())


@every_call
def test_both_orders_give_the_same_numbers(call: Any) -> None:
    planes = picture(False, 2, 21, 9, 12)
    for a, b in zip(
        gradient(call, planes),
        gradient(call, planes.contiguous(memory_format=tatamu.channels_last)),
        strict=True,
    ):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


@every_call
@both_orders
def test_everything_is_compiled(call: Any, last: bool) -> None:
    events: list[Any] = []
    with watching(events.append):
        gradient(call, picture(last, 1, 16, 8, 10))
    pools = [event for event in events if "pool" in event.op.name]
    assert len(pools) >= 2
    assert all(event.ran.kernel != "NumPy reference" for event in pools), pools


def test_places_are_not_noted_where_nobody_asks() -> None:
    x = picture(True, 1, 8, 6, 6)
    names: list[str] = []
    with watching(lambda event: names.append(event.op.name)):
        F.max_pool2d(x, 2)
        F.adaptive_max_pool2d(x, 2, True)
        F.max_pool2d(x.requires_grad_(), 2)
        with tatamu.no_grad():
            F.max_pool2d(x, 2)
    pools = [name for name in names if "pool" in name]
    assert pools == ["max_pool_values", "adaptive_max_pool2d", "max_pool2d", "max_pool_values"]


def test_other_sizes_and_windows_compile_nothing() -> None:
    F.max_pool2d(picture(True, 1, 8, 6, 6), 2)
    F.avg_pool2d(picture(True, 1, 8, 6, 6), 2)
    before = counts.compiled + counts.from_disk
    for channels, size, kernel in ((5, 9, 3), (64, 12, 4), (130, 7, 2)):
        F.max_pool2d(picture(True, 2, channels, size, size + 1), kernel, 1, kernel // 2, 1, True)
        F.max_pool3d(picture(True, 1, channels, size, size).unsqueeze(2), (1, kernel, 1))
        F.adaptive_max_pool2d(picture(True, 1, channels, size, size), (kernel, None))
        F.avg_pool2d(picture(True, 1, channels, size, size), kernel, 1, 1)
        F.adaptive_avg_pool2d(picture(True, 1, channels, size, size), (kernel, 1))
    assert counts.compiled + counts.from_disk == before


def test_a_gradient_in_another_order_is_laid_out_first() -> None:
    for call in (CALLS["max"], CALLS["avg"]):
        results = []
        for last in (True, False):
            x = picture(True, 1, 6, 9, 9).requires_grad_()
            y = call(x)
            g = picture(last, *y.shape)
            results.append(tatamu.autograd.grad(y, [x], g)[0].numpy())
        assert np.array_equal(*results)


def test_a_sum_over_windows_is_a_convolution_with_ones() -> None:
    x = picture(True, 1, 4, 9, 11)
    w = tatamu.ones(4, 1, 3, 3)
    mean = F.avg_pool2d(x, 3, 2, 1, divisor_override=1)
    np.testing.assert_allclose(mean, F.conv2d(x, w, None, 2, 1, groups=4), rtol=2e-6)


def test_unpooling_undoes_pooling_where_the_maxima_were() -> None:
    x = picture(True, 2, 5, 8, 6)
    values, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(values, places, 2)
    assert np.array_equal(F.max_pool2d(back, 2), values)
    assert np.count_nonzero(back) == values.numel()
    assert (np.array(back)[np.array(back) != 0] == np.array(x)[np.array(back) != 0]).all()


def test_means_of_equal_numbers_are_those_numbers() -> None:
    for size in range(1, 60):
        x = tatamu.ones(1, 16, size, 1).contiguous(memory_format=tatamu.channels_last)
        assert (np.array(F.adaptive_avg_pool2d(x, 1)) == 1).all(), size


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_double_backward_runs_through_all(dims: int) -> None:
    shape = (2, 3, *((4, 6, 5)[:dims]))
    x = tatamu.rand(*shape, dtype=tatamu.float64, requires_grad=True)
    for name, arguments in (("max", (2, 2)), ("avg", (2, 2)), ("lp", (2, 2, 2))):
        y = getattr(F, f"{name}_pool{dims}d")(x, *arguments)
        (first,) = tatamu.autograd.grad((y * y).sum(), [x], create_graph=True)
        (second,) = tatamu.autograd.grad((first * first).sum(), [x])
        assert np.isfinite(second).all()
        assert np.abs(second).max() > 0
