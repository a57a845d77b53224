"""Convolution kernels called without the runtime: any target, also as a debug build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stage_runner import Fields, Kernel, unique

from tatamu.geometry import ConvSpec
from tatamu.kernels import (
    direct,
    direct_emit,
    grouped,
    grouped_emit,
    winograd,
    winograd_emit,
)
from tatamu.kernels.epilogue import PLAIN
from tatamu.kernels.grouped_emit import GroupTile
from tatamu.kernels.plan import ConvPlan
from tatamu.kernels.problem import ConvProblem
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.stage import Module, Target

Array = NDArray[Any]


def problem(
    spec: ConvSpec, dtype: str, shape: tuple[int, int, int, int], outputs: int, planar: bool = False
) -> ConvProblem:
    """A problem on dense data, channels last or planar."""
    _, c, h, w = shape
    strides = (c * h * w, h * w, w, 1) if planar else (h * w * c, 1, w * c, c)
    return ConvProblem(spec, dtype, shape, strides, outputs)


class Runner:
    """A kernel without the runtime: ``plan`` says how it serves a problem."""

    def __init__(
        self, module: Module, fields: Fields, plan: Callable[[ConvProblem], ConvPlan]
    ) -> None:
        self.plan = plan
        self._kernel = Kernel(module, fields, unique(module.name))

    def __call__(
        self, p: ConvProblem, x: Array, weight: Array, bias: Array | None, short: str = ""
    ) -> Array:
        """The output in NCHW; ``x`` is NCHW, too, and laid out as the problem says.

        There is room for exactly what there is; for the array ``short``, for one element less.
        """
        plan: Any = self.plan(p)
        assert plan.symbol == self._kernel.module.name
        reach = [(n - 1) * step for n, step in zip(p.x_shape, p.x_strides, strict=True)]
        laid = np.full(1 + sum(reach), np.nan, p.dtype)
        steps = [step * laid.itemsize for step in p.x_strides]
        np.lib.stride_tricks.as_strided(laid, p.x_shape, steps)[...] = x
        images, channels, height, width = plan.y_shape
        arrays = {
            "x": laid,
            "w": plan.pack_weight(weight).reshape(-1),
            "b": plan.pack_bias(bias).reshape(-1),
            "r": np.zeros(1, p.dtype),
            "y": np.full(images * height * width * channels, np.nan, p.dtype),
            "scratch": np.full(2 * plan.scratch, np.nan, p.dtype),
        }
        tables = [n for n in ("rows", "taps", "segments", "table") if hasattr(plan, n)]
        arrays |= {n: getattr(plan, n).reshape(-1) for n in tables}
        given = {n: a[: a.size - (n == short)] for n, a in arrays.items()}
        self._kernel(**given, **plan.numbers, end=plan.items, worker=1)
        return arrays["y"].reshape(images, height, width, channels).transpose(0, 3, 1, 2)


class Direct(Runner):
    """Direct convolution with one tile; runs every problem that needs this tile."""

    def __init__(self, tile: direct_emit.Tile, target: Target, *, debug: bool = False):
        fields = direct_emit.fields(direct_emit.DTYPES[tile.dtype])
        module = direct_emit.emit(tile, target, debug=debug)
        super().__init__(module, fields, lambda p: direct.plan(p, target))


class Grouped(Runner):
    """Grouped convolution with one tile; serves depthwise convolution, too."""

    def __init__(self, tile: GroupTile, target: Target, *, debug: bool = False):
        fields = grouped_emit.fields(direct_emit.DTYPES[tile.dtype])
        module = grouped_emit.emit(tile, PLAIN, target, debug=debug)
        super().__init__(module, fields, lambda p: grouped.plan(p, target))


class Winograd(Runner):
    """Winograd convolution with one tile; runs every 3x3 problem of stride 1."""

    def __init__(self, tile: WinogradTile, target: Target, *, debug: bool = False):
        fields = winograd_emit.fields(direct_emit.DTYPES[tile.dtype])
        module = winograd_emit.emit(tile, target, debug=debug)
        super().__init__(module, fields, lambda p: winograd.plan_with(tile, p, target))


def reference(p: ConvProblem, x: Array, weight: Array, bias: Array | None) -> Array:
    """The same by its definition, in double precision."""
    spec = p.spec
    pads = [w.pad for w in spec.windows]
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *pads])
    height, width = p.out_size
    groups, (inputs, outputs) = spec.groups, p.group_channels
    y = np.zeros((x.shape[0], p.out_channels, height, width))
    for kh in range(spec.kernel[0]):
        for kw in range(spec.kernel[1]):
            top, left = kh * spec.dilation[0], kw * spec.dilation[1]
            rows = slice(top, top + (height - 1) * spec.stride[0] + 1, spec.stride[0])
            columns = slice(left, left + (width - 1) * spec.stride[1] + 1, spec.stride[1])
            seen = padded[:, :, rows, columns].reshape(-1, groups, inputs, height, width)
            taps = weight[:, :, kh, kw].reshape(groups, outputs, inputs).astype(np.float64)
            y += np.einsum("ngihw,goi->ngohw", seen, taps).reshape(y.shape)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def check(run: Runner, p: ConvProblem, seed: int = 0) -> None:
    """The kernel agrees with the definition on random numbers."""
    r = np.random.default_rng(seed)
    inputs = p.group_channels[0]
    x = r.normal(size=p.x_shape).astype(p.dtype)
    weight = r.normal(size=(p.out_channels, inputs, *p.spec.kernel)).astype(p.dtype)
    bias = r.normal(size=p.out_channels).astype(p.dtype)
    got = run(p, x, weight, bias)
    scale = np.sqrt(inputs * p.spec.kernel[0] * p.spec.kernel[1])
    bound = 20 * scale * np.finfo(p.dtype).eps
    np.testing.assert_allclose(got, reference(p, x, weight, bias), rtol=0, atol=bound)
