"""Weights packed by compiled kernels: what NumPy makes of them, from any order in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import HOST, RUNNABLE, Numpy, every_isa, every_isa_and_dtype, noise
from stage_runner import Kernel, unique
from winograd_cases import matrices

import tatamu
from tatamu.geometry import ConvSpec
from tatamu.kernels import direct, packing_emit, winograd
from tatamu.kernels.direct import DirectPlan
from tatamu.kernels.packing import PackingPlan, strides_of
from tatamu.kernels.problem import DTYPES, ConvProblem
from tatamu.kernels.winograd import WinogradPlan
from tatamu.nn import functional as F
from tatamu.ops.packing_runner import Packer
from tatamu.runtime import threads
from tatamu.stage import TARGETS, StagingError, Target

pytestmark = pytest.mark.skipif(HOST is None, reason="no kernel can run here")


def problem(
    dtype: str, inputs: int, outputs: int, kernel: Any = 3, groups: int = 1, planar: bool = False,
    dims: int = 2,
) -> ConvProblem:  # fmt: skip
    """One picture (or volume) of 9 positions along each axis."""
    spec = ConvSpec.make(kernel, groups=groups, dims=dims)
    shape = (1, inputs, *(9,) * dims)
    last = [inputs * 9**k for k in reversed(range(dims))]
    first = [9**k for k in reversed(range(dims))]
    strides = (inputs * 9**dims, 9**dims, *first) if planar else (inputs * 9**dims, 1, *last)
    return ConvProblem(spec, dtype, shape, strides, outputs)


def laid_out(shape: tuple[int, ...], dtype: str) -> Iterator[Numpy]:
    """The same weights in C order, with outputs innermost, turned and exchanged, with gaps."""
    weights = noise(dtype, int(np.prod(shape)) + 5)[5:].reshape(shape)
    yield weights
    yield np.asfortranarray(weights)
    exchanged = np.ascontiguousarray(weights.swapaxes(0, 1)[..., ::-1])
    yield exchanged.swapaxes(0, 1)[..., ::-1]
    wide = np.full((shape[0] + 1, shape[1] + 2, *(n + 1 for n in shape[2:])), np.nan, dtype)
    view = wide[1:, 2:, *(slice(1, None) for _ in shape[2:])]
    view[...] = weights
    yield view


def winograd_plan(isa: str, dtype: str, inputs: int, outputs: int, side: int) -> WinogradPlan:
    asked = problem(dtype, inputs, outputs)
    return winograd.plan_with(winograd.tile_of(asked, RUNNABLE[isa], side), asked, RUNNABLE[isa])


CHANNELS = ((16, 64), (5, 3), (70, 100), (33, 17), (1, 1))


@varied("isa,dtype,side", product(RUNNABLE, DTYPES, (4, 3, 2)))
def test_winograds_weights(isa: str, dtype: str, side: int) -> None:
    """As `pack_weight` has them, with which the kernels are tested; in float32 rounded once."""
    roundings = 1 if dtype == "float32" else 4
    g = matrices(side)[1].astype(np.float64)
    for inputs, outputs in CHANNELS:
        plan = winograd_plan(isa, dtype, inputs, outputs, side)
        for weights in laid_out((outputs, inputs, 3, 3), dtype):
            _, packed = Packer(plan.packing_plan())(weights)
            found = packed.reshape(-1, side + 2, side + 2, plan.numbers["inputs"],
                                   plan.tile.channels)  # fmt: skip
            right = plan.pack_weight(weights).reshape(found.shape)
            size = np.einsum("ai,ocij,bj->abco", abs(g), abs(weights.astype(float)), abs(g))
            error = abs(found - right).transpose(1, 2, 3, 0, 4).reshape(*found.shape[1:4], -1)
            assert (error[:, :, :inputs, :outputs] <= roundings * np.finfo(dtype).eps * size).all()
            error[:, :, :inputs, :outputs] = 0
            assert (error == 0).all()
            if dtype == "float32":
                assert (found == right).mean() > 0.999


KERNELS = (
    (3, 1, 16, 64, False, 2), (3, 1, 33, 17, False, 2), (1, 1, 40, 50, False, 2),
    (1, 4, 40, 48, False, 2), ((3, 5), 2, 12, 10, False, 2), (3, 1, 3, 20, True, 2),
    (3, 1, 3, 20, True, 3), (3, 1, 20, 20, False, 3), (5, 1, 600, 70, False, 2),
)  # fmt: skip


def direct_plan(isa: str, dtype: str, case: Any) -> DirectPlan:
    kernel, groups, inputs, outputs, planar, dims = case
    return direct.plan(problem(dtype, inputs, outputs, kernel, groups, planar, dims), RUNNABLE[isa])


@every_isa_and_dtype
def test_direct_convolutions_weights(isa: str, dtype: str) -> None:
    for case in KERNELS:
        plan = direct_plan(isa, dtype, case)
        shape = (case[3], case[2] // case[1], *plan.problem.spec.kernel)
        for weights in laid_out(shape, dtype):
            _, packed = Packer(plan.packing_plan())(weights)
            assert (packed == plan.pack_weight(weights).reshape(-1)).all(), case


def test_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    (isa, *_) = RUNNABLE
    weights = next(laid_out((150, 130, 3, 3), "float32"))
    for plan in (
        winograd_plan(isa, "float32", 130, 150, 4).packing_plan(),
        direct_plan(isa, "float32", (3, 1, 130, 150, False, 2)).packing_plan(),
    ):
        assert plan.items > 8
        found = []
        for count in (1, 2, 5):
            monkeypatch.setattr(threads, "_threads", count)
            found.append(Packer(plan)(weights)[1].tobytes())
        assert found[0] == found[1] == found[2]


# ---- what is read and written --------------------------------------------------------------------


def checked(plan: PackingPlan, target: Target, weights: Numpy, short: str = "") -> Numpy:
    """A debug build's result, with room for exactly what there is but in the array ``short``."""
    winograds = plan.outputs > 0
    names = packing_emit.WINOGRAD_NUMBERS if winograds else packing_emit.DIRECT_NUMBERS
    module = (
        packing_emit.emit_winograd(
            plan.dtype, plan.outputs, plan.kernel, target, debug=target.isa != "NEON"
        )
        if winograds
        else packing_emit.emit_direct(plan.dtype, target, debug=target.isa != "NEON")
    )
    run = Kernel(module, packing_emit.fields(DTYPES[plan.dtype], names), unique(module.name))
    reach = sum((n - 1) * s for n, s in zip(weights.shape, weights.strides, strict=True))
    flat = np.lib.stride_tricks.as_strided(
        weights, (1 + reach // weights.itemsize,), (weights.itemsize,)
    )
    given = {"w": flat.copy(), "packed": np.full(plan.size, np.nan, plan.dtype)}
    given = {n: a[: a.size - (n == short)] for n, a in given.items()}
    strides = dict(zip(packing_emit.STRIDES, strides_of(weights), strict=True))
    run(**given, **strides, **plan.numbers, end=plan.items)
    return given["packed"]


@every_isa
def test_nothing_outside_is_read_or_written(isa: str) -> None:
    target = RUNNABLE[isa]
    case = (3, 2, 34, 42, False, 2)
    plans: list[Any] = [winograd_plan(isa, "float32", 33, 70, 4), direct_plan(isa, "float32", case)]
    for plan, shape in zip(plans, ((70, 33, 3, 3), (42, 17, 3, 3)), strict=True):
        weights = next(laid_out(shape, "float32"))
        packed = checked(plan.packing_plan(), target, weights)
        np.testing.assert_allclose(packed, plan.pack_weight(weights).reshape(-1), rtol=1e-5)
        for short in ("w", "packed"):
            with pytest.raises(StagingError, match=r"packing_emit\.py|copying\.py"):
                checked(plan.packing_plan(), target, weights, short)


def test_neon_in_the_emulator() -> None:
    target = TARGETS["NEON"]
    asked = problem("float32", 5, 9)
    weights = next(laid_out((9, 5, 3, 3), "float32"))
    plans: list[Any] = [
        winograd.plan_with(winograd.tile_of(asked, target, 3), asked, target),
        direct.plan(asked, target),
    ]
    for plan in plans:
        packed = checked(plan.packing_plan(), target, weights)
        np.testing.assert_allclose(packed, plan.pack_weight(weights).reshape(-1), rtol=1e-6)


# ---- through the public call ---------------------------------------------------------------------


def test_weights_that_change_are_packed_anew() -> None:
    x, w = tatamu.randn(1, 64, 20, 20), tatamu.randn(64, 64, 3, 3)
    first = F.conv2d(x, w, padding=1).numpy()
    w.mul_(2)
    assert (F.conv2d(x, w, padding=1).numpy() == 2 * first).all()
    exchanged = w.permute(1, 0, 2, 3)
    right = F.conv2d(x, exchanged.contiguous(), padding=1).numpy()
    assert (F.conv2d(x, exchanged, padding=1).numpy() == right).all()
