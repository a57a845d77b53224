"""Winograd's weight gradients as tests call them, and what is right, found without the package.

The bound on the error is that of the algorithm itself, as in `winograd_cases`: the same transforms
and products of squares, and the root of what comes of them, times some roundings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from covering import most, values, varied
from direct_cases import HOST, RUNNABLE, Layer, Numpy, channels_last, noise, problem_of, tiles_of
from stage_runner import Kernel, unique
from winograd_cases import matrices

from tatamu.kernels import weight_grad_emit, winograd_grad, winograd_grad_emit
from tatamu.kernels.problem import DTYPES, ConvProblem
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.kernels.winograd_grad import WinogradGradPlan
from tatamu.kernels.winograd_grad_emit import GradTile
from tatamu.ops.winograd_grad_runner import WinogradGradRunner
from tatamu.stage import Target

# The product's tile is that of the outer products, and tested with them: here the widest of one
# element type and the narrowest of the other will do.
WHICH = {"float32": max, "float64": min}


def grad_tiles(target: Target) -> list[GradTile]:
    """Every transform, with one tile of products for each element type."""
    found = []
    for dtype, which in WHICH.items():
        lanes = target.lanes(DTYPES[dtype])
        whole = (t for t in tiles_of(target) if (t.dtype, t.lanes) == (dtype, lanes))
        product = which(whole, key=lambda t: t.vectors)
        for outputs in (4, 3, 2):
            found.append(GradTile(WinogradTile(dtype, outputs, 1, 1, lanes), product))
    return found


def named(isa: str, tile: GradTile) -> str:
    product = tile.product
    return f"{isa}-{product.dtype}-F{tile.winograd.outputs}-{product.pixels}x{product.channels}"


ALL_TILES = [(isa, tile) for isa, target in RUNNABLE.items() for tile in grad_tiles(target)]
TILES = most(ALL_TILES, lambda case: values(case) | {(case[0], case[1].product.dtype)})
every_tile = varied("isa,tile", ALL_TILES, TILES, ids=named)


class Lying:
    """An array as a runner sees a tensor: channels lie next to one another."""

    def __init__(self, array: Numpy):
        self.array = array
        self.shape = array.shape
        self.address = array.ctypes.data

    def channels_innermost(self) -> bool:
        return True


def gradients(layer: Layer, x: Numpy, outputs: int) -> Numpy:
    """Random gradients of the layer's outputs, channels last."""
    (top, bottom), (left, right) = layer.pads
    height, width = x.shape[2] + top + bottom - 2, x.shape[3] + left + right - 2
    count = len(x) * height * width * outputs
    values = noise(x.dtype.name, count + 11)[11:]
    return values.reshape(len(x), height, width, outputs).transpose(0, 3, 1, 2)


def planned(isa: str, tile: GradTile, layer: Layer, x: Numpy, outputs: int) -> WinogradGradPlan:
    return winograd_grad.plan_with(tile, problem_of(layer.spec(), x, outputs), RUNNABLE[isa])


def run(plan: WinogradGradPlan, x: Numpy, g: Numpy) -> Numpy:
    """What the plan's kernels make of inputs and gradients."""
    before = x.tobytes(), g.tobytes()
    dw = np.full((g.shape[1], x.shape[1], 3, 3), np.nan, x.dtype)
    runner: Any = WinogradGradRunner(plan, reorder=False)
    runner((Lying(x), Lying(g)), (Lying(dw),))
    assert (x.tobytes(), g.tobytes()) == before
    return dw


def summed(layer: Layer, x: Numpy, g: Numpy) -> Numpy:
    """The sum over all pixels in float64, tap by tap."""
    wide = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *layer.pads))
    height, width = g.shape[2:]
    dw = np.zeros((g.shape[1], x.shape[1], 3, 3))
    for i in range(3):
        for j in range(3):
            seen = wide[:, :, i : i + height, j : j + width]
            dw[:, :, i, j] = np.einsum("nopq,ncpq->oc", g.astype(np.float64), seen, optimize=True)
    return dw


