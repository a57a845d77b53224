"""Convolution kernels as tests call them, and what is right, found without the package.

Right results are those of `exact`, which pads, cuts windows with NumPy's own strides and sums in
float64; it shares nothing with the package. The bound is that of a sum of n products, each rounded
once or twice: c · eps · sum |x||w|, where c grows with the square root of n, as rounding errors of
either sign do, and never exceeds n itself. Float64 is given twice that: there, what is called
right is no better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from covering import varied

from tatamu.geometry import ConvSpec
from tatamu.kernels import direct, winograd
from tatamu.kernels.direct_emit import DTYPES, Tile
from tatamu.kernels.plan import ConvPlan
from tatamu.kernels.problem import ConvProblem
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.runtime.launch import ConvLaunch
from tatamu.stage import TARGETS, Target, host

Numpy = Any
HOST = host()

WIDEST_FIRST = ("AVX-512", "AVX2", "SSE2")
GUARD = 64
SENTINEL = 12345.678


def runnable() -> dict[str, Target]:
    """The host's own target, and the narrower ones that it can run too."""
    if HOST is None or HOST.isa not in WIDEST_FIRST:
        return {} if HOST is None else {HOST.isa: HOST}
    narrower = WIDEST_FIRST[WIDEST_FIRST.index(HOST.isa) + 1 :]
    return {HOST.isa: HOST, **{isa: TARGETS[isa] for isa in narrower}}


RUNNABLE = runnable()


def tiles_of(target: Target) -> list[Tile]:
    """Every tile that some layer is given."""
    return list(dict.fromkeys(direct.choose_tile(p, target) for p in every_width()))


def winograd_tiles(target: Target) -> list[WinogradTile]:
    """The same of Winograd's algorithm for 3x3 windows."""
    sides = product(every_width(ConvSpec.make(3)), (4, 3, 2))
    return list(dict.fromkeys(winograd.tile_of(p, target, outputs) for p, outputs in sides))


def other_windows(target: Target) -> list[WinogradTile]:
    """Winograd's tiles for windows that are not 3x3, for layers of 64 channels."""
    return [
        winograd.tile_of(every_width(ConvSpec.make(kernel))[63], target, outputs)
        for outputs, kernel in winograd.LEAST_INPUTS
        if kernel != 3
    ]


def every_width(spec: ConvSpec | None = None) -> list[ConvProblem]:
    """Problems that differ in what tiles depend on."""
    return [
        ConvProblem(spec or ConvSpec.make(1), dtype, (1, 2, 4, 4), (32, 1, 8, 2), outputs)
        for dtype, outputs in product(DTYPES, range(1, 100))
    ]


def name_of(isa: str, tile: Tile | WinogradTile) -> str:
    if isinstance(tile, WinogradTile):
        form = f"F{tile.outputs},{tile.kernel}"
        return f"{isa}-{tile.dtype}-{form}-{tile.rows}x{tile.vectors}x{tile.lanes}"
    return f"{isa}-{tile.dtype}-{tile.pixels}x{tile.vectors}x{tile.lanes}"


TILES = [(isa, tile) for isa, target in RUNNABLE.items() for tile in tiles_of(target)]
every_tile = pytest.mark.parametrize(
    ("isa", "tile"), TILES, ids=[name_of(isa, tile) for isa, tile in TILES]
)
every_isa = pytest.mark.parametrize("isa", RUNNABLE)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
# Float64 on the narrowest alone: there its vectors are shortest. Whole networks, gradients and
# samples of every operation run in float64 on the host's own.
*WIDER, NARROWEST = RUNNABLE or [""]
IN_FLOAT32 = WIDER or [NARROWEST]
every_isa_and_dtype = varied(
    "isa,dtype",
    product(RUNNABLE, DTYPES),
    [*product(IN_FLOAT32, ["float32"]), (NARROWEST, "float64")],
    ids="{}-{}".format,
)
every_isa_in_float32 = varied("isa", product(RUNNABLE), list(product(IN_FLOAT32)))


