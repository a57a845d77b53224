"""Every tile that grouped convolutions are given, and those that tests run."""

from __future__ import annotations

from itertools import product

from direct_runner import problem

from tatamu.geometry import ConvSpec
from tatamu.kernels import grouped, grouped_weight_grad
from tatamu.kernels.grouped_emit import GroupTile
from tatamu.kernels.problem import DTYPES
from tatamu.stage import Target

# Input and output channels of a group; window and stride.
KINDS = ((1, 1), (1, 2), (2, 1), (4, 4), (8, 8), (4, 2), (16, 16), (3, 32))
WINDOWS = ((3, 1), (3, 2), (5, 2), (7, 1), (1, 1))


def group_tiles(target: Target, *, weights: bool = False) -> list[GroupTile]:
    """The tiles of all these, or those of their weight gradients."""
    found = dict[GroupTile, None]()
    module = grouped_weight_grad if weights else grouped
    for dtype, (inputs, outputs), (kernel, stride) in product(DTYPES, KINDS, WINDOWS):
        spec = ConvSpec.make(kernel, stride, kernel // 2, groups=32)
        p = problem(spec, dtype, (1, 32 * inputs, 20, 20), 32 * outputs)
        if dtype == "float64" and (kernel, stride) != (3, 1):
            continue  # the same code with half the lanes
        if grouped.unfit(p, target) is None:
            found[module.choose_tile(p, target)] = None
    return list(found)
