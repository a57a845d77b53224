"""Winograd convolution's plan: which transform, how many tiles to a block, the packed weights.

`winograd_emit` is the code that follows it, and says what the transform is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tatamu.geometry import Window
from tatamu.kernels import packing
from tatamu.kernels.cost import Cost
from tatamu.kernels.direct_emit import least_waste
from tatamu.kernels.packing import PackingPlan
from tatamu.kernels.problem import DTYPES, ConvProblem
from tatamu.kernels.winograd_emit import TILE, WinogradTile, emit, fields
from tatamu.kernels.winograd_sides import weight_side
from tatamu.stage import Layout, Module, Target

# Tiles of a block, at most: enough to use each weight often, few enough that the transformed
# inputs stay in the second cache.
BLOCK_TILES = 28
# A problem of fewer items than this is shared out by output channels, too.
LEAST_ITEMS = 4

# Larger transforms round more; the plain sum of more products does, too. From so many input
# channels on, the float32 error of the transform of (outputs, kernel) is at or below that of the
# plain sum.
LEAST_INPUTS = {
    (4, 3): 160, (3, 3): 48, (2, 3): 0, (4, 2): 112, (3, 2): 32, (3, 4): 96, (2, 4): 24, (2, 5): 64,
}  # fmt: skip

# Costs in vector multiply-adds, as the direct kernel needs them. Transforms of inputs and outputs
# take about this many instructions for each of their points and vectors of channels.
TRANSFORM_COST = {6: 8, 5: 6, 4: 4}  # by inputs per side
# What the products take beyond their multiply-adds: sums of chunks, weights that are waited for.
PRODUCT_COST = 1.12
# Bytes of weights that arrive while one vector multiply-add runs.
WEIGHT_BYTES = 8


def accepts(problem: ConvProblem, target: Target | None) -> str | None:
    """None if Winograd's algorithm can run this problem and pays, else why not."""
    reason = unfit(problem, target)
    if reason is not None or target is None:
        return reason
    if not allowed(problem):
        return f"with {problem.x_shape[1]} channels no transform is as exact as a plain sum"
    winograd, direct = steps(problem, target), direct_cost(problem, target)
    if winograd >= direct:
        return f"too few channels or pixels: {winograd:.3g} steps, direct convolution {direct:.3g}"
    return None


def unfit(problem: ConvProblem, target: Target | None) -> str | None:
    """Why the algorithm cannot run this problem, or its gradients; None if it can."""
    spec = problem.spec
    if target is None:
        return "llvmlite is missing or has no code generator for this processor"
    if problem.dtype not in DTYPES:
        return f"it computes in {' and '.join(DTYPES)}, not in {problem.dtype}"
    if spec.transposed:
        return "it does not serve transposed convolution"
    if len(spec.windows) != 2:
        return f"it serves pictures of two axes, not of {len(spec.windows)}"
    kernels = sorted({kernel for _, kernel in LEAST_INPUTS})
    if spec.kernel not in {(k, k) for k in kernels}:
        known = ", ".join(f"{k}×{k}" for k in kernels)
        return f"it needs a window of {known}, not {'×'.join(map(str, spec.kernel))}"
    if spec.stride != (1, 1):
        return f"it needs stride 1, not {spec.stride}"
    if spec.dilation != (1, 1):
        return f"it needs dilation 1, not {spec.dilation}"
    if spec.groups != 1:
        return f"it serves one group, not {spec.groups}"
    if not readable(problem):
        return "channels must lie next to one another in memory"
    if problem.x_shape[0] == 0:
        return "there is no picture"
    return None


def readable(problem: ConvProblem) -> bool:
    """Whether the kernel can read the input where it lies."""
    return problem.x_strides[1] == 1 or problem.x_shape[1] == 1