def bound(outputs: int, layer: Layer, x: Numpy, g: Numpy, right: Numpy) -> Numpy:
    """How far off each number may be."""
    b, gw, a = (m.astype(float) ** 2 for m in matrices(outputs))
    more = [-n % outputs for n in g.shape[2:]]
    pads = [(low, high + m) for (low, high), m in zip(layer.pads, more, strict=True)]
    wide = np.pad(x.astype(np.float64) ** 2, ((0, 0), (0, 0), *pads))
    side = outputs + 2
    d = np.lib.stride_tricks.sliding_window_view(wide, (side, side), (2, 3))
    d = d[:, :, ::outputs, ::outputs]
    tall = np.pad(g.astype(np.float64) ** 2, ((0, 0), (0, 0), (0, more[0]), (0, more[1])))
    n, o, height, width = tall.shape
    cut = tall.reshape(n, o, height // outputs, outputs, width // outputs, outputs)
    v = np.einsum("ai,nctuij,bj->abntuc", b, d, b, optimize=True)
    m = np.einsum("ia,notiuj,jb->abntuo", a, cut, a, optimize=True)
    tiles = v[0, 0].size // v.shape[-1]
    v, m = (t.reshape(side * side, tiles, -1) for t in (v, m))
    products = (m.swapaxes(1, 2) @ v).reshape(side, side, o, -1)
    y = np.einsum("ai,aboc,bj->ocij", gw, products, gw, optimize=True)
    facts = np.finfo(x.dtype)
    roundings = 6 + np.sqrt(min(tiles, 16) + tiles / 16)
    roundings *= 1 if x.dtype == np.float32 else 2
    return roundings * facts.eps * (np.sqrt(y) + abs(right)) + 1000 * tiles * facts.tiny


def check(isa: str, tile: GradTile, layer: Layer, x: Numpy, outputs: int) -> None:
    g = gradients(layer, x, outputs)
    assert_close(tile, layer, x, g, run(planned(isa, tile, layer, x, outputs), x, g))


def assert_close(tile: GradTile, layer: Layer, x: Numpy, g: Numpy, dw: Numpy) -> None:
    right = summed(layer, x, g)
    most = bound(tile.winograd.outputs, layer, x, g, right)
    error = abs(dw - right)
    worst = np.unravel_index(np.argmax(error / most), error.shape)
    assert (error <= most).all(), (worst, dw[worst], right[worst], most[worst])


class Checked:
    """All three kernels without the runtime: debug builds, and those for an emulator."""

    def __init__(self, tile: GradTile, target: Target, *, debug: bool = True):
        t = DTYPES[tile.product.dtype]
        self.tile, self.target = tile, target
        lanes = tile.product.lanes
        gather = weight_grad_emit.emit_gather(tile.product.dtype, lanes, target, debug=debug)
        self._into, self._sums, self._gather = (
            Kernel(module, fields, unique(module.name))
            for module, fields in (
                (winograd_grad_emit.emit_transform(tile, target, debug=debug),
                 winograd_grad_emit.transform_fields(t)),
                (winograd_grad_emit.emit(tile, target, debug=debug), winograd_grad_emit.fields(t)),
                (gather, weight_grad_emit.gather_fields(t)),
            )
        )  # fmt: skip

    def __call__(self, problem: ConvProblem, x: Numpy, g: Numpy, short: str = "") -> Numpy:
        """There is room for exactly what is used; of the array ``short``, for one element less."""
        plan = winograd_grad.plan_with(self.tile, problem, self.target)
        reach = sum((n - 1) * step for n, step in zip(x.shape, problem.x_strides, strict=True))
        laid = np.full(1 + reach, np.nan, x.dtype)
        steps = [step * x.itemsize for step in problem.x_strides]
        np.lib.stride_tricks.as_strided(laid, x.shape, steps)[...] = x
        outputs = g.shape[1]

        def room(count: int) -> Numpy:
            return np.full(count, np.nan, x.dtype)

        arrays = {
            "x": laid,
            "g": np.ascontiguousarray(g.transpose(0, 2, 3, 1)).reshape(-1),
            "v": room(plan.v_size),
            "m": room(plan.m_size),
            "dw": room(int(np.prod(plan.dw_shape))),
            "into": room(2 * plan.transform["scratch_size"]),
            "sums": room(2 * plan.numbers["scratch_size"]),
            "out": room(outputs * x.shape[1] * 9),
            "table": plan.table.reshape(-1),
            "segments": plan.segments.reshape(-1),
        }
        # Tiles and planes are padded by a vector, and of the last entry of the table all but where
        # residuals lie is used.
        lanes = self.tile.winograd.lanes
        padding = {"v": 2 * lanes, "m": 2 * lanes, "sums": lanes, "table": 1}
        arrays = {n: a[: a.size - padding.get(n, 0) - (n == short)] for n, a in arrays.items()}

        def some(*names: str) -> dict[str, Numpy]:
            return {n: arrays[n] for n in names}

        transforming, gathering = plan.transforming(), plan.gathering()
        for first, count in plan.rounds:
            self._into(
                **some("x", "g", "v", "m", "table"), scratch=arrays["into"], first=first,
                count=count, **plan.transform, end=transforming.items, worker=1,
            )  # fmt: skip
            self._sums(
                **some("v", "m", "dw", "segments"), scratch=arrays["sums"], count=count,
                adding=int(first > 0), **plan.numbers, end=plan.items, worker=1,
            )  # fmt: skip
        layout = gathering.arguments().tolist()
        names = [n for n in weight_grad_emit.gather_fields(DTYPES[problem.dtype])]
        numbers = dict(zip(names[2:], layout[2:], strict=True))
        self._gather(**some("dw", "out"), **numbers, end=gathering.items)
        return arrays["out"].reshape(outputs, x.shape[1], 3, 3)


__all__ = ["HOST", "channels_last"]