# ---- the kernel, and what is right ---------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A convolution as torch's users state it. ``pads`` is ((top, bottom), (left, right))."""

    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    groups: int = 1

    def spec(self) -> ConvSpec:
        if self.is_same():
            return ConvSpec.make(self.kernel, 1, "same", self.dilation, self.groups)
        (top, bottom), (left, right) = self.pads
        assert (top, left) == (bottom, right)
        return ConvSpec.make(self.kernel, self.stride, (top, left), self.dilation, self.groups)

    def is_same(self) -> bool:
        return self.stride == (1, 1) and self.pads == same(self.kernel, self.dilation)

    def fits(self, height: int, width: int) -> bool:
        return all(
            size + sum(pad) >= d * (k - 1) + 1
            for size, pad, d, k in zip(
                (height, width), self.pads, self.dilation, self.kernel, strict=True
            )
        )


def same(kernel: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """Torch's padding='same': what is odd goes behind."""
    missing = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((m // 2, m - m // 2) for m in missing)


def windows(layer: Layer, x: Numpy) -> Numpy:
    """(n, c, out rows, out columns, kernel rows, kernel columns) of a padded copy."""
    padded = np.pad(x, ((0, 0), (0, 0), *layer.pads))
    reach = [d * (k - 1) + 1 for k, d in zip(layer.kernel, layer.dilation, strict=True)]
    cut = np.lib.stride_tricks.sliding_window_view(padded, reach, (2, 3))
    (sh, sw), (dh, dw) = layer.stride, layer.dilation
    return cut[:, :, ::sh, ::sw, ::dh, ::dw]


def correlate(layer: Layer, x: Numpy, w: Numpy) -> Numpy:
    """Each group's windows times its weights, as one matrix product."""
    cut = windows(layer, x)
    n, c, rows, columns, *_ = cut.shape
    outputs = []
    for group in range(layer.groups):
        mine = cut[:, group * c // layer.groups : (group + 1) * c // layer.groups]
        weights = np.split(w, layer.groups)[group]
        flat = mine.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
        outputs.append(flat @ weights.reshape(len(weights), -1).T)
    y = np.concatenate(outputs, 1).reshape(n, rows, columns, -1)
    return y.transpose(0, 3, 1, 2)


def exact(layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None) -> tuple[Numpy, Numpy]:
    """The right result, and the bound on the error of each of its numbers."""
    facts = np.finfo(x.dtype)
    wide, v = x.astype(np.float64), w.astype(np.float64)
    b = np.zeros(len(w)) if bias is None else bias.astype(np.float64)
    b = b[:, None, None]
    y = correlate(layer, wide, v) + b
    size = correlate(layer, abs(wide), abs(v)) + abs(b)
    terms = w[0].size + 1
    c = min(terms, 4 + 2 * np.sqrt(terms)) * (1 if x.dtype == np.float32 else 2)
    return y, c * facts.eps * size + terms * facts.tiny


def convolve(isa: str, layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None = None) -> Numpy:
    """What the kernel makes of ``x`` (n, c, h, w) as it lies in memory."""
    return launch(planned(isa, layer.spec(), x, len(w)), x, w, bias)


def launch(plan: ConvPlan, x: Numpy, w: Numpy, bias: Numpy | None) -> Numpy:
    """What a plan's kernel makes of ``x``, in NCHW; nothing beside the output is written."""
    packed, biases = plan.pack_weight(w), plan.pack_bias(bias)
    count = int(np.prod(plan.y_shape))
    space = np.full(count + 2 * GUARD, SENTINEL, x.dtype)
    y = space[GUARD : GUARD + count]
    y[:] = np.nan
    before = x.tobytes(), packed.tobytes(), biases.tobytes()
    ConvLaunch(plan)(x.ctypes.data, packed.ctypes.data, biases.ctypes.data, y.ctypes.data)
    assert (space[:GUARD] == x.dtype.type(SENTINEL)).all(), "written before the output"
    assert (space[GUARD + count :] == x.dtype.type(SENTINEL)).all(), "written behind the output"
    assert (x.tobytes(), packed.tobytes(), biases.tobytes()) == before
    n, channels, rows, columns = plan.y_shape
    return y.reshape(n, rows, columns, channels).transpose(0, 3, 1, 2)


def planned(isa: str, spec: ConvSpec, x: Numpy, outputs: int) -> direct.DirectPlan:
    """The plan for an array as it lies."""
    problem = problem_of(spec, x, outputs)
    assert direct.accepts(problem, RUNNABLE[isa]) is None
    return direct.plan(problem, RUNNABLE[isa])


def problem_of(spec: ConvSpec, x: Numpy, outputs: int) -> ConvProblem:
    n, c, h, w = x.shape
    steps = [s // x.itemsize for s in x.strides]
    return ConvProblem(spec, x.dtype.name, (n, c, h, w), tuple(steps), outputs)


def check(isa: str, layer: Layer, x: Numpy, w: Numpy, bias: Numpy | None = None) -> None:
    """The kernel's result lies within its bound."""
    y = convolve(isa, layer, x, w, bias)
    right, bound = exact(layer, x, w, bias)
    assert y.shape == right.shape
    error = abs(y - right)
    worst = np.unravel_index(np.argmax(error - bound), error.shape) if error.size else ()
    assert (error <= bound).all(), (worst, y[worst], right[worst], bound[worst])


@cache
def noise(dtype: str, count: int) -> Numpy:
    return np.random.default_rng(7).standard_normal(count).astype(dtype)


def channels_last(dtype: str, n: int, c: int, h: int, w: int) -> Numpy:
    return noise(dtype, n * h * w * c).reshape(n, h, w, c).transpose(0, 3, 1, 2)


def weights_for(layer: Layer, x: Numpy, outputs: int) -> tuple[Numpy, Numpy]:
    shape = (outputs, x.shape[1] // layer.groups, *layer.kernel)
    values = noise(x.dtype.name, int(np.prod(shape)) + outputs + 3)
    return values[3 : 3 + int(np.prod(shape))].reshape(shape), values[-outputs:]


def check_layer(isa: str, layer: Layer, x: Numpy, outputs: int) -> None:
    w, bias = weights_for(layer, x, outputs)
    check(isa, layer, x, w, bias)


# ---- layers and inputs ---------------------------------------------------------------------------


def square(kernel: int, stride: int = 1, dilation: int = 1, pad: int = 0) -> Layer:
    both = ((pad, pad), (pad, pad))
    return Layer((kernel, kernel), (stride, stride), (dilation, dilation), both)


GRID = [
    square(k, s, d, p)
    for k, s, d, p in product(range(1, 8), range(1, 4), range(1, 4), range(4))
    if (k + s + d + p) % 3 == 0
] + [
    Layer((1, 3), (1, 2), (1, 1), ((0, 0), (1, 1))),
    Layer((5, 2), (3, 1), (1, 2), ((2, 2), (0, 0))),
    Layer((2, 2), (1, 1), (1, 1), same((2, 2), (1, 1))),
    Layer((4, 3), (1, 1), (1, 2), same((4, 3), (1, 2))),
    Layer((6, 6), (1, 1), (3, 1), same((6, 6), (3, 1))),
]


def embed(x: Numpy, order: tuple[int, int, int, int], gaps: tuple[int, ...]) -> Numpy:
    """``x`` as a view of a larger array in the given order of axes, with NaN in the gaps."""
    room = np.full([x.shape[a] + g for a, g in zip(order, gaps, strict=True)], np.nan, x.dtype)
    view = room[tuple(slice(g // 2, g // 2 + x.shape[a]) for a, g in zip(order, gaps, strict=True))]
    view = view.transpose(np.argsort(order))
    view[...] = x
    return view


NHWC, NCHW = (0, 2, 3, 1), (0, 1, 2, 3)
LAYERS = [square(1), square(3, pad=1), square(3, 2, 1, 1), square(3, 1, 2, 1), square(2)]