@dataclass(frozen=True, eq=False)
class WinogradPlan:
    """Everything about one problem that a call need not work out again."""

    problem: ConvProblem
    tile: WinogradTile
    target: Target
    table: NDArray[np.int64]
    numbers: dict[str, int]
    items: int
    scratch: int
    y_shape: tuple[int, ...]

    @property
    def label(self) -> str:
        """The kernel as people are told of it."""
        n, k = self.tile.outputs, self.tile.kernel
        return f"Winograd F({n}×{n}, {k}×{k})"

    @property
    def symbol(self) -> str:
        """The kernel's name in its object."""
        return self.tile.symbol(self.target)

    @property
    def work(self) -> int:
        """How long it takes, in flops of direct convolution."""
        return self.problem.flops // 3  # it needs a third of the multiplications, about

    @property
    def packing(self) -> tuple[object, ...]:
        """What the order of packed weights and bias depends on."""
        tile = self.tile
        return ("winograd", tile.outputs, tile.kernel, tile.channels, tile.lanes)

    def emit(self) -> Module:
        """The kernel itself, to be compiled."""
        return emit(self.tile, self.target)

    def arguments(self) -> NDArray[np.int64]:
        """The argument block; its first fields, up to scratch, are for the call to fill."""
        empty = dict.fromkeys(("x", "w", "b", "r", "y", "scratch"), 0)
        block = Layout.of(fields(DTYPES[self.tile.dtype]))
        return block.pack(**empty, table=self.table.ctypes.data, **self.numbers)

    def pack_weight(self, weight: NDArray[np.generic]) -> NDArray[np.generic]:
        """G w G^T, computed in float64, as [panel][point][in][out of the panel]."""
        outputs, inputs = weight.shape[:2]
        panels, width = self.numbers["panels"], self.tile.channels
        side = weight_side(self.tile.outputs, self.tile.kernel)
        exact = weight.astype(np.float64)
        points = np.einsum("ai,ocij,bj->aboc", side, exact, side, optimize=True)
        filled = np.zeros((self.tile.points, panels * width, self.numbers["inputs"]), weight.dtype)
        filled[:, :outputs, :inputs] = points.reshape(self.tile.points, outputs, inputs)
        split = filled.reshape(self.tile.points, panels, width, -1)
        return np.ascontiguousarray(split.transpose(1, 0, 3, 2))

    def packing_plan(self) -> PackingPlan:
        """A kernel that does what `pack_weight` does."""
        n = self.numbers
        width, inputs = self.tile.channels, n["inputs"]
        numbers = {
            "chunks": packing.chunks(inputs), "width": width,
            "outputs": self.problem.out_channels, "channels": n["channels"], "inputs": inputs,
            "u_panel": n["u_panel"], "u_point": inputs * width,
        }  # fmt: skip
        return PackingPlan(
            target=self.target,
            dtype=self.tile.dtype,
            outputs=self.tile.outputs,
            numbers=numbers,
            items=n["panels"] * numbers["chunks"],
            size=n["panels"] * n["u_panel"],
            kernel=self.tile.kernel,
        )

    def pack_bias(self, bias: NDArray[np.generic] | None) -> NDArray[np.generic]:
        """The bias, or zeros for none, filled up to whole panels."""
        wide = np.zeros(self.numbers["panels"] * self.tile.channels, self.problem.dtype)
        if bias is not None:
            wide[: len(bias)] = bias
        return wide


@lru_cache(maxsize=1024)
def plan(problem: ConvProblem, target: Target) -> WinogradPlan:
    """Work out the plan; ``accepts(problem, target)`` must be None."""
    return plan_with(choose_tile(problem, target), problem, target)


