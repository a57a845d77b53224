"""Normalisation and softmax kernels on every instruction set, in both memory orders."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import (
    HOST,
    IN_FLOAT32,
    NARROWEST,
    RUNNABLE,
    every_isa_and_dtype,
    every_isa_in_float32,
)
from fold_cases import NCHW, NHWC, ORDERS, laid, on_threads, run, seen
from hypothesis import given
from hypothesis import strategies as st
from test_kernels_assembly import spills

import tatamu
from tatamu.kernels import (
    channel_norm,
    channel_norm_emit,
    layer_norm,
    layer_norm_emit,
    softmax,
    softmax_emit,
)
from tatamu.kernels.channel_norm import ChannelNormProblem
from tatamu.kernels.layer_norm import LayerNormProblem
from tatamu.kernels.softmax import SoftmaxProblem
from tatamu.nn import functional as F
from tatamu.ops import watching
from tatamu.stage import F32, TARGETS
from tatamu.stage.compile import assembly

pytestmark = pytest.mark.skipif(HOST is None, reason="there is no compiler")

EPS = 1e-5
SHAPES = ((2, 6, 7, 9), (1, 70, 5, 5), (3, 12, 40, 41), (5, 24, 1, 1), (1, 4, 130, 130))


def numbers(shape: Any, dtype: str, seed: int = 0, mean: float = 0.0) -> Any:
    return (np.random.default_rng(seed).standard_normal(shape) + mean).astype(dtype)


def close(got: Any, right: Any, dtype: str, factor: float = 20) -> None:
    scale = max(1.0, float(abs(right).max(initial=0.0)))
    np.testing.assert_allclose(got, right, rtol=0, atol=factor * scale * np.finfo(dtype).eps)


# ---- channels ------------------------------------------------------------------------------------


def problem(what: str, x: Any, members: int | None) -> ChannelNormProblem:
    """Of batch normalisation (no members), or of groups of so many channels."""
    axes = (0, 2, 3) if members is None else (2, 3)
    return ChannelNormProblem(what, seen(x, axes), x.shape[1], members or 1, EPS)


def groups_of(x: Any, members: int | None) -> Any:
    """x[statistic, ...] and how to lay out a result of that shape as x."""
    wide = x.astype(np.float64)
    if members is None:
        flat = wide.transpose(1, 0, 2, 3).reshape(x.shape[1], -1)
        n, c, h, w = x.shape
        return flat, lambda y: y.reshape(c, n, h, w).transpose(1, 0, 2, 3)
    return wide.reshape(x.shape[0] * x.shape[1] // members, -1), lambda y: y.reshape(x.shape)


def check_channels(isa: str, x: Any, members: int | None, affine: bool = True) -> None:
    dtype, c = str(x.dtype), x.shape[1]
    w = numbers(c, dtype, 1) if affine else None
    b = numbers(c, dtype, 2) if affine else None
    flat, back = groups_of(x, members)
    mean, var = flat.mean(1, keepdims=True), flat.var(1, keepdims=True)
    rstd = 1 / np.sqrt(var + EPS)
    s = back((flat - mean) * rstd)
    weight = np.ones(c) if w is None else w.astype(np.float64)
    right = s * weight[:, None, None] + (0 if b is None else b.astype(np.float64)[:, None, None])
    y = np.full_like(x, np.nan)
    stats = [np.full(len(flat), np.nan, dtype) for _ in range(3)]
    run(channel_norm.plan(problem("forward", x, members), RUNNABLE[isa]), [x, w, b], [y, *stats])
    close(y, right, dtype)
    eps = np.finfo(dtype).eps
    for got, exact in zip(stats, (mean, rstd, var), strict=True):
        np.testing.assert_allclose(got, exact[:, 0], rtol=20 * eps, atol=4 * eps)
    g = laid(numbers(x.shape, dtype, 3), tuple(np.argsort([-n for n in x.strides], kind="stable")))
    ds, _ = groups_of(g * weight[:, None, None], members)
    unit = (flat - mean) * rstd
    rest = ds - ds.mean(1, keepdims=True) - unit * (ds * unit).mean(1, keepdims=True)
    dx, dw, db = np.full_like(x, np.nan), np.full(c, np.nan, dtype), np.full(c, np.nan, dtype)
    plan = channel_norm.plan(problem("backward", x, members), RUNNABLE[isa])
    run(plan, [g, x, w, stats[0], stats[1]], [dx, dw, db])
    close(dx, back(rest * rstd), dtype, 60)
    close(dw, (g * s).sum((0, 2, 3)), dtype, 200)
    close(db, g.astype(np.float64).sum((0, 2, 3)), dtype, 200)


@every_isa_and_dtype
@ORDERS
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_and_groups(isa: str, dtype: str, order: Any, shape: Any) -> None:
    x = laid(numbers(shape, dtype, mean=0.5), order)
    if shape[0] * shape[2] > 1:
        check_channels(isa, x, None)
        check_channels(isa, x, None, affine=False)
    for members in (1, 2, shape[1]):
        if members * shape[2] > 1:
            check_channels(isa, x, members)


@pytest.mark.slow
@every_isa_in_float32
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(2, 12), st.integers(1, 30)),
    st.sampled_from([NCHW, NHWC]),
    st.sampled_from([None, 1, "all"]),
)
def test_channels_of_any_size(isa: str, shape: Any, order: Any, members: Any) -> None:
    x = laid(numbers(shape, "float32"), order)
    check_channels(isa, x, shape[1] if members == "all" else members)


@every_isa_in_float32
@ORDERS
def test_a_mean_of_ten_thousand(isa: str, order: Any) -> None:
    x = laid(numbers((2, 20, 60, 50), "float32", mean=1e4), order)
    for members in (None, 1, 4):
        flat, back = groups_of(x, members)
        rstd = 1 / np.sqrt(flat.var(1, keepdims=True) + EPS)
        y, stats = np.empty_like(x), [np.empty(len(flat), np.float32) for _ in range(3)]
        plan = channel_norm.plan(problem("forward", x, members), RUNNABLE[isa])
        run(plan, [x, None, None], [y, *stats])
        close(y, back((flat - flat.mean(1, keepdims=True)) * rstd), "float32", 4)


@every_isa_and_dtype
@ORDERS
def test_inference(isa: str, dtype: str, order: Any) -> None:
    x = laid(numbers((3, 37, 9, 11), dtype), order)
    mean, w, b = (numbers(37, dtype, seed) for seed in (1, 2, 3))
    var, y = abs(numbers(37, dtype, 4)), np.full_like(x, np.nan)
    plan = channel_norm.plan(problem("inference", x, None), RUNNABLE[isa])
    for weight, bias in ((w, b), (None, None)):
        run(plan, [x, mean, var, weight, bias], [y])
        m, v = mean.astype(np.float64)[:, None, None], var.astype(np.float64)[:, None, None]
        right = (x - m) / np.sqrt(v + EPS)
        if weight is not None:
            right = right * w[:, None, None] + b[:, None, None]
        close(y, right, dtype, 8)


def test_channels_that_are_refused() -> None:
    x = laid(np.zeros((2, 3, 4, 5), np.float32), (0, 2, 1, 3))
    events: list[Any] = []
    with watching(events.append):
        F.group_norm(tatamu.from_numpy(x), 3)
        F.batch_norm(tatamu.from_numpy(x).half(), None, None, training=True)
        odd = tatamu.ones(6)[::2]
        F.group_norm(tatamu.ones(2, 3, 4), 3, odd, None)
        F.group_norm(tatamu.ones(3, 2, 4).transpose(0, 1), 3)
    reasons = [event.ran.why for event in events if event.op.name.endswith("norm")]
    assert "lie in this order, or channels last" in reasons[0]
    assert "not in float16" in reasons[1]
    assert "weights without gaps" in reasons[2]
    assert "images must lie one after the other" in reasons[3]


# ---- rows ----------------------------------------------------------------------------------------


def check_rows(isa: str, x: Any, axes: tuple[int, ...], affine: bool = True) -> None:
    dtype, size = str(x.dtype), [x.shape[axis] for axis in axes]
    w = numbers(size, dtype, 1) if affine else None
    b = numbers(size, dtype, 2) if affine else None
    wide, one = x.astype(np.float64), 1.0 if w is None else w.astype(np.float64)
    mean, var = wide.mean(axes, keepdims=True), wide.var(axes, keepdims=True)
    rstd = 1 / np.sqrt(var + EPS)
    s = (wide - mean) * rstd
    target, folded = RUNNABLE[isa], seen(x, axes)
    order = np.argsort([-n for n in x.strides], kind="stable")
    kept = [int(axis) for axis in order if axis not in axes]
    y = np.full_like(x, np.nan)
    stats = [np.full([x.shape[axis] for axis in kept], np.nan, dtype) for _ in range(2)]
    forward = LayerNormProblem("forward", folded, EPS)
    assert layer_norm.accepts(forward, target) is None
    run(layer_norm.plan(forward, target), [x, w, b], [y, *stats])
    close(y, s * one + (0 if b is None else b), dtype)
    for got, exact in zip(stats, (mean, rstd), strict=True):
        right = exact.squeeze(axes).transpose(np.argsort(np.argsort(kept)))
        close(got, right, dtype)
    backward = LayerNormProblem("backward", folded, EPS)
    if layer_norm.accepts(backward, target) is not None:
        return
    g, summed = numbers(x.shape, dtype, 3), tuple(a for a in range(x.ndim) if a not in axes)
    ds = g * one
    rest = ds - ds.mean(axes, keepdims=True) - s * (ds * s).mean(axes, keepdims=True)
    dx, dw, db = (np.full(n, np.nan, dtype) for n in (x.shape, size, size))
    run(layer_norm.plan(backward, target), [g, x, w, *stats], [dx, dw, db])
    close(dx, rest * rstd, dtype, 60)
    close(dw, (g * s).sum(summed), dtype, 200)
    close(db, g.astype(np.float64).sum(summed), dtype, 200)


@every_isa_and_dtype
def test_layer_norm(isa: str, dtype: str) -> None:
    check_rows(isa, numbers((5, 7, 19), dtype), (2,))
    check_rows(isa, numbers((60, 96), dtype, mean=3), (1,), affine=False)
    check_rows(isa, numbers((3, 4, 5, 70), dtype), (2, 3))
    check_rows(isa, numbers((130, 768), dtype), (1,))
    check_rows(isa, laid(numbers((2, 9, 7, 33), dtype), NHWC), (3,))
    check_rows(isa, laid(numbers((1, 56, 5, 10), dtype), NHWC), (3,), affine=False)


@every_isa_in_float32
def test_rows_that_are_folded_in_parts(isa: str) -> None:
    x = numbers((2, 90_001), "float32", mean=100)
    plan = layer_norm.plan(LayerNormProblem("forward", seen(x, (1,)), EPS), RUNNABLE[isa])
    assert len(plan.stages) == 3
    check_rows(isa, x, (1,))


@every_isa_in_float32
@given(st.integers(1, 80), st.integers(2, 300))
def test_rows_of_any_size(isa: str, rows: int, size: int) -> None:
    check_rows(isa, numbers((rows, size), "float32"), (1,))


# ---- softmax -------------------------------------------------------------------------------------


FORMS = ("softmax", "log_softmax")
# Both on the host's own instruction set; on each other one of them.
every_form = varied(
    "isa,dtype,form",
    product(RUNNABLE, ("float32", "float64"), FORMS),
    [
        *product(list(RUNNABLE)[:1], ["float32"], FORMS),
        *product(IN_FLOAT32[1:], ["float32"], ["log_softmax"]),
        (NARROWEST, "float64", "softmax"),
    ],
)


def check_softmax(isa: str, form: str, x: Any, axis: int) -> None:
    dtype, target, folded = str(x.dtype), RUNNABLE[isa], seen(x, (axis,))
    wide = x.astype(np.float64)
    shifted = wide - wide.max(axis, keepdims=True)
    e = np.exp(shifted)
    p = e / e.sum(axis, keepdims=True)
    logs = shifted - np.log(e.sum(axis, keepdims=True))
    order = tuple(np.argsort([-n for n in x.strides], kind="stable"))
    g = laid(numbers(x.shape, dtype, 1), order)
    right, gradient = {
        "softmax": (p, p * (g - (g * p).sum(axis, keepdims=True))),
        "log_softmax": (logs, g - p * g.astype(np.float64).sum(axis, keepdims=True)),
    }[form]
    y, dx = np.full_like(x, np.nan), np.full_like(x, np.nan)
    run(softmax.plan(SoftmaxProblem(form, folded), target), [x], [y])
    close(y, right, dtype, 4 if dtype == "float32" else 100)
    run(softmax.plan(SoftmaxProblem(f"{form}_grad", folded), target), [g, y], [dx])
    close(dx, gradient, dtype, 40)


@every_form
@pytest.mark.parametrize(
    ("shape", "axis", "order"),
    [
        ((5, 1000), 1, (0, 1)),
        ((70, 197), 1, (0, 1)),
        ((100, 21), 1, (0, 1)),
        ((37, 3), 1, (0, 1)),
        ((3, 64), 1, (0, 1)),
        ((2, 5, 6), 1, (0, 1, 2)),
        ((2, 21, 9, 30), 1, NCHW),
        ((2, 21, 9, 30), 1, NHWC),
        ((2, 21, 9, 30), 3, NHWC),
        ((1, 3000, 70), 1, (0, 1, 2)),
        ((40, 1), 1, (0, 1)),
    ],
    ids=str,
)
def test_softmax(isa: str, dtype: str, form: str, shape: Any, axis: int, order: Any) -> None:
    check_softmax(isa, form, laid(numbers(shape, dtype) * np.dtype(dtype).type(6), order), axis)


@pytest.mark.slow
@every_form
@given(st.integers(1, 60), st.integers(1, 150), st.booleans())
def test_softmax_of_any_size(
    isa: str, dtype: str, form: str, rows: int, size: int, last: bool
) -> None:
    check_softmax(isa, form, numbers((rows, size), dtype) * np.dtype(dtype).type(4), int(last))


@every_form
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("size", [5, 100])
def test_softmax_of_what_is_not_finite(
    isa: str, dtype: str, form: str, axis: int, size: int
) -> None:
    x = numbers((40, size), dtype)
    x = x if axis else np.ascontiguousarray(x.T)
    rows = x if axis else x.T  # a view whose rows are softmax's
    rows[3] = -np.inf
    rows[5, 2] = np.nan
    rows[7, 1] = np.inf
    rows[9, 1:] = -np.inf
    folded = seen(x, (axis,))
    y = np.zeros_like(x)
    run(softmax.plan(SoftmaxProblem(form, folded), RUNNABLE[isa]), [x], [y])
    out = y if axis else y.T
    assert np.isnan(out[[3, 5]]).all() and np.isnan(out[7, 1])
    assert out[9, 0] == (1 if form == "softmax" else 0)
    assert (out[9, 1:] == (0 if form == "softmax" else -np.inf)).all()
    assert np.isfinite(out[[0, 1, 2, 4, 6, 8, *range(10, 40)]]).all()


# ---- all of them ---------------------------------------------------------------------------------


@ORDERS
def test_any_number_of_threads_gives_the_same_bits(order: Any) -> None:
    array = numbers((2, 48, 60, 50), "float32")
    w = tatamu.from_numpy(numbers(48, "float32", 1))

    def everything() -> list[Any]:
        x = tatamu.from_numpy(laid(array, order)).requires_grad_()
        found = []
        for y in (
            F.batch_norm(x, None, None, w, w, training=True),
            F.group_norm(x, 8, w, w),
            F.instance_norm(x, weight=w, bias=w),
            F.layer_norm(x, (50,)),
            F.softmax(x, 1),
            F.log_softmax(x, 3),
        ):
            found += [y, *tatamu.autograd.grad(y, x, y.detach())]
        return [y.numpy(force=True) for y in found]

    first, *others = on_threads(everything)
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("isa", TARGETS)
def test_no_loop_keeps_a_vector_on_the_stack(isa: str) -> None:
    target = TARGETS[isa]
    modules = [layer_norm_emit.emit("backward", F32, target, rows=True)]
    for rows in (True, False):
        modules.append(layer_norm_emit.emit("forward", F32, target, rows=rows))
        modules.append(channel_norm_emit.emit("backward", F32, target, rows=rows))
    for m in modules:
        text = assembly(m.text(), target)
        for name in ("apply", "moments", "pair", "weighted", "weight_columns", "sum"):
            assert spills(text, target, name) == [], (m.name, name)


@pytest.mark.parametrize("rows", [True, False])
def test_softmax_keeps_its_vectors_in_registers(rows: bool) -> None:
    target = TARGETS["AVX-512"]
    for kind in softmax_emit.KINDS:
        text = assembly(softmax_emit.emit(kind, F32, target, rows=rows).text(), target)
        for name in ("row", "column"):
            assert spills(text, target, name) == [], kind