def plan_with(tile: WinogradTile, problem: ConvProblem, target: Target) -> WinogradPlan:
    """The plan with a given tile."""
    channels = problem.x_shape[1]
    outputs = problem.out_channels
    table = tile_table(problem, tile)
    blocks = -(-len(table) // BLOCK_TILES)
    block = -(-len(table) // blocks)
    panels = -(-outputs // tile.channels)
    per_share = -(-panels // min(panels, -(-LEAST_ITEMS // blocks)))
    shares = -(-panels // per_share)  # none without a panel
    inputs = -(-channels // tile.lanes) * tile.lanes
    # A plane is padded by a vector: planes a power of two apart would share cache sets.
    v_plane = -(-block // tile.rows) * tile.rows * inputs + tile.lanes
    m_plane = block * tile.channels + tile.lanes
    m_at = tile.points * v_plane
    patch_at = m_at + tile.points * m_plane
    _, _, x_h, x_w = problem.x_strides
    numbers = {
        "tiles": len(table), "block_tiles": block, "panels": panels, "shares": shares,
        "inputs": inputs, "channels": channels,
        "last_channels": outputs - (panels - 1) * tile.channels,
        "x_h": x_h, "x_w": x_w, "y_h": problem.y_steps[1], "y_w": problem.y_steps[2],
        "r_h": problem.r_steps[1], "r_w": problem.r_steps[2],
        "always_gather": int(channels != inputs), "v_plane": v_plane, "m_plane": m_plane,
        "scratch_size": patch_at + tile.points * inputs, "m_at": m_at, "patch_at": patch_at,
        "u_panel": tile.points * inputs * tile.channels,
    }  # fmt: skip
    return WinogradPlan(
        problem=problem,
        tile=tile,
        target=target,
        table=table,
        numbers=numbers,
        items=blocks * shares,
        scratch=numbers["scratch_size"],
        y_shape=problem.y_shape,
    )


def choose_tile(problem: ConvProblem, target: Target) -> WinogradTile:
    """The transform that costs least of those exact enough, and its panel."""
    tiles = [tile_of(problem, target, outputs) for outputs in allowed(problem)]
    return min(tiles, key=lambda tile: _cost(problem, tile))


def allowed(problem: ConvProblem) -> list[int]:
    """Outputs per side of the transforms that are exact enough; float64 always is."""
    channels, kernel = problem.x_shape[1], problem.spec.kernel[0]
    exact = problem.dtype != "float32"
    known = LEAST_INPUTS.items()
    return [m for (m, k), least in known if k == kernel and (exact or channels >= least)]


def tile_of(problem: ConvProblem, target: Target, outputs: int) -> WinogradTile:
    """The transform asked for, with the widest panel that fits the registers and the layer."""
    lanes = target.lanes(DTYPES[problem.dtype])
    rows, vectors = least_waste(target, -(-problem.out_channels // lanes))
    kernel = problem.spec.kernel[0]
    return WinogradTile(problem.dtype, outputs, rows, vectors, lanes, problem.epilogue, kernel)


def cost(problem: ConvProblem, target: Target) -> Cost:
    """What the kernel is predicted to take."""
    found = plan(problem, target)
    packed = found.numbers["panels"] * found.numbers["u_panel"]
    scratch = (packed + found.scratch) * problem.itemsize
    moved = problem.moved + packed * problem.itemsize
    return Cost(steps(problem, target), moved, found.items, scratch)


def steps(problem: ConvProblem, target: Target) -> float:
    """Vector multiply-adds' worth of time, by the transform that is chosen."""
    return _cost(problem, choose_tile(problem, target))


def direct_cost(problem: ConvProblem, target: Target) -> float:
    """The same of direct convolution."""
    lanes = target.lanes(DTYPES[problem.dtype])
    height, width = problem.out_size
    pixels = problem.x_shape[0] * height * width
    taps = problem.spec.kernel[0] ** 2
    return float(pixels * taps * problem.x_shape[1] * -(-problem.out_channels // lanes))


def _cost(problem: ConvProblem, tile: WinogradTile) -> float:
    images, channels, _, _ = problem.x_shape
    height, width = problem.out_size
    count = images * -(-height // tile.outputs) * -(-width // tile.outputs)
    blocks = -(-count // BLOCK_TILES)
    panels = -(-problem.out_channels // tile.channels)
    inputs = -(-channels // tile.lanes)
    whole, rest = divmod(-(-count // blocks), tile.rows)
    # Fewer than 8 multiply-adds at a time wait for their own results.
    step = whole * tile.rows * tile.vectors + (max(rest * tile.vectors, 8) if rest else 0)
    products = max(step, tile.channels * problem.itemsize / WEIGHT_BYTES)
    multiply = blocks * tile.points * panels * inputs * tile.lanes * products
    vectors = inputs + panels * tile.vectors
    transforms = count * tile.points * vectors * TRANSFORM_COST[tile.side]
    return PRODUCT_COST * multiply + transforms


def tile_table(problem: ConvProblem, tile: WinogradTile) -> NDArray[np.int64]:
    """Where each tile's inputs and outputs lie, and how much of them is picture."""
    x_n, _, x_h, x_w = problem.x_strides
    height, width = problem.out_size
    down = _axis(problem.spec.windows[0], problem.x_shape[2], height, tile)
    across = _axis(problem.spec.windows[1], problem.x_shape[3], width, tile)
    image = np.arange(problem.x_shape[0])[:, None, None]
    row, column = down[:, None, :], across[None, :, :]

    def placed(steps: tuple[int, ...]) -> NDArray[np.int64]:
        where: NDArray[np.int64] = row[..., 1] * steps[1] + column[..., 1] * steps[2]
        return image * steps[0] + where[None]

    parts = [
        image * x_n + (row[..., 0] * x_h + column[..., 0] * x_w)[None],
        placed(problem.y_steps),
        *(row[..., i] for i in (2, 3)),
        *(column[..., i] for i in (2, 3)),
        row[..., 4],
        column[..., 4],
        placed(problem.r_steps),
    ]
    shape = (problem.x_shape[0], len(down), len(across))
    table = np.stack([np.broadcast_to(part, shape) for part in parts], axis=-1)
    return np.ascontiguousarray(table.reshape(-1, len(TILE)), dtype=np.int64)


def _axis(window: Window, size: int, out: int, tile: WinogradTile) -> NDArray[np.int64]:
    """For each tile along an axis: first input, first output, the picture's part, outputs."""
    rows = []
    for first in range(0, out, tile.outputs):
        start = window.taps(first).start
        inside = max(0, -start)
        stop = min(max(size - start, inside), tile.side)
        rows.append((start, first, min(inside, stop), stop, min(tile.outputs, out - first)))
    return np.array(rows, np.int64)
